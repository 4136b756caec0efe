package llm_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// short is enough for a local server to answer on a busy machine, and short
// enough to wait for.
const short = 500 * time.Millisecond

func TestWhatMayPassIsTriedAgainBeforeTheFirstText(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]partner.Step{
		"500":              {Status: http.StatusInternalServerError},
		"503":              {Status: http.StatusServiceUnavailable},
		"408":              {Status: http.StatusRequestTimeout},
		"429":              {Status: http.StatusTooManyRequests},
		"cut":              {BreakAfter: -1},
		"silent":           {SilentAfter: -1},
		"headers too late": {Delay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := quick()
			if step.SilentAfter != 0 || step.Delay != 0 {
				cfg.FirstTokenTimeout = short
			}
			b := setup(t, cfg, step, step, partner.Step{Text: five})
			reply := b.succeeds()
			require.Equal(t, five, reply.Text)
			require.False(t, reply.Usage.Estimated)
			require.Len(t, b.model.Requests(), 3)
			require.Equal(t, 2, strings.Count(b.logs.String(), "level=WARN"))
		})
	}
}

func TestAttemptsAreCounted(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]int{0: 3, 1: 1, 5: 5} {
		cfg := quick()
		cfg.MaxAttempts = attempts
		b := setup(t, cfg)
		for range 10 {
			b.model.Script(partner.Step{Status: http.StatusBadGateway})
		}
		_, f := b.fails(llm.CodeUnavailable)
		require.Len(t, b.model.Requests(), want)
		require.Contains(t, f.Error(), "status 502")
	}
}

func TestARefusalIsNotRepeatedAndIsLoud(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 413, 422} {
		b := setup(t, quick(), partner.Step{Status: status})
		b.fails(llm.CodeRefused)
		require.Len(t, b.model.Requests(), 1)
		require.Contains(t, b.logs.String(), "level=ERROR")
		require.Contains(t, b.logs.String(), fmt.Sprintf("status %d", status))
	}
}

func TestNeitherKeyNorTextOfAProviderReachesErrorsOrLogs(t *testing.T) {
	t.Parallel()
	const secret = "the learner's words"
	for name, body := range map[string]string{
		"echo in the message": `{"error":{"message":"Incorrect key ` + apiKey + `, ` + secret + `","type":"invalid_request_error","code":"invalid_api_key"}}`,
		"echo in the code":    `{"error":{"message":"x","type":"` + apiKey + `","code":"` + secret + `"}}`,
		"echo in a page":      `<html>` + apiKey + secret,
	} {
		for _, status := range []int{http.StatusUnauthorized, http.StatusInternalServerError} {
			b := serve(t, quick(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Request-Id", "req_42")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}))
			code := map[int]string{http.StatusUnauthorized: llm.CodeRefused, http.StatusInternalServerError: llm.CodeUnavailable}[status]
			_, f := b.fails(code)
			require.NotContains(t, f.Error()+b.logs.String(), secret, name)
			require.Contains(t, f.Error(), "req_42", "the provider can be asked about it")
		}
	}
	b := serve(t, quick(), stream(`data: {"error":{"message":"`+apiKey+secret+`","type":"server_error"}}`+"\n\n"))
	_, f := b.fails(llm.CodeUnavailable)
	require.NotContains(t, f.Error()+b.logs.String(), secret)
	require.Contains(t, f.Error(), "server_error")
}

func TestRetryAfterIsWaitedForOrHandedOn(t *testing.T) {
	t.Parallel()
	at := make(chan time.Time, 2)
	b := serve(t, quick(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at <- time.Now(); len(at) == 1 {
			w.Header().Set("Retry-After-Ms", "80")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		stream(chunk("Hello.")+finished)(w, r)
	}))
	b.succeeds()
	first, second := <-at, <-at
	require.GreaterOrEqual(t, second.Sub(first), 80*time.Millisecond)

	b = setup(t, quick(), partner.Step{Status: http.StatusTooManyRequests, RetryAfter: 30 * time.Second})
	start := time.Now()
	_, f := b.fails(llm.CodeRateLimited)
	require.Less(t, time.Since(start), patience/2)
	require.Equal(t, 30*time.Second, f.RetryAfter)
	require.Len(t, b.model.Requests(), 1, "no learner waits that long")

	b = setup(t, quick(), partner.Step{Status: http.StatusServiceUnavailable, RetryAfter: 20 * time.Second})
	_, f = b.fails(llm.CodeUnavailable)
	require.Equal(t, 20*time.Second, f.RetryAfter)
}

func TestRetryAfterMayBeADate(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]time.Duration{
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): {59 * time.Minute, time.Hour},
		"9999999999999": {24 * time.Hour, 24 * time.Hour},
		"soon":          {0, 0},
		"-3":            {0, 0},
	} {
		cfg := quick()
		cfg.MaxAttempts = 1
		b := serve(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
		}))
		_, f := b.fails(llm.CodeRateLimited)
		require.GreaterOrEqual(t, f.RetryAfter, want[0], value)
		require.LessOrEqual(t, f.RetryAfter, want[1], value)
	}
}

func TestAnEmptyAccountIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	b := serve(t, quick(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}`)
	}))
	b.fails(llm.CodeRefused)
	require.EqualValues(t, 1, b.asked.Load())
	require.Contains(t, b.logs.String(), "level=ERROR")
}

func TestAProviderThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	web.Close()
	cfg := quick()
	cfg.BaseURL = web.URL
	client := llm.New(cfg)
	t.Cleanup(client.Close)
	_, err := client.Stream(t.Context(), hello, func(string) error { return nil })
	require.True(t, fault.Is(err, llm.CodeUnavailable), "%v", err)
	require.Contains(t, err.Error(), "refused")
}

func TestAHandshakeThatHangsIsATimeout(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	cfg := quick()
	cfg.BaseURL, cfg.ConnectTimeout, cfg.MaxAttempts = "https://"+silent.Addr().String(), short, 1
	client := llm.New(cfg)
	t.Cleanup(client.Close)
	_, err = client.Stream(t.Context(), hello, func(string) error { return nil })
	require.True(t, fault.Is(err, llm.CodeTimeout), "%v", err)
}

func TestNoTextInTimeIsATimeout(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.FirstTokenTimeout, cfg.MaxAttempts = short, 2
	b := setup(t, cfg, partner.Step{SilentAfter: -1}, partner.Step{Delay: time.Hour})
	reply, _ := b.fails(llm.CodeTimeout)
	require.Zero(t, reply)
	require.Equal(t, partner.OutcomeLeft, b.ended(0))
	require.Equal(t, partner.OutcomeLeft, b.ended(1))
}

func TestTheWholeCallHasABound(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.TotalTimeout = 2 * short
	b := setup(t, cfg, partner.Step{SilentAfter: -1})
	b.fails(llm.CodeTimeout)
	require.Len(t, b.model.Requests(), 1, "there is no time for another attempt")

	cfg.RetryWait = time.Hour
	b = setup(t, cfg, partner.Step{Status: http.StatusInternalServerError})
	b.fails(llm.CodeUnavailable)

	b = setup(t, cfg, partner.Step{Text: "on and on ", Endless: true, TokenDelay: time.Millisecond})
	reply, _ := b.fails(llm.CodeInterrupted)
	require.NotEmpty(t, reply.Text, "an endless stream ends, with what it said")
}

func TestAfterTheFirstTextNothingIsRepeated(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]partner.Step{
		"silent": {Text: five, SilentAfter: 2},
		"cut":    {Text: five, BreakAfter: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := quick()
			cfg.IdleTimeout = short
			b := setup(t, cfg, step)
			reply, _ := b.fails(llm.CodeInterrupted)
			require.Equal(t, "one two", reply.Text)
			require.Equal(t, llm.Usage{Prompt: 5, Completion: 2, Estimated: true}, reply.Usage)
			require.Len(t, b.model.Requests(), 1)
			b.ended(0)
		})
	}
	for name, raw := range map[string]string{
		"ended cleanly, but unfinished": chunk("one two"),
		"garbage":                       chunk("one two") + "data: {\n\n",
		"another language":              chunk("one two") + "<html>\n",
		"an error event":                chunk("one two") + `data: {"error":{"message":"x","type":"rate_limit_error"}}` + "\n\n",
		"half an event":                 chunk("one two") + `data: {"choices":[{"index":0,"delta":{"content":" three"}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, quick(), stream(raw))
			reply, _ := b.fails(llm.CodeInterrupted)
			require.Equal(t, "one two", reply.Text)
			require.EqualValues(t, 1, b.asked.Load())
		})
	}
}

func TestHeartbeatsAreSilence(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.IdleTimeout = short
	b := serve(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream(chunk("one two"))(w, r)
		tick := time.NewTicker(short / 100)
		defer tick.Stop()
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, ": still here\n\ndata: {\"choices\":[]}\n\n")
			_ = http.NewResponseController(w).Flush()
			<-tick.C
		}
	}))
	reply, f := b.fails(llm.CodeInterrupted)
	require.Equal(t, "one two", reply.Text)
	require.Contains(t, f.Error(), "silent")
}

