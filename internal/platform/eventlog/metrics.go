package eventlog

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// How an Append ends, as metrics have it.
const (
	outcomeDone        = "done"
	outcomeFenced      = "fenced"
	outcomeDiverged    = "diverged"
	outcomeUnavailable = "unavailable"
)

type metrics struct {
	appends   measure.By[prometheus.Counter]
	appended  prometheus.Counter
	delivered prometheus.Counter
	restarted prometheus.Counter
	dropped   prometheus.Counter
	now, pool prometheus.Collector
}

func newMetrics(l *Log) metrics {
	m := metrics{
		appends: measure.CountersBy("fluentpro_log_appends_total", "Entries that were to be appended to live logs, by how it ended.", "outcome",
			outcomeDone, outcomeFenced, outcomeDiverged, outcomeUnavailable),
		delivered: measure.Counter("fluentpro_log_deliveries_total", "Entries of live logs handed to subscribers, once for each."),
		restarted: measure.Counter("fluentpro_log_restarts_total", "Subscribers told that their log starts anew."),
		dropped:   measure.Counter("fluentpro_log_drops_total", "Subscribers cut off because they stayed behind."),
		now: measure.Stats(l.Stats, nil,
			measure.Figure[Stats]{Name: "fluentpro_log_readers", Help: "Connections on which this node reads live logs.", Of: func(s Stats) float64 { return float64(s.Readers) }},
			measure.Figure[Stats]{Name: "fluentpro_log_readers_unavailable", Help: "Those of them that cannot reach Redis.", Of: func(s Stats) float64 { return float64(s.Unavailable) }},
			measure.Figure[Stats]{Name: "fluentpro_log_streams", Help: "Live logs that this node follows.", Of: func(s Stats) float64 { return float64(s.Streams) }},
			measure.Figure[Stats]{Name: "fluentpro_log_subscriptions", Help: "Subscribers to live logs on this node.", Of: func(s Stats) float64 { return float64(s.Subscriptions) }},
		),
		pool: measure.RedisPool("log", l.blocking),
	}
	m.appended = m.appends.Of(outcomeDone)
	return m
}

// countAppend counts one Append.
func (m *metrics) countAppend(err error) {
	switch {
	case err == nil:
		m.appended.Inc()
	case errors.Is(err, ErrFenced):
		m.appends.Of(outcomeFenced).Inc()
	case errors.Is(err, ErrDiverged):
		m.appends.Of(outcomeDiverged).Inc()
	case errors.Is(err, ErrUnavailable):
		m.appends.Of(outcomeUnavailable).Inc()
	}
}

// countNext counts what one Next brought.
func (m *metrics) countNext(entries []Entry, err error) {
	switch {
	case len(entries) > 0:
		m.delivered.Add(float64(len(entries)))
	case errors.Is(err, ErrRestarted):
		m.restarted.Inc()
	}
}

// Metrics are those of the log and of its own connections.
func (l *Log) Metrics() prometheus.Collector {
	m := l.metrics
	return measure.Collectors{m.appends, m.delivered, m.restarted, m.dropped, m.now, m.pool}
}
