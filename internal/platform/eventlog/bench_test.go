package eventlog_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

var payload = []byte(strings.Repeat("x", 100))

func BenchmarkAppend(b *testing.B) {
	log := newLog(b, startServer(b).client())
	var last eventlog.ID
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		id, err := log.Append(b.Context(), eventlog.AppendInput{Stream: "s", Fence: 1, After: last, Entry: payload})
		if err != nil {
			b.Fatal(err)
		}
		last = id
	}
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func BenchmarkAppendToManyStreams(b *testing.B) {
	log := newLog(b, startServer(b).client())
	var streams atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		stream := "s" + time.Duration(streams.Add(1)).String()
		var last eventlog.ID
		for pb.Next() {
			id, err := log.Append(context.Background(), eventlog.AppendInput{Stream: stream, After: last, Entry: payload})
			if err != nil {
				b.Error(err)
				return
			}
			last = id
		}
	})
}

// BenchmarkOneStreamToManySubscribers counts one delivery to each of 1,000 as
// 1,000: CPU is that of this process, writer included, without the server.
func BenchmarkOneStreamToManySubscribers(b *testing.B) {
	const subscribers = 1_000
	log := newLog(b, startServer(b).client())
	var wg sync.WaitGroup
	var delivered atomic.Int64
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for range subscribers {
		sub := log.Follow(ctx, "s", eventlog.ID{})
		wg.Go(func() {
			defer sub.Close()
			for {
				entries, err := sub.Next(ctx)
				if err != nil {
					return
				}
				delivered.Add(int64(len(entries)))
			}
		})
	}
	cpu, began := cpuTime(b), time.Now()
	n := 0
	for b.Loop() {
		_, err := log.Append(ctx, eventlog.AppendInput{Stream: "s", After: eventlog.AnyID, Entry: payload})
		require.NoError(b, err)
		n++
	}
	want := int64(n) * subscribers
	require.Eventually(b, func() bool { return delivered.Load() == want }, patience, 100*time.Microsecond)
	b.ReportMetric(float64(want)/time.Since(began).Seconds(), "deliveries/s")
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(want), "cpu-ns/delivery")
	cancel()
	wg.Wait()
}

// BenchmarkAppendToDelivery is the way of one entry from Append to Next.
func BenchmarkAppendToDelivery(b *testing.B) {
	log := newLog(b, startServer(b).client())
	sub := log.Follow(b.Context(), "s", eventlog.ID{})
	defer sub.Close()
	cpu := cpuTime(b)
	for b.Loop() {
		_, err := log.Append(b.Context(), eventlog.AppendInput{Stream: "s", After: eventlog.AnyID, Entry: payload})
		require.NoError(b, err)
		_, err = sub.Next(b.Context())
		require.NoError(b, err)
	}
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
