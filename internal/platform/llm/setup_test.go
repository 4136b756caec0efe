package llm_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	apiKey = "sk-secret-0123456789"
	five   = "one two three four five"
	// patience bounds every wait of these tests; nothing takes this long unless it is broken.
	patience = 10 * time.Second
)

// bundle is a client before a model server that can be made to fail.
type bundle struct {
	t      *testing.T
	url    string
	model  *partner.Server // nil when serve set it up
	client *llm.Client
	logs   *logBuffer
	asked  *atomic.Int64 // requests that reached the server
	opened *atomic.Int64 // connections that did
}

// quick are settings that fail fast where they fail at all.
func quick() llm.Config {
	return llm.Config{
		APIKey: apiKey, Model: "fluentpro-partner", RetryWait: time.Millisecond,
		FirstTokenTimeout: patience, IdleTimeout: patience, TotalTimeout: patience,
		Breaker: llm.BreakerConfig{Failures: 100},
	}
}

// setup puts the client before the built-in partner.
func setup(t *testing.T, cfg llm.Config, steps ...partner.Step) *bundle {
	t.Helper()
	model := partner.New(partner.Config{})
	t.Cleanup(model.Close)
	model.Script(steps...)
	b := serve(t, cfg, model)
	b.model = model
	return b
}

// serve puts the client before a handler of the test's own.
func serve(t *testing.T, cfg llm.Config, handler http.Handler) *bundle {
	t.Helper()
	b := &bundle{t: t, logs: &logBuffer{}, asked: &atomic.Int64{}, opened: &atomic.Int64{}}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		handler.ServeHTTP(w, r)
	}))
	web.Config.ConnState = countNew(b.opened)
	web.Start()
	t.Cleanup(web.Close)
	b.url = web.URL
	cfg.BaseURL = b.url + "/v1/"
	cfg.Logger = slog.New(slog.NewTextHandler(b.logs, nil))
	b.client = llm.New(cfg)
	t.Cleanup(b.client.Close)
	return b
}

// stream serves raw as an event stream, then ends it properly.
func stream(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, raw)
	}
}

// chunk is one event of a stream with a text.
func chunk(text string) string {
	return fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", text)
}

const finished = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"

var hello = llm.Request{Messages: []llm.Message{{Role: "user", Content: "Hello"}}}

// ask streams one reply and joins what was handed over.
func (b *bundle) ask(ctx context.Context) (llm.Reply, string, error) {
	var handed strings.Builder
	reply, err := b.client.Stream(ctx, hello, func(text string) error {
		handed.WriteString(text)
		return nil
	})
	return reply, handed.String(), err
}

// fails asks and expects a fault with this code, of the one kind there is.
func (b *bundle) fails(code string) (llm.Reply, *fault.Error) {
	b.t.Helper()
	reply, handed, err := b.ask(b.t.Context())
	require.Error(b.t, err)
	require.True(b.t, fault.Is(err, code), "%s: %v", code, err)
	require.Equal(b.t, fault.Unavailable, fault.Find(err).Kind)
	require.Equal(b.t, handed, reply.Text, "what was handed over is in the reply")
	require.Empty(b.t, reply.FinishReason)
	b.requireNoKey(err)
	return reply, fault.Find(err)
}

// succeeds asks and expects the whole reply.
func (b *bundle) succeeds() llm.Reply {
	b.t.Helper()
	reply, handed, err := b.ask(b.t.Context())
	require.NoError(b.t, err)
	require.Equal(b.t, handed, reply.Text)
	return reply
}

func (b *bundle) requireNoKey(err error) {
	b.t.Helper()
	require.NotContains(b.t, err.Error(), apiKey)
	require.NotContains(b.t, b.logs.String(), apiKey)
}

// ended waits until the model server knows how its n-th request ended.
func (b *bundle) ended(n int) string {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		all := b.model.Requests()
		return len(all) > n && all[n].Outcome != partner.OutcomePending
	}, patience, time.Millisecond)
	return b.model.Requests()[n].Outcome
}

// logBuffer collects log lines from several goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
