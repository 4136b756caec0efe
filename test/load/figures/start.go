package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const mebibyte = 1 << 20

func (s *stage) binarySize(context.Context) error {
	info, err := os.Stat(s.binary)
	if err != nil {
		return err
	}
	say("binary", fmt.Sprintf("%.1f MiB", float64(info.Size())/mebibyte), "<= 60 MiB", "CGO_ENABLED=0 go build -trimpath -ldflags='-s -w'")
	return nil
}

// serviceStart measures the start on a database that has been served before.
func (s *stage) serviceStart(ctx context.Context) error {
	var samples []time.Duration
	for i := range 6 {
		node, took, err := s.serve(ctx)
		if err != nil {
			return err
		}
		if i > 0 { // the first made the signing key
			samples = append(samples, took)
		}
		if err := node.stop(); err != nil {
			return err
		}
	}
	say("service start, existing database", milliseconds(median(samples)), "<= 200 ms",
		fmt.Sprintf("exec of `serve` until /readyz is 200; median of 5, worst %s", milliseconds(quantile(1, samples))))
	return nil
}

// devStart measures `fluentpro dev` with servers of its own.
func (s *stage) devStart(ctx context.Context) error {
	data := filepath.Join(s.dir, "dev")
	var first time.Duration
	var later []time.Duration
	for i := range 4 {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		began := time.Now()
		dev, err := s.start(ctx, s.binary, []string{"FLUENTPRO_DATA_DIR=" + data, "FLUENTPRO_HTTP_ADDR=" + address}, "dev")
		if err != nil {
			return err
		}
		dev.url = "http://" + address
		if err := dev.ready(ctx); err != nil {
			return err
		}
		if took := time.Since(began); i == 0 {
			first = took
		} else {
			later = append(later, took)
		}
		if err := dev.stop(); err != nil {
			return err
		}
	}
	say("`fluentpro dev`, second start", milliseconds(median(later)), "<= 5 s",
		fmt.Sprintf("exec until /readyz is 200, PostgreSQL and Redis included; median of 3; the first start took %s", milliseconds(first)))
	return nil
}

// idleMemory looks at a node that was never asked anything.
func (s *stage) idleMemory(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	node, _, err := s.serve(ctx)
	if err != nil {
		return err
	}
	const settle = 3 * time.Second
	if err := pause(ctx, settle); err != nil {
		return err
	}
	all, err := node.memory("VmRSS")
	if err != nil {
		return err
	}
	own, err := node.memory("RssAnon")
	if err != nil {
		return err
	}
	say("resident memory, idle", fmt.Sprintf("%.1f MiB", float64(all)/mebibyte), "<= 50 MiB",
		fmt.Sprintf("VmRSS of `serve` %s after it was ready; %.1f of it its own, the rest pages of the binary", settle, float64(own)/mebibyte))
	return node.stop()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
