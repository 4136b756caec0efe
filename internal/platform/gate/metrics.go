package gate

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// metrics count what limits say of requests, by the names of the limits.
type metrics struct {
	allowed, refused, uncounted map[string]prometheus.Counter
	vec                         *prometheus.CounterVec
	breaker                     prometheus.Collector
}

func newMetrics(g *Gate, limits []string) metrics {
	m := metrics{
		vec: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluentpro_rate_limit_requests_total", Help: "Requests that a limit was asked about, by what it said.",
		}, []string{"limit", "outcome"}),
		allowed: map[string]prometheus.Counter{}, refused: map[string]prometheus.Counter{}, uncounted: map[string]prometheus.Counter{},
		breaker: measure.Breaker("gate", g.breaker.State),
	}
	for _, limit := range append([]string{measure.Other}, limits...) {
		m.allowed[limit] = m.vec.WithLabelValues(limit, "allowed")
		m.refused[limit] = m.vec.WithLabelValues(limit, "refused")
		m.uncounted[limit] = m.vec.WithLabelValues(limit, "uncounted")
	}
	return m
}

// count counts one request.
func (m *metrics) count(of map[string]prometheus.Counter, limit Limit) {
	if c, known := of[limit.Name]; known {
		c.Inc()
		return
	}
	of[measure.Other].Inc()
}

// Metrics are those of the gate.
func (g *Gate) Metrics() prometheus.Collector {
	return measure.Collectors{g.metrics.vec, g.metrics.breaker}
}
