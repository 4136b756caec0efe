package task

import (
	"math"
	"time"
)

const (
	rateMemory = 15 * time.Second // a speed this long ago counts a third of the present one
	rateSettle = time.Second      // before it, a rate would be noise
)

// A meter turns what is done at certain times into a rate: the exponentially
// weighted mean of the speed, corrected for the time before it began, so that a
// steady speed is told exactly from the start.
type meter struct {
	began, at time.Time
	done      int64
	speed     float64 // weighted by how long ago it was
}

func newMeter(now time.Time) *meter { return &meter{began: now, at: now} }

// read gives the rate in items a second; nil while it is not known. now must be
// of a clock that nobody sets, as time.Now is.
func (m *meter) read(done int64, now time.Time) *float64 {
	if passed := now.Sub(m.at); passed > 0 {
		keep := math.Exp(-passed.Seconds() / rateMemory.Seconds())
		m.speed = m.speed*keep + float64(done-m.done)/passed.Seconds()*(1-keep)
		m.done, m.at = done, now
	}
	since := now.Sub(m.began)
	if since < rateSettle {
		return nil
	}
	rate := m.speed / (1 - math.Exp(-since.Seconds()/rateMemory.Seconds()))
	return &rate
}
