package realtime

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/task"
)

func (c *conn) attachTask(sub *subscription, id uuid.UUID, after string, told *apiv2.RealtimeSubscribed) error {
	var revision int64
	if after != "" {
		var err error
		if revision, err = c.server.api.OpenTaskPosition(id, after); err != nil {
			return err
		}
	}
	feed, ended, err := c.server.Tasks.Follow(sub.ctx, c.identity().UserID, id, revision)
	if err != nil {
		return err
	}
	told.Recovered = after != "" // each event is the whole task
	if ended {
		told.Ended = &ended
	} else {
		sub.source = &taskSource{server: c.server, topic: sub.topic, feed: feed}
	}
	return nil
}

type taskSource struct {
	server *Server
	topic  string
	feed   *task.Feed
}

func (s *taskSource) close() { s.feed.Close() }

func (s *taskSource) next(ctx context.Context) ([][]byte, error) {
	events, err := s.feed.Next(ctx)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, 0, len(events))
	for _, e := range events {
		cursor, err := s.server.api.SealTaskPosition(e.Task.ID, e.Task.Revision)
		if err != nil {
			return nil, err
		}
		f, err := textFrame(pushed{Topic: s.topic, Event: v2.ToAPITaskEvent(e), Cursor: cursor})
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
