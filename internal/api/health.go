package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/monitor"
)

// probeTimeout bounds each look at a dependency.
const probeTimeout = 2 * time.Second

// Probe looks at one dependency.
type Probe struct {
	Name     string
	Required bool // without it the node is not ready; otherwise it is degraded
	Check    func(context.Context) error
}

// probed is what /readyz says of one dependency. It never says why: that is in
// the log.
type probed struct {
	Status    string  `json:"status"` // up or down
	LatencyMS float64 `json:"latency_ms"`
}

// readiness is the body of /readyz.
type readiness struct {
	Status       string            `json:"status"` // ready, degraded, unavailable or draining
	Dependencies map[string]probed `json:"dependencies"`
	Probes       map[string]string `json:"probes,omitempty"` // by name, the state that the monitor found; none before its first round
}

// mountHealth serves /healthz (the process lives) and /readyz (it can be sent
// requests: 200, or 503 while it drains or lacks what it needs).
func mountHealth(e *echo.Echo, d Deps) {
	e.GET("/healthz", func(c echo.Context) error {
		return c.JSON(http.StatusOK, map[string]string{"status": "alive"})
	})
	e.GET("/readyz", func(c echo.Context) error {
		body := d.look(c.Request().Context())
		status := http.StatusOK
		if body.Status == "unavailable" || body.Status == "draining" {
			status = http.StatusServiceUnavailable
			c.Response().Header().Set("Retry-After", "1")
		}
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.JSON(status, body)
	})
}

// look asks all dependencies at once.
func (d Deps) look(ctx context.Context) readiness {
	out := readiness{Status: "ready", Dependencies: map[string]probed{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range d.Probes {
		wg.Go(func() {
			bounded, cancel := context.WithTimeout(ctx, probeTimeout)
			defer cancel()
			start := time.Now()
			err := p.Check(bounded)
			seen := probed{Status: "up", LatencyMS: float64(time.Since(start).Microseconds()) / 1000}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				seen.Status = "down"
				d.Logger.Warn("dependency is down", "dependency", p.Name, "error", err)
				if p.Required {
					out.Status = "unavailable"
				} else if out.Status == "ready" {
					out.Status = "degraded"
				}
			}
			out.Dependencies[p.Name] = seen
		})
	}
	wg.Wait()
	if d.Probed != nil {
		out.Probes = d.Probed()
	}
	for _, state := range out.Probes {
		if (state == monitor.Degraded || state == monitor.Failing) && out.Status == "ready" {
			out.Status = "degraded" // what all nodes share is no reason to send a request elsewhere
		}
	}
	select {
	case <-d.NotReady:
		out.Status = "draining"
	default:
	}
	return out
}
