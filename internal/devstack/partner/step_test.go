package partner_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

const five = "one two three four five"

func TestStepsAreTakenInOrderAndThenItIsInRoleAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	b.server.Script(partner.Step{Text: "First."}, partner.Step{Status: http.StatusInternalServerError})
	b.server.Script(partner.Step{Text: "Third.", FinishReason: "content_filter"})

	require.Equal(t, "First.", say(t, b.server, user("Hello")))
	res, body := b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, nil, user("Hello")))
	require.Equal(t, http.StatusInternalServerError, res.StatusCode)
	require.Contains(t, body, "server_error")
	_, body = b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, nil, user("Hello")))
	require.Contains(t, body, `"finish_reason":"content_filter"`)
	require.Contains(t, say(t, b.server, user("Hello")), "Hello.")
}

func TestAFailureHasTheProtocolsCodeAndTheWaitInWholeSeconds(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for status, want := range map[int]string{
		http.StatusUnauthorized: "invalid_api_key", http.StatusNotFound: "model_not_found",
		http.StatusTooManyRequests: "rate_limit_exceeded", http.StatusBadGateway: "server_error", http.StatusTeapot: "invalid_request_error",
	} {
		b.server.Script(partner.Step{Status: status, RetryAfter: 1200 * time.Millisecond})
		res, body := b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, map[string]any{"stream": true}, user("Hello")))
		require.Equal(t, status, res.StatusCode)
		require.Equal(t, "2", res.Header.Get("Retry-After"))
		require.Contains(t, body, want)
	}
}

func TestAGateLetsATestStepThroughAStream(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	gate := make(chan struct{})
	b.server.Script(partner.Step{Text: five, Gate: gate})
	lines := bufio.NewReader(b.open(nil, user("Count.")).Body)
	next := func() string {
		for {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			if strings.HasPrefix(line, "data: ") {
				return deltas(t, line)
			}
		}
	}
	require.Empty(t, next(), "the role comes before the first token")
	for _, want := range []string{"one", " two"} {
		gate <- struct{}{}
		require.Equal(t, want, next())
	}
	require.Equal(t, partner.OutcomePending, b.server.Requests()[0].Outcome)
	close(gate)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Equal(t, " three four five", deltas(t, string(rest)))
}

func TestAStreamCanBeCutAtAnyToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after int
		said  string
	}{{-1, ""}, {1, "one"}, {3, "one two three"}, {99, five}} {
		b := setup(t, partner.Config{})
		b.server.Script(partner.Step{Text: five, BreakAfter: c.after})
		raw, err := io.ReadAll(b.open(nil, user("Count.")).Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, c.said, deltas(t, string(raw)))
		require.Equal(t, partner.OutcomeCut, b.outcome())
	}
}

func TestASilentStreamWaitsUntilTheClientLeaves(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	b.server.Script(partner.Step{Text: five, SilentAfter: 2})
	res := b.open(nil, user("Count."))
	buf := make([]byte, 1<<10)
	said := ""
	for !strings.Contains(said, "two") {
		n, err := res.Body.Read(buf)
		require.NoError(t, err)
		said += string(buf[:n])
	}
	require.NotContains(t, said, "three")
	require.NoError(t, res.Body.Close())
	require.Equal(t, partner.OutcomeLeft, b.outcome())
}

func TestAnEndlessStreamGoesOnUntilTheClientLeaves(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	b.server.Script(partner.Step{Text: "on and on ", Endless: true})
	res := b.open(map[string]any{"max_tokens": 3}, user("Go on."))
	_, err := io.CopyN(io.Discard, res.Body, 64<<10)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, partner.OutcomeLeft, b.outcome())
}

func TestGarbageAndAWrongContentTypeAreSentAsAsked(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	b.server.Script(partner.Step{Garbage: true, ContentType: "text/html"}, partner.Step{Garbage: true, ContentType: "text/plain"})
	res := b.open(nil, user("Hello"))
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "text/html", res.Header.Get("Content-Type"))
	require.True(t, strings.HasSuffix(strings.SplitN(string(raw), "\n\n", 3)[1], `"delta":{"content":`))

	res, body := b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, nil, user("Hello")))
	require.Equal(t, "text/plain", res.Header.Get("Content-Type"))
	require.False(t, json.Valid([]byte(body)))
}

func TestAWholeAnswerFailsToo(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	b.server.Script(partner.Step{BreakAfter: 1}, partner.Step{SilentAfter: 1})
	body := chatBody(t, nil, user("Hello"))
	post := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.web.URL+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			return err
		}
		res, err := b.web.Client().Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		return err
	}
	require.Error(t, post(t.Context()))
	require.Equal(t, partner.OutcomeCut, b.outcome())

	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- post(ctx) }()
	require.Eventually(t, func() bool { return len(b.server.Requests()) == 2 }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.Equal(t, partner.OutcomeLeft, b.outcome())
}

