package llm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
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

const embedModel = "fluentpro-partner"

// embedBundle is an embedder before a server that can be made to fail.
type embedBundle struct {
	*bundle
	embedder *llm.Embedder
}

func quickEmbed() llm.EmbedConfig {
	return llm.EmbedConfig{
		APIKey: " " + apiKey + "\n", RetryWait: time.Millisecond, Timeout: patience, TotalTimeout: patience,
		Breaker: llm.BreakerConfig{Failures: 100},
	}
}

// setupEmbed puts the embedder before the built-in partner.
func setupEmbed(t *testing.T, cfg llm.EmbedConfig, steps ...partner.Step) *embedBundle {
	t.Helper()
	model := partner.New(partner.Config{})
	t.Cleanup(model.Close)
	model.ScriptEmbeddings(steps...)
	b := serveEmbed(t, cfg, model)
	b.model = model
	return b
}

// serveEmbed puts the embedder before a handler of the test's own.
func serveEmbed(t *testing.T, cfg llm.EmbedConfig, handler http.Handler) *embedBundle {
	t.Helper()
	b := &embedBundle{bundle: serve(t, quick(), handler)}
	cfg.BaseURL, cfg.Logger = b.url+"/v1/", slog.New(slog.NewTextHandler(b.logs, nil))
	b.embedder = llm.NewEmbedder(cfg)
	t.Cleanup(b.embedder.Close)
	return b
}

func (b *embedBundle) embed(texts ...string) [][]float32 {
	b.t.Helper()
	vectors, err := b.embedder.Embed(b.t.Context(), embedModel, texts)
	require.NoError(b.t, err)
	require.Len(b.t, vectors, len(texts))
	return vectors
}

// refuses embeds a text and expects a fault with this code.
func (b *embedBundle) refuses(code string) *fault.Error {
	b.t.Helper()
	vectors, err := b.embedder.Embed(b.t.Context(), embedModel, []string{"a hotel receptionist"})
	require.Nil(b.t, vectors)
	require.True(b.t, fault.Is(err, code), "%s: %v", code, err)
	require.Equal(b.t, fault.Unavailable, fault.Find(err).Kind)
	b.requireNoKey(err)
	require.NotContains(b.t, err.Error()+b.logs.String(), "receptionist")
	return fault.Find(err)
}

// vectorsOf answers with these vectors, whatever was asked.
func vectorsOf(vectors ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = fmt.Fprintf(w, `{"object":"list","model":"m","data":[%s]}`, strings.Join(vectors, ","))
	}
}

