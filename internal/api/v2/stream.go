package v2

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// StreamMessageEvents follows a reply from where the reader left off.
func (s *Server) StreamMessageEvents(ctx context.Context, req apiv2.StreamMessageEventsRequestObject) (apiv2.StreamMessageEventsResponseObject, error) {
	in := conversation.FollowInput{
		UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID, MessageID: req.MessageID,
	}
	if token := valueOr(req.Params.LastEventID, valueOr(req.Params.After, "")); token != "" {
		var err error
		if in.After, err = s.openPosition(req.MessageID, token); err != nil {
			return nil, err
		}
	}
	feed, ended, err := s.Conversations.Follow(ctx, in)
	if err != nil {
		return nil, err
	}
	if ended {
		return apiv2.StreamMessageEvents204Response{}, nil
	}
	return &replyStream{server: s, ctx: ctx, replyID: req.MessageID, feed: feed}, nil
}

// streamSent answers createMessage with the message, then the reply's events.
func (s *Server) streamSent(ctx context.Context, user uuid.UUID, sent conversation.Sent, location string) (apiv2.CreateMessageResponseObject, error) {
	feed, _, err := s.Conversations.Follow(ctx, conversation.FollowInput{
		UserID: user, ConversationID: sent.Reply.ConversationID, MessageID: sent.Reply.ID,
	})
	if err != nil {
		return nil, err
	}
	said := conversation.Event{Type: conversation.EventCreated, MessageID: sent.Message.ID, Message: &sent.Message}
	return &replyStream{
		server: s, ctx: ctx, replyID: sent.Reply.ID, feed: feed, first: []conversation.Event{said},
		location: location, replayed: sent.Replayed,
	}, nil
}

// replyStream is the answer that follows one reply.
type replyStream struct {
	server   *Server
	ctx      context.Context
	replyID  uuid.UUID
	feed     *conversation.Feed
	first    []conversation.Event // sent before the feed's
	location string               // of the reply, where it is not the path itself
	replayed bool
}

// VisitStreamMessageEventsResponse streams until the reply or the reader ends.
func (r *replyStream) VisitStreamMessageEventsResponse(w http.ResponseWriter) error {
	return r.serve(w)
}

// VisitCreateMessageResponse is the same with the headers of createMessage.
func (r *replyStream) VisitCreateMessageResponse(w http.ResponseWriter) error {
	w.Header().Set("Location", r.location)
	if r.replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	return r.serve(w)
}

func (r *replyStream) serve(w http.ResponseWriter) error {
	defer r.feed.Close()
	return r.server.serveStream(r.ctx, w, r.next)
}

// next gives the events to write.
func (r *replyStream) next(ctx context.Context) ([]sse.Event, error) {
	if events := r.first; events != nil {
		r.first = nil
		return r.encode(events)
	}
	events, err := r.feed.Next(ctx)
	if err != nil {
		return nil, err
	}
	return r.encode(events)
}

func (r *replyStream) encode(events []conversation.Event) ([]sse.Event, error) {
	out := make([]sse.Event, 0, len(events))
	for _, e := range events {
		data, err := json.Marshal(ToAPIEvent(e))
		if err != nil {
			return nil, fmt.Errorf("encode event: %w", err)
		}
		id, err := r.server.sealPosition(r.replyID, e.Position)
		if err != nil {
			return nil, err
		}
		out = append(out, sse.Event{Name: e.Type, ID: id, Data: data})
	}
	return out, nil
}

// ToAPIEvent translates one event of a reply.
func ToAPIEvent(e conversation.Event) any {
	switch e.Type {
	case conversation.EventStarted:
		return apiv2.MessageStarted{Type: apiv2.MessageStartedTypeMessageStarted, MessageID: e.MessageID,
			ConversationID: e.ConversationID, Attempt: e.Attempt, Text: e.Text}
	case conversation.EventDelta:
		return apiv2.MessageDelta{Type: apiv2.MessageDeltaTypeMessageDelta, MessageID: e.MessageID, Text: e.Text}
	case conversation.EventFailed:
		return apiv2.MessageFailed{Type: apiv2.MessageFailedTypeMessageFailed, Message: ToAPIMessage(*e.Message), Problem: toAPIProblem(e.Message.Problem)}
	case conversation.EventCancelled:
		return apiv2.MessageCancelled{Type: apiv2.MessageCancelledTypeMessageCancelled, Message: ToAPIMessage(*e.Message)}
	case conversation.EventCreated:
		return apiv2.MessageCreated{Type: apiv2.MessageCreatedTypeMessageCreated, Message: ToAPIMessage(*e.Message)}
	default:
		return apiv2.MessageCompleted{Type: apiv2.MessageCompletedTypeMessageCompleted, Message: ToAPIMessage(*e.Message)}
	}
}
