package partner_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

var update = flag.Bool("update", false, "write the golden files anew")

// patience bounds every wait of these tests; nothing takes this long unless it is broken.
const patience = 10 * time.Second

// message is one turn in the protocol's form.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func system(text string) message    { return message{Role: "system", Content: text} }
func user(text string) message      { return message{Role: "user", Content: text} }
func assistant(text string) message { return message{Role: "assistant", Content: text} }

// bundle is a partner behind a real HTTP server.
type bundle struct {
	t      *testing.T
	server *partner.Server
	web    *httptest.Server
}

func setup(t *testing.T, cfg partner.Config) *bundle {
	t.Helper()
	server := partner.New(cfg)
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		server.Close()
		web.Close()
	})
	return &bundle{t: t, server: server, web: web}
}

func (b *bundle) do(method, path, body string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.web.URL+path, strings.NewReader(body))
	require.NoError(b.t, err)
	res, err := b.web.Client().Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res, string(raw)
}

func chatBody(t *testing.T, more map[string]any, messages ...message) string {
	t.Helper()
	body := map[string]any{"model": "any", "messages": messages}
	for k, v := range more {
		body[k] = v
	}
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	return string(raw)
}

// open starts a streamed answer and leaves it to the caller to read.
func (b *bundle) open(more map[string]any, messages ...message) *http.Response {
	b.t.Helper()
	body := map[string]any{"stream": true}
	for k, v := range more {
		body[k] = v
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.web.URL+"/v1/chat/completions",
		strings.NewReader(chatBody(b.t, body, messages...)))
	require.NoError(b.t, err)
	res, err := b.web.Client().Do(req)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// outcome waits until the only request so far has ended, and how.
func (b *bundle) outcome() string {
	b.t.Helper()
	last := func() string {
		all := b.server.Requests()
		require.NotEmpty(b.t, all)
		return all[len(all)-1].Outcome
	}
	require.Eventually(b.t, func() bool { return last() != partner.OutcomePending }, patience, time.Millisecond)
	return last()
}

// say asks for one whole answer, without HTTP between.
func say(t *testing.T, server *partner.Server, messages ...message) string {
	t.Helper()
	w := serveChat(t, server, chatBody(t, nil, messages...))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var reply struct {
		Choices []struct {
			Message message `json:"message"`
		} `json:"choices"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &reply))
	require.Len(t, reply.Choices, 1)
	return reply.Choices[0].Message.Content
}

// serveChat hands a request to the server, without HTTP between.
func serveChat(t *testing.T, server *partner.Server, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(body)))
	return w
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run with -update if the change is meant")
}

// deltas joins the text of a transcript.
func deltas(t *testing.T, transcript string) string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(transcript) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var chunk struct {
			Choices []struct {
				Delta struct {
					Content string `json:"content"`
				} `json:"delta"`
			} `json:"choices"`
		}
		dec := json.NewDecoder(bytes.NewReader([]byte(data)))
		require.NoError(t, dec.Decode(&chunk), data)
		for _, c := range chunk.Choices {
			text.WriteString(c.Delta.Content)
		}
	}
	return text.String()
}
