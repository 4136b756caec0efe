package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/activity"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/room"
	"github.com/fluentpro/fluentpro/internal/task"
)

// attach gives a subscription its source, and says where it begins.
func (c *conn) attach(sub *subscription, t topic, after string, told *apiv2.RealtimeSubscribed) error {
	switch t.kind {
	case topicConversation:
		return c.attachConversation(sub, t.id, after, told)
	case topicTask:
		return c.attachTask(sub, t.id, after, told)
	case topicUser:
		return c.attachUser(sub, after, told)
	default:
		return c.attachRoom(sub, t.name, after, told)
	}
}

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
		p := pushed{Topic: s.topic, Event: v2.ToAPIWatchEvent(e)}
		if e.Type != conversation.EventDeleted {
			if p.Cursor, err = s.server.api.SealWatchPosition(s.id, e.At); err != nil {
				return nil, err
			}
		}
		f, err := textFrame(p)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

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
	if told.Ended = &ended; !ended {
		told.Ended = nil
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

func (c *conn) attachRoom(sub *subscription, name, after string, told *apiv2.RealtimeSubscribed) (err error) {
	var position eventlog.ID
	if after != "" {
		if position, err = c.server.openRoom(name, after); err != nil {
			return err
		}
	}
	fullName, err := c.fullName(sub.ctx)
	if err != nil {
		return err
	}
	in := room.JoinInput{Room: name, UserID: c.identity().UserID, Name: fullName, Connection: c.id.String()}
	member, err := c.server.Rooms.Join(sub.ctx, in)
	if err != nil {
		return err
	}
	leave := func() { c.leaveRoom(room.LeaveInput{Room: name, Member: member, Connection: in.Connection}) }
	feed, err := c.server.Rooms.Follow(sub.ctx, name, position)
	if err != nil {
		leave()
		return err
	}
	if at := feed.Position(); !at.IsZero() {
		cursor, err := c.server.sealRoom(name, at)
		if err != nil {
			leave()
			feed.Close()
			return err
		}
		told.Cursor = &cursor
	}
	told.Recovered = feed.Recovered()
	sub.left = leave
	sub.source = &roomSource{server: c.server, topic: sub.topic, name: name, feed: feed}
	return nil
}

// leaveRoom tells the room that a device is gone, also when the connection is.
func (c *conn) leaveRoom(in room.LeaveInput) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), closeWait)
	defer cancel()
	if err := c.server.Rooms.Leave(ctx, in); err != nil {
		c.server.Logger.DebugContext(ctx, "a room is told later who has left", "error", err.Error())
	}
}

type roomSource struct {
	server *Server
	topic  string
	name   string
	feed   *room.Feed
}

func (s *roomSource) close() { s.feed.Close() }

func (s *roomSource) next(ctx context.Context) ([][]byte, error) {
	events, err := s.feed.Next(ctx)
	if errors.Is(err, eventlog.ErrRestarted) {
		f, err := textFrame(pushed{Topic: s.topic, Event: restarted})
		return [][]byte{f}, err
	}
	if err != nil {
		return nil, err
	}
	out := make([][]byte, 0, len(events))
	for _, e := range events {
		done, _ := e.Memo(func() any { return s.encode(e) }).(encoded)
		if done.err != nil {
			return nil, done.err
		}
		if done.frame != nil {
			out = append(out, done.frame)
		}
	}
	return out, nil
}

func (s *roomSource) encode(e room.Event) encoded {
	e, known := e.Read()
	if !known {
		return encoded{}
	}
	cursor, err := s.server.sealRoom(s.name, e.Position)
	if err != nil {
		return encoded{err: err}
	}
	f, err := textFrame(pushed{Topic: s.topic, Event: toAPIRoomEvent(e), Cursor: cursor})
	return encoded{frame: f, err: err}
}

func toAPIRoomEvent(e room.Event) any {
	switch e.Type {
	case room.EventJoined:
		return apiv2.PresenceJoined{Type: apiv2.PresenceJoinedTypePresenceJoined, Member: toAPIMember(e.Member)}
	case room.EventLeft:
		return apiv2.PresenceLeft{Type: apiv2.PresenceLeftTypePresenceLeft, Member: toAPIMember(e.Member)}
	}
	return roomMessage{
		Type: string(apiv2.RoomMessageTypeRoomMessage), MessageID: e.MessageID, UserID: e.Member.UserID, Name: e.Member.Name, Data: e.Data, SentAt: e.At,
	}
}

// roomMessage is apiv2.RoomMessage with its data as they were published.
type roomMessage struct {
	Type      string          `json:"type"`
	MessageID uuid.UUID       `json:"message_id"`
	UserID    uuid.UUID       `json:"user_id"`
	Name      string          `json:"name"`
	Data      json.RawMessage `json:"data"`
	SentAt    time.Time       `json:"sent_at"`
}

func roomScope(name string) string { return "roomEvents/" + name }

func (s *Server) sealRoom(name string, at eventlog.ID) (string, error) {
	return s.Cursors.SealJSON(roomScope(name), at)
}

func (s *Server) openRoom(name, cursor string) (at eventlog.ID, err error) {
	err = s.Cursors.OpenJSON(roomScope(name), cursor, &at)
	return at, err
}

// restarted says that events were lost.
var restarted = apiv2.StreamRestarted{Type: apiv2.StreamRestartedTypeStreamRestarted}

func closing(reason apiv2.StreamClosingReason) apiv2.StreamClosing {
	return apiv2.StreamClosing{Type: apiv2.StreamClosingTypeStreamClosing, Reason: reason, RetryMs: returnMillis()}
}