func TestASlowReaderIsNotASilentModel(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.IdleTimeout = short
	gate := make(chan struct{}, 2)
	gate <- struct{}{}
	gate <- struct{}{}
	b := setup(t, cfg, partner.Step{Text: five, Gate: gate})
	reply, err := b.client.Stream(t.Context(), hello, func(text string) error {
		if text == " two" {
			<-time.After(2 * short) // the time that passes is the point
			close(gate)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, five, reply.Text)
}

func TestAFinishedReplyDoesNotWaitLongForItsCount(t *testing.T) {
	t.Parallel()
	b := serve(t, quick(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream(chunk("Hello.")+finished)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	start := time.Now()
	require.True(t, b.succeeds().Usage.Estimated)
	require.Less(t, time.Since(start), patience/2, "long before the stream counts as silent")
}

func TestWhatIsNoReplyIsGarbledAndNotRepeated(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.Handler{
		"a web page": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>Please log in</html>")
		}),
		"no content type": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, chunk("x")+finished)
		}),
		"not JSON":        stream("data: hello\n\n"),
		"wrong types":     stream(`data: {"choices":7}` + "\n\n"),
		"no events":       stream("<html>\n</html>\n"),
		"an endless line": stream("data: " + strings.Repeat("x", 65<<10)),
		"blank lines":     stream(strings.Repeat("\n", 1000)),
		"nothing said":    stream(finished + "data: [DONE]\n\n"),
		"the end alone":   stream("data: [DONE]\n\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, quick(), handler)
			reply, _, err := b.ask(t.Context())
			require.True(t, fault.Is(err, llm.CodeGarbled), "%v", err)
			require.Empty(t, reply.Text)
			require.EqualValues(t, 1, b.asked.Load())
		})
	}
	b := setup(t, quick(), partner.Step{Garbage: true}, partner.Step{ContentType: "application/json"})
	b.fails(llm.CodeGarbled)
	_, f := b.fails(llm.CodeGarbled)
	require.Contains(t, f.Error(), "application/json")
}

func TestAnErrorEventInsteadOfTheFirstTextIsTriedAgain(t *testing.T) {
	t.Parallel()
	for kind, code := range map[string]string{"server_error": llm.CodeUnavailable, "rate_limit_error": llm.CodeRateLimited} {
		b := serve(t, quick(), stream(`data: {"error":{"message":"x","type":"`+kind+`"}}`+"\n\n"))
		b.fails(code)
		require.EqualValues(t, 3, b.asked.Load())
	}
}

func TestAnEndlessReplyEndsAtItsBound(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.MaxReplyBytes = 1003
	b := setup(t, cfg, partner.Step{Text: "on and on ", Endless: true}, partner.Step{Text: "交货 ", Endless: true})
	reply := b.succeeds()
	require.Len(t, reply.Text, 1003)
	require.Equal(t, "length", reply.FinishReason)
	require.True(t, reply.Usage.Estimated)
	require.Equal(t, partner.OutcomeLeft, b.ended(0))

	reply = b.succeeds()
	require.Equal(t, strings.Repeat("交货 ", 143), reply.Text, "two bytes of room hold no letter of three")
}

func TestSettingsThatCannotWorkAreRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*llm.Config){
		func(c *llm.Config) { c.BaseURL = "" },
		func(c *llm.Config) { c.BaseURL = "model.example/v1" },
		func(c *llm.Config) { c.BaseURL = "ftp://user:" + apiKey + "@model.example" },
		func(c *llm.Config) { c.BaseURL = "http://\x7f" },
		func(c *llm.Config) { c.Model = "" },
	} {
		cfg := quick()
		cfg.BaseURL = "http://127.0.0.1:1"
		change(&cfg)
		_, err := llm.New(cfg).Stream(t.Context(), hello, func(string) error { return nil })
		require.True(t, fault.Is(err, llm.CodeRefused), "%v", err)
		require.NotContains(t, err.Error(), apiKey)
	}
	cfg := quick()
	cfg.Model = "text-davinci-003" // which has no chat
	b := setup(t, cfg)
	b.fails(llm.CodeRefused)
	require.Empty(t, b.model.Requests())
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the learner's words were carried to another host")
	}))
	t.Cleanup(elsewhere.Close)
	b := serve(t, quick(), http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	b.fails(llm.CodeRefused)
}