func TestCloseCutsWhatIsHeld(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]partner.Step{
		"silent":  {SilentAfter: -1},
		"gated":   {Gate: make(chan struct{})},
		"delayed": {TokenDelay: time.Hour},
	} {
		b := setup(t, partner.Config{})
		b.server.Script(step)
		res := b.open(nil, user("Count."))
		b.server.Close()
		b.server.Close()
		_, err := io.ReadAll(res.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
		require.Equal(t, partner.OutcomeCut, b.outcome(), name)
	}
}

func TestALateAnswerIsGivenUpWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{FirstTokenDelay: time.Hour})
	res := b.open(nil, user("Hello"))
	require.Equal(t, http.StatusOK, res.StatusCode, "the headers do not wait for the first token")
	require.NoError(t, res.Body.Close())
	require.Equal(t, partner.OutcomeLeft, b.outcome())

	b.server.Script(partner.Step{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.web.URL+"/v1/chat/completions",
		strings.NewReader(chatBody(t, nil, user("Hello"))))
	require.NoError(t, err)
	_, err = b.web.Client().Do(req)
	require.ErrorIs(t, err, context.DeadlineExceeded, "with a delay even the headers wait")
}

func TestTokensComeAtTheirPace(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{TokensPerSecond: 100})
	b.server.Script(partner.Step{Text: five}, partner.Step{Text: five, TokenDelay: 20 * time.Millisecond})
	for _, least := range []time.Duration{40 * time.Millisecond, 80 * time.Millisecond} {
		start := time.Now()
		_, err := io.ReadAll(b.open(nil, user("Count.")).Body)
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(start), least, "five tokens have four pauses between them")
	}
}

func TestStepsCanBeSetOverHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	res, body := b.do(http.MethodPost, "/control", `{"steps":[{"text":"Scripted.","token_delay_ms":1,"omit_usage":true},{"status":503,"retry_after_ms":3000}]}`)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.JSONEq(t, `{"waiting":2}`, body)
	require.Equal(t, "Scripted.", say(t, b.server, user("Hello")))
	res, _ = b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, nil, user("Hello")))
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Equal(t, "3", res.Header.Get("Retry-After"))

	b.do(http.MethodPost, "/v1/chat/completions", "not JSON")
	_, body = b.do(http.MethodGet, "/control/requests", "")
	var shown struct {
		Requests []struct {
			Outcome string
			Body    any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &shown))
	require.Len(t, shown.Requests, 3)
	require.Equal(t, "not JSON", shown.Requests[2].Body)
	require.Equal(t, partner.OutcomeAnswered, shown.Requests[0].Outcome)
	require.NotContains(t, strings.ToLower(body), "authorization")

	b.do(http.MethodPost, "/control", `{"steps":[{"status":500}]}`)
	res, _ = b.do(http.MethodDelete, "/control", "")
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	require.Empty(t, b.server.Requests())
	require.NotEmpty(t, say(t, b.server, user("Hello")), "the step is forgotten")
}

func TestWrongStepsAreRefusedWhole(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for _, body := range []string{
		``, `[]`, `{"steps":[{"txt":"x"}]}`, `{"steps":[]} more`, `{"steps":[{"status":200}]}`, `{"steps":[{"status":1000}]}`,
		`{"steps":[{"text":"ok"},{"delay_ms":-1}]}`, `{"steps":[{"delay_ms":600001}]}`, `{"steps":[{"break_after":-2}]}`,
		`{"steps":[{"content_type":"text/html\r\nX: y"}]}`, `{"steps":[` + strings.Repeat(`{},`, 1000) + `{}]}`,
	} {
		res, answer := b.do(http.MethodPost, "/control", body)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, body)
		require.Contains(t, answer, "invalid_request_error")
	}
	_, answer := b.do(http.MethodPost, "/control", `{"steps":[`+strings.Repeat(`{},`, 999)+`{}]}`)
	require.JSONEq(t, `{"waiting":1000}`, answer, "nothing of the refused is kept")
	res, _ := b.do(http.MethodPost, "/control", `{"steps":[{}]}`)
	require.Equal(t, http.StatusBadRequest, res.StatusCode, "the queue is bounded")
}

func FuzzControl(f *testing.F) {
	f.Add([]byte(`{"steps":[{"text":"x","status":429,"retry_after_ms":1,"delay_ms":2,"token_delay_ms":3,"break_after":-1,"silent_after":4}]}`))
	f.Add([]byte(`{"steps":[{"content_type":"a/b","endless":true,"garbage":true,"omit_usage":true,"finish_reason":"stop"}]}`))
	f.Add([]byte(`{"steps":null}{`))
	server := partner.New(partner.Config{})
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/control", strings.NewReader(string(body))))
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, w.Code)
		require.True(t, json.Valid(w.Body.Bytes()))
		server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/control", nil))
	})
}
