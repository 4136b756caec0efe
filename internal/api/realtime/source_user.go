package realtime

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/activity"
)

func (c *conn) attachUser(sub *subscription, after string, told *apiv2.RealtimeSubscribed) (err error) {
	who := c.identity()
	var position activity.Position
	if after != "" {
		if position, err = c.server.api.OpenUserPosition(who.UserID, after); err != nil {
			return err
		}
	}
	feed, err := c.server.Activity.Follow(sub.ctx, who.UserID, position)
	if err != nil {
		return err
	}
	cursor, err := c.server.api.SealUserPosition(who.UserID, feed.Position())
	if err != nil {
		feed.Close()
		return err
	}
	told.Cursor = &cursor
	told.Recovered = after != "" && feed.Recovered()
	sub.source = &userSource{server: c.server, topic: sub.topic, user: who.UserID, feed: feed}
	return nil
}

type userSource struct {
	server *Server
	topic  string
	user   uuid.UUID
	feed   *activity.Feed
}

func (s *userSource) close() { s.feed.Close() }

// encoded is a frame made once for all who get it.
type encoded struct {
	frame []byte // nil: what it told of is gone
	err   error
}

func (s *userSource) next(ctx context.Context) ([][]byte, error) {
	events, err := s.feed.Next(ctx)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, 0, len(events))
	for _, e := range events {
		done := s.encode(ctx, e)
		if done.err != nil {
			return nil, done.err
		}
		if done.frame != nil {
			out = append(out, done.frame)
		}
	}
	return out, nil
}

func (s *userSource) encode(ctx context.Context, e activity.Event) encoded {
	event, known, err := s.server.api.UserEvent(ctx, s.user, e)
	if err != nil || !known {
		return encoded{err: err}
	}
	p := pushed{Topic: s.topic, Event: event}
	if p.Cursor, err = s.server.api.SealUserPosition(s.user, e.At); err != nil {
		return encoded{err: err}
	}
	f, err := textFrame(p)
	return encoded{frame: f, err: err}
}
