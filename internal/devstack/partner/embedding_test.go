package partner_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// embed gives the vectors of texts, without HTTP between.
func embed(t testing.TB, server *partner.Server, dimensions int, texts ...string) [][]float32 {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"model": "any", "input": texts, "dimensions": dimensions})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/embeddings", bytes.NewReader(raw)))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var answer struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Len(t, answer.Data, len(texts))
	out := make([][]float32, len(texts))
	for i, d := range answer.Data {
		require.Equal(t, i, d.Index)
		require.Len(t, d.Embedding, dimensions)
		out[i] = d.Embedding
	}
	return out
}

func cosine(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// goldenVectors are the hashes of vectors, among them those of all concepts, by the version that makes them.
// Where the test below fails, vectors have changed: give EmbeddingVersion a new
// value and put its hash here, so that those who keep vectors make them anew.
var goldenVectors = map[string]string{
	"partner-1": "5e0b5820ff451f1675bb01a95315b3380d54213ead77c58a66b93de4b6ed1449",
}

func TestVectorsChangeOnlyWithTheirVersion(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("thesaurus.txt")
	require.NoError(t, err)
	texts := append(strings.Split(string(table), "\n"), // a change to any concept shows
		"I help guests to book a restaurant", "礼宾 预订餐厅", "會計師，做帳和報稅", "Sr. acountant (AP/AR), 3PL & F&B", "Ωμέγα ...", "!",
		strings.Repeat("I check the cargo documents of each vessel and talk to the customs. ", 20))
	texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	h := sha256.New()
	for _, dimensions := range []int{64, 256} {
		for _, v := range embed(t, partner.New(partner.Config{}), dimensions, texts...) {
			require.NoError(t, binary.Write(h, binary.LittleEndian, v))
		}
	}
	require.Equal(t, goldenVectors[partner.EmbeddingVersion], hex.EncodeToString(h.Sum(nil)), partner.EmbeddingVersion)
}

func TestTheSameTextHasTheSameVector(t *testing.T) {
	t.Parallel()
	one, other := partner.New(partner.Config{}), partner.New(partner.Config{})
	for _, text := range []string{"I manage the port terminal and its crew.", "我负责港口码头的日常运营，管理船员。", "a", "的", "\x01", strings.Repeat("x", 32<<10)} {
		a := embed(t, one, 256, text)[0]
		require.Equal(t, a, embed(t, other, 256, "something else", text)[1], "on any server, in any company")
		require.InDelta(t, 1, math.Sqrt(cosine(a, a)), 1e-6, text)
	}
}

func TestEmbeddingsAreTheProtocols(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	res, body := b.do(http.MethodPost, "/v1/embeddings", `{"model":"any","input":"a hotel receptionist"}`)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "application/json", res.Header.Get("Content-Type"))
	var answer struct {
		Object, Model string
		Usage         map[string]int
		Data          []struct {
			Object    string
			Index     int
			Embedding []float32
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.Equal(t, []string{"list", "any", "embedding"}, []string{answer.Object, answer.Model, answer.Data[0].Object})
	require.Equal(t, map[string]int{"prompt_tokens": 4, "total_tokens": 4}, answer.Usage)
	require.Len(t, answer.Data[0].Embedding, 256)

	_, body = b.do(http.MethodPost, "/v1/embeddings", `{"model":"any","input":["a hotel receptionist"],"encoding_format":"base64"}`)
	var coded struct {
		Data []struct{ Embedding string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &coded))
	raw, err := base64.StdEncoding.DecodeString(coded.Data[0].Embedding)
	require.NoError(t, err)
	numbers := make([]float32, 256)
	require.NoError(t, binary.Read(bytes.NewReader(raw), binary.LittleEndian, numbers))
	require.Equal(t, answer.Data[0].Embedding, numbers)
}

func TestAWrongRequestForEmbeddingsIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	for body, param := range map[string]any{
		`{`:                              nil,
		`{"model":"m","input":7}`:        nil,
		`{"model":"m","input":[7]}`:      nil,
		`{"input":"x"}`:                  "model",
		`{"model":"m"}`:                  "input",
		`{"model":"m","input":[]}`:       "input",
		`{"model":"m","input":""}`:       "input",
		`{"model":"m","input":["x",""]}`: "input",
		`{"model":"m","input":"` + strings.Repeat("x", 32<<10+1) + `"}`:   "input",
		`{"model":"m","input":[` + strings.Repeat(`"x",`, 2048) + `"x"]}`: "input",
		`{"model":"m","input":"x","dimensions":63}`:                       "dimensions",
		`{"model":"m","input":"x","dimensions":3073}`:                     "dimensions",
		`{"model":"m","input":"x","encoding_format":"int8"}`:              "encoding_format",
	} {
		res, answer := b.do(http.MethodPost, "/v1/embeddings", body)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, body)
		var problem struct{ Error map[string]any }
		require.NoError(t, json.Unmarshal([]byte(answer), &problem))
		require.Equal(t, param, problem.Error["param"], body)
	}
	for _, r := range b.server.EmbeddingRequests() {
		require.Equal(t, partner.OutcomeRefused, r.Outcome)
	}
}

