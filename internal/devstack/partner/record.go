package partner

import (
	"net/http"
	"time"
)

const (
	keptRequests = 100
	keptBytes    = 16 << 20 // of all recorded bodies together
)

// What has become of a request.
const (
	OutcomePending  = "pending"  // still being answered
	OutcomeAnswered = "answered" // to the end
	OutcomeRefused  = "refused"  // with an error of its own or of a Step
	OutcomeCut      = "cut"      // by BreakAfter or Close
	OutcomeLeft     = "left"     // by the client, before the end
)

// Request is one chat completion that was asked for.
type Request struct {
	At            time.Time
	Body          []byte // exactly as it came
	Authorization string // the header, for tests; never served by /control
	Outcome       string // one of the Outcome constants
}

// Requests gives the last hundred requests, oldest first, as they stand now.
// The bodies must not be changed.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.records))
	for i, r := range s.records {
		out[i] = *r
	}
	return out
}

// record keeps a request and gives a function that notes its outcome.
func (s *Server) record(r *http.Request, body []byte) func(outcome string) {
	rec := &Request{At: time.Now(), Body: body, Authorization: r.Header.Get("Authorization"), Outcome: OutcomePending}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, rec)
	size := 0
	for i := len(s.records) - 1; i >= 0; i-- {
		size += len(s.records[i].Body)
		if len(s.records)-i > keptRequests || size > keptBytes {
			s.records = append([]*Request(nil), s.records[i+1:]...)
			break
		}
	}
	return func(outcome string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		rec.Outcome = outcome
	}
}
