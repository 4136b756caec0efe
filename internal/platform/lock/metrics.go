package lock

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// How an Acquire ends, as metrics have it.
const (
	outcomeTaken       = "taken"
	outcomeBusy        = "busy"
	outcomeWaited      = "waited"
	outcomeUnavailable = "unavailable"
	outcomeLeft        = "left"
)

type metrics struct {
	acquires measure.By[prometheus.Counter]
	taken    prometheus.Counter
	waits    prometheus.Histogram
	lost     prometheus.Counter
	now      prometheus.Collector
}

func newMetrics(l *Locks) metrics {
	m := metrics{
		acquires: measure.CountersBy("fluentpro_lock_acquires_total", "Locks that were asked for, by how it ended.", "outcome",
			outcomeTaken, outcomeBusy, outcomeWaited, outcomeUnavailable, outcomeLeft),
		waits: measure.Histogram("fluentpro_lock_wait_seconds", "How long it took to get a lock, where it was got.", measure.Quick),
		lost:  measure.Counter("fluentpro_lock_lost_total", "Locks that were lost while they were held."),
		now: measure.Stats(l.stats, nil,
			measure.Figure[stats]{Name: "fluentpro_lock_held", Help: "Locks that this node holds.", Of: func(s stats) float64 { return s.held }},
			measure.Figure[stats]{Name: "fluentpro_lock_waiting", Help: "Who waits for a lock on this node.", Of: func(s stats) float64 { return s.waiting }},
		),
	}
	m.taken = m.acquires.Of(outcomeTaken)
	return m
}

// count counts one Acquire.
func (m *metrics) count(began time.Time, err error) {
	switch {
	case err == nil:
		m.taken.Inc()
		measure.Since(m.waits, began)
	case errors.Is(err, ErrWaited):
		m.acquires.Of(outcomeWaited).Inc()
	case errors.Is(err, ErrBusy):
		m.acquires.Of(outcomeBusy).Inc()
	case errors.Is(err, ErrUnavailable):
		m.acquires.Of(outcomeUnavailable).Inc()
	default:
		m.acquires.Of(outcomeLeft).Inc()
	}
}

// stats are what there is at a moment.
type stats struct{ held, waiting float64 }

func (l *Locks) stats() stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return stats{float64(len(l.held)), float64(len(l.waiting))}
}

// Metrics are those of the locks.
func (l *Locks) Metrics() prometheus.Collector {
	return measure.Collectors{l.metrics.acquires, l.metrics.waits, l.metrics.lost, l.metrics.now}
}
