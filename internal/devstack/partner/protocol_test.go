package partner_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

func TestAStreamIsTheProtocolToTheByte(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	b.server.Script(partner.Step{Text: "Good morning, \"Ms Li\"."})
	res := b.open(map[string]any{"stream_options": map[string]bool{"include_usage": true}}, user("Hello"))
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)

	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	golden(t, "stream.sse", string(raw))
	require.Equal(t, partner.OutcomeAnswered, b.outcome())
}

func TestUsageIsSentOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	raw, err := io.ReadAll(b.open(nil, user("Hello")).Body)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "usage")

	b.server.Script(partner.Step{OmitUsage: true})
	raw, err = io.ReadAll(b.open(map[string]any{"stream_options": map[string]bool{"include_usage": true}}, user("Hello")).Body)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "usage")
	require.Contains(t, string(raw), "data: [DONE]")
}

func TestAWholeAnswerAndItsStreamSayTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	raw, err := io.ReadAll(b.open(nil, user("How much does it cost?")).Body)
	require.NoError(t, err)
	require.Equal(t, say(t, b.server, user("How much does it cost?")), deltas(t, string(raw)))
}

func TestMaxTokensEndsTheAnswerWithLength(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		b.server.Script(partner.Step{Text: "one two three four five"})
		_, body := b.do(http.MethodPost, "/v1/chat/completions", chatBody(t, map[string]any{name: 3}, user("Count.")))
		var reply struct {
			Choices []struct {
				Message message `json:"message"`
				Reason  string  `json:"finish_reason"`
			} `json:"choices"`
			Usage map[string]int `json:"usage"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &reply))
		require.Equal(t, "one two three", reply.Choices[0].Message.Content)
		require.Equal(t, "length", reply.Choices[0].Reason)
		require.Equal(t, 3, reply.Usage["completion_tokens"])
		require.Equal(t, reply.Usage["prompt_tokens"]+3, reply.Usage["total_tokens"])
	}
}

func TestEveryTextArrivesUnchangedThroughItsTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for _, text := range []string{
		"x", " leading and trailing ", "two  spaces\n\nand lines", "unbelievably long-winded, isn't it?",
		"我们可以在五月十日之前交货。 OK?", "naïve café — €42.50", "a\u0301e\u0301", "\t",
	} {
		b.server.Script(partner.Step{Text: text})
		raw, err := io.ReadAll(b.open(nil, user("Say it.")).Body)
		require.NoError(t, err)
		require.Equal(t, text, deltas(t, string(raw)))
	}
}

func TestTheModelIsListed(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	_, body := b.do(http.MethodGet, "/v1/models", "")
	require.Contains(t, body, `"id":"`+b.server.ModelName()+`"`)
	res, body := b.do(http.MethodGet, "/v1/models/"+b.server.ModelName(), "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, body, b.server.ModelName())
	res, body = b.do(http.MethodGet, "/v1/models/other", "")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	require.Contains(t, body, "model_not_found")
}

func TestAWrongRequestIsRefusedInTheProtocolsForm(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	hello := []message{user("Hello")}
	for name, c := range map[string]struct {
		body  string
		param any
	}{
		"not JSON":              {"{", nil},
		"two values":            {chatBody(t, nil, hello...) + "{}", nil},
		"no model":              {`{"messages":[{"role":"user","content":"x"}]}`, "model"},
		"no messages":           {`{"model":"m","messages":[]}`, "messages"},
		"unknown role":          {`{"model":"m","messages":[{"role":"boss","content":"x"}]}`, "messages[0].role"},
		"a picture":             {`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, nil},
		"content of no kind":    {`{"model":"m","messages":[{"role":"user","content":7}]}`, nil},
		"no token allowed":      {chatBody(t, map[string]any{"max_tokens": 0}, hello...), "max_tokens"},
		"too hot":               {chatBody(t, map[string]any{"temperature": 3}, hello...), "temperature"},
		"two choices":           {chatBody(t, map[string]any{"n": 2}, hello...), "n"},
		"options for no stream": {chatBody(t, map[string]any{"stream_options": map[string]bool{"include_usage": true}}, hello...), "stream_options"},
	} {
		res, body := b.do(http.MethodPost, "/v1/chat/completions", c.body)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, name)
		var problem struct {
			Error map[string]any `json:"error"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &problem), name)
		require.Equal(t, "invalid_request_error", problem.Error["type"], name)
		require.NotEmpty(t, problem.Error["message"], name)
		require.Equal(t, c.param, problem.Error["param"], name)
		require.Equal(t, partner.OutcomeRefused, b.outcome(), name)
	}
	res, _ := b.do(http.MethodPost, "/v1/chat/completions", strings.Repeat("x", 1<<20+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
	res, body := b.do(http.MethodGet, "/v1/embeddings", "")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	require.Contains(t, body, "unknown_url")
}

func TestContentMayComeInParts(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	_, whole := b.do(http.MethodPost, "/v1/chat/completions",
		`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Is 42 "},{"type":"text","text":"euros fine?"}]},{"role":"assistant","content":null}]}`)
	require.Contains(t, whole, "42 euros")
}

func TestRequestsKeepsTheLastHundredToTheByte(t *testing.T) {
	t.Parallel()
	server := partner.New(partner.Config{})
	for range 101 {
		say(t, server, user("again"))
	}
	body := "{ \"model\":\"m\",\n\"messages\":[{\"role\":\"user\",\"content\":\"last\"}] }"
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer secret-key")
	server.ServeHTTP(httptest.NewRecorder(), req)

	all := server.Requests()
	require.Len(t, all, 100)
	require.Equal(t, body, string(all[99].Body))
	require.Equal(t, "Bearer secret-key", all[99].Authorization)
	require.NotZero(t, all[99].At)
}

func FuzzChat(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"system","content":"You are a supplier"},{"role":"user","content":"Is 42 euros by 10 May fine?"}]}`))
	f.Add([]byte(`{"model":"m","stream":true,"max_tokens":2,"messages":[{"role":"user","content":[{"type":"text","text":"I am Li Wei."}]}]}`))
	f.Add([]byte(`{"model":"m","messages":[{"role":"assistant","content":"{noun}?"},{"role":"user","content":"sorry?"}]}`))
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"\u0000\ud800 你好 ١٢"}]}`))
	server := partner.New(partner.Config{})
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(string(body))))
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, w.Code)
		if w.Code == http.StatusOK && w.Header().Get("Content-Type") == "application/json" {
			require.True(t, json.Valid(w.Body.Bytes()))
		}
	})
}
