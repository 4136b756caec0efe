package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

var shape = &llm.Schema{Name: "greeting", JSON: json.RawMessage(
	`{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}`)}

func TestAWholeAnswerIsTheStreamsText(t *testing.T) {
	t.Parallel()
	b := setup(t, quick(), partner.Step{Text: five}, partner.Step{Text: five, FinishReason: "length"},
		partner.Step{Text: five, FinishReason: "content_filter"})
	for _, reason := range []string{"stop", "length", "content_filter"} {
		reply, err := b.client.Complete(t.Context(), hello)
		require.NoError(t, err)
		require.Equal(t, llm.Reply{Text: five, FinishReason: reason, Usage: llm.Usage{Prompt: 7, Completion: 5}}, reply)
	}
}

func TestAnAnswerThatBreaksOffIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]partner.Step{
		"cut":        {Text: five, BreakAfter: 2},
		"silent":     {Text: five, SilentAfter: 2},
		"not begun":  {Status: http.StatusBadGateway},
		"no headers": {BreakAfter: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := quick()
			if step.SilentAfter != 0 {
				cfg.IdleTimeout = short
			}
			b := setup(t, cfg, step, step, partner.Step{Text: "whole"})
			reply, err := b.client.Complete(t.Context(), hello)
			require.NoError(t, err)
			require.Equal(t, "whole", reply.Text, "nothing of the attempts before")
			require.Len(t, b.model.Requests(), 3)
		})
	}
	cut := partner.Step{Text: five, BreakAfter: 2}
	b := setup(t, quick(), cut, cut, cut, cut)
	reply, err := b.client.Complete(t.Context(), hello)
	require.True(t, fault.Is(err, llm.CodeInterrupted), "%v", err)
	require.Zero(t, reply)
	require.Len(t, b.model.Requests(), 3, "attempts are counted")
}

func TestAWholeAnswerEndsWithItsTime(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.TotalTimeout = short
	b := setup(t, cfg, partner.Step{Text: five, SilentAfter: 2})
	_, err := b.client.Complete(t.Context(), hello)
	require.True(t, fault.Is(err, llm.CodeInterrupted), "%v", err)
	require.Len(t, b.model.Requests(), 1, "there is no time for another attempt")
}

func TestBrokenAnswersOpenTheBreaker(t *testing.T) {
	t.Parallel()
	cfg := fragile(time.Minute)
	cfg.MaxAttempts = 5
	cut := partner.Step{Text: five, BreakAfter: 2}
	b := setup(t, cfg, cut, cut, cut)
	_, err := b.client.Complete(t.Context(), hello)
	require.True(t, fault.Is(err, llm.CodeUnavailable), "%v", err)
	require.Len(t, b.model.Requests(), 2, "an open breaker ends the attempts")
	require.Contains(t, b.logs.String(), "breaker=chat")
}

func TestTheCallersLeavingEndsAWholeAnswer(t *testing.T) {
	t.Parallel()
	shutdown := errors.New("the worker is draining")
	b := setup(t, quick(), partner.Step{Text: five, SilentAfter: 2})
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := b.client.Complete(ctx, hello)
		failed <- err
	}()
	require.Eventually(t, func() bool { return len(b.model.Requests()) == 1 }, patience, time.Millisecond)
	cancel(shutdown)
	require.ErrorIs(t, <-failed, shutdown)
	require.EqualValues(t, 1, b.asked.Load())
}

func TestASchemaIsSentInTheProtocolsForm(t *testing.T) {
	t.Parallel()
	b := setup(t, quick())
	_, err := b.client.Complete(t.Context(), llm.Request{Messages: hello.Messages, Schema: shape})
	require.NoError(t, err)
	sent := b.model.Requests()[0].Body
	if *update {
		require.NoError(t, os.WriteFile("testdata/request_schema.json", sent, 0o600))
	}
	want, err := os.ReadFile("testdata/request_schema.json")
	require.NoError(t, err)
	require.Equal(t, string(want), string(sent))

	broken := &llm.Schema{Name: "broken", JSON: json.RawMessage(`{`)}
	_, err = b.client.Complete(t.Context(), llm.Request{Messages: hello.Messages, Schema: broken})
	require.True(t, fault.Is(err, llm.CodeRefused), "%v", err)
	require.Equal(t, 1, strings.Count(b.logs.String(), "level=ERROR"))
	require.Len(t, b.model.Requests(), 1, "what is no JSON is not sent")
}
