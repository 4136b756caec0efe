package budget

// Reading tells whether the service's sum is being read.
func (s *Service) Reading() bool {
	s.sum.mu.Lock()
	defer s.sum.mu.Unlock()
	return s.sum.reading
}
