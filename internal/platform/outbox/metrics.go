package outbox

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// How a group deals with an event, as metrics have it.
const (
	outcomeHandled = "handled"
	outcomeFailed  = "failed" // and is tried again
	outcomeBuried  = "buried" // it became a dead letter
)

// statusAge is how old what was read of the outbox may be to be told: the monitor has one
// node read it every 30 seconds.
const statusAge = 45 * time.Second

// relayMetrics count what this node moves.
type relayMetrics struct {
	published measure.By[prometheus.Counter]
	delay     prometheus.Histogram
	rebuilds  prometheus.Counter
	leased    prometheus.Gauge
	status    *status
}

func newRelayMetrics(types []string) relayMetrics {
	return relayMetrics{
		published: measure.CountersBy("fluentpro_domain_events_total", "Domain events that were published, by type: what happened in the product.", "type", types...),
		delay:     measure.Histogram("fluentpro_event_publish_delay_seconds", "From when an event was written to when it was published, by the clocks of the database and of this node.", measure.Patient),
		rebuilds:  measure.Counter("fluentpro_event_stream_rebuilds_total", "Streams of events that were lost and made again from the outbox."),
		leased:    measure.Gauge("fluentpro_event_relay_partitions", "Partitions of the outbox that this node moves; of all nodes together 16."),
		status:    &status{},
	}
}

// moved counts events that were published.
func (m *relayMetrics) moved(events []Event) {
	now := time.Now()
	for _, e := range events {
		m.published.Of(e.Type).Inc()
		m.delay.Observe(max(now.Sub(e.RecordedAt), 0).Seconds())
	}
}

// ReadStatus asks the database, and remembers for metrics what it said.
func (r *Relay) ReadStatus(ctx context.Context) (Status, error) {
	s, err := r.store.status(ctx)
	if err == nil {
		r.metrics.status.last.Keep(s)
	}
	return s, err
}

// Metrics are those of the relay, and of the outbox as this node read it last.
func (r *Relay) Metrics() prometheus.Collector {
	m := r.metrics
	return measure.Collectors{m.published, m.delay, m.rebuilds, m.leased, m.status}
}

// status tells how full the outbox is on all nodes, as this one read it last.
type status struct {
	last measure.Last[Status]
}

var (
	descUnpublished = prometheus.NewDesc("fluentpro_event_unpublished", "Events that wait in the outbox to be published; told by the node that looked last.", nil, nil)
	descLag         = prometheus.NewDesc("fluentpro_event_relay_lag_seconds", "How long the oldest of them waits; told by the node that looked last.", nil, nil)
	descParked      = prometheus.NewDesc("fluentpro_event_parked", "Events that wait because one of their aggregate failed; told by the node that looked last.", []string{"group"}, nil)
)

// Describe tells of the metrics.
func (s *status) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descUnpublished, descLag, descParked} {
		to <- d
	}
}

// Collect gives what is known and not too old.
func (s *status) Collect(to chan<- prometheus.Metric) {
	now, ok := s.last.Within(statusAge)
	if !ok {
		return
	}
	to <- prometheus.MustNewConstMetric(descUnpublished, prometheus.GaugeValue, float64(now.Waiting))
	to <- prometheus.MustNewConstMetric(descLag, prometheus.GaugeValue, now.Oldest.Seconds())
	for _, g := range now.Groups {
		if g.Name == relayName { // it parks nothing
			continue
		}
		to <- prometheus.MustNewConstMetric(descParked, prometheus.GaugeValue, float64(g.Parked), g.Name)
	}
}

// groupMetrics count what one group does with its events.
type groupMetrics struct {
	handled, failed, buried prometheus.Counter
	duration                prometheus.Observer
}

// consumerMetrics are those of all groups.
type consumerMetrics struct {
	events    *prometheus.CounterVec
	durations *prometheus.HistogramVec
	groups    map[string]groupMetrics
}

func newConsumerMetrics(groups []string) consumerMetrics {
	m := consumerMetrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluentpro_event_handled_total", Help: "Events that a group dealt with, by how it ended.",
		}, []string{"group", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fluentpro_event_handler_duration_seconds", Help: "How long a group's handler took for one event.", Buckets: measure.Quick,
		}, []string{"group"}),
		groups: map[string]groupMetrics{},
	}
	for _, name := range groups {
		of := func(outcome string) prometheus.Counter { return m.events.WithLabelValues(name, outcome) }
		m.groups[name] = groupMetrics{of(outcomeHandled), of(outcomeFailed), of(outcomeBuried), m.durations.WithLabelValues(name)}
	}
	return m
}

// Metrics are those of the groups on this node.
func (c *Consumers) Metrics() prometheus.Collector {
	return measure.Collectors{c.metrics.events, c.metrics.durations}
}
