package fluentpro

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/fluentpro/fluentpro/gen/client"
)

// A signer sends requests with the access token. It implements client.HttpRequestDoer.
type signer struct {
	http    *http.Client
	refresh func(context.Context, client.Tokens) (client.Tokens, error)
	changed func(client.Tokens)

	mu     sync.Mutex
	tokens client.Tokens

	renewing chan struct{} // closed when the refresh under way ends; nil: none is
	failed   error         // how the last one ended
}

func (s *signer) use(t client.Tokens) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = t
}

func (s *signer) current() client.Tokens {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

// Do sends a request. A refusal is a *Problem; where the token was refused it is
// refreshed, and the request sent again.
func (s *signer) Do(req *http.Request) (*http.Response, error) {
	given := req.Header.Get("Authorization") != "" || req.Context().Value(renewingKey{}) != nil
	used := s.current()
	answer, err := s.send(req, used, given)
	if given || used.AccessToken == "" || !Is(err, client.AuthInvalidToken) || req.Body != nil && req.GetBody == nil {
		return answer, err
	}
	if renewal := s.renew(req.Context(), used); renewal != nil {
		return nil, fmt.Errorf("%w; the access token cannot be refreshed: %w", err, renewal)
	}
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, fmt.Errorf("fluentpro: %w", err)
		}
	}
	return s.send(again, s.current(), given)
}

func (s *signer) send(req *http.Request, t client.Tokens, given bool) (*http.Response, error) {
	if !given && t.AccessToken != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+t.AccessToken)
	}
	answer, err := s.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fluentpro: %w", err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return nil, readProblem(answer)
	}
	return answer, nil
}

// refreshLimit bounds a refresh.
const refreshLimit = 30 * time.Second

// renewingKey marks the context of a refresh: what is asked in it has no token, and waits
// for no refresh.
type renewingKey struct{}

// renew has tokens that were refused replaced: by one caller, for whom all others wait.
// Tokens that are not in use any more have been.
func (s *signer) renew(ctx context.Context, refused client.Tokens) error {
	s.mu.Lock()
	if s.tokens.AccessToken != refused.AccessToken {
		s.mu.Unlock()
		return nil
	}
	if under := s.renewing; under != nil {
		s.mu.Unlock()
		select {
		case <-under:
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.failed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	done := make(chan struct{})
	s.renewing = done
	s.mu.Unlock()

	// The others want it too, and the old refresh token is spent: it goes on to its end.
	refreshing, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), renewingKey{}, true), refreshLimit)
	defer cancel()
	fresh, err := s.refresh(refreshing, refused)

	s.mu.Lock()
	if err == nil && s.tokens.AccessToken == refused.AccessToken {
		s.tokens = fresh
	}
	s.failed, s.renewing = err, nil
	s.mu.Unlock()
	if err == nil && s.changed != nil {
		s.changed(fresh)
	}
	close(done)
	return err
}
