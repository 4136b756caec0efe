package job

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// How a run ends, as metrics have it.
const (
	outcomeDone    = "done"
	outcomeFailed  = "failed"   // and is retried
	outcomeGivenUp = "given_up" // for good
	outcomePutOff  = "put_off"  // no attempt is counted: handed over, or another worker is at it
)

// depthsAge is how old what was read of the queues may be to be told: the monitor has one
// node read them every 30 seconds.
const depthsAge = 45 * time.Second

// metrics count the runs of this node.
type metrics struct {
	runs      *prometheus.CounterVec
	durations *prometheus.HistogramVec
	waits     measure.By[prometheus.Observer]
	running   measure.By[prometheus.Gauge]
	limits    measure.By[prometheus.Gauge]
	kinds     map[string]kindMetrics
	depths    depths
}

// kindMetrics are those of one kind of job.
type kindMetrics struct {
	done, failed, givenUp, putOff prometheus.Counter
	duration                      prometheus.Observer
}

func newMetrics(kinds map[string]*kind, concurrency map[string]int) *metrics {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluentpro_job_runs_total", Help: "Runs of background jobs, by how they ended.",
		}, []string{"kind", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fluentpro_job_run_duration_seconds", Help: "How long runs of background jobs took, without those put off.", Buckets: measure.Patient,
		}, []string{"kind"}),
		waits:   measure.HistogramsBy("fluentpro_job_wait_seconds", "From when a job could run to when a worker began it.", measure.Patient, "queue", Queues()...),
		running: measure.GaugesBy("fluentpro_job_running", "Jobs under way on this node.", "queue", Queues()...),
		limits:  measure.GaugesBy("fluentpro_job_limit", "Jobs that this node works on at once; 0: it leaves the queue to others.", "queue", Queues()...),
		kinds:   map[string]kindMetrics{},
	}
	for name := range kinds {
		of := func(outcome string) prometheus.Counter { return m.runs.WithLabelValues(name, outcome) }
		m.kinds[name] = kindMetrics{of(outcomeDone), of(outcomeFailed), of(outcomeGivenUp), of(outcomePutOff), m.durations.WithLabelValues(name)}
	}
	for _, name := range Queues() {
		m.limits.Of(name).Set(float64(concurrency[name]))
	}
	return m
}

// begin counts a run that begins; end is called with what the engine is told of it.
func (m *metrics) begin(row *rivertype.JobRow) (end func(error)) {
	began, running, k := time.Now(), m.running.Of(row.Queue), m.kinds[row.Kind]
	running.Inc()
	if row.AttemptedAt != nil {
		m.waits.Of(row.Queue).Observe(max(row.AttemptedAt.Sub(row.ScheduledAt), 0).Seconds())
	}
	return func(err error) {
		running.Dec()
		var snooze *river.JobSnoozeError
		if errors.As(err, &snooze) {
			k.putOff.Inc()
			return
		}
		measure.Since(k.duration, began)
		switch {
		case err == nil:
			k.done.Inc()
		case row.Attempt >= row.MaxAttempts || isPermanent(err):
			k.givenUp.Inc()
		default:
			k.failed.Inc()
		}
	}
}

// depths tell how full the queues are on all nodes, as this one read it last.
type depths struct {
	last measure.Last[[]Depth]
}

var (
	descAvailable = prometheus.NewDesc("fluentpro_job_available", "Jobs that may run now and wait for a worker, on all nodes; told by the node that looked last.", []string{"queue"}, nil)
	descOldest    = prometheus.NewDesc("fluentpro_job_oldest_age_seconds", "How long the first of them waits; told by the node that looked last.", []string{"queue"}, nil)
	descRetryable = prometheus.NewDesc("fluentpro_job_retryable", "Jobs that failed and wait for their next attempt; told by the node that looked last.", []string{"queue"}, nil)
	descPaused    = prometheus.NewDesc("fluentpro_job_queue_paused", "1 where an operator has paused the queue; told by the node that looked last.", []string{"queue"}, nil)
)

// Describe tells of the metrics.
func (d *depths) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descAvailable, descOldest, descRetryable, descPaused} {
		to <- desc
	}
}

// Collect gives what is known and not too old.
func (d *depths) Collect(to chan<- prometheus.Metric) {
	all, _ := d.last.Within(depthsAge)
	for _, one := range all {
		gauge := func(desc *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, one.Queue)
		}
		gauge(descAvailable, float64(one.Available))
		gauge(descOldest, one.OldestAge.Seconds())
		gauge(descRetryable, float64(one.Retryable))
		paused := 0.0
		if one.Paused {
			paused = 1
		}
		gauge(descPaused, paused)
	}
}

// Metrics are those of the jobs of this node, and of the queues as it read them last.
func (q *Queue) Metrics() prometheus.Collector {
	m := q.leases.metrics
	return measure.Collectors{m.runs, m.durations, m.waits, m.running, m.limits, &m.depths}
}
