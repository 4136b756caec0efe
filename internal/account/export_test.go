package account

// SwapDummyHash replaces what a password is compared with when there is no
// user, and gives what it was.
func SwapDummyHash(s *Service, hash string) string {
	old := s.hasher.dummy
	s.hasher.dummy = hash
	return old
}
