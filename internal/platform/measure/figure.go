package measure

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Figure is one metric that is read when it is asked for.
type Figure[S any] struct {
	Name, Help string
	Grows      bool // it is a counter, else a gauge
	Of         func(S) float64
}

// stats are the figures of something that keeps count of itself.
type stats[S any] struct {
	read    func() S
	figures []Figure[S]
	descs   []*prometheus.Desc
}

// Stats gives the figures of something that keeps count of itself, such as a pool, each with
// the same labels, or none. read is called once for all of them, and must not wait.
func Stats[S any](read func() S, labels prometheus.Labels, figures ...Figure[S]) prometheus.Collector {
	s := stats[S]{read: read, figures: figures}
	for _, f := range figures {
		s.descs = append(s.descs, prometheus.NewDesc(f.Name, f.Help, nil, labels))
	}
	return s
}

// Describe tells of all figures.
func (s stats[S]) Describe(to chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		to <- d
	}
}

// Collect gives all figures.
func (s stats[S]) Collect(to chan<- prometheus.Metric) {
	now := s.read()
	for i, f := range s.figures {
		kind := prometheus.GaugeValue
		if f.Grows {
			kind = prometheus.CounterValue
		}
		to <- prometheus.MustNewConstMetric(s.descs[i], kind, f.Of(now))
	}
}

// Last keeps what was read last of something that costs a query, so that whoever scrapes
// metrics asks nobody. The zero value holds nothing. It is safe for concurrent use.
type Last[V any] struct {
	mu    sync.Mutex
	value V
	at    time.Time
}

// Keep stores a value.
func (l *Last[V]) Keep(value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.value, l.at = value, time.Now()
}

// Within gives the value, unless it is older than so much or there is none.
func (l *Last[V]) Within(age time.Duration) (value V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.IsZero() || time.Since(l.at) > age {
		return value, false
	}
	return l.value, true
}