func TestEmbeddingsFailAsScriptedAndLeaveChatAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	b.server.Script(partner.Step{Text: "Still here."})
	b.server.ScriptEmbeddings(partner.Step{Status: http.StatusTooManyRequests, RetryAfter: 2 * time.Second},
		partner.Step{Garbage: true}, partner.Step{ContentType: "text/html", OmitUsage: true})
	const body = `{"model":"m","input":"x"}`
	res, answer := b.do(http.MethodPost, "/v1/embeddings", body)
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	require.Equal(t, "2", res.Header.Get("Retry-After"))
	require.Contains(t, answer, "rate_limit_exceeded")
	_, answer = b.do(http.MethodPost, "/v1/embeddings", body)
	require.False(t, json.Valid([]byte(answer)))
	res, answer = b.do(http.MethodPost, "/v1/embeddings", body)
	require.Equal(t, "text/html", res.Header.Get("Content-Type"))
	require.NotContains(t, answer, "usage")
	_, answer = b.do(http.MethodPost, "/v1/embeddings", body)
	require.Contains(t, answer, "usage", "after the last step all is well")

	require.Equal(t, "Still here.", say(t, b.server, user("Hello")))
	require.Len(t, b.server.Requests(), 1)
	require.Len(t, b.server.EmbeddingRequests(), 4)
}

func TestEmbeddingsAreCutAndHeld(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	post := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.web.URL+"/v1/embeddings", strings.NewReader(`{"model":"m","input":"x"}`))
		if err != nil {
			return err
		}
		res, err := b.web.Client().Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		return err
	}
	became := func(outcome string, n int) {
		require.Eventually(t, func() bool {
			all := b.server.EmbeddingRequests()
			return len(all) == n && all[n-1].Outcome == outcome
		}, patience, time.Millisecond)
	}
	b.server.ScriptEmbeddings(partner.Step{BreakAfter: -1}, partner.Step{SilentAfter: -1}, partner.Step{Delay: time.Hour}, partner.Step{SilentAfter: 3})
	require.Error(t, post(t.Context()))
	became(partner.OutcomeCut, 1)
	for n := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- post(ctx) }()
		became(partner.OutcomePending, n+2)
		cancel()
		require.ErrorIs(t, <-failed, context.Canceled)
		became(partner.OutcomeLeft, n+2)
	}
	failed := make(chan error, 1)
	go func() { failed <- post(t.Context()) }()
	became(partner.OutcomePending, 4)
	b.server.Close()
	require.Error(t, <-failed)
	became(partner.OutcomeCut, 4)
}

func TestEmbeddingStepsCanBeSetOverHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t, partner.Config{})
	_, body := b.do(http.MethodPost, "/control", `{"steps":[{"text":"Scripted."}],"embedding_steps":[{"status":503},{"delay_ms":1}]}`)
	require.JSONEq(t, `{"waiting":1,"embeddings_waiting":2}`, body)
	res, _ := b.do(http.MethodPost, "/v1/embeddings", `{"model":"m","input":"x"}`)
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Equal(t, "Scripted.", say(t, b.server, user("Hello")))
	_, body = b.do(http.MethodGet, "/control/requests", "")
	var shown struct {
		Requests []struct{ Operation, Outcome string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &shown))
	require.Equal(t, []struct{ Operation, Outcome string }{{"embeddings", "refused"}, {"chat", "answered"}}, shown.Requests)

	for _, wrong := range []string{`{"text":"x"}`, `{"finish_reason":"stop"}`, `{"token_delay_ms":1}`, `{"endless":true}`, `{"status":200}`} {
		res, _ = b.do(http.MethodPost, "/control", `{"steps":[{}],"embedding_steps":[`+wrong+`]}`)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, wrong)
	}
	b.do(http.MethodDelete, "/control", "")
	require.Empty(t, b.server.EmbeddingRequests())
	_, body = b.do(http.MethodPost, "/control", `{}`)
	require.JSONEq(t, `{"waiting":0}`, body, "the steps are forgotten")
}

func FuzzEmbeddings(f *testing.F) {
	f.Add("I help guests to book a restaurant")
	f.Add("會計 F&B, B/L's ’&/ acountant 1st ١٢ \u0301")
	server := partner.New(partner.Config{})
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || len(text) > 32<<10 {
			return
		}
		v := embed(t, server, 64, strings.ToValidUTF8(text, "?"))[0]
		require.InDelta(t, 1, cosine(v, v), 1e-5)
	})
}

// sixty is a description of sixty words.
const sixty = "I am responsible for the daily operations of the warehouse, plan the shifts of the pickers and make sure that every order " +
	"leaves the building on time. We check stock levels, talk to the hauliers about late trucks and report to the regional manager each " +
	"week. My team has twelve people, and I train the new ones myself before they drive a forklift."

func BenchmarkEmbeddings(b *testing.B) {
	server := partner.New(partner.Config{})
	embed(b, server, 256, sixty)
	texts := make([]string, 64)
	for i := range texts {
		texts[i] = sixty
	}
	for b.Loop() {
		embed(b, server, 256, texts...)
	}
	b.ReportMetric(float64(b.N*len(texts))/b.Elapsed().Seconds(), "texts/s")
}
