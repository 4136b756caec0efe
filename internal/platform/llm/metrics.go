package llm

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// Price is what a model costs, in US dollars for a million tokens.
type Price struct{ In, Out float64 }

// million is how many tokens a Price is for.
const million = 1e6

// Outcomes of attempts and calls, as metrics have them, beside the codes without "model.".
const (
	outcomeOK   = "ok"
	outcomeOpen = "breaker_open" // the provider was not asked
	outcomeLeft = "left"         // the caller gave up
)

var outcomes = []string{outcomeOK, outcomeOpen, outcomeLeft, "unavailable", "rate_limited", "timeout", "interrupted", "refused", "garbled"}

// metrics count what one kind of client asks of models.
type metrics struct {
	model           string // called by its name; others are one
	price           *Price
	calls, attempts *prometheus.CounterVec
	tokens, cost    *prometheus.CounterVec
	durations       *prometheus.HistogramVec
	first, between  *prometheus.HistogramVec
	inFlight        prometheus.Gauge
	breaker         prometheus.Collector
	known           spoken
	firstOf, gaps   prometheus.Observer // of the known model
}

// spoken counts what a model costs.
type spoken struct{ in, out, cost prometheus.Counter }

func newMetrics(api, model string, price *Price, b *breaker) *metrics {
	label := prometheus.Labels{"api": api}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: label}, append([]string{"model"}, labels...))
	}
	seconds := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: label, Buckets: buckets}, []string{"model"})
	}
	m := &metrics{
		model: model, price: price,
		calls:     counters("fluentpro_model_calls_total", "Calls of a model, with all their attempts, by how they ended.", "outcome"),
		attempts:  counters("fluentpro_model_attempts_total", "Attempts at calls of a model, by how they ended.", "outcome"),
		tokens:    counters("fluentpro_model_tokens_total", "Tokens that went into a model and came out of it.", "direction"),
		cost:      counters("fluentpro_model_cost_dollars_total", "What the tokens of a model cost, where its price is set."),
		durations: seconds("fluentpro_model_call_duration_seconds", "How long calls of a model took, with all their attempts.", measure.Patient),
		first:     seconds("fluentpro_model_first_token_seconds", "From the beginning of a call to the first text of its answer.", measure.Quick),
		between:   seconds("fluentpro_model_between_tokens_seconds", "Silence of a model between two pieces of an answer.", measure.Quick),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fluentpro_model_calls_in_flight", Help: "Calls of models under way.", ConstLabels: label,
		}),
		breaker: measure.Breaker("model_"+api, b.gate.State),
	}
	name := cmp.Or(model, measure.Other)
	for _, outcome := range outcomes {
		m.calls.WithLabelValues(name, outcome)
		m.attempts.WithLabelValues(name, outcome)
	}
	m.known = m.spoken(name)
	return m
}

// speaks prepares to count the pieces of answers.
func (m *metrics) speaks() {
	m.firstOf, m.gaps = m.first.WithLabelValues(m.model), m.between.WithLabelValues(m.model)
}

// name is what metrics call a model: only one is known by its name.
func (m *metrics) name(model string) string {
	if model == m.model {
		return model
	}
	return measure.Other
}

func (m *metrics) spoken(name string) spoken {
	s := spoken{in: m.tokens.WithLabelValues(name, "in"), out: m.tokens.WithLabelValues(name, "out")}
	if m.price != nil && name == m.model {
		s.cost = m.cost.WithLabelValues(name)
	}
	return s
}

// used counts the tokens of an attempt.
func (m *metrics) used(model string, u Usage) {
	s := m.known
	if model != m.model {
		s = m.spoken(measure.Other)
	}
	s.in.Add(float64(u.Prompt))
	s.out.Add(float64(u.Completion))
	if s.cost != nil {
		s.cost.Add((float64(u.Prompt)*m.price.In + float64(u.Completion)*m.price.Out) / million)
	}
}

// attempted counts one attempt.
func (m *metrics) attempted(model string, f *failure) {
	var err error
	if f != nil {
		err = f.err
	}
	m.attempts.WithLabelValues(m.name(model), outcomeOf(err)).Inc()
}

// begin counts a call that begins; end is called with its error.
func (m *metrics) begin(model string) (end func(err error)) {
	began := time.Now()
	m.inFlight.Inc()
	return func(err error) {
		m.inFlight.Dec()
		name := m.name(model)
		m.calls.WithLabelValues(name, outcomeOf(err)).Inc()
		measure.Since(m.durations.WithLabelValues(name), began)
	}
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, errOpen):
		return outcomeOpen
	case errors.Is(err, context.Canceled):
		return outcomeLeft
	}
	if f := fault.Find(err); f != nil {
		if outcome := strings.TrimPrefix(f.Code, "model."); slices.Contains(outcomes, outcome) {
			return outcome
		}
	}
	return outcomeLeft
}

// Metrics are those of the client's calls and of its breaker.
func (p *provider) Metrics() prometheus.Collector {
	m := p.metrics
	return measure.Collectors{m.calls, m.attempts, m.tokens, m.cost, m.durations, m.first, m.between, m.inFlight, m.breaker}
}

// Asked reports whether the provider is being asked: false while the breaker is open.
func (p *provider) Asked() bool { return p.breaker.asks() }
