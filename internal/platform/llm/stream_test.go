package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

func countNew(n *atomic.Int64) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			n.Add(1)
		}
	}
}

func TestAReplyIsHandedOverPieceByPieceInOrder(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	b := setup(t, quick(), partner.Step{Text: five, Gate: gate})
	pieces := make(chan string)
	done := make(chan llm.Reply, 1)
	go func() {
		reply, err := b.client.Stream(t.Context(), hello, func(text string) error {
			pieces <- text
			return nil
		})
		if err == nil {
			done <- reply
		}
		close(done)
	}()
	for _, want := range []string{"one", " two", " three", " four", " five"} {
		gate <- struct{}{}
		require.Equal(t, want, <-pieces, "each piece comes before the next is made")
	}
	reply, ok := <-done
	require.True(t, ok)
	require.Equal(t, five, reply.Text)
	require.Equal(t, "stop", reply.FinishReason)
	require.Equal(t, llm.Usage{Prompt: 7, Completion: 5}, reply.Usage)
	require.Empty(t, b.logs.String(), "success makes no noise")
}

func TestTheRequestIsTheProtocolToTheByte(t *testing.T) {
	t.Parallel()
	b := setup(t, quick())
	_, err := b.client.Stream(t.Context(), llm.Request{
		Messages: []llm.Message{
			{Role: "system", Content: "You are a supplier."},
			{Role: "assistant", Content: "Hello."},
			{Role: "user", Content: "What is your price?"},
		},
		MaxTokens: 200, Temperature: 0.7, User: "u-17",
	}, func(string) error { return nil })
	require.NoError(t, err)

	sent := b.model.Requests()[0]
	require.Equal(t, "Bearer "+apiKey, sent.Authorization)
	if *update {
		require.NoError(t, os.WriteFile("testdata/request.json", sent.Body, 0o600))
	}
	want, err := os.ReadFile("testdata/request.json")
	require.NoError(t, err)
	require.Equal(t, string(want), string(sent.Body))
}

func TestAReasoningModelIsAskedInItsOwnTerms(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"o3-mini", "gpt-5", "gpt-6-sol"} {
		cfg := quick()
		cfg.Model = model
		b := setup(t, cfg)
		_, err := b.client.Stream(t.Context(), llm.Request{Messages: hello.Messages, MaxTokens: 9, Temperature: 0.5},
			func(string) error { return nil })
		require.NoError(t, err)
		var sent map[string]any
		require.NoError(t, json.Unmarshal(b.model.Requests()[0].Body, &sent))
		require.InDelta(t, 9, sent["max_completion_tokens"], 0)
		require.NotContains(t, sent, "max_tokens")
		require.NotContains(t, sent, "temperature")
	}
}

func TestAReplyEndsForTheReasonTheModelGives(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"stop": "stop", "length": "length", "content_filter": "content_filter", "tool_calls": "stop",
	} {
		b := setup(t, quick(), partner.Step{Text: five, FinishReason: given})
		require.Equal(t, want, b.succeeds().FinishReason)
	}
}

func TestAFilteredReplyMayBeEmpty(t *testing.T) {
	t.Parallel()
	b := serve(t, quick(), stream(strings.Replace(finished, "stop", "content_filter", 1)+"data: [DONE]\n\n"))
	reply := b.succeeds()
	require.Empty(t, reply.Text)
	require.Equal(t, "content_filter", reply.FinishReason)
}

func TestAReplyIsWholeOnceItsReasonHasCome(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"no end mark":             chunk("Hello.") + finished,
		"no reason":               chunk("Hello.") + "data: [DONE]\n\n",
		"end mark without a line": chunk("Hello.") + finished + "data: [DONE]",
		"garbage behind":          chunk("Hello.") + finished + "data: {\n\n",
		"another choice":          chunk("Hello.") + `data: {"choices":[{"index":1,"delta":{"content":"No."}}]}` + "\n\n" + finished,
		"heartbeats and fields":   ": ping\n\nevent: message\nid: 4\nretry: 10\n" + chunk("Hello.") + ": ping\n\n" + finished + "data: [DONE]\n\n",
		"carriage returns":        strings.ReplaceAll(chunk("Hello.")+finished+"data: [DONE]\n\n", "\n", "\r\n"),
		"no space after the name": strings.ReplaceAll(chunk("Hello.")+finished, "data: ", "data:"),
		"a NUL in the text":       chunk("Hel") + `data: {"choices":[{"index":0,"delta":{"content":"\u0000lo."}}]}` + "\n\n" + finished,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, quick(), stream(raw))
			reply := b.succeeds()
			require.Equal(t, "Hello.", reply.Text)
			require.Equal(t, "stop", reply.FinishReason)
			require.Equal(t, llm.Usage{Prompt: 5, Completion: 2, Estimated: true}, reply.Usage)
		})
	}
}

