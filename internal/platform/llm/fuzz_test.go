package llm_test

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// canned answers every request with one body.
type canned struct {
	status int
	body   []byte
	media  string // empty: an event stream
}

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	media := cmp.Or(c.media, "text/event-stream")
	return &http.Response{
		StatusCode: c.status, Header: http.Header{"Content-Type": {media}},
		Body: io.NopCloser(bytes.NewReader(c.body)),
	}, nil
}

func FuzzStream(f *testing.F) {
	f.Add(200, []byte(chunk("Hello")+finished+"data: [DONE]\n\n"))
	f.Add(200, []byte(": ping\n\nevent: error\ndata: {\"error\":{\"message\":\"x\"}}\n\n"))
	f.Add(200, []byte("data: {\"choices\":[{\"delta\":{\"content\":\"\\ud800\"}}],\"usage\":{\"total_tokens\":-1}}\n"))
	f.Add(429, []byte(`{"error":{"type":1,"code":null,"param":[]}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		cfg := quick()
		cfg.BaseURL, cfg.MaxAttempts, cfg.MaxReplyBytes = "http://model.invalid", 1, 64
		cfg.Transport = canned{status: status, body: body}
		var handed strings.Builder
		reply, err := llm.New(cfg).Stream(t.Context(), hello, func(text string) error {
			require.NotEmpty(t, text)
			handed.WriteString(text)
			return nil
		})
		require.Equal(t, handed.String(), reply.Text)
		require.LessOrEqual(t, len(reply.Text), 64)
		require.True(t, utf8.ValidString(reply.Text))
		require.NotContains(t, reply.Text, "\x00")
		if err != nil {
			require.NotNil(t, fault.Find(err))
			return
		}
		require.Contains(t, []string{"stop", "length", "content_filter"}, reply.FinishReason)
	})
}
