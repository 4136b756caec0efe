package web

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// Metrics count requests by the operations of the contracts. One serves all versions of an
// API. It is safe for concurrent use.
type Metrics struct {
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	problems   *prometheus.CounterVec
	deprecated *prometheus.CounterVec
	streams    streamMetrics
	other      *traffic // of what is no operation
}

// NewMetrics makes Metrics that have counted nothing yet.
func NewMetrics() *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluentpro_http_requests_total", Help: "Requests that were answered, by the class of the status.",
		}, []string{"operation", "version", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fluentpro_http_request_duration_seconds", Help: "From the arrival of a request to the beginning of its answer.", Buckets: measure.Quick,
		}, []string{"operation", "version"}),
		inFlight: measure.Gauge("fluentpro_http_requests_in_flight", "Requests whose handler is at work."),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluentpro_problems_total", Help: "Errors that clients were told, by their code.", ConstLabels: prometheus.Labels{"door": "http"},
		}, []string{"code"}),
		deprecated: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluentpro_deprecated_uses_total", Help: "Requests that used what the contract deprecates.",
		}, []string{"version", "name"}),
		streams: newStreamMetrics(),
	}
	m.other = m.operation(measure.Other, "none")
	return m
}

// Describe tells of the metrics.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) { m.all().Describe(to) }

// Collect gives them as they are.
func (m *Metrics) Collect(to chan<- prometheus.Metric) { m.all().Collect(to) }

func (m *Metrics) all() measure.Collectors {
	return append(measure.Collectors{m.requests, m.durations, m.inFlight, m.problems, m.deprecated}, m.streams.all()...)
}

// traffic is what counts for one operation. Its metrics are made when first needed, so that
// an operation nobody asks for is no series.
type traffic struct {
	metrics  *Metrics
	id       string
	version  string
	classes  [6]atomic.Pointer[prometheus.Counter] // by the first digit of the status; 0: none of those
	duration atomic.Pointer[prometheus.Observer]
}

func (m *Metrics) operation(id, version string) *traffic {
	return &traffic{metrics: m, id: id, version: version}
}

var classes = [6]string{measure.Other, "1xx", "2xx", "3xx", "4xx", "5xx"}

// count counts one request.
func (t *traffic) count(status int, took time.Duration) {
	class := status / 100
	if class < 0 || class >= len(classes) {
		class = 0
	}
	counter := t.classes[class].Load()
	if counter == nil {
		made := t.metrics.requests.WithLabelValues(t.id, t.version, classes[class])
		counter = &made
		t.classes[class].Store(counter)
	}
	(*counter).Inc()
	duration := t.duration.Load()
	if duration == nil {
		made := t.metrics.durations.WithLabelValues(t.id, t.version)
		duration = &made
		t.duration.Store(duration)
	}
	(*duration).Observe(took.Seconds())
}

// measured counts requests when their handlers return, with their errors already answered.
// What a request is of, the guard of its operation notes on the way.
func (m *Metrics) measured(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		from, began := originFrom(c.Request().Context()), time.Now()
		from.traffic = m.other
		c.Response().Before(from.answering)
		m.inFlight.Inc()
		defer m.end(c, from, began)
		return next(c)
	}
}

func (m *Metrics) end(c echo.Context, from *origin, began time.Time) {
	m.inFlight.Dec()
	if from.answered.IsZero() { // the connection was taken over, or cut
		from.answering()
	}
	from.traffic.count(outcomeOf(c, false).status, from.answered.Sub(began))
}

// answering notes that the answer begins.
func (o *origin) answering() { o.answered = time.Now() }

// problem counts an error that a client is told.
func (m *Metrics) problem(status int, code string) {
	if status != http.StatusNotFound || code != "route.not_found" { // scanners ask for what is not there all day
		m.problems.WithLabelValues(code).Inc()
	}
}
