package realtime

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/conversation"
)

func (c *conn) attachConversation(sub *subscription, id uuid.UUID, after string, told *apiv2.RealtimeSubscribed) error {
	if err := c.may("practise"); err != nil {
		return err
	}
	in := conversation.WatchInput{UserID: c.identity().UserID, ConversationID: id}
	if after != "" {
		var err error
		if in.After, err = c.server.api.OpenWatchPosition(id, after); err != nil {
			return err
		}
	}
	watch, err := c.server.Conversations.Watch(sub.ctx, in)
	if err != nil {
		return err
	}
	told.Recovered = after != "" // it is told from PostgreSQL, which forgets nothing
	sub.source = &conversationSource{server: c.server, topic: sub.topic, id: id, watch: watch}
	return nil
}

type conversationSource struct {
	server *Server
	topic  string
	id     uuid.UUID
	watch  *conversation.Watch
}

func (s *conversationSource) close() { s.watch.Close() }

func (s *conversationSource) next(ctx context.Context) ([][]byte, error) {
	events, err := s.watch.Next(ctx)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, 0, len(events))
	for _, e := range events {
		done, _ := e.Memo(func() any { return s.encode(e) }).(encoded)
		if done.err != nil {
			return nil, done.err
		}
		out = append(out, done.frame)
	}
	return out, nil
}

func (s *conversationSource) encode(e conversation.WatchEvent) encoded {
	p := pushed{Topic: s.topic, Event: v2.ToAPIWatchEvent(e)}
	if e.Type != conversation.EventDeleted {
		var err error
		if p.Cursor, err = s.server.api.SealWatchPosition(s.id, e.At); err != nil {
			return encoded{err: err}
		}
	}
	f, err := textFrame(p)
	return encoded{frame: f, err: err}
}
