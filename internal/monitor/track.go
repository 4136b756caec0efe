package monitor

import "time"

// Bounds of the damping of flaps.
const (
	defaultStreak = 3
	maxFlaps      = 4         // that make a difference
	calm          = time.Hour // of ok, after which flaps are forgotten
)

// track is how far readings have come towards another state.
type track struct {
	Worse     int    // readings in a row that are worse than the state
	Better    int    // the same, better
	Leaning   string // what they agree on: the best of the worse ones, the worst of the better ones
	Flaps     int    // how often it left ok without an hour of calm before
	CalmSince time.Time
}

// next gives a probe's state after one more reading, and whether it has changed in a way
// that is to be told: that all is well at first is not.
func (p Probe) next(s State, r Reading, at time.Time) (after State, changed bool) {
	after = s
	after.Value, after.Unit, after.Detail, after.CheckedAt, after.Pace = r.Value, r.Unit, r.Detail, &at, p.Pace
	switch {
	case ranks[r.Level] == ranks[s.State]:
		after.Worse, after.Better, after.Leaning = 0, 0, OK
		if s.State == Unknown {
			after.State, after.Since, after.CalmSince = OK, at, at.Add(-calm) // the first trouble is no flap
		}
		return after, false
	case ranks[r.Level] > ranks[s.State]:
		after.Better = 0
		after.lean(s.Worse, r.Level, best)
		after.Worse++
		changed = after.Worse >= or(p.Worse)
	default:
		after.Worse = 0
		after.lean(s.Better, r.Level, worst)
		after.Better++
		changed = after.Better >= or(p.Better)*(1+s.Flaps)
	}
	if changed {
		after.turn(s, at)
	}
	return after, changed
}

// lean adds a level to what a streak agrees on.
func (s *State) lean(streak int, level string, agree func(a, b string) string) {
	if streak == 0 {
		s.Leaning = level
		return
	}
	s.Leaning = agree(s.Leaning, level)
}

// turn goes over to the state that readings agree on.
func (s *State) turn(before State, at time.Time) {
	if before.State == OK {
		s.Flaps = 0
		if at.Sub(before.CalmSince) < calm {
			s.Flaps = min(before.Flaps+1, maxFlaps)
		}
	}
	s.State, s.Since, s.Worse, s.Better, s.Leaning = s.Leaning, at, 0, 0, OK
	if s.State == OK {
		s.CalmSince = at
	}
}

func or(streak int) int {
	if streak == 0 {
		return defaultStreak
	}
	return streak
}
