package api

import (
	"context"
	"net/http"
	"slices"
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

// What /readyz says of the node.
const (
	statusReady       = "ready"
	statusDegraded    = "degraded"    // it takes requests, and something is not as it should be
	statusUnavailable = "unavailable" // it lacks what it cannot do without
	statusDraining    = "draining"    // it stops
)

// probed is what /readyz says of one dependency. The reason is of a few kinds: everybody may
// read it, so that what the dependency said itself is in the log alone.
type probed struct {
	Status    string  `json:"status"` // up or down
	Required  bool    `json:"required"`
	LatencyMS float64 `json:"latency_ms"`
	Reason    string  `json:"reason,omitempty"` // why it is down
}

// readiness is the body of /readyz.
type readiness struct {
	Status       string            `json:"status"`
	Reasons      []string          `json:"reasons,omitempty"` // why it is not ready, sorted
	Dependencies map[string]probed `json:"dependencies"`
	Probes       map[string]string `json:"probes,omitempty"` // by name, the state that the monitor found; none before its first round
}

// note says that the node is no better than a status, and why.
func (r *readiness) note(status, reason string) {
	if slices.Index(severity, status) > slices.Index(severity, r.Status) {
		r.Status = status
	}
	r.Reasons = append(r.Reasons, reason)
}

// severity orders what /readyz says of the node.
var severity = []string{statusReady, statusDegraded, statusUnavailable, statusDraining}

// mountHealth serves /healthz (the process lives) and /readyz (it can be sent
// requests: 200, or 503 while it drains or lacks what it needs).
func mountHealth(e *echo.Echo, d Deps) {
	e.GET("/healthz", func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.JSON(http.StatusOK, map[string]string{"status": "alive"})
	})
	e.GET("/readyz", func(c echo.Context) error {
		body := d.look(c.Request().Context())
		status := http.StatusOK
		if body.Status == statusUnavailable || body.Status == statusDraining {
			status = http.StatusServiceUnavailable
			c.Response().Header().Set("Retry-After", "1")
		}
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.JSON(status, body)
	})
}

// look asks all dependencies at once.
func (d Deps) look(ctx context.Context) readiness {
	out := readiness{Status: statusReady, Dependencies: map[string]probed{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range d.Probes {
		wg.Go(func() {
			seen := d.ask(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			out.Dependencies[p.Name] = seen
			switch {
			case seen.Reason == "":
			case p.Required:
				out.note(statusUnavailable, p.Name+": "+seen.Reason)
			default:
				out.note(statusDegraded, p.Name+": "+seen.Reason)
			}
		})
	}
	wg.Wait()
	if d.Probed != nil {
		out.Probes = d.Probed()
	}
	for name, state := range out.Probes {
		if state == monitor.Degraded || state == monitor.Failing {
			out.note(statusDegraded, "probe "+name+" is "+state) // what all nodes share is no reason to send a request elsewhere
		}
	}
	select {
	case <-d.NotReady:
		out.note(statusDraining, "the node is stopping")
	default:
	}
	slices.Sort(out.Reasons)
	return out
}

// ask asks one dependency. What is wrong goes to the log, and its kind to whoever asks.
func (d Deps) ask(ctx context.Context, p Probe) probed {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	start := time.Now()
	err := p.Check(ctx)
	seen := probed{Status: "up", Required: p.Required, LatencyMS: float64(time.Since(start).Microseconds()) / 1000}
	if err != nil {
		d.Logger.WarnContext(ctx, "dependency is down", "dependency", p.Name, "error", err)
		seen.Status, seen.Reason = "down", monitor.Plainly(err)
	}
	return seen
}
