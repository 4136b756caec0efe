package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/presence"
)

// registryWait bounds what a connection waits for the registry.
const registryWait = 3 * time.Second

// entry is what the registry tells of a connection; nodes of neighbouring releases read it.
type entry struct {
	UserID        uuid.UUID `json:"user_id"`
	SessionID     uuid.UUID `json:"session_id"`
	Device        string    `json:"device"`
	LastActiveAt  time.Time `json:"last_active_at"`
	Subscriptions []string  `json:"subscriptions"`
}

func groupOf(user uuid.UUID) string { return "user:" + user.String() }

// admit makes a connection known on all nodes, and closes the oldest of the user's where
// there are too many: on this node by itself, on others by telling them.
func (s *Server) admit(c *conn, who web.Identity) {
	s.mu.Lock()
	s.users[who.UserID] = append(s.users[who.UserID], c)
	here := append([]*conn{}, s.users[who.UserID]...)
	s.mu.Unlock()
	for len(here) > maxConnections { // also while Redis is away
		here[0].close(verdictReplaced)
		here = here[1:]
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), registryWait)
	defer cancel()
	all, err := s.Presence.Join(ctx, presence.JoinInput{Group: groupOf(who.UserID), Member: c.id.String(), Value: c.entry(who), Listed: true})
	if err != nil {
		s.log(c.began, slog.LevelDebug, "connection is registered later", c, slog.String("error", err.Error()))
		return
	}
	for len(all) > maxConnections {
		if err := s.evict(ctx, groupOf(who.UserID), all[0], verdictReplaced); err != nil {
			s.log(c.began, slog.LevelWarn, "connection not replaced", c, slog.String("error", err.Error()))
		}
		all = all[1:]
	}
}

// evict closes a connection wherever it is. Of several who try, one tells its node.
func (s *Server) evict(ctx context.Context, group string, m presence.Member, v verdict) error {
	removed, err := s.Presence.Remove(ctx, group, m.ID)
	if err != nil || !removed {
		return err
	}
	text, err := json.Marshal(order{Close: m.ID, Code: v.code})
	if err != nil {
		return err
	}
	return s.Presence.Send(ctx, m.Node, text)
}

// order is what one node asks of another.
type order struct {
	Close string `json:"close"`
	Code  int    `json:"code"`
}

// Receive carries out what another node asks.
func (s *Server) Receive(text []byte) {
	var o order
	id, err := uuid.UUID{}, json.Unmarshal(text, &o)
	if err == nil {
		id, err = uuid.Parse(o.Close)
	}
	v, known := verdicts[o.Code]
	if err != nil || !known {
		s.Logger.Warn("an order of another node is not understood")
		return
	}
	s.mu.Lock()
	c := s.conns[id]
	s.mu.Unlock()
	if c != nil {
		c.close(v)
	}
}

func (s *Server) unregister(c *conn, who web.Identity) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), registryWait)
	defer cancel()
	if _, _, err := s.Presence.Leave(ctx, groupOf(who.UserID), c.id.String()); err != nil {
		s.log(c.began, slog.LevelDebug, "connection is taken off later", c, slog.String("error", err.Error()))
	}
}

// describe tells the registry what a connection is subscribed to.
func (c *conn) describe() {
	if c.over.Load() {
		return
	}
	who := c.identity()
	c.server.Presence.Update(groupOf(who.UserID), c.id.String(), c.entry(who))
	c.toldActive.Store(c.active.Load())
}

// activeEvery is how often the registry hears that a connection is used.
const activeEvery = 30 * time.Second

func (c *conn) entry(who web.Identity) []byte {
	text, _ := json.Marshal(entry{ // nothing in it can fail
		UserID: who.UserID, SessionID: who.SessionID, Device: c.device(), Subscriptions: c.topics(),
		LastActiveAt: time.Unix(0, c.active.Load()).UTC().Truncate(time.Millisecond),
	})
	return text
}

// Connections lists the connections of all nodes, the newest first. before is the last one
// of the page before, or empty. Fault: server.unavailable.
func (s *Server) Connections(ctx context.Context, before string, limit int) ([]apiv2.Connection, bool, error) {
	members, more, err := s.Presence.List(ctx, before, limit)
	if err != nil {
		return nil, false, registryFault(err)
	}
	out := make([]apiv2.Connection, 0, len(members))
	for _, m := range members {
		var e entry
		id, err := uuid.Parse(m.ID)
		if err != nil || json.Unmarshal(m.Value, &e) != nil {
			continue // of a release that is unknown here
		}
		out = append(out, apiv2.Connection{
			ID: id, UserID: e.UserID, SessionID: e.SessionID, Node: m.Node, Device: e.Device,
			ConnectedAt: m.Since.UTC(), LastActiveAt: e.LastActiveAt.UTC(), Subscriptions: e.Subscriptions,
		})
	}
	return out, more, nil
}

// Disconnect closes all connections of a user. Fault: server.unavailable.
func (s *Server) Disconnect(ctx context.Context, user uuid.UUID) error {
	all, err := s.Presence.Members(ctx, groupOf(user))
	for _, m := range all {
		err = errors.Join(err, s.evict(ctx, groupOf(user), m, verdictForbidden))
	}
	return registryFault(err)
}

func registryFault(err error) error {
	if errors.Is(err, presence.ErrUnavailable) {
		return fault.New(fault.Unavailable, "server.unavailable", "The registry of connections cannot be reached now; try again shortly.").WithCause(err)
	}
	return err
}
