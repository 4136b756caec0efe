package v2

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/task"
)

// StreamMyEvents follows everything that concerns the user.
func (s *Server) StreamMyEvents(ctx context.Context, req apiv2.StreamMyEventsRequestObject) (_ apiv2.StreamMyEventsResponseObject, err error) {
	user := web.IdentityFrom(ctx).UserID
	var after activity.Position
	if token := valueOr(req.Params.LastEventID, valueOr(req.Params.After, "")); token != "" {
		if after, err = s.OpenUserPosition(user, token); err != nil {
			return nil, err
		}
	}
	feed, err := s.Activity.Follow(ctx, user, after)
	if err != nil {
		return nil, err
	}
	return &userStream{server: s, ctx: ctx, feed: feed}, nil
}

// userStream is the answer that follows one user.
type userStream struct {
	server *Server
	ctx    context.Context
	feed   *activity.Feed
	begun  bool
}

// VisitStreamMyEventsResponse streams until the session or the reader ends.
func (u *userStream) VisitStreamMyEventsResponse(w http.ResponseWriter) error {
	return u.server.serveLong(u.ctx, w, u.next, u.feed.Close)
}

// next gives the events to write; at first an id alone, so that a reader that loses the
// connection before anything happens misses nothing.
func (u *userStream) next(ctx context.Context) ([]sse.Event, error) {
	if !u.begun {
		u.begun = true
		return u.begin(ctx)
	}
	events, err := u.feed.Next(ctx)
	if err != nil {
		return nil, err
	}
	return u.encode(ctx, events)
}

func (u *userStream) begin(ctx context.Context) ([]sse.Event, error) {
	id, err := u.server.SealUserPosition(web.IdentityFrom(ctx).UserID, u.feed.Position())
	return []sse.Event{{ID: id}}, err
}

func (u *userStream) encode(ctx context.Context, events []activity.Event) ([]sse.Event, error) {
	who := web.IdentityFrom(ctx)
	var out []sse.Event
	for _, e := range newest(events) {
		if e.Type == activity.SessionRevoked && e.ID == who.SessionID {
			continue // the stream's own: serveStream tells it
		}
		event, ok, err := u.server.UserEvent(ctx, who.UserID, e)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		data, err := json.Marshal(event)
		if err != nil {
			return nil, fmt.Errorf("encode event: %w", err)
		}
		id, err := u.server.SealUserPosition(who.UserID, e.At)
		if err != nil {
			return nil, err
		}
		out = append(out, sse.Event{Name: e.Type, ID: id, Data: data})
	}
	return out, nil
}

// newest leaves out events that a later one of the same type and thing replaces.
func newest(events []activity.Event) []activity.Event {
	type subject struct {
		kind string
		id   uuid.UUID
	}
	seen := make(map[subject]bool, len(events))
	out := make([]activity.Event, 0, len(events))
	for _, e := range slices.Backward(events) {
		if of := (subject{e.Type, e.ID}); !seen[of] {
			seen[of] = true
			out = append(out, e)
		}
	}
	slices.Reverse(out)
	return out
}

// UserEvent is the event of a user in the contract's form, as JSON, with what it is about
// as that is now. The same bytes serve all readers of a node: they are read only. not ok:
// there is nothing to tell, since the thing is gone meanwhile, what follows tells more, or
// the roles in ctx's identity may not read it. An error is of the database.
func (s *Server) UserEvent(ctx context.Context, user uuid.UUID, e activity.Event) (event any, ok bool, err error) {
	if strings.HasPrefix(e.Type, "conversation.") && !s.May("practise", web.IdentityFrom(ctx).Roles) {
		return nil, false, nil
	}
	own := false
	read := e.Memo(func() any {
		own = true
		return s.encodeUserEvent(ctx, user, e)
	}).(encodedEvent)
	if read.err != nil && !own { // another reader's, who has left perhaps
		read = s.encodeUserEvent(ctx, user, e)
	}
	return read.data, read.data != nil, read.err
}

// encodedEvent is an event of a user as all readers of a node get it.
type encodedEvent struct {
	data json.RawMessage // nil: there is nothing to tell
	err  error
}

func (s *Server) encodeUserEvent(ctx context.Context, user uuid.UUID, e activity.Event) encodedEvent {
	event, err := s.readUserEvent(ctx, user, e)
	if f := fault.Find(err); f != nil && f.Kind == fault.NotFound {
		return encodedEvent{}
	}
	if err != nil || event == nil {
		return encodedEvent{err: err}
	}
	data, err := json.Marshal(event)
	if err != nil {
		return encodedEvent{err: fmt.Errorf("encode event: %w", err)}
	}
	return encodedEvent{data: data}
}

// readUserEvent reads what an event is about; nil: nothing is to be told.
func (s *Server) readUserEvent(ctx context.Context, user uuid.UUID, e activity.Event) (any, error) {
	switch e.Type {
	case activity.ConversationCreated, activity.ConversationUpdated, activity.ConversationRolledBack:
		return s.readUserConversation(ctx, user, e)
	case activity.ConversationDeleted:
		return apiv2.ConversationDeleted{Type: apiv2.ConversationDeletedTypeConversationDeleted, ConversationID: e.ID}, nil
	case activity.TaskProgressed, activity.TaskCompleted, activity.TaskFailed, activity.TaskCancelled:
		t, err := s.Tasks.Get(ctx, user, e.ID)
		if err != nil || e.Type == activity.TaskProgressed && t.Ended() { // its end follows
			return nil, err
		}
		return ToAPITaskEvent(task.Event{Type: e.Type, Task: t}), nil
	case activity.OnboardingChanged:
		o, err := s.Onboarding.Get(ctx, user, tag(nil))
		return apiv2.OnboardingStepCompleted{Type: apiv2.OnboardingStepCompletedTypeOnboardingStepCompleted, Onboarding: ToAPIOnboarding(o)}, err
	case activity.SessionRevoked:
		return apiv2.SessionRevoked{Type: apiv2.SessionRevokedTypeSessionRevoked, SessionID: e.ID}, nil
	case activity.Restarted:
		return apiv2.StreamRestarted{Type: apiv2.StreamRestartedTypeStreamRestarted}, nil
	}
	return nil, nil
}

func (s *Server) readUserConversation(ctx context.Context, user uuid.UUID, e activity.Event) (any, error) {
	c, err := s.Conversations.Get(ctx, user, e.ID)
	if err != nil {
		return nil, err
	}
	now := ToAPIConversation(c)
	switch e.Type {
	case activity.ConversationCreated:
		return apiv2.ConversationCreated{Type: apiv2.ConversationCreatedTypeConversationCreated, Conversation: now}, nil
	case activity.ConversationRolledBack:
		return apiv2.ConversationRolledBack{
			Type: apiv2.ConversationRolledBackTypeConversationRolledBack, Conversation: now, RestoredVersion: e.RestoredVersion,
		}, nil
	}
	return apiv2.ConversationUpdated{Type: apiv2.ConversationUpdatedTypeConversationUpdated, Conversation: now}, nil
}
