package auth0

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// Metrics tell whether the tenant is being asked.
func (c *Client) Metrics() prometheus.Collector {
	return measure.Breaker("auth0", c.breaker.gate.State)
}

// Asked reports whether the tenant is being asked: false while the breaker is open.
func (c *Client) Asked() bool { return c.breaker.asks() }
