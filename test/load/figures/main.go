// Figures measures the service as it is built for production, on this machine,
// with PostgreSQL, Redis, the model and the load beside it, and prints each
// figure with how it was measured. It is `make bench`, and takes about twelve
// minutes.
//
//	go run ./test/load/figures              # all parts
//	go run ./test/load/figures events jobs  # these alone, in the order of the list
//
// The parts are: binary, start, dev, memory, token, reading, sending, export,
// idle (10,000 WebSockets, then as many streams), echo,
// events (the outbox, in this process) and jobs (the queue beside the engine
// that it stands on, in this process). Only when it is named: backups (100,000
// conversations; half an hour, and 15 GB of disk).
//
// Latencies and CPU are those of this machine at this moment: compare them with
// the baseline of the same run, not with another day's. CPU and memory are read
// from /proc, so that they are left out elsewhere than on Linux. The program
// runs itself in two more modes, in processes of their own: `figures model` is
// the model, `figures bare` the baseline.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// limit bounds the whole run.
const limit = time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("the run took too long"))
	defer cancel()
	if err := mode(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1) //nolint:gocritic // the deferred calls only free what the process frees
	}
}

func mode(ctx context.Context, arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "model":
		return serveModel(ctx)
	case len(arguments) == 3 && arguments[0] == "bare":
		return serveBare(ctx, arguments[1], arguments[2])
	}
	chosen, err := choose(arguments)
	if err != nil {
		return err
	}
	return measure(ctx, chosen)
}

// part measures one thing and says its figures. It needs no other part.
type part struct {
	name    string
	measure func(*stage, context.Context) error
	long    bool // only when it is named
}

func parts() []part {
	return []part{
		{name: "binary", measure: (*stage).binarySize}, {name: "start", measure: (*stage).serviceStart}, {name: "dev", measure: (*stage).devStart},
		{name: "memory", measure: (*stage).idleMemory}, {name: "token", measure: (*stage).firstToken}, {name: "reading", measure: (*stage).cpuOfReading}, {name: "login", measure: (*stage).logIns},
		{name: "sending", measure: (*stage).cpuOfSending}, {name: "export", measure: (*stage).export}, {name: "idle", measure: (*stage).idleConnections},
		{name: "echo", measure: (*stage).echoes}, {name: "fanout", measure: (*stage).fanout}, {name: "replies", measure: (*stage).manyReplies}, {name: "events", measure: (*stage).events}, {name: "jobs", measure: (*stage).jobs},
		{name: "backups", measure: (*stage).backups, long: true},
	}
}

// choose gives the named parts, or all.
func choose(names []string) ([]part, error) {
	all := parts()
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(p part) bool { return p.long }), nil
	}
	var known []string
	for _, p := range all {
		known = append(known, p.name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("usage: figures [part...]; there is no part %s, but %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(all, func(p part) bool { return !slices.Contains(names, p.name) }), nil
}

// measure runs parts one after the other: they must not disturb each other.
func measure(ctx context.Context, chosen []part) (err error) {
	began := time.Now()
	s, err := newStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	fmt.Printf("%-58s %-14s %-12s %s\n", "figure", "value", "target", "how")
	for _, p := range chosen {
		if err := p.measure(s, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	fmt.Printf("\nall in %s; Redis is %s\n", time.Since(began).Round(time.Second), s.redisKind)
	return nil
}

// say prints one figure.
func say(figure, value, target, how string) {
	fmt.Printf("%-58s %-14s %-12s %s\n", figure, value, target, how)
}

// milliseconds is a duration for people.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// microseconds is one too.
func microseconds(d time.Duration) string { return fmt.Sprintf("%d us", d.Microseconds()) }

// quantile of some samples, which it sorts.
func quantile[T int64 | float64 | time.Duration](q float64, samples []T) T {
	slices.Sort(samples)
	return samples[int(float64(len(samples)-1)*q)]
}

func median[T int64 | float64 | time.Duration](samples []T) T { return quantile(0.5, samples) }
