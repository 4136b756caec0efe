package llm_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// told gives the lines that tell of a metric, of those that are not 0.
func told(t *testing.T, part prometheus.Collector, name string) []string {
	t.Helper()
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(part))
	families, err := registry.Gather()
	require.NoError(t, err)
	var out []string
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()); v != 0 {
				out = append(out, fmt.Sprint(strings.Join(labels, " "), " ", v))
			}
		}
	}
	return out
}

func TestACallIsCountedWithItsTokensAndWhatTheyCost(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.Price = &llm.Price{In: 2_000_000, Out: 4_000_000} // two dollars a token, and four
	b := setup(t, cfg, partner.Step{Text: five})
	b.succeeds()
	m := b.client.Metrics()
	require.Equal(t, []string{"chat fluentpro-partner ok 1"}, told(t, m, "fluentpro_model_calls_total"))
	require.Equal(t, []string{"chat fluentpro-partner ok 1"}, told(t, m, "fluentpro_model_attempts_total"))
	require.Equal(t, []string{"chat in fluentpro-partner 7", "chat out fluentpro-partner 5"}, told(t, m, "fluentpro_model_tokens_total"))
	require.Equal(t, []string{"chat fluentpro-partner 34"}, told(t, m, "fluentpro_model_cost_dollars_total"))
	require.Equal(t, []string{"chat fluentpro-partner 1"}, told(t, m, "fluentpro_model_first_token_seconds"))
	require.Equal(t, []string{"chat fluentpro-partner 4"}, told(t, m, "fluentpro_model_between_tokens_seconds"), "between five pieces")
	require.Equal(t, []string{"chat fluentpro-partner 1"}, told(t, m, "fluentpro_model_call_duration_seconds"))
	require.Empty(t, told(t, m, "fluentpro_model_calls_in_flight"), "it is over")
	require.Empty(t, told(t, m, "fluentpro_breaker_state"), "it is closed")
	require.True(t, b.client.Asked())
}

func TestWithoutAPriceNothingIsSaidOfCosts(t *testing.T) {
	t.Parallel()
	b := setup(t, quick(), partner.Step{Text: five})
	b.succeeds()
	require.Zero(t, testutil.CollectAndCount(b.client.Metrics(), "fluentpro_model_cost_dollars_total"))
}

func TestCallsAreCountedByHowTheyEndedAndTheirAttemptsToo(t *testing.T) {
	t.Parallel()
	statuses := make(chan int, 8)
	cfg := quick()
	cfg.MaxAttempts = 2
	cfg.Breaker = llm.BreakerConfig{Failures: 3, OpenFor: patience}
	b := serve(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := <-statuses; status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		stream(chunk("hello")+finished+"data: [DONE]\n\n")(w, r)
	}))
	for _, status := range []int{503, 200, 401, 503, 503} {
		statuses <- status
	}
	b.succeeds()
	b.fails(llm.CodeRefused)
	b.fails(llm.CodeUnavailable)
	statuses <- 503
	b.fails(llm.CodeUnavailable) // the third failure in a row, then the breaker
	b.fails(llm.CodeUnavailable) // the breaker alone
	m := b.client.Metrics()
	require.Equal(t, []string{
		"chat fluentpro-partner breaker_open 2", "chat fluentpro-partner ok 1", "chat fluentpro-partner refused 1",
		"chat fluentpro-partner unavailable 1",
	}, told(t, m, "fluentpro_model_calls_total"))
	require.Contains(t, told(t, m, "fluentpro_model_attempts_total"), "chat fluentpro-partner unavailable 4")
	require.Equal(t, []string{"model_chat 2"}, told(t, m, "fluentpro_breaker_state"))
	require.False(t, b.client.Asked())
}

func TestACallerWhoWantsNoMoreIsNotTheModelsFault(t *testing.T) {
	t.Parallel()
	b := setup(t, quick(), partner.Step{Text: five})
	enough := errors.New("enough")
	_, err := b.client.Stream(t.Context(), hello, func(string) error { return enough })
	require.ErrorIs(t, err, enough)
	require.Equal(t, []string{"chat fluentpro-partner left 1"}, told(t, b.client.Metrics(), "fluentpro_model_calls_total"))
}

func TestEmbeddingsOfModelsThatAreNotKnownAreCountedAsOne(t *testing.T) {
	t.Parallel()
	model := partner.New(partner.Config{})
	t.Cleanup(model.Close)
	server := httptest.NewServer(model)
	t.Cleanup(server.Close)
	e := llm.NewEmbedder(llm.EmbedConfig{BaseURL: server.URL + "/v1", Model: partner.EmbeddingVersion, Price: &llm.Price{In: 1}})
	t.Cleanup(e.Close)
	for _, name := range []string{partner.EmbeddingVersion, "older-1", "older-2"} {
		_, err := e.Embed(t.Context(), name, []string{"a text"})
		require.NoError(t, err)
	}
	m := e.Metrics()
	require.Equal(t, []string{"embeddings other ok 2", "embeddings " + partner.EmbeddingVersion + " ok 1"}, told(t, m, "fluentpro_model_calls_total"))
	require.Equal(t, 1, testutil.CollectAndCount(m, "fluentpro_model_cost_dollars_total"), "only the price of the known one is known")
	require.Empty(t, told(t, m, "fluentpro_model_first_token_seconds"))
	unnamed := llm.NewEmbedder(llm.EmbedConfig{BaseURL: server.URL + "/v1"})
	t.Cleanup(unnamed.Close)
	_, err := unnamed.Embed(t.Context(), "older-1", []string{"a text"})
	require.NoError(t, err)
	require.Equal(t, []string{"embeddings other ok 1"}, told(t, unnamed.Metrics(), "fluentpro_model_calls_total"))
}
