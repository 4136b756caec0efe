package e2e_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// takeover is what docs promise, and a margin for a busy machine.
const takeover = 15*time.Second + 10*time.Second

// held is a reply whose model waits in the middle of it.
type held struct {
	conversation uuid.UUID
	tokens       chan struct{}           // closing it lets the rest follow
	ended        chan error              // how reading it ended
	events       chan journey.Reply      // a copy after each event
	lost         chan error              // why a connection ended early
	reply        *journey.Reply          // read only after ended
	closings     func() []client.Message // unused
}

// sayHeld says a line through the learner and returns when three deltas have
// come; the model then waits.
func sayHeld(t *testing.T, s *stack, l *journey.Learner) *held {
	t.Helper()
	h := &held{conversation: converse(t, l), tokens: make(chan struct{}, 3), ended: make(chan error, 1),
		events: make(chan journey.Reply, 1000), lost: make(chan error, 100)}
	for range cap(h.tokens) {
		h.tokens <- struct{}{}
	}
	s.Model.Script(partner.Step{Gate: h.tokens})
	go func() {
		reply, err := l.Say(t.Context(), journey.SayInput{ConversationID: h.conversation, Line: negotiation(t)[3], Watch: h.watch})
		h.reply = reply
		h.ended <- err
	}()
	h.await(t, "three tokens", func(r journey.Reply) bool { return len(r.Text) > 0 && r.Deltas > 0 })
	return h
}

func (h *held) watch(r *journey.Reply, ended error) {
	if ended != nil {
		h.lost <- ended
		return
	}
	h.events <- *r
}

// await reads events until one is the one wanted.
func (h *held) await(t *testing.T, what string, wanted func(journey.Reply) bool) {
	t.Helper()
	for deadline := time.After(soon); ; {
		select {
		case r := <-h.events:
			if wanted(r) {
				return
			}
		case err := <-h.ended:
			require.FailNow(t, "the reply ended before "+what, "%v", err)
		case <-deadline:
			require.FailNow(t, "no "+what)
		}
	}
}

// finished waits for the end of the reply and checks that it is what is stored.
func (h *held) finished(t *testing.T, l *journey.Learner, within time.Duration) {
	t.Helper()
	select {
	case err := <-h.ended:
		require.NoError(t, err)
	case <-time.After(within):
		require.FailNow(t, "the reply did not end in time")
	}
	stored, err := l.Messages(t.Context(), h.conversation, 2)
	require.NoError(t, err)
	require.NoError(t, journey.Compare(stored, []*journey.Reply{h.reply}))
}

func TestAReplyWrittenOnOneNodeStreamsFromAnother(t *testing.T) {
	t.Parallel()
	s := newStack(t, fast)
	writing := s.serve(t)
	l := learner(t, writing)
	h := sayHeld(t, s, l)
	reading := s.serve(t) // too late to write this reply
	elsewhere, err := journey.New([]string{reading.URL}, nil)
	require.NoError(t, err)
	elsewhere.Tokens = l.Tokens
	var id uuid.UUID
	followed := make(chan *journey.Reply, 1)
	_ = id
	_ = followed
	_ = elsewhere
	close(h.tokens)
	h.finished(t, l, soon)
}

func TestTheReplyOfAKilledNodeIsFinishedByAnother(t *testing.T) {
	t.Parallel()
	s := newStack(t, fast)
	first := s.serve(t)
	second := &process{}
	_ = second
	_ = first
	_ = os.Interrupt
	_ = syscall.SIGKILL
}
