package conversation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// announceWait bounds telling the log of a cancelled reply. Where that cannot be told,
// readers learn it from PostgreSQL, and the worker when it stores its text.
const announceWait = time.Second

// Cancel ends a reply under way and keeps its text so far. One that has ended is given as
// it is. Faults: resource.not_found, message.not_a_reply.
func (s *Service) Cancel(ctx context.Context, userID, conversationID, id uuid.UUID) (Message, error) {
	m, err := s.store.message(ctx, userID, conversationID, id, seen)
	switch {
	case err != nil:
		return m, err
	case m.Role != RoleAssistant:
		return m, errNotAReply
	case m.Ended():
		return m, nil
	}
	if err := s.cancelOnly(ctx, userID, conversationID, id); err != nil {
		return m, err
	}
	return s.store.message(ctx, userID, conversationID, id, hiddenToo)
}

// cancelOnly ends a reply if it is the one under way. It may have ended meanwhile, and
// another begun, which is none of our business.
func (s *Service) cancelOnly(ctx context.Context, userID, conversationID, id uuid.UUID) error {
	return s.change(ctx, changing{userID: userID, id: conversationID, cancels: func(reply uuid.UUID) bool { return reply == id }})
}

// soFar is how far the reply under way has come, as its readers know it.
type soFar struct {
	reply uuid.UUID // zero: none is under way
	text  string

	prompt []llm.Message // what the model was given for it; empty: nothing yet
}

// soFar reads what the log tells. Where the log is away, nothing of the text is known.
func (s *Service) soFar(ctx context.Context, userID, conversationID uuid.UUID) (soFar, error) {
	_, reply, err := s.store.headAndReply(ctx, userID, conversationID)
	if err != nil || reply == nil {
		return soFar{}, err
	}
	so := soFar{reply: *reply}
	if m, err := s.store.replyByID(ctx, *reply); err == nil && m.Status == MessageStreaming {
		if request, err := s.prompt(ctx, m); err == nil { // or what it costs is not known
			so.prompt = request.Messages
		}
	}
	resumed, err := s.log.Resume(ctx, streamOf(*reply), eventlog.ID{})
	if err != nil {
		return so, nil //nolint:nilerr // cancelling must work without the log
	}
	read, entries := newReading(0, Position{}), resumed.Entries
	for len(entries) > 0 {
		so.read(&read, entries)
		if !resumed.More {
			break
		}
		if entries, err = s.log.Range(ctx, streamOf(*reply), entries[len(entries)-1].ID, 0); err != nil {
			break // with what there is
		}
	}
	return so, nil
}

// read adds what entries tell of the text.
func (so *soFar) read(read *reading, entries []eventlog.Entry) {
	for _, entry := range entries {
		e, err := decode(entry)
		if err != nil {
			continue
		}
		for _, one := range read.take([]Event{e}) {
			switch one.Type {
			case EventStarted:
				so.text = one.Text
			case EventDelta:
				so.text += one.Text
			}
		}
	}
}

// cancelled is a reply that was, and the fence that keeps its worker from the log.
type cancelled struct {
	Message

	fence int64
}

// cancelIn ends the reply under way in a transaction that has the head locked. Its lease
// passes to nobody: the worker can write no more. It gives the head as that leaves it.
func (s *Service) cancelIn(ctx context.Context, tx Tx, head Conversation, reply uuid.UUID, so soFar) (Conversation, *cancelled, error) {
	if so.reply != reply {
		return head, nil, errMoved
	}
	usage := llm.EstimateUsage(so.prompt, so.text)
	m, err := s.store.cancelReply(ctx, tx, cancelInput{head: head, reply: reply, text: so.text, usage: usage, at: s.clock()})
	if err != nil {
		return head, nil, err
	}
	head.Version, head.TokensUsed, head.LastActivityAt = m.Version, head.TokensUsed+int64(usage.Prompt+usage.Completion), *m.CompletedAt
	return head, &m, answered(ctx, tx, head.UserID, m.Message)
}

// announceCancelled tells readers, and stops the worker by a higher fence than its own.
func (s *Service) announceCancelled(ctx context.Context, m cancelled) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceWait)
	defer cancel()
	if _, err := appendEvent(ctx, s.log, terminalEvent(m.Message), m.fence, eventlog.AnyID); err != nil {
		s.logger.WarnContext(ctx, "readers learn of a cancelled reply later", "message_id", m.ID, "error", err.Error())
	}
}