func TestAReplyThatIsNotCountedIsEstimated(t *testing.T) {
	t.Parallel()
	b := setup(t, quick(), partner.Step{Text: five, OmitUsage: true})
	require.Equal(t, llm.Usage{Prompt: 1 + 4, Completion: 5, Estimated: true}, b.succeeds().Usage)
}

func TestAFinishedStreamGivesItsConnectionBack(t *testing.T) {
	t.Parallel()
	b := serve(t, quick(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream(chunk("Hello.")+finished+"data: [DONE]\n\n")(w, r)
		_ = http.NewResponseController(w).Flush()
		<-time.After(5 * time.Millisecond) // the end of the body comes a little after the end mark
	}))
	for range 5 {
		b.succeeds()
	}
	require.Less(t, b.opened.Load(), int64(5), "the next reply needs no handshake")
	b.client.Close()
	b.client.Close()
	b.succeeds()
}

func TestAnErrorOfTheReaderEndsTheCallAsItIs(t *testing.T) {
	t.Parallel()
	b := setup(t, quick(), partner.Step{Text: five, Endless: true})
	full := errors.New("the log is full")
	taken := 0
	reply, err := b.client.Stream(t.Context(), hello, func(string) error {
		if taken == 2 {
			return full
		}
		taken++
		return nil
	})
	require.Same(t, full, err)
	require.Equal(t, "one two", reply.Text, "only what was taken")
	require.True(t, reply.Usage.Estimated)
	require.Equal(t, partner.OutcomeLeft, b.ended(0), "the provider is not left talking")
	require.Empty(t, b.logs.String())
	require.EqualValues(t, 1, b.asked.Load())
}

func TestTheCallersLeavingIsToldByItsCause(t *testing.T) {
	t.Parallel()
	shutdown := errors.New("the worker is draining")
	for name, c := range map[string]struct {
		step partner.Step
		text string
	}{
		"before the headers":    {partner.Step{Delay: time.Hour}, ""},
		"before the first text": {partner.Step{SilentAfter: -1}, ""},
		"in mid-reply":          {partner.Step{Text: five, SilentAfter: 2}, "one two"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, quick(), c.step)
			ctx, cancel := context.WithCancelCause(t.Context())
			heard := make(chan string, 2)
			type result struct {
				reply llm.Reply
				err   error
			}
			done := make(chan result, 1)
			go func() {
				reply, err := b.client.Stream(ctx, hello, func(text string) error {
					heard <- text
					return nil
				})
				done <- result{reply, err}
			}()
			require.Eventually(t, func() bool { return len(b.model.Requests()) == 1 }, patience, time.Millisecond)
			for text := ""; text != c.text; {
				text += <-heard
			}
			cancel(shutdown)
			got := <-done
			require.ErrorIs(t, got.err, shutdown)
			require.Equal(t, c.text, got.reply.Text)
			require.Equal(t, partner.OutcomeLeft, b.ended(0))
			require.Empty(t, b.logs.String(), "what the caller does to itself is not news")
			require.EqualValues(t, 1, b.asked.Load())
		})
	}
}

func TestTheCallersDeadlineIsTheCallers(t *testing.T) {
	t.Parallel()
	b := setup(t, quick(), partner.Step{SilentAfter: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, _, err := b.ask(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestTheCallerCanLeaveBetweenTwoAttempts(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.RetryWait = time.Hour
	b := setup(t, cfg, partner.Step{Status: http.StatusInternalServerError})
	shutdown := errors.New("the worker is draining")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, _, err := b.ask(ctx)
		failed <- err
	}()
	require.Eventually(t, func() bool { return strings.Contains(b.logs.String(), "model attempt ended") }, patience, time.Millisecond)
	cancel(shutdown)
	require.ErrorIs(t, <-failed, shutdown)
}
