// Package metrics serves what operators graph and alert on, in the text format of
// Prometheus, on a port of its own. It asks nobody when it is scraped: it tells what the
// node knows. Each part of the service keeps its own metrics; here they are put together,
// with what the monitor knows. docs/metrics.md says what each means.
package metrics

import (
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fluentpro/fluentpro/internal/monitor"
)

// maxScrapes is how many may scrape at once.
const maxScrapes = 4

// New makes a handler that serves /metrics: those of the parts, of the Go runtime and of the
// process. It fails where two parts have metrics of one name that do not go together.
func New(parts ...prometheus.Collector) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	parts = append(parts, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, part := range parts {
		if err := registry.Register(part); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}))
	return mux, nil
}

// Build tells which version runs.
func Build(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fluentpro_build_info", Help: "1, with what the program was built of.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	}, func() float64 { return 1 })
}

// Monitor tells what was found of the parts of the service.
type Monitor interface {
	Seen() []monitor.State // by all nodes
	Here() []monitor.State // by this one
}

var (
	state  = prometheus.NewDesc("fluentpro_probe_state", "What all nodes found: 0 ok, 1 degraded, 2 failing, -1 not known yet.", []string{"probe"}, nil)
	value  = prometheus.NewDesc("fluentpro_probe_value", "What a probe measured last.", []string{"probe", "unit"}, nil)
	age    = prometheus.NewDesc("fluentpro_probe_age_seconds", "How long ago a probe ran last.", []string{"probe"}, nil)
	here   = prometheus.NewDesc("fluentpro_node_probe_state", "What this node found itself, as fluentpro_probe_state.", []string{"probe"}, nil)
	backup = prometheus.NewDesc("fluentpro_backup_age_seconds", "How old the newest good backup is; absent where there is none, or none are made.", nil, nil)
)

// probes collects what the monitor knows.
type probes struct{ Monitor }

// Probes tells what the monitor knows.
func Probes(m Monitor) prometheus.Collector { return probes{m} }

// Describe tells of the metrics.
func (probes) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{state, value, age, here, backup} {
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
		if s.CheckedAt == nil {
			continue
		}
		since := time.Since(*s.CheckedAt)
		gauge(value, s.Value, s.Name, s.Unit)
		gauge(age, since.Seconds(), s.Name)
		if s.Name == monitor.NameBackupAge && s.Value > 0 {
			gauge(backup, s.Value+since.Seconds())
		}
	}
	for _, s := range p.Here() {
		gauge(here, float64(monitor.Rank(s.State)), s.Name)
	}
}
