package task

import "time"

// WriteEvery is the shortest time between two writes of a run's progress.
const WriteEvery = writeEvery

// LookEvery sets how often waiting readers ask PostgreSQL: while the log is well,
// and while it is out of reach. It is for before the first reader.
func (s *Service) LookEvery(healthy, outage time.Duration) {
	s.looks = looks{healthy: healthy, outage: outage}
}

// Watched is how many runs this node watches, and whether anything does.
func (s *Service) Watched() (runs int, watching bool) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	return len(s.watch.runs), s.watch.stop != nil
}

// NewProgress starts a helper that tells write what is to be written.
func NewProgress(write func(Tally) bool) *Progress { return newProgress(write) }

// Stop ends it and gives what it has come to.
func (p *Progress) Stop() Tally { return p.stop() }

// Meter measures a rate.
type Meter struct{ meter *meter }

// NewMeter begins now.
func NewMeter(now time.Time) Meter { return Meter{newMeter(now)} }

// Read gives the rate now, with so much done; nil while it is not known.
func (m Meter) Read(done int64, now time.Time) *float64 { return m.meter.read(done, now) }
