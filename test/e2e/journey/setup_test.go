package journey_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

var (
	conversationID = uuid.MustParse("019a2b4e-5c00-7000-8000-000000000003")
	saidID         = uuid.MustParse("019a2b4e-5c00-7000-8000-000000000004")
	replyID        = uuid.MustParse("019a2b4e-5c00-7000-8000-000000000005")
)

// service answers requests by a script, one step each, without a network, so
// that tests can run in a bubble of time.
type service struct {
	mu    sync.Mutex
	steps []step
	asked []*http.Request
}

// step answers one request.
type step func(*http.Request) (*http.Response, error)

// RoundTrip takes the next step.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r)
	if len(s.steps) == 0 {
		return nil, fmt.Errorf("%s %s was not expected", r.Method, r.URL.Path)
	}
	next := s.steps[0]
	if len(s.steps) > 1 { // the last one answers all that follow
		s.steps = s.steps[1:]
	}
	return next(r)
}

// learnerOf is somebody signed in at a service of these steps.
func learnerOf(t *testing.T, steps ...step) (*journey.Learner, *service) {
	t.Helper()
	s := &service{steps: steps}
	l, err := journey.New("http://service.test", &http.Client{Transport: s})
	require.NoError(t, err)
	l.Tokens.AccessToken, l.Tokens.RefreshToken = "first", "refresh"
	return l, s
}

// answer is a response of this status and form.
func answer(status int, form string, body io.Reader) step {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(body), Request: r, Header: http.Header{
			"Content-Type": {form}, "Location": {"/api/v2/conversations/" + conversationID.String() + "/messages/" + replyID.String()},
		}}, nil
	}
}

// stream answers with these events, then ends.
func stream(events ...string) step {
	return answer(http.StatusOK, "text/event-stream", strings.NewReader("retry: 2500\n\n"+strings.Join(events, "")))
}

func event(id, kind, fields string) string {
	line := ""
	if id != "" {
		line = "id: " + id + "\n"
	}
	return "event: " + kind + "\n" + line + `data: {"type":"` + kind + `",` + fields + "}\n\n"
}

func created(id string) string {
	return event(id, "message.created", `"message":`+message(saidID, 2, "user", "Good morning."))
}

func started(id, text string) string {
	return event(id, "message.started", fmt.Sprintf(`"message_id":%q,"conversation_id":%q,"attempt":1,"text":%q`, replyID, conversationID, text))
}

func delta(id, text string) string {
	return event(id, "message.delta", fmt.Sprintf(`"message_id":%q,"text":%q`, replyID, text))
}

func completed(id, text string) string {
	return event(id, "message.completed", `"message":`+message(replyID, 3, "assistant", text))
}

func closing(reason string, retryMS int) string {
	return event("", "stream.closing", fmt.Sprintf(`"reason":%q,"retry_ms":%d`, reason, retryMS))
}

func message(id uuid.UUID, seq int, role, content string) string {
	return fmt.Sprintf(`{"id":%q,"conversation_id":%q,"seq":%d,"role":%q,"content":%q,"status":"completed","metadata":{},"version":1,"created_at":"2026-11-02T09:00:00Z"}`,
		id, conversationID, seq, role, content)
}

// say says good morning.
func say(t *testing.T, l *journey.Learner, change func(*journey.SayInput)) (*journey.Reply, error) {
	t.Helper()
	in := journey.SayInput{ConversationID: conversationID, Line: "Good morning."}
	if change != nil {
		change(&in)
	}
	return l.Say(t.Context(), in)
}
