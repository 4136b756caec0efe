package conversation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// watchSteps is how many versions are told at a time.
const watchSteps = 200

// catchUp tells what has happened since, as far as it need not wait for the reply that is
// followed. Where PostgreSQL is away it tries again soon.
func (w *Watch) catchUp(ctx context.Context) ([]WatchEvent, error) {
	t, steps, err := w.news(ctx)
	switch {
	case errors.Is(err, errNotFound):
		w.leave()
		w.over = true
		return []WatchEvent{{Event: Event{Type: EventDeleted, ConversationID: w.in.ConversationID}}}, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && w.tell:
		return nil, err
	case err != nil:
		w.look, w.away = false, true
		w.service.logger.WarnContext(ctx, "watch a conversation", "conversation_id", w.in.ConversationID, "error", err.Error())
		return nil, nil
	}
	w.look, t.updated, w.tell = len(steps) == watchSteps, w.tell, false
	for _, one := range steps {
		if !t.take(one) {
			break
		}
	}
	t.flush()
	return t.events, nil
}

// news reads what has happened since, and what the conversation is now.
func (w *Watch) news(ctx context.Context) (*telling, []newsStep, error) {
	steps, err := w.service.store.stepsAfter(ctx, w.in.ConversationID, w.at.Version, watchSteps)
	if err != nil {
		return nil, nil, err
	}
	t := &telling{watch: w}
	if t.messages, err = w.service.store.messagesMade(ctx, steps); err != nil {
		return nil, nil, err
	}
	t.now, err = w.service.store.conversation(ctx, w.in.UserID, w.in.ConversationID)
	return t, steps, err
}

// newsStep is what a version tells those who watch.
type newsStep struct {
	version   int64
	operation string
	change    struct {
		MessageID       uuid.UUID `json:"message_id"`
		ReplyID         uuid.UUID `json:"reply_id"`
		Attempt         int       `json:"attempt"`
		TokenWarning    bool      `json:"token_warning"`
		RestoredVersion int64     `json:"restored_version"`
	}
}

// madeBy names a message as a version has made it.
type madeBy struct {
	message uuid.UUID
	version int64
}

// telling makes events of versions.
type telling struct {
	watch    *Watch
	now      Conversation
	messages map[madeBy]Message
	events   []WatchEvent
	updated  bool // conversation.updated is to come
}

// take tells of a version; false: it waits for the reply that is followed.
func (t *telling) take(st newsStep) bool {
	w := t.watch
	switch st.operation {
	case OperationAddMessage:
		t.flush()
		w.at = WatchPosition{Version: st.version, Reply: st.change.ReplyID}
		t.tell(WatchEvent{Event: t.message(EventCreated, st)})
		return true
	case OperationRetryReply:
		w.at.Version = st.version
		if w.ended != st.change.MessageID || w.attempt < st.change.Attempt {
			w.at.Reply, w.at.Within = st.change.MessageID, Position{}
		}
		t.updated = true
		return true
	case OperationCompleteReply:
		return t.reply(st)
	case OperationRollBack, OperationRecover: // a recovery restores what it found, unless it says which version
		t.flush()
		w.at.Version = st.version
		t.tell(WatchEvent{Event: Event{Type: EventRolledBack}, Conversation: &t.now, RestoredVersion: cmp.Or(st.change.RestoredVersion, st.version)})
		return true
	}
	w.at.Version, t.updated = st.version, true
	return true
}

// reply tells that one has ended, unless that was told by its log.
func (t *telling) reply(st newsStep) bool {
	w := t.watch
	told := w.ended == st.change.MessageID && w.attempt >= st.change.Attempt
	if !told && (w.reply != nil && w.reply.id == st.change.MessageID || !w.at.Within.Entry.IsZero()) {
		w.drain, w.look = true, true // its readers know a part of it: its log tells the rest
		return false
	}
	if !told {
		t.flush()
		e := t.message("", st)
		if e.Message != nil {
			e = terminalEvent(*e.Message)
		}
		e.Position = Position{EndedAt: st.change.Attempt}
		w.at.Reply, w.at.Within = st.change.MessageID, e.Position
		t.tell(WatchEvent{Event: e})
		w.at.Reply, w.at.Within = uuid.Nil, Position{}
		w.ended, w.attempt = st.change.MessageID, st.change.Attempt
	}
	w.at.Version = st.version
	if st.change.TokenWarning {
		t.flush()
		t.tell(WatchEvent{Event: Event{Type: EventTokenWarning}, Conversation: &t.now})
	}
	return true
}

// message is the event of a message as the version has made it.
func (t *telling) message(kind string, st newsStep) Event {
	m, ok := t.messages[madeBy{st.change.MessageID, st.version}]
	if !ok {
		return Event{}
	}
	return Event{Type: kind, MessageID: m.ID, ConversationID: m.ConversationID, Attempt: m.Attempt, Message: &m}
}

// tell adds an event, if there is one.
func (t *telling) tell(e WatchEvent) {
	if e.Type == "" {
		return
	}
	e.At = t.watch.at
	t.events = append(t.events, e)
}

// flush tells of what has changed in the conversation itself.
func (t *telling) flush() {
	if t.updated {
		t.updated = false
		t.tell(WatchEvent{Event: Event{Type: EventUpdated}, Conversation: &t.now})
	}
}

// readNews reads what a version says.
func readNews(version int64, operation string, entry []byte) (newsStep, error) {
	st := newsStep{version: version, operation: operation}
	said := struct {
		Change any `json:"change"`
	}{&st.change}
	if err := json.Unmarshal(entry, &said); err != nil {
		return st, fmt.Errorf("version %d: %w", version, err)
	}
	return st, nil
}
