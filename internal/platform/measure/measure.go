// Package measure makes the metrics that a part of the service keeps of itself, in the form
// of Prometheus. It promises that a label has only values that are known when the metric is
// made: whatever else comes counts as Other, so that nothing a client sends makes a series;
// and that counting costs a look-up in a small map at most, and no lock.
//
// A part makes its metrics in its New and hands them out as one prometheus.Collector; nothing
// here is registered anywhere, and there is no default registry. docs/metrics.md tells what
// each metric means.
package measure

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Other is the value of a label for all that have no value of their own.
const Other = "other"

// Buckets of durations, in seconds.
var (
	// Quick is for what somebody waits for: a request, the first token, a lock.
	Quick = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	// Patient is for what runs in the background.
	Patient = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}
)

// Collectors are the metrics of a part, handed out as one.
type Collectors []prometheus.Collector

// Describe tells of all.
func (all Collectors) Describe(to chan<- *prometheus.Desc) {
	for _, c := range all {
		c.Describe(to)
	}
}

// Collect gives all.
func (all Collectors) Collect(to chan<- prometheus.Metric) {
	for _, c := range all {
		c.Collect(to)
	}
}

// By is a metric with one label whose values are known. It is a prometheus.Collector, and
// safe for concurrent use.
type By[M any] struct {
	prometheus.Collector
	known map[string]M
	other func() M
}

// Of gives what counts for a value, that of Other where it is not known.
func (b By[M]) Of(value string) M {
	if m, ok := b.known[value]; ok {
		return m
	}
	return b.other()
}

func by[M any](c prometheus.Collector, of func(...string) M, values []string) By[M] {
	b := By[M]{c, make(map[string]M, len(values)), func() M { return of(Other) }}
	for _, value := range values {
		b.known[value] = of(value)
	}
	return b
}

// CountersBy makes counters by a label, at 0 from the beginning.
func CountersBy(name, help, label string, values ...string) By[prometheus.Counter] {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	return by(vec, vec.WithLabelValues, values)
}

// GaugesBy makes gauges by a label, at 0 from the beginning.
func GaugesBy(name, help, label string, values ...string) By[prometheus.Gauge] {
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	return by(vec, vec.WithLabelValues, values)
}

// HistogramsBy makes histograms of seconds by a label, empty from the beginning.
func HistogramsBy(name, help string, buckets []float64, label string, values ...string) By[prometheus.Observer] {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{label})
	return by(vec, vec.WithLabelValues, values)
}

// Counter makes a counter without labels.
func Counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

// Gauge makes a gauge without labels.
func Gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// Histogram makes a histogram of seconds without labels.
func Histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

// Since observes how long it is since a time.
func Since(o prometheus.Observer, began time.Time) { o.Observe(time.Since(began).Seconds()) }
