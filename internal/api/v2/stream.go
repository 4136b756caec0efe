package v2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// A stream ends between these times before its token does, so that readers do
// not all come back at once.
const (
	expiryLeast  = 5 * time.Second
	expirySpread = 20 * time.Second
)

// Reasons for ending a stream early, as causes of its context.
var (
	errTokenExpiring = errors.New("token_expiring")
	errDraining      = errors.New("draining")
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
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.server.Draining, func() { cancel(errDraining) })()
	left := web.IdentityFrom(r.ctx).ExpiresAt.Sub(r.server.Now()) - expiryLeast - rand.N(expirySpread)
	expiry := time.AfterFunc(max(left, time.Second), func() { cancel(errTokenExpiring) })
	defer expiry.Stop()
	return sse.Serve(ctx, w, r.next, sse.Options{HeadersOnly: web.HeadOnly(r.ctx)})
}

// next gives the events to write, or the one that says why there are no more.
func (r *replyStream) next(ctx context.Context) ([]sse.Event, error) {
	if events := r.first; events != nil {
		r.first = nil
		return r.encode(events)
	}
	events, err := r.feed.Next(ctx)
	switch {
	case errors.Is(err, errDraining), errors.Is(err, errTokenExpiring):
		return closing(closingReason(err))
	case errors.Is(err, eventlog.ErrTooSlow):
		return closing(apiv2.TooSlow)
	case err != nil:
		return nil, err
	}
	return r.encode(events)
}

func closingReason(err error) apiv2.StreamClosingReason {
	if errors.Is(err, errDraining) {
		return apiv2.Draining
	}
	return apiv2.TokenExpiring
}

// closing is the last event of a stream that ends early; it has no id, since
// the place to resume from is that of the event before.
func closing(reason apiv2.StreamClosingReason) ([]sse.Event, error) {
	data, err := json.Marshal(apiv2.StreamClosing{Type: apiv2.StreamClosingTypeStreamClosing, Reason: reason, RetryMs: sse.RetryMillis()})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return []sse.Event{{Name: string(apiv2.StreamClosingTypeStreamClosing), Data: data}}, io.EOF
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

func positionScope(replyID uuid.UUID) string { return "messageEvents/" + replyID.String() }

// sealPosition makes the cursor of a place in a reply's events; only that
// reply's stream takes it.
func (s *Server) sealPosition(replyID uuid.UUID, p conversation.Position) (string, error) {
	payload, err := p.MarshalBinary()
	if err != nil {
		return "", fmt.Errorf("seal cursor: %w", err)
	}
	return s.Cursors.Seal(positionScope(replyID), payload), nil
}

// openPosition reads a cursor. Fault: cursor.invalid.
func (s *Server) openPosition(replyID uuid.UUID, token string) (p conversation.Position, err error) {
	payload, err := s.Cursors.Open(positionScope(replyID), token)
	if err != nil {
		return p, err
	}
	if err := p.UnmarshalBinary(payload); err != nil {
		return p, fault.New(fault.Malformed, "cursor.invalid", "The cursor is of a form that is not known here.").WithCause(err)
	}
	return p, nil
}
