package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// margin is given to a busy machine on top of what is promised.
const margin = 10 * time.Second

// heldReply is a reply whose model waits in the middle of it. Its reader leaves
// for good when its connection ends early.
type heldReply struct {
	*journey.Reply // read only after the reader has left
	conversation   uuid.UUID
	id             uuid.UUID
	goOn           chan struct{} // closing it lets the model go on
	left           chan error    // how reading ended: nil at the end of the reply
}

// sayHeld says a line and returns when the partner has begun to speak.
func sayHeld(t *testing.T, s *stack, l *journey.Learner) *heldReply {
	t.Helper()
	h := &heldReply{conversation: converse(t, l), goOn: make(chan struct{}, 3), left: make(chan error, 1)}
	for range cap(h.goOn) {
		h.goOn <- struct{}{}
	}
	s.Model.Script(partner.Step{Gate: h.goOn})
	ctx, leave := context.WithCancelCause(t.Context())
	begun := make(chan uuid.UUID, 1)
	var once sync.Once
	go func() {
		var err error
		h.Reply, err = l.Say(ctx, journey.SayInput{ConversationID: h.conversation, Line: negotiation(t)[3],
			Watch: func(r *journey.Reply, ended error) {
				if ended != nil {
					leave(ended)
				} else if r.Text != "" {
					once.Do(func() { begun <- r.ID })
				}
			}})
		h.left <- err
	}()
	select {
	case h.id = <-begun:
	case err := <-h.left:
		require.FailNow(t, "the reply ended at once", "%v", err)
	case <-time.After(soon):
		require.FailNow(t, "the partner says nothing")
	}
	return h
}

// readerLeft waits for the reader and gives why it left.
func (h *heldReply) readerLeft(t *testing.T) error {
	t.Helper()
	select {
	case err := <-h.left:
		return err
	case <-time.After(soon):
		require.FailNow(t, "the reader still reads")
		return nil
	}
}

// resume reads the rest at another node, within a time.
func (h *heldReply) resume(t *testing.T, l *journey.Learner, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), within, errors.New("the reply did not end in time"))
	defer cancel()
	require.NoError(t, l.Resume(ctx, h.conversation, h.Reply, nil))
}

// isStored checks that what was streamed is what is stored.
func (h *heldReply) isStored(t *testing.T, l *journey.Learner) {
	t.Helper()
	stored, err := l.Messages(t.Context(), h.conversation, 2)
	require.NoError(t, err)
	require.NoError(t, journey.Compare(stored, []*journey.Reply{h.Reply}))
}

func TestAReplyWrittenOnOneNodeStreamsFromAnother(t *testing.T) {
	t.Parallel()
	s := newStack(t, fast)
	writing := s.serve(t)
	l := learner(t, writing)
	h := sayHeld(t, s, l)
	other := at(t, l, s.serve(t)) // it starts too late to write this reply

	followed, caughtUp, ended := &journey.Reply{ID: h.id}, make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		ended <- other.Resume(t.Context(), h.conversation, followed, func(r *journey.Reply, _ error) {
			if r.Text != "" {
				once.Do(func() { close(caughtUp) })
			}
		})
	}()
	select {
	case <-caughtUp:
	case err := <-ended:
		require.FailNow(t, "the other reader left", "%v", err)
	case <-time.After(soon):
		require.FailNow(t, "nothing comes through the other node")
	}
	close(h.goOn)
	require.NoError(t, h.readerLeft(t))
	require.NoError(t, <-ended)
	h.isStored(t, l)
	require.Equal(t, h.Text, followed.Text)
	require.Equal(t, 1, followed.Starts)
	require.Len(t, s.Model.Requests(), 1, "one node wrote it")
}

func TestTheReplyOfAKilledNodeIsFinishedByAnother(t *testing.T) {
	t.Parallel()
	s := newStack(t, fast)
	first := s.serve(t)
	l := learner(t, first)
	h := sayHeld(t, s, l)
	other := at(t, l, s.serve(t))

	first.signal(t, syscall.SIGKILL)
	require.Error(t, h.readerLeft(t))
	heard := h.Text
	require.NotEmpty(t, heard)
	h.resume(t, other, 15*time.Second+margin)
	h.isStored(t, other)
	require.GreaterOrEqual(t, h.Starts, 2, "the other node began again")
	require.Len(t, s.Model.Requests(), 2)
	_, err := other.Say(t.Context(), journey.SayInput{ConversationID: h.conversation, Line: negotiation(t)[4]})
	require.NoError(t, err, "the conversation goes on")
}

func TestAStoppedNodeHandsOverTheReplyThatDoesNotEndInTime(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	s := newStack(t, fast)
	first := start(t, s.with("FLUENTPRO_DRAIN_LIMIT="+limit.String()), "serve")
	first.ready(t)
	l := learner(t, first)
	h := sayHeld(t, s, l)
	other := at(t, l, s.serve(t))

	first.signal(t, syscall.SIGTERM)
	require.ErrorIs(t, h.readerLeft(t), journey.ErrClosing)
	require.Equal(t, []client.StreamClosingReason{client.Draining}, h.Closings)
	require.Zero(t, first.exit(t, limit+margin), first.output)
	h.resume(t, other, margin)
	h.isStored(t, other)
	require.Len(t, s.Model.Requests(), 2)
}

func TestAStoppingNodeFinishesTheReplyItIsWriting(t *testing.T) {
	t.Parallel()
	s := newStack(t, fast)
	first := start(t, s.with("FLUENTPRO_DRAIN_DELAY=2s", "FLUENTPRO_DRAIN_LIMIT=1m"), "serve")
	first.ready(t)
	l := learner(t, first)
	h := sayHeld(t, s, l)

	first.signal(t, syscall.SIGTERM)
	first.eventually(t, "never told balancers that it stops", func() bool {
		return status(t.Context(), first.URL+"/readyz") == http.StatusServiceUnavailable
	})
	require.Equal(t, http.StatusOK, status(t.Context(), first.URL+"/api/v2/partners"), "requests are taken until balancers know")
	require.ErrorIs(t, h.readerLeft(t), journey.ErrClosing)
	close(h.goOn)
	require.Zero(t, first.exit(t, margin), first.output)

	other := at(t, l, s.serve(t))
	h.resume(t, other, margin)
	h.isStored(t, other)
	require.Len(t, s.Model.Requests(), 1, "nobody had to begin again")
}
