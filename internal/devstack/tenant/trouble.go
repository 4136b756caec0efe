package tenant

// trouble is what the tenant was told to get wrong.
type trouble struct {
	down  bool
	fails []failing
}

type failing struct {
	path   string
	status int
	times  int
}

// next takes a failure for a path; 0: none.
func (t *trouble) next(path string) int {
	for i := range t.fails {
		if f := &t.fails[i]; f.path == path && f.times > 0 {
			f.times--
			return f.status
		}
	}
	return 0
}

// Fail answers the next requests for a path, unescaped and of any method, with a
// status of 400 or above, in the tenant's form. A 429 says that it is over after
// Settings.RateWindow. Orders for one path follow one another.
func (s *Server) Fail(path string, status, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble.fails = append(s.trouble.fails, failing{path, status, times})
}

// Down cuts every connection without an answer, until it is told otherwise.
func (s *Server) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble.down = down
}

// RevokeTokens makes every token for the Management API invalid.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.granted)
}

// attempt is what brute-force protection counts by.
type attempt struct{ email, address string }

// MaxWrong is how many wrong passwords in a row shut an account to an address.
const MaxWrong = 10
