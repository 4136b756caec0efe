package blob

import "time"

// Hasten makes a store lose its patience sooner.
func (s *Store) Hasten(limit time.Duration) { s.limits = limits{limit, limit} }
