package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// What the model says: short, so that a conversation is soon free for the next
// line, or as long as answers of people are.
const (
	shortAnswer = "Good morning. What could you offer us in return?"
	longAnswer  = "Good to hear that you want to grow with us. We might get to that price in two steps rather than in one. " +
		"Give me an order for the whole year, and I will see what my management says. How much room do you have on your side?"
)

// shape says how many ask at once, how often, and how the model speaks.
type shape struct {
	name         string
	atOnce       int
	rounds       int
	apart        time.Duration // between two of those who begin; 0: all begin each round at once
	text         string
	tokenDelayMS int
	target       string
}

var shapes = []shape{
	{"1 at a time", 1, 200, 0, shortAnswer, 0, "8 / 30 ms"},
	{"100 in flight", 100, 6, 20 * time.Millisecond, longAnswer, 40, "8 / 30 ms"},
	{"100 in one instant", 100, 6, 0, shortAnswer, 20, ""},
}

// firstToken compares the way through the service with the way to the model.
func (s *stage) firstToken(ctx context.Context) error {
	node, _, err := s.serve(ctx)
	if err != nil {
		return err
	}
	for _, sh := range shapes {
		ours, err := s.throughService(ctx, node, sh)
		if err != nil {
			return err
		}
		direct, err := s.throughModel(ctx, sh)
		if err != nil {
			return err
		}
		m, n := quantile(0.5, ours), quantile(0.99, ours)
		o, p := quantile(0.5, direct), quantile(0.99, direct)
		say("first token over the model's own, "+sh.name, fmt.Sprintf("%.1f / %.1f ms", inMS(m-o), inMS(n-p)), sh.target,
			fmt.Sprintf("p50 / p99 of %d: POST until the first text %.1f / %.1f, less the same request to the model %.1f / %.1f",
				len(ours), inMS(m), inMS(n), inMS(o), inMS(p)))
	}
	return node.stop()
}

func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// throughService says lines, each to its reply's end; the first round only warms
// connections.
func (s *stage) throughService(ctx context.Context, node *child, sh shape) ([]time.Duration, error) {
	learners, err := s.learners(ctx, node, sh.atOnce)
	if err != nil {
		return nil, err
	}
	conversations, err := converse(ctx, learners, max(sh.atOnce, 20))
	if err != nil {
		return nil, err
	}
	return s.rounds(ctx, sh, func(ctx context.Context, round, i int) (time.Duration, error) {
		began := time.Now()
		var first time.Duration
		_, err := learners[i].Say(ctx, journey.SayInput{
			ConversationID: conversations[(round*sh.atOnce+i)%len(conversations)], Line: "Good morning. Could we talk about your price?",
			Watch: func(r *journey.Reply, _ error) {
				if first == 0 && r.Text != "" { // a delta, or message.started where the text was quicker
					first = time.Since(began)
				}
			},
		})
		return first, err
	})
}

// throughModel sends what the service sent.
func (s *stage) throughModel(ctx context.Context, sh shape) ([]time.Duration, error) {
	body, err := s.lastRequest(ctx)
	if err != nil {
		return nil, err
	}
	return s.rounds(ctx, sh, func(ctx context.Context, _, _ int) (first time.Duration, err error) {
		began := time.Now()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.model.url+"/v1/chat/completions", bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := s.http.Do(request)
		if err != nil {
			return 0, err
		}
		defer func() { _ = response.Body.Close() }() // read to its end
		events := sse.NewReader(response.Body)
		for {
			e, err := events.Next()
			if err != nil {
				return 0, fmt.Errorf("the model: %w", err)
			}
			if first == 0 && bytes.Contains(e.Data, []byte(`"content":"G`)) {
				first = time.Since(began)
			}
			if string(e.Data) == "[DONE]" {
				return first, nil
			}
		}
	})
}

// rounds runs one for each place, round after round, and gives all times but
// those of the first round.
func (s *stage) rounds(ctx context.Context, sh shape, one func(ctx context.Context, round, i int) (time.Duration, error)) ([]time.Duration, error) {
	step := modelStep{Text: sh.text, TokenDelayMS: sh.tokenDelayMS}
	if err := s.script(ctx, step, sh.atOnce*(sh.rounds+1)); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var samples []time.Duration
	timed := func(ctx context.Context, round, i int) error {
		took, err := one(ctx, round, i)
		if err == nil && took == 0 {
			err = errors.New("a reply had no text")
		}
		mu.Lock()
		defer mu.Unlock()
		if round > 0 {
			samples = append(samples, took)
		}
		return err
	}
	if sh.apart > 0 {
		return samples, inParallel(ctx, sh.atOnce, func(ctx context.Context, i int) error {
			err := pause(ctx, time.Duration(i)*sh.apart)
			for round := 0; err == nil && round <= sh.rounds; round++ {
				err = timed(ctx, round, i)
			}
			return err
		})
	}
	for round := range sh.rounds + 1 {
		if err := inParallel(ctx, sh.atOnce, func(ctx context.Context, i int) error { return timed(ctx, round, i) }); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

func inParallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// converse starts n conversations, through some of the learners at once.
func converse(ctx context.Context, learners []*journey.Learner, n int) ([]uuid.UUID, error) {
	all, at := make([]uuid.UUID, n), min(len(learners), clients)
	return all, inParallel(ctx, at, func(ctx context.Context, w int) error {
		for i := w; i < n; i += at {
			c, err := learners[w].Converse(ctx, "suppliers", "negotiations")
			if err != nil {
				return err
			}
			all[i] = c.ID
		}
		return nil
	})
}
