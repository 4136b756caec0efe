package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// How much is asked of a server in one round, by how many clients.
const (
	cpuRounds = 3
	clients   = 8
	reads     = 5000
)

// load is some requests to one server and the CPU that it uses for each.
type load struct {
	server  *child
	n       int
	status  int
	request func(ctx context.Context, i int) (*http.Request, error)
}

// perRequest sends all requests, clients at once, and divides.
func (s *stage) perRequest(ctx context.Context, l load) (time.Duration, error) {
	before, err := l.server.cpu()
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	err = inParallel(ctx, clients, func(ctx context.Context, _ int) error {
		for i := next.Add(1) - 1; i < int64(l.n); i = next.Add(1) - 1 {
			if err := s.send(ctx, l, int(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	after, err := l.server.cpu()
	return (after - before) / time.Duration(l.n), err
}

// send sends one request and reads its answer.
func (s *stage) send(ctx context.Context, l load, i int) error {
	request, err := l.request(ctx, i)
	if err != nil {
		return err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	if err := drain(response); err != nil {
		return err
	}
	if response.StatusCode != l.status {
		return fmt.Errorf("%s %s: %s", request.Method, request.URL, response.Status)
	}
	return nil
}

// compare runs loads in turn, so that what disturbs one disturbs all, and gives
// the median of each.
func (s *stage) compare(ctx context.Context, rounds int, loads func(round int) []load) ([]time.Duration, error) {
	var samples [][]time.Duration
	for round := range rounds {
		for i, l := range loads(round) {
			took, err := s.perRequest(ctx, l)
			if err != nil {
				return nil, err
			}
			if round == 0 {
				samples = append(samples, nil)
			}
			samples[i] = append(samples[i], took)
		}
	}
	out := make([]time.Duration, len(samples))
	for i := range samples {
		out[i] = median(samples[i])
	}
	return out, nil
}

// pair starts a node and the baseline beside it, with somebody signed in.
func (s *stage) pair(ctx context.Context) (node, base *child, l *journey.Learner, err error) {
	if node, _, err = s.serve(ctx); err != nil {
		return nil, nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	if base, err = s.startBare(ctx, self, node); err != nil {
		return nil, nil, nil, err
	}
	learners, err := s.learners(ctx, node, 1)
	if err != nil {
		return nil, nil, nil, err
	}
	return node, base, learners[0], nil
}

// cpuOfReading measures GET /users/me.
func (s *stage) cpuOfReading(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	node, base, l, err := s.pair(ctx)
	if err != nil {
		return err
	}
	get := func(url string) func(context.Context, int) (*http.Request, error) {
		return func(ctx context.Context, _ int) (*http.Request, error) {
			return authorized(ctx, l, http.MethodGet, url, nil)
		}
	}
	took, err := s.compare(ctx, cpuRounds, func(int) []load {
		return []load{
			{base, reads, http.StatusOK, get(base.url + "/me")},
			{base, reads, http.StatusOK, get(base.url + "/cached/me")},
			{node, reads, http.StatusOK, get(node.url + "/api/v2/users/me")},
		}
	})
	if err != nil {
		return err
	}
	how := fmt.Sprintf("user + system CPU of the process over %d requests of %d clients; median of %d rounds in turn", reads, clients, cpuRounds)
	say("server CPU, bare GET (RS256 check, one row)", microseconds(took[0]), "", how)
	say("server CPU, bare GET, each token checked once", microseconds(took[1]), "", how)
	say("server CPU, GET /users/me", microseconds(took[2]), "<= 1.25 x", how)
	say("  over the bare one / the one that checks once", fmt.Sprintf("%.2f / %.2f", ratio(took[2], took[0]), ratio(took[2], took[1])), "1.25", "")
	return stopBoth(node, base)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

func stopBoth(a, b *child) error {
	if err := a.stop(); err != nil {
		return err
	}
	return b.stop()
}

func authorized(ctx context.Context, l *journey.Learner, method, url string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+l.Tokens.AccessToken)
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}
