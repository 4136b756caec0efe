// Package metrics serves what operators graph and alert on, in the text format of
// Prometheus, on a port of its own. It asks nobody when it is scraped: it tells what the
// node knows. Labels are names of probes and units, which are few.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fluentpro/fluentpro/internal/monitor"
)

// Monitor tells what was found of the parts of the service.
type Monitor interface {
	Seen() []monitor.State // by all nodes
	Here() []monitor.State // by this one
}

// New makes a handler that serves /metrics.
func New(m Monitor) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(probes{m})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	return mux
}

var (
	state = prometheus.NewDesc("fluentpro_probe_state", "What all nodes found: 0 ok, 1 degraded, 2 failing, -1 not known yet.", []string{"probe"}, nil)
	value = prometheus.NewDesc("fluentpro_probe_value", "What a probe measured last.", []string{"probe", "unit"}, nil)
	age   = prometheus.NewDesc("fluentpro_probe_age_seconds", "How long ago a probe ran last.", []string{"probe"}, nil)
	here  = prometheus.NewDesc("fluentpro_node_probe_state", "What this node found itself, as fluentpro_probe_state.", []string{"probe"}, nil)
)

// probes collects the metrics of probes.
type probes struct{ Monitor }

// Describe tells of the metrics.
func (probes) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{state, value, age, here} {
		to <- d
	}
}

// Collect gives them as they are.
func (p probes) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, s := range p.Seen() {
		gauge(state, float64(monitor.Rank(s.State)), s.Name)
		if s.CheckedAt != nil {
			gauge(value, s.Value, s.Name, s.Unit)
			gauge(age, time.Since(*s.CheckedAt).Seconds(), s.Name)
		}
	}
	for _, s := range p.Here() {
		gauge(here, float64(monitor.Rank(s.State)), s.Name)
	}
}
