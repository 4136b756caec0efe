package llm_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// fragile opens after two failures and makes one attempt a call.
func fragile(openFor time.Duration) llm.Config {
	cfg := quick()
	cfg.MaxAttempts = 1
	cfg.Breaker = llm.BreakerConfig{Failures: 2, OpenFor: openFor}
	return cfg
}

var down = partner.Step{Status: http.StatusInternalServerError}

func TestTheBreakerOpensAfterFailuresInARow(t *testing.T) {
	t.Parallel()
	b := setup(t, fragile(time.Minute), down, partner.Step{}, down, partner.Step{Text: five, BreakAfter: 1})
	b.fails(llm.CodeUnavailable)
	b.succeeds() // breaks the row
	b.fails(llm.CodeUnavailable)
	b.fails(llm.CodeInterrupted) // a broken-off reply counts as well

	_, f := b.fails(llm.CodeUnavailable)
	require.Greater(t, f.RetryAfter, 50*time.Second)
	require.LessOrEqual(t, f.RetryAfter, time.Minute)
	require.Len(t, b.model.Requests(), 4, "an open breaker asks nobody")
	require.Equal(t, 1, strings.Count(b.logs.String(), "to=open"))
	require.Equal(t, 3, strings.Count(b.logs.String(), "model attempt ended"), "learners turned away are not logged one by one")
}

func TestTheBreakerClosesWithTheFirstTextOfATrial(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := setup(t, fragile(2*short), down, down)
	b.fails(llm.CodeUnavailable)
	b.fails(llm.CodeUnavailable)
	b.fails(llm.CodeUnavailable)
	require.Len(t, b.model.Requests(), 2)

	b.model.Script(partner.Step{Text: five, Gate: gate})
	trial := make(chan error, 1)
	first := make(chan string, 8)
	require.Eventually(t, func() bool { // until the trial is let through
		go func() {
			_, err := b.client.Stream(context.WithoutCancel(t.Context()), hello, func(text string) error {
				first <- text
				return nil
			})
			trial <- err
		}()
		return waitFor(func() bool { return len(b.model.Requests()) == 3 }, trial)
	}, patience, short/10)

	_, f := b.fails(llm.CodeUnavailable)
	require.Equal(t, time.Second, f.RetryAfter, "one trial at a time")
	gate <- struct{}{}
	require.Equal(t, "one", <-first)
	b.succeeds() // while the trial still speaks
	close(gate)
	require.NoError(t, <-trial)
	require.Contains(t, b.logs.String(), "to=closed")
}

// waitFor waits until done holds, or something comes out of gaveUp.
func waitFor(done func() bool, gaveUp <-chan error) bool {
	for {
		select {
		case <-gaveUp:
			return false
		case <-time.After(time.Millisecond):
			if done() {
				return true
			}
		}
	}
}

func TestATrialThatFailsOpensTheBreakerAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, fragile(short/10), down, down, down)
	require.Eventually(t, func() bool {
		_, _, err := b.ask(t.Context())
		return err == nil
	}, patience, time.Millisecond)
	require.Len(t, b.model.Requests(), 4)
	require.Equal(t, 2, strings.Count(b.logs.String(), "to=open"))
	require.Equal(t, 1, strings.Count(b.logs.String(), "to=closed"))
}

func TestWhatSaysNothingAboutHealthDoesNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]partner.Step{
		"limited":     {Status: http.StatusTooManyRequests},
		"wrong key":   {Status: http.StatusUnauthorized},
		"bad request": {Status: http.StatusBadRequest},
	} {
		b := setup(t, fragile(time.Minute))
		for range 5 {
			b.model.Script(step)
			_, _, err := b.ask(t.Context())
			require.Error(t, err, name)
		}
		require.Len(t, b.model.Requests(), 5, name)
		b.succeeds()
	}
	b := setup(t, fragile(time.Minute))
	for range 5 {
		b.model.Script(partner.Step{Text: five, SilentAfter: 1})
		ctx, cancel := context.WithCancelCause(t.Context())
		left := errors.New("the learner left")
		_, err := b.client.Stream(ctx, hello, func(string) error { cancel(left); return nil })
		require.ErrorIs(t, err, left)
	}
	for range 5 {
		_, err := b.client.Stream(t.Context(), hello, func(string) error { return http.ErrBodyNotAllowed })
		require.ErrorIs(t, err, http.ErrBodyNotAllowed)
	}
	b.succeeds()
}

func TestARefusedTrialLeavesRoomForTheNext(t *testing.T) {
	t.Parallel()
	limited := partner.Step{Status: http.StatusTooManyRequests}
	b := setup(t, fragile(short/10), down, down, limited, limited)
	require.Eventually(t, func() bool {
		_, _, err := b.ask(t.Context())
		return err == nil
	}, patience, time.Millisecond)
	require.Len(t, b.model.Requests(), 5)
}

// moody is a transport whose every call does the next thing of a list.
type moody struct {
	calls chan func() (*http.Response, error)
}

func (m moody) RoundTrip(*http.Request) (*http.Response, error) { return (<-m.calls)() }

func TestAPanicDoesNotKeepTheTrial(t *testing.T) {
	t.Parallel()
	cfg := fragile(short / 10)
	transport := moody{calls: make(chan func() (*http.Response, error), 4)}
	for range 2 {
		transport.calls <- func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	}
	transport.calls <- func() (*http.Response, error) { panic("transport") }
	transport.calls <- func() (*http.Response, error) {
		return canned{status: http.StatusOK, body: []byte(chunk("Hello.") + finished)}.RoundTrip(nil)
	}
	cfg.Transport, cfg.BaseURL = transport, "http://model.invalid"
	b := &bundle{t: t, client: llm.New(cfg), logs: &logBuffer{}}
	b.fails(llm.CodeUnavailable)
	b.fails(llm.CodeUnavailable)
	require.Eventually(t, func() (panicked bool) {
		defer func() { panicked = recover() != nil }()
		b.fails(llm.CodeUnavailable) // until the trial
		return false
	}, patience, time.Millisecond)
	b.succeeds()
}
