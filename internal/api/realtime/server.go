// Package realtime is the WebSocket of API v2: one connection for all that moves.
//
// It promises what connectRealtime does in the contract: each command gets exactly one
// reply, the events of a topic come in order and each cursor once, a gap is told, and a
// close code says what to do next. It reads every topic from a log or from PostgreSQL, as
// the streams do and with the same cursors, so that a client may change between the two
// and a connection that is lost costs nothing but the time to come back.
//
// Its limits: it keeps nothing that must last; the registry of connections is in Redis, and
// while that is away a connection is known to its own node alone and the cap of a user
// counts there only.
//
// A quiet connection is one goroutine outside of net/http and about 5 KiB of heap. Frames are not
// compressed: see docs/realtime.md for what that was measured to cost.
package realtime

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/activity"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/cursor"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/presence"
	"github.com/fluentpro/fluentpro/internal/platform/ticket"
	"github.com/fluentpro/fluentpro/internal/room"
	"github.com/fluentpro/fluentpro/internal/task"
)

// Subprotocol is what is spoken.
const Subprotocol = "fluentpro.v2.json"

// Bounds of a connection and of a user.
const (
	maxFrame           = 64 << 10
	maxSubscriptions   = 32
	maxConnections     = 8  // of a user
	maxUnauthenticated = 32 // of an address on one node
)

// Deps are what the WebSocket leads to.
type Deps struct {
	Accounts      *account.Service
	Conversations *conversation.Service
	Tasks         *task.Service
	Activity      *activity.Service
	Rooms         *room.Service
	Presence      *presence.Presence
	Tickets       *ticket.Tickets
	Gate          *gate.Gate
	Cursors       *cursor.Sealer
	Limits        map[string]gate.Limit                        // by the names that the contract gives them; "realtime" counts commands of a connection
	May           func(permission string, roles []string) bool // of the contract
	Origins       []string                                     // of browser pages, beside this server's own
	Draining      context.Context                              // ends when connections must move to other nodes
	Logger        *slog.Logger
	Now           func() time.Time

	PingEvery   time.Duration // 0: 25 s
	ConnectWait time.Duration // to say who one is; 0: 5 s
}

// Server holds the connections of this node. It is safe for concurrent use.
type Server struct {
	Deps
	api      *v2.Server // translates
	commands *web.Frame
	metrics  *metrics

	mu        sync.Mutex
	conns     map[uuid.UUID]*conn
	users     map[uuid.UUID][]*conn // the oldest first
	strangers map[string]int        // connections of an address that have not said who they are
	stopped   bool                  // no connection is added
	over      bool                  // Stop was called
	work      sync.WaitGroup        // reading goroutines
	undrain   func() bool
}

// New makes a Server; Bind makes it ready.
func New(d Deps) *Server {
	if d.PingEvery == 0 {
		d.PingEvery = pingEvery
	}
	if d.ConnectWait == 0 {
		d.ConnectWait = connectWait
	}
	s := &Server{Deps: d, conns: map[uuid.UUID]*conn{}, users: map[uuid.UUID][]*conn{}, strangers: map[string]int{}}
	s.metrics = newMetrics(s)
	s.undrain = context.AfterFunc(d.Draining, s.drain)
	return s
}

// Bind gives the Server what version 2 of the API is made of.
func (s *Server) Bind(api *v2.Server, contract *web.Document) (err error) {
	s.api = api
	s.commands, err = contract.Frame("RealtimeCommand")
	return err
}

func (s *Server) now() time.Time { return s.Now() }

// drain tells every connection to come back to another node.
func (s *Server) drain() {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.work.Add(1) // before Stop waits, or not at all
	s.mu.Unlock()
	defer s.work.Done()
	for _, c := range s.all() {
		s.work.Add(1)
		go func() {
			defer s.work.Done()
			c.leaveNode()
		}()
	}
}

// leaveNode says when to come back, then closes.
func (c *conn) leaveNode() {
	_ = c.say(pushed{Topic: topicConnection, Event: closing(apiv2.Draining)})
	c.close(verdictDraining)
}

// all are the connections there are; from a node that drains on, none is added.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	out := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		out = append(out, c)
	}
	return out
}

// Stop closes what is left and waits until it is gone, some seconds at most. Idempotent.
func (s *Server) Stop() {
	s.undrain()
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	for _, c := range s.all() {
		c.close(verdictDraining)
	}
	s.work.Wait()
}

// add takes a connection up, or says no because the node stops.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.work.Add(1)
	s.conns[c.id] = c
	return true
}

// forget removes a connection that has ended.
func (s *Server) forget(c *conn, who web.Identity) {
	s.mu.Lock()
	delete(s.conns, c.id)
	known := who.UserID != uuid.Nil
	if known {
		s.users[who.UserID] = without(s.users[who.UserID], c)
		if len(s.users[who.UserID]) == 0 {
			delete(s.users, who.UserID)
		}
	}
	s.mu.Unlock()
	if known {
		s.unregister(c, who)
	} else {
		s.countStranger(c.address, -1)
	}
}

func without(all []*conn, c *conn) []*conn {
	for i, one := range all {
		if one == c {
			return append(all[:i:i], all[i+1:]...)
		}
	}
	return all
}

// countStranger counts connections of an address that nobody is known of, and reports
// whether there may be so many.
func (s *Server) countStranger(address string, by int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by > 0 && s.strangers[address] >= maxUnauthenticated {
		return false
	}
	if s.strangers[address] += by; s.strangers[address] <= 0 {
		delete(s.strangers, address)
	}
	return true
}

func (s *Server) log(ctx context.Context, level slog.Level, text string, c *conn, more ...slog.Attr) {
	if !s.Logger.Enabled(ctx, level) {
		return
	}
	c.mu.Lock()
	user := c.who.UserID
	c.mu.Unlock()
	attrs := append([]slog.Attr{slog.String("connection_id", c.id.String()), slog.String("request_id", web.RequestIDFrom(c.began))}, more...)
	if user != uuid.Nil {
		attrs = append(attrs, slog.String("user_id", user.String()))
	}
	s.Logger.LogAttrs(ctx, level, text, attrs...)
}

// pushed is what the server says by itself.
type pushed struct {
	Topic  string `json:"topic"`
	Event  any    `json:"event"`
	Cursor string `json:"cursor,omitempty"`
}

// replied is the one answer to a command.
type replied struct {
	ID     string       `json:"id"`
	Result any          `json:"result,omitempty"`
	Error  *web.Problem `json:"error,omitempty"`
}
