package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// How many connections are held, of a user and in all.
const (
	held     = 10_000
	ofOne    = 8
	opening  = 32 // at once
	settling = 15 * time.Second
	quiet    = 10 * time.Second
)

// idleConnections holds ten thousand connections that are told nothing.
func (s *stage) idleConnections(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	tokens, err := s.crowd(ctx, held/ofOne)
	if err != nil {
		return err
	}
	for _, kind := range []struct {
		name, target string
		open         func(ctx context.Context, node, token string) (net.Conn, error)
	}{
		{"WebSocket", "<= 10 KiB", func(ctx context.Context, node, token string) (net.Conn, error) {
			w, err := openSocket(ctx, node, token, 256)
			if err != nil {
				return nil, err
			}
			go answerPings(w)
			return w.conn, nil
		}},
		{"SSE stream", "<= 16 KiB", openStream},
	} {
		node, _, err := s.serve(ctx)
		if err != nil {
			return err
		}
		if err := s.hold(ctx, node, kind.name, kind.target, func(ctx context.Context, i int) (net.Conn, error) {
			return kind.open(ctx, node.url, tokens[i/ofOne])
		}); err != nil {
			return err
		}
		if err := node.stop(); err != nil {
			return err
		}
	}
	return nil
}

// answerPings keeps a connection that says nothing.
func answerPings(w *socket) {
	for {
		if _, err := w.next(); err != nil {
			return
		}
	}
}

func openStream(ctx context.Context, node, token string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(node, "http://"))
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /api/v2/events HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer %s\r\n\r\n", token)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r := bufio.NewReaderSize(conn, 256)
	line, err := r.ReadString('\n')
	if err == nil && !strings.Contains(line, " 200 ") {
		err = errors.New(line)
	}
	for err == nil && !strings.HasPrefix(line, "id:") { // the place that it stands at
		line, err = r.ReadString('\n')
	}
	return conn, err
}

func (s *stage) hold(ctx context.Context, node *child, name, target string, open func(ctx context.Context, i int) (net.Conn, error)) error {
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	before, err := node.memory("RssAnon")
	if err != nil {
		return err
	}
	cpu, err := node.cpu()
	if err != nil {
		return err
	}
	all := make([]net.Conn, held)
	defer func() {
		for _, c := range all {
			if c != nil {
				_ = c.Close() // they have done their part
			}
		}
	}()
	began := time.Now()
	var next atomic.Int64
	err = inParallel(ctx, opening, func(ctx context.Context, _ int) error {
		for i := next.Add(1) - 1; i < held; i = next.Add(1) - 1 {
			var err error
			if all[i], err = open(ctx, int(i)); err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	after, err := node.cpu()
	if err != nil {
		return err
	}
	say("connects, "+name, fmt.Sprintf("%.0f/s", held/took.Seconds()), "", fmt.Sprintf("%d by %d at once, each with its token; CPU %s each", held, opening, microseconds((after-cpu)/held)))
	if err := pause(ctx, settling); err != nil {
		return err
	}
	full, err := node.memory("RssAnon")
	if err != nil {
		return err
	}
	say("memory an idle "+name, fmt.Sprintf("%.1f KiB", float64(full-before)/held/1024), target, fmt.Sprintf("growth of RssAnon by %d, %s after the last: %.0f to %.0f MiB", held, settling, float64(before)/mebibyte, float64(full)/mebibyte))
	if cpu, err = node.cpu(); err != nil {
		return err
	}
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	if after, err = node.cpu(); err != nil {
		return err
	}
	say("CPU of 10,000 idle, "+name, fmt.Sprintf("%.1f %%", 100*(after-cpu).Seconds()/quiet.Seconds()), "", fmt.Sprintf("of one core, over %s, with pings and heartbeats", quiet))
	return nil
}

// Echo: how many connections send one frame after the other, and how long.
const (
	echoers  = 64
	echoTime = 3 * time.Second
)

// echoes compares a round trip through our frames with one through a bare server.
func (s *stage) echoes(ctx context.Context) error {
	node, base, _, err := s.pair(ctx)
	if err != nil {
		return err
	}
	tokens, err := s.crowd(ctx, echoers/ofOne)
	if err != nil {
		return err
	}
	var ours, bare, oursCPU, bareCPU []float64
	for range cpuRounds {
		n, cpu, err := echo(ctx, node, tokens)
		if err != nil {
			return err
		}
		m, baseCPU, err := echo(ctx, base, tokens)
		if err != nil {
			return err
		}
		ours, bare, oursCPU, bareCPU = append(ours, n), append(bare, m), append(oursCPU, cpu), append(bareCPU, baseCPU)
	}
	say("WebSocket echo", fmt.Sprintf("%.0fk/s", median(ours)/1000), ">= 90k/s",
		fmt.Sprintf("round trips of %d connections, median of %d; CPU %.1f us each; a bare gorilla server beside it: %.0fk/s, %.1f us", echoers, cpuRounds, median(oursCPU), median(bare)/1000, median(bareCPU)))
	return errors.Join(node.stop(), base.stop())
}

// echo gives round trips a second and CPU microseconds each.
func echo(ctx context.Context, node *child, tokens []string) (rate, cpu float64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	var count atomic.Int64
	var over atomic.Bool
	start := make(chan struct{})
	for i := range echoers {
		w, err := openSocket(ctx, node.url, tokens[i/ofOne], 512)
		if err != nil {
			return 0, 0, err
		}
		defer func() { _ = w.conn.Close() }()
		group.Go(func() error {
			<-start
			frame := []byte(`{"id":"1","echo":{"text":"Good morning. Could we talk about your price?","n":12345}}`)
			for !over.Load() {
				if err := w.send(frame); err != nil {
					return err
				}
				if _, err := w.next(); err != nil {
					return err
				}
				count.Add(1)
			}
			return nil
		})
	}
	before, err := node.cpu()
	if err != nil {
		return 0, 0, err
	}
	close(start)
	began := time.Now()
	time.AfterFunc(echoTime, func() { over.Store(true) })
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	after, err := node.cpu()
	n := float64(count.Load())
	return n / took.Seconds(), float64((after - before).Microseconds()) / n, err
}