func TestEveryTextGetsAVectorOfLengthOneInItsPlace(t *testing.T) {
	t.Parallel()
	b := setupEmbed(t, quickEmbed())
	texts := []string{"a hotel receptionist", "酒店前台", "a truck driver"}
	vectors := b.embed(texts...)
	for i, text := range texts {
		require.Equal(t, vectors[i], b.embed(text)[0], "alone or with others, a text has one vector")
		require.Len(t, vectors[i], 256)
		require.InDelta(t, 1, dot(vectors[i], vectors[i]), 1e-6)
	}
	require.Greater(t, dot(vectors[0], vectors[1]), dot(vectors[0], vectors[2]))
	require.Empty(t, b.logs.String(), "success makes no noise")
	require.Empty(t, b.model.Requests(), "no chat was asked for")
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestTheEmbeddingRequestIsTheProtocols(t *testing.T) {
	t.Parallel()
	cfg := quickEmbed()
	b := setupEmbed(t, cfg)
	b.embed("one", "two")
	cfg.Dimensions = 512
	long := setupEmbed(t, cfg)
	require.Len(t, long.embed("one")[0], 512)

	sent := b.model.EmbeddingRequests()[0]
	require.Equal(t, "Bearer "+apiKey, sent.Authorization)
	require.JSONEq(t, `{"model":"fluentpro-partner","input":["one","two"]}`, string(sent.Body))
	require.JSONEq(t, `{"model":"fluentpro-partner","input":["one"],"dimensions":512}`, string(long.model.EmbeddingRequests()[0].Body))
}

func TestManyTextsAreSeveralRequests(t *testing.T) {
	t.Parallel()
	sizes := func(b *embedBundle) (sizes []int) {
		for _, r := range b.model.EmbeddingRequests() {
			var body struct{ Input []string }
			require.NoError(t, json.Unmarshal(r.Body, &body))
			sizes = append(sizes, len(body.Input))
		}
		return sizes
	}
	b := setupEmbed(t, quickEmbed())
	var texts []string
	for i := range 130 {
		texts = append(texts, fmt.Sprintf("the accountant of branch %c%c", 'a'+i/26, 'a'+i%26))
	}
	vectors := b.embed(texts...)
	require.Equal(t, []int{64, 64, 2}, sizes(b))
	require.Equal(t, b.embed(texts[100])[0], vectors[100], "each vector is in its text's place")

	b = setupEmbed(t, quickEmbed())
	long := strings.Repeat("会计", 5_000) // 10,000 characters
	b.embed(long, long, long, long, long, long, long, long, long, long, "x", long)
	require.Equal(t, []int{10, 2}, sizes(b))

	b = setupEmbed(t, quickEmbed())
	require.Empty(t, b.embed())
	require.Empty(t, b.model.EmbeddingRequests(), "no text needs no request")
}

func TestVectorsComeBackInOrderAndNormalised(t *testing.T) {
	t.Parallel()
	b := serveEmbed(t, quickEmbed(), vectorsOf(`{"index":1,"embedding":[0,5e-30]}`, `{"index":0,"embedding":[3,-4]}`))
	require.Equal(t, [][]float32{{0.6, -0.8}, {0, 1}}, b.embed("first", "second"))
}

func TestVectorsThatCannotBeUsedAreGarbled(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.Handler{
		"none":              vectorsOf(),
		"too many":          vectorsOf(`{"index":0,"embedding":[1]}`, `{"index":1,"embedding":[1]}`),
		"another's":         vectorsOf(`{"index":1,"embedding":[1]}`),
		"before the first":  vectorsOf(`{"index":-1,"embedding":[1]}`),
		"empty":             vectorsOf(`{"index":0,"embedding":[]}`),
		"null":              vectorsOf(`{"index":0,"embedding":null}`),
		"zero":              vectorsOf(`{"index":0,"embedding":[0,0,-0]}`),
		"beyond all bounds": vectorsOf(`{"index":0,"embedding":[1e39]}`),
		"not a number":      vectorsOf(`{"index":0,"embedding":[NaN]}`),
		"words":             vectorsOf(`{"index":0,"embedding":["one"]}`),
		"an error in place": vectorsOf(`{"error":{"message":"` + apiKey + `"}}`),
		"cut in two":        vectorsOf(`{"index":0,"embedding":[1`),
		"a web page":        http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }),
		"nothing": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
		}),
		"far too much": vectorsOf(`{"index":0,"embedding":[1` + strings.Repeat(",1", 8<<20) + `]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serveEmbed(t, quickEmbed(), handler)
			b.refuses(llm.CodeGarbled)
			require.EqualValues(t, 1, b.asked.Load(), "another attempt would bring the same")
		})
	}
	b := serveEmbed(t, quickEmbed(), vectorsOf(`{"index":0,"embedding":[1,0]}`, `{"index":1,"embedding":[1]}`))
	_, err := b.embedder.Embed(t.Context(), embedModel, []string{"one", "two"})
	require.True(t, fault.Is(err, llm.CodeGarbled), "unequal lengths: %v", err)
	b = serveEmbed(t, quickEmbed(), vectorsOf(`{"index":0,"embedding":[1,0]}`, `{"index":0,"embedding":[1,0]}`))
	_, err = b.embedder.Embed(t.Context(), embedModel, []string{"one", "two"})
	require.True(t, fault.Is(err, llm.CodeGarbled), "an index twice: %v", err)

	cfg := quickEmbed()
	cfg.Dimensions = 3
	b = serveEmbed(t, cfg, vectorsOf(`{"index":0,"embedding":[1,0]}`))
	require.Contains(t, b.refuses(llm.CodeGarbled).Error(), "2 dimensions instead of 3")
	b = setupEmbed(t, quickEmbed(), partner.Step{Garbage: true}, partner.Step{ContentType: "text/plain"})
	b.refuses(llm.CodeGarbled)
	require.Contains(t, b.refuses(llm.CodeGarbled).Error(), "text/plain")
}

func TestLaterRequestsMustBringVectorsOfTheSameLength(t *testing.T) {
	t.Parallel()
	calls := 0
	b := serveEmbed(t, quickEmbed(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var list []string
		calls++
		for i := range map[int]int{1: 64, 2: 1}[calls] {
			list = append(list, fmt.Sprintf(`{"index":%d,"embedding":[1%s]}`, i, strings.Repeat(",1", calls)))
		}
		vectorsOf(list...)(w, r)
	}))
	_, err := b.embedder.Embed(t.Context(), embedModel, strings.Split(strings.Repeat("x ", 64)+"y", " "))
	require.True(t, fault.Is(err, llm.CodeGarbled), "%v", err)
	require.Equal(t, 2, calls)
}

func TestEmbeddingIsTriedAgainWhereItMayPass(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]partner.Step{
		"500":    {Status: http.StatusInternalServerError},
		"408":    {Status: http.StatusRequestTimeout},
		"429":    {Status: http.StatusTooManyRequests},
		"cut":    {BreakAfter: -1},
		"silent": {SilentAfter: -1},
		"late":   {Delay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := quickEmbed()
			if step.SilentAfter != 0 || step.Delay != 0 {
				cfg.Timeout = 2 * time.Second // the third answer must come within it, on a busy machine too
			}
			b := setupEmbed(t, cfg, step, step)
			b.embed("a hotel receptionist")
			require.Len(t, b.model.EmbeddingRequests(), 3)
			require.Equal(t, 2, strings.Count(b.logs.String(), "level=WARN"))
		})
	}
}

func TestEmbeddingFailsWithTheSameFaultsAsChat(t *testing.T) {
	t.Parallel()
	cfg := quickEmbed()
	cfg.MaxAttempts, cfg.Timeout = 2, short
	for code, step := range map[string]partner.Step{
		llm.CodeUnavailable: {Status: http.StatusBadGateway},
		llm.CodeRateLimited: {Status: http.StatusTooManyRequests},
		llm.CodeTimeout:     {SilentAfter: -1},
	} {
		b := setupEmbed(t, cfg, step, step, step)
		b.refuses(code)
		require.Len(t, b.model.EmbeddingRequests(), 2, code)
	}
	b := setupEmbed(t, cfg, partner.Step{Status: http.StatusUnauthorized})
	require.Contains(t, b.refuses(llm.CodeRefused).Error(), "invalid_api_key")
	require.Len(t, b.model.EmbeddingRequests(), 1)
	require.Contains(t, b.logs.String(), "level=ERROR", "an operator has to act")
	b = setupEmbed(t, cfg, partner.Step{Status: http.StatusTooManyRequests, RetryAfter: 30 * time.Second})
	require.Equal(t, 30*time.Second, b.refuses(llm.CodeRateLimited).RetryAfter)
	require.Len(t, b.model.EmbeddingRequests(), 1, "nobody waits that long")
}

func TestOneCallOfManyRequestsHasABound(t *testing.T) {
	t.Parallel()
	cfg := quickEmbed()
	cfg.TotalTimeout = 5 * time.Second // the first request takes some of it on a busy machine
	cfg.Timeout = time.Minute
	b := setupEmbed(t, cfg, partner.Step{}, partner.Step{Delay: time.Hour})
	_, err := b.embedder.Embed(t.Context(), embedModel, strings.Split(strings.Repeat("x ", 64)+"y", " "))
	require.True(t, fault.Is(err, llm.CodeTimeout), "%v", err)
	require.Len(t, b.model.EmbeddingRequests(), 2)
}

func TestEmbeddingsDownDoNotStopChat(t *testing.T) {
	t.Parallel()
	cfg := quickEmbed()
	cfg.MaxAttempts, cfg.Breaker = 1, llm.BreakerConfig{Failures: 2, OpenFor: time.Minute}
	b := setupEmbed(t, cfg, down, down)
	b.refuses(llm.CodeUnavailable)
	b.refuses(llm.CodeUnavailable)
	require.Greater(t, b.refuses(llm.CodeUnavailable).RetryAfter, 50*time.Second)
	require.Len(t, b.model.EmbeddingRequests(), 2, "an open breaker asks nobody")
	require.Contains(t, b.logs.String(), "breaker=embeddings")
	b.succeeds()
}

func TestATrialThatEmbedsClosesTheBreaker(t *testing.T) {
	t.Parallel()
	cfg := quickEmbed()
	cfg.MaxAttempts, cfg.Breaker = 1, llm.BreakerConfig{Failures: 1, OpenFor: short / 10}
	b := setupEmbed(t, cfg, down)
	b.refuses(llm.CodeUnavailable)
	require.Eventually(t, func() bool {
		_, err := b.embedder.Embed(t.Context(), embedModel, []string{"x"})
		return err == nil
	}, patience, time.Millisecond)
	b.embed("y")
	require.Contains(t, b.logs.String(), "to=closed")
}

func TestTextsThatCannotBeEmbeddedAreNotSent(t *testing.T) {
	t.Parallel()
	b := setupEmbed(t, quickEmbed())
	for _, texts := range [][]string{{""}, {"fine", " \n"}} {
		_, err := b.embedder.Embed(t.Context(), embedModel, texts)
		require.True(t, fault.Is(err, llm.CodeRefused), "%v", err)
	}
	_, err := b.embedder.Embed(t.Context(), "", []string{"fine"})
	require.True(t, fault.Is(err, llm.CodeRefused), "%v", err)
	cfg := quickEmbed()
	cfg.BaseURL = "ftp://user:" + apiKey + "@model.example"
	_, err = llm.NewEmbedder(cfg).Embed(t.Context(), embedModel, []string{"fine"})
	require.True(t, fault.Is(err, llm.CodeRefused), "%v", err)
	require.NotContains(t, err.Error(), apiKey)
	require.Empty(t, b.model.EmbeddingRequests())
}

func TestARedirectOfTextsIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the learner's words were carried to another host")
	}))
	t.Cleanup(elsewhere.Close)
	b := serveEmbed(t, quickEmbed(), http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	b.refuses(llm.CodeRefused)
}

func FuzzEmbed(f *testing.F) {
	f.Add(200, []byte(`{"data":[{"index":0,"embedding":[1,2,3]}]}`))
	f.Add(200, []byte(`{"data":[{"index":0,"embedding":[1e38,1e-45]}],"usage":{"total_tokens":-1}}`))
	f.Add(429, []byte(`{"error":{"type":1,"code":null,"param":[]}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		cfg := quickEmbed()
		cfg.BaseURL, cfg.MaxAttempts = "http://model.invalid", 1
		cfg.Transport = canned{status: status, body: body, media: "application/json"}
		vectors, err := llm.NewEmbedder(cfg).Embed(t.Context(), embedModel, []string{"x"})
		if err != nil {
			require.NotNil(t, fault.Find(err))
			return
		}
		require.Len(t, vectors, 1)
		require.InDelta(t, 1, math.Sqrt(dot(vectors[0], vectors[0])), 1e-6)
	})
}
