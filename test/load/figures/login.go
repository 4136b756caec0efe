package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// logInsARound is how many log-ins each round does, of as many people as clients.
const logInsARound = 200

// logIns measures log-ins: how many a second, and what they cost beside reading.
func (s *stage) logIns(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	node, _, err := s.serve(ctx)
	if err != nil {
		return err
	}
	people, err := s.people(ctx, node, clients)
	if err != nil {
		return err
	}
	l := load{server: node, n: logInsARound, status: http.StatusCreated, request: func(ctx context.Context, i int) (*http.Request, error) {
		return logInRequest(ctx, node, people[i%clients])
	}}
	var took []time.Duration
	var rates []float64
	for range cpuRounds {
		began := time.Now()
		cost, err := s.perRequest(ctx, l)
		if err != nil {
			return err
		}
		took, rates = append(took, cost), append(rates, logInsARound/time.Since(began).Seconds())
	}
	say("log-ins a second", fmt.Sprintf("%.0f", (rates[0]+rates[1]+rates[2])/cpuRounds), "", fmt.Sprintf("%d clients, mean of %d rounds of %d", clients, cpuRounds, logInsARound))
	say("server CPU of a log-in", milliseconds(median(took)), "", "Argon2id of 19 MiB and 2 passes included")
	return nil
}

// people sign up, each with an account of their own.
func (s *stage) people(ctx context.Context, node *child, n int) ([]*journey.Learner, error) {
	var all []*journey.Learner
	for range n {
		one, err := journey.New(node.url, s.http)
		if err != nil {
			return nil, err
		}
		if err := one.SignUp(ctx); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func logInRequest(ctx context.Context, node *child, l *journey.Learner) (*http.Request, error) {
	body, err := json.Marshal(map[string]string{"email": l.Email, "password": journey.Password})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, node.url+"/api/v2/sessions", bytes.NewReader(body))
	if err == nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}
