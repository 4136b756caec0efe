package partner

import (
	"net/http"
	"time"
)

const (
	keptRequests = 100
	keptBytes    = 16 << 20 // of all recorded bodies of one kind together
)

// What has become of a request.
const (
	OutcomePending  = "pending"  // still being answered
	OutcomeAnswered = "answered" // to the end
	OutcomeRefused  = "refused"  // with an error of its own or of a Step
	OutcomeCut      = "cut"      // by BreakAfter or Close
	OutcomeLeft     = "left"     // by the client, before the end
)

// Request is one chat completion, or one request for embeddings, that came in.
type Request struct {
	At            time.Time
	Body          []byte // exactly as it came
	Authorization string // the header, for tests; never served by /control
	Outcome       string // one of the Outcome constants
}

// Requests gives the last hundred chat completions, oldest first, as they stand
// now. The bodies must not be changed.
func (s *Server) Requests() []Request { return s.recorded(&s.chats) }

// EmbeddingRequests gives the last hundred requests for embeddings in the same way.
func (s *Server) EmbeddingRequests() []Request { return s.recorded(&s.embeddings) }

func (s *Server) recorded(records *[]*Request) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(*records))
	for i, r := range *records {
		out[i] = *r
	}
	return out
}

// record keeps a request and gives a function that notes its outcome.
func (s *Server) record(records *[]*Request, r *http.Request, body []byte) func(outcome string) {
	rec := &Request{At: time.Now(), Body: body, Authorization: r.Header.Get("Authorization"), Outcome: OutcomePending}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := append(*records, rec)
	size := 0
	for i := len(all) - 1; i >= 0; i-- {
		size += len(all[i].Body)
		if len(all)-i > keptRequests || size > keptBytes {
			all = append([]*Request(nil), all[i+1:]...)
			break
		}
	}
	*records = all
	return func(outcome string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		rec.Outcome = outcome
	}
}
