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

// StreamConversationEvents follows all that happens in a conversation.
func (s *Server) StreamConversationEvents(ctx context.Context, req apiv2.StreamConversationEventsRequestObject) (_ apiv2.StreamConversationEventsResponseObject, err error) {
	in := conversation.WatchInput{UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID}
	if token := valueOr(req.Params.LastEventID, valueOr(req.Params.After, "")); token != "" {
		if in.After, err = s.OpenWatchPosition(req.ConversationID, token); err != nil {
			return nil, err
		}
	}
	watch, err := s.Conversations.Watch(ctx, in)
	if err != nil {
		return nil, err
	}
	return &conversationStream{server: s, ctx: ctx, id: req.ConversationID, watch: watch}, nil
}

// conversationStream is the answer that follows one conversation.
type conversationStream struct {
	server *Server
	ctx    context.Context
	id     uuid.UUID
	watch  *conversation.Watch
}

// VisitStreamConversationEventsResponse streams until the conversation or the reader ends.
func (c *conversationStream) VisitStreamConversationEventsResponse(w http.ResponseWriter) error {
	return c.server.serveLong(c.ctx, w, c.next, c.watch.Close)
}

// next gives the events to write.
func (c *conversationStream) next(ctx context.Context) ([]sse.Event, error) {
	events, err := c.watch.Next(ctx)
	if err != nil {
		return nil, err
	}
	return c.encode(events)
}

func (c *conversationStream) encode(events []conversation.WatchEvent) ([]sse.Event, error) {
	out := make([]sse.Event, 0, len(events))
	for _, e := range events {
		data, err := json.Marshal(ToAPIWatchEvent(e))
		if err != nil {
			return nil, fmt.Errorf("encode event: %w", err)
		}
		one := sse.Event{Name: e.Type, Data: data}
		if e.Type != conversation.EventDeleted {
			if one.ID, err = c.server.SealWatchPosition(c.id, e.At); err != nil {
				return nil, err
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// ToAPIWatchEvent translates one event of a conversation.
func ToAPIWatchEvent(e conversation.WatchEvent) any {
	switch e.Type {
	case conversation.EventUpdated:
		return apiv2.ConversationUpdated{Type: apiv2.ConversationUpdatedTypeConversationUpdated, Conversation: ToAPIConversation(*e.Conversation)}
	case conversation.EventTokenWarning:
		return apiv2.ConversationTokenWarning{Type: apiv2.ConversationTokenWarningTypeConversationTokenWarning, Conversation: ToAPIConversation(*e.Conversation)}
	case conversation.EventRolledBack:
		return apiv2.ConversationRolledBack{
			Type: apiv2.ConversationRolledBackTypeConversationRolledBack, Conversation: ToAPIConversation(*e.Conversation), RestoredVersion: e.RestoredVersion,
		}
	case conversation.EventDeleted:
		return apiv2.ConversationDeleted{Type: apiv2.ConversationDeletedTypeConversationDeleted, ConversationID: e.ConversationID}
	}
	return ToAPIEvent(e.Event)
}
