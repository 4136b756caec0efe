package usage

// Family lets tests name a client.
var Family = family

// Entries is how many counts wait to be written.
func (s *Service) Entries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.counts)
}
