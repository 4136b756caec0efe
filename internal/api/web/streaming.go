package web

import (
	"context"
	"errors"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// Reasons for which streams end.
const (
	EndDone           = "done"
	EndDraining       = "draining"
	EndSessionRevoked = "session_revoked"
	EndTokenExpiring  = "token_expiring"
	EndTooSlow        = "too_slow" // the reader stayed behind, or did not read
	endLeft           = "left"     // the reader went
	endFailed         = "failed"
)

type streamMetrics struct {
	open   *prometheus.GaugeVec
	events *prometheus.CounterVec
	ended  measure.By[prometheus.Counter]
}

func newStreamMetrics() streamMetrics {
	return streamMetrics{
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fluentpro_streams_open", Help: "Streams of Server-Sent Events under way.",
		}, []string{"operation"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluentpro_stream_events_total", Help: "Events written to streams.",
		}, []string{"operation"}),
		ended: measure.CountersBy("fluentpro_streams_ended_total", "Streams that have ended, by why.", "reason",
			EndDone, EndDraining, EndSessionRevoked, EndTokenExpiring, EndTooSlow, endLeft, endFailed),
	}
}

func (m streamMetrics) all() measure.Collectors {
	return measure.Collectors{m.open, m.events, m.ended}
}

// A Stream counts one stream of Server-Sent Events. Its methods are for one goroutine at a
// time.
type Stream struct {
	open   prometheus.Gauge // nil: nobody counts
	events prometheus.Counter
	ended  measure.By[prometheus.Counter]
	reason string
}

// Streaming counts a stream of the operation under way; End must follow.
func Streaming(ctx context.Context) *Stream {
	t := originFrom(ctx).traffic
	if t == nil {
		return &Stream{}
	}
	m := t.metrics.streams
	s := &Stream{open: m.open.WithLabelValues(t.id), events: m.events.WithLabelValues(t.id), ended: m.ended}
	s.open.Inc()
	return s
}

// Wrote counts events.
func (s *Stream) Wrote(n int) {
	if s.open != nil && n > 0 {
		s.events.Add(float64(n))
	}
}

// Ends notes why the stream is about to end: one of the End constants.
func (s *Stream) Ends(reason string) { s.reason = reason }

// End counts the end of the stream. Where no reason was noted, err says it.
func (s *Stream) End(err error) {
	if s.open == nil {
		return
	}
	s.open.Dec()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.reason = EndTooSlow
	case s.reason != "":
	case errors.Is(err, context.Canceled):
		s.reason = endLeft
	case err != nil:
		s.reason = endFailed
	default:
		s.reason = EndDone
	}
	s.ended.Of(s.reason).Inc()
}
