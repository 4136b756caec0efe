package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/presence"
)

// Deps are what rooms are made of.
type Deps struct {
	Presence *presence.Presence
	Log      *eventlog.Log
	Logger   *slog.Logger
	Now      func() time.Time
}

// Service is the rooms. It is safe for concurrent use.
type Service struct {
	Deps
}

// New makes the Service.
func New(d Deps) *Service { return &Service{d} }

// JoinInput is a device that comes into a room.
type JoinInput struct {
	Room       string
	UserID     uuid.UUID
	Name       string // of the user, as the others see it
	Connection string // names the device's connection, over all nodes
}

// Join brings a device in, and gives the member that it is of. The first one of a user is
// told to the room. A room that is full stays as it is for those who are in. Faults:
// room.full, server.unavailable; the device is not in then, and does not come in later.
func (s *Service) Join(ctx context.Context, in JoinInput) (Member, error) {
	m, err := s.join(ctx, in)
	if err != nil { // presence would let in who asked while Redis was away, once it is back
		_, _, leaving := s.Presence.Leave(context.WithoutCancel(ctx), group(in.Room), in.Connection)
		if leaving != nil {
			s.Logger.DebugContext(ctx, "a device leaves a room later", "error", leaving.Error())
		}
	}
	return m, err
}

func (s *Service) join(ctx context.Context, in JoinInput) (Member, error) {
	value, err := json.Marshal(visitor{UserID: in.UserID, Name: in.Name})
	if err != nil {
		return Member{}, fmt.Errorf("join a room: %w", err)
	}
	all, err := s.Presence.Join(ctx, presence.JoinInput{Group: group(in.Room), Member: in.Connection, Value: value})
	if err != nil {
		return Member{}, s.unavailable(err)
	}
	members := members(all)
	place := slices.IndexFunc(members, func(m Member) bool { return m.UserID == in.UserID })
	switch {
	case place < 0: // taken away again by another node
		return Member{UserID: in.UserID, Name: in.Name, JoinedAt: s.Now()}, nil
	case place >= MaxMembers:
		return Member{}, errFull
	case first(all, in.UserID) == in.Connection:
		return members[place], s.tell(ctx, in.Room, EventJoined, members[place])
	}
	return members[place], nil
}

// LeaveInput is a device that goes out of a room.
type LeaveInput struct {
	Room       string
	Member     Member // as Join gave it
	Connection string
}

// Leave takes a device out. The last one of a user is told to the room. Where that cannot
// be done now, it is as soon as it can.
func (s *Service) Leave(ctx context.Context, in LeaveInput) error {
	left, rest, err := s.Presence.Leave(ctx, group(in.Room), in.Connection)
	if err != nil || !left || first(rest, in.Member.UserID) != "" {
		return err
	}
	return s.tell(ctx, in.Room, EventLeft, in.Member)
}

// Lost tells a room of members whose node is gone. A group that is no room's is passed over.
func (s *Service) Lost(ctx context.Context, of string, gone []presence.Member) {
	room, ok := strings.CutPrefix(of, group(""))
	if !ok {
		return
	}
	rest, err := s.Presence.Members(ctx, of)
	for _, m := range members(gone) {
		if err == nil && first(rest, m.UserID) == "" {
			err = s.tell(ctx, room, EventLeft, m)
		}
	}
	if err != nil {
		s.Logger.WarnContext(ctx, "a room is not told who has left", "error", err.Error())
	}
}

// Members lists who is in a room, first come first. Fault: server.unavailable.
func (s *Service) Members(ctx context.Context, room string) ([]Member, error) {
	all, err := s.Presence.Members(ctx, group(room))
	if err != nil {
		return nil, s.unavailable(err)
	}
	return members(all), nil
}

// PublishInput is what a member says: an object of at most MaxData bytes. That they are a
// member is for the caller to know.
type PublishInput struct {
	Room   string
	UserID uuid.UUID
	Name   string
	Data   json.RawMessage
}

// Publish says it to all members, the speaker included, and gives the event's place.
// Faults: request.too_large, server.unavailable.
func (s *Service) Publish(ctx context.Context, in PublishInput) (eventlog.ID, error) {
	if len(in.Data) > MaxData {
		return eventlog.ID{}, errTooLarge.WithFields(fault.Field{Pointer: "/publish/data", Code: "too_large", Detail: "Must have at most 16384 bytes."})
	}
	id, err := uuid.NewV7()
	if err != nil {
		return eventlog.ID{}, err
	}
	return s.append(ctx, in.Room, stored{Type: EventMessage, UserID: in.UserID, Name: in.Name, MessageID: id, Data: in.Data})
}

func (s *Service) tell(ctx context.Context, room, event string, m Member) error {
	_, err := s.append(ctx, room, stored{Type: event, UserID: m.UserID, Name: m.Name, JoinedAt: m.JoinedAt})
	return err
}

func (s *Service) append(ctx context.Context, room string, e stored) (eventlog.ID, error) {
	e.Format, e.At = storedFormat, s.Now().UTC().Truncate(time.Millisecond)
	text, err := json.Marshal(e)
	if err != nil {
		return eventlog.ID{}, fmt.Errorf("tell a room: %w", err)
	}
	id, err := s.Log.Append(ctx, eventlog.AppendInput{Stream: stream(room), After: eventlog.AnyID, Entry: text, Cap: kept, Keep: keptFor})
	if err != nil {
		return id, s.unavailable(err)
	}
	return id, nil
}

func (s *Service) unavailable(err error) error {
	if errors.Is(err, presence.ErrUnavailable) || errors.Is(err, eventlog.ErrUnavailable) {
		return fault.New(fault.Unavailable, "server.unavailable", "Rooms cannot be reached now; try again shortly.").WithCause(err)
	}
	return err
}

// members are the people behind devices that come in the order in which they joined.
func members(all []presence.Member) []Member {
	out := make([]Member, 0, len(all))
	for _, one := range all {
		var v visitor
		if json.Unmarshal(one.Value, &v) != nil {
			continue // of a release that is unknown here
		}
		if !slices.ContainsFunc(out, func(m Member) bool { return m.UserID == v.UserID }) {
			out = append(out, Member{UserID: v.UserID, Name: v.Name, JoinedAt: one.Since})
		}
	}
	return out
}

// first is a user's first device among all, or none.
func first(all []presence.Member, user uuid.UUID) string {
	for _, one := range all {
		var v visitor
		if json.Unmarshal(one.Value, &v) == nil && v.UserID == user {
			return one.ID
		}
	}
	return ""
}
