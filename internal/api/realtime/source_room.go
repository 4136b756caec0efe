package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/room"
)

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
