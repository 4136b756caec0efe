package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A room has fifty people with eight connections each at most, so that a thousand who
// listen are in three rooms.
const (
	listeners   = 1_000
	rooms       = 3
	fanoutTime  = 5 * time.Second
	inFlight    = 24 // messages of a room, where as many as possible are sent
	steadyRate  = 20 // messages of a room a second, where 20,000 deliveries are
	steadyTime  = 10 * time.Second
	listenerBuf = 16 << 10
)

// audience is who listens, and what they have heard.
type audience struct {
	heard    []atomic.Int64 // messages, of each listener
	room     []int          // of each listener
	lost     atomic.Int64
	disorder atomic.Int64
	mu       sync.Mutex
	took     []time.Duration
	timed    atomic.Bool
}

// fanout measures what a thousand listeners hear of what is said in their rooms.
func (s *stage) fanout(ctx context.Context) error {
	node, _, err := s.serve(ctx)
	if err != nil {
		return err
	}
	tokens, err := s.crowd(ctx, (listeners+ofOne-1)/ofOne+rooms)
	if err != nil {
		return err
	}
	a := &audience{heard: make([]atomic.Int64, listeners), room: make([]int, listeners)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listening, _ := errgroup.WithContext(ctx)
	var over atomic.Bool
	for i := range listeners {
		a.room[i] = i / ofOne % rooms
		w, err := openSocket(ctx, node.url, tokens[i/ofOne], listenerBuf)
		if err != nil {
			return err
		}
		defer func() { _ = w.conn.Close() }()
		if err := w.call(fmt.Sprintf(`{"id":"1","subscribe":{"topic":"room:load-%d"}}`, a.room[i])); err != nil {
			return err
		}
		listening.Go(func() error {
			err := a.listen(i, w)
			if over.Load() {
				return nil
			}
			return fmt.Errorf("listener %d: %w", i, err)
		})
	}
	var speakers [rooms]*socket
	for r := range speakers {
		if speakers[r], err = openSocket(ctx, node.url, tokens[len(tokens)-rooms+r], listenerBuf); err != nil {
			return err
		}
		defer func() { _ = speakers[r].conn.Close() }()
		if err := speakers[r].call(fmt.Sprintf(`{"id":"1","subscribe":{"topic":"room:load-%d"}}`, r)); err != nil {
			return err
		}
		go answerPings(speakers[r]) // and hears what it says
	}
	if err := a.steady(ctx, node, speakers); err != nil {
		return err
	}
	if err := a.flood(ctx, node, speakers); err != nil {
		return err
	}
	over.Store(true)
	err = node.stop()
	return errors.Join(err, listening.Wait())
}

// listen counts what is said, looks at its order and, if asked to, at the clock.
func (a *audience) listen(i int, w *socket) error {
	last := int64(-1)
	for {
		text, err := w.next()
		if err != nil {
			return err
		}
		n, ok := number(text, `"n":`)
		if !ok {
			continue // presence
		}
		if last >= 0 && n != last+1 {
			if n > last {
				a.lost.Add(n - last - 1)
			} else {
				a.disorder.Add(1)
			}
		}
		last = n
		a.heard[i].Add(1)
		if a.timed.Load() {
			if at, ok := number(text, `"at":`); ok {
				took := time.Duration(time.Now().UnixNano() - at)
				a.mu.Lock()
				a.took = append(a.took, took)
				a.mu.Unlock()
			}
		}
	}
}

func number(text []byte, name string) (int64, bool) {
	i := bytes.Index(text, []byte(name))
	if i < 0 {
		return 0, false
	}
	i += len(name)
	j := i
	for j < len(text) && text[j] >= '0' && text[j] <= '9' {
		j++
	}
	n, err := strconv.ParseInt(string(text[i:j]), 10, 64)
	return n, err == nil
}

var saying [rooms]int64

func (a *audience) say(speaker *socket, room int) error {
	n := saying[room]
	saying[room]++
	return speaker.send(fmt.Appendf(nil, `{"id":"2","publish":{"topic":"room:load-%d","data":{"n":%d,"at":%d,"text":"Good morning."}}}`, room, n, time.Now().UnixNano()))
}

// steady is as much as 20,000 deliveries a second.
func (a *audience) steady(ctx context.Context, node *child, speakers [rooms]*socket) error {
	a.timed.Store(true)
	before, err := node.cpu()
	if err != nil {
		return err
	}
	const messages = int(steadyTime / time.Second * steadyRate)
	for range messages {
		for r, speaker := range speakers {
			if err := a.say(speaker, r); err != nil {
				return err
			}
		}
		if err := pause(ctx, time.Second/steadyRate); err != nil {
			return err
		}
	}
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	a.timed.Store(false)
	after, err := node.cpu()
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	say("fan-out to 1,000 at 20,000 deliveries/s", fmt.Sprintf("%.1f / %.1f ms", inMS(quantile(0.5, a.took)), inMS(quantile(0.99, a.took))), "p99 <= 15 ms",
		fmt.Sprintf("p50 / p99 of %d from publish to each listener, %d lost, %d out of order; CPU %.1f us each", len(a.took), a.lost.Load(), a.disorder.Load(),
			float64((after-before).Microseconds())/float64(len(a.took))))
	return nil
}

// flood says as much as the slowest listener of a room keeps up with.
func (a *audience) flood(ctx context.Context, node *child, speakers [rooms]*socket) error {
	total := func() (n int64) {
		for i := range a.heard {
			n += a.heard[i].Load()
		}
		return n
	}
	before, err := node.cpu()
	if err != nil {
		return err
	}
	began, first := time.Now(), total()
	group, flooding := errgroup.WithContext(ctx)
	for r, speaker := range speakers {
		base := saying[r]
		start := a.slowestOf(r)
		group.Go(func() error {
			for time.Since(began) < fanoutTime {
				if saying[r]-base-(a.slowestOf(r)-start) >= inFlight {
					if err := pause(flooding, 200*time.Microsecond); err != nil {
						return err
					}
					continue
				}
				if err := a.say(speaker, r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took, n := time.Since(began), total()-first
	after, err := node.cpu()
	if err != nil {
		return err
	}
	say("fan-out to 1,000, as fast as it goes", fmt.Sprintf("%.0fk/s", float64(n)/took.Seconds()/1000), ">= 190k/s",
		fmt.Sprintf("deliveries through Redis in %d rooms, %d lost, %d out of order; CPU %.1f us each (<= 5 us)", rooms, a.lost.Load(), a.disorder.Load(), float64((after-before).Microseconds())/float64(n)))
	return nil
}

func (a *audience) slowestOf(room int) int64 {
	least := int64(1 << 62)
	for i := range a.heard {
		if a.room[i] == room {
			least = min(least, a.heard[i].Load())
		}
	}
	return least
}
