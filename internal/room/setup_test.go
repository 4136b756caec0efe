package room_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/presence"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/room"
)

const patience = 30 * time.Second // for what must happen at all; the machine may be busy

// hall is what the nodes of one test share.
type hall struct {
	t      *testing.T
	client redis.UniversalClient
	prefix string
}

func setup(t *testing.T) hall {
	t.Helper()
	t.Parallel()
	return hall{t, redistest.Shared(t), rand.Text()}
}

// node is one node's rooms.
type node struct {
	*room.Service
	t        *testing.T
	presence *presence.Presence
}

func (h hall) node() *node {
	h.t.Helper()
	n := &node{t: h.t}
	log, err := eventlog.New(eventlog.Config{Client: h.client, Prefix: h.prefix})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = log.Close() })
	n.presence = presence.New(presence.Config{
		Client: h.client, Prefix: h.prefix, Beat: 100 * time.Millisecond, TTL: 2 * time.Second,
		Vanished: func(ctx context.Context, group string, gone []presence.Member) { n.Lost(ctx, group, gone) },
	})
	n.Service = room.New(room.Deps{Presence: n.presence, Log: log, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	h.t.Cleanup(n.presence.Stop)
	n.presence.Start(h.t.Context())
	return n
}

// guest is a device of somebody, in a room or not.
type guest struct {
	room.JoinInput
	member room.Member
}

func someone(name string) guest {
	return guest{JoinInput: room.JoinInput{Room: "monday-group", UserID: uuid.New(), Name: name, Connection: uuid.NewString()}}
}

// device is another one of the same person.
func (g guest) device() guest {
	g.Connection = uuid.NewString()
	return g
}

func (n *node) enters(g guest) guest {
	n.t.Helper()
	var err error
	g.member, err = n.Join(n.t.Context(), g.JoinInput)
	require.NoError(n.t, err)
	return g
}

func (n *node) leaves(g guest) {
	n.t.Helper()
	require.NoError(n.t, n.Leave(n.t.Context(), room.LeaveInput{Room: g.Room, Member: g.member, Connection: g.Connection}))
}

func (n *node) says(g guest, data string) eventlog.ID {
	n.t.Helper()
	at, err := n.Publish(n.t.Context(), room.PublishInput{Room: g.Room, UserID: g.UserID, Name: g.Name, Data: []byte(data)})
	require.NoError(n.t, err)
	return at
}

// names are those who are in the room.
func (n *node) names() []string {
	n.t.Helper()
	all, err := n.Members(n.t.Context(), "monday-group")
	require.NoError(n.t, err)
	names := []string{}
	for _, m := range all {
		names = append(names, m.Name)
	}
	return names
}

func (n *node) follows(after eventlog.ID) *room.Feed {
	n.t.Helper()
	f, err := n.Follow(n.t.Context(), "monday-group", after)
	require.NoError(n.t, err)
	n.t.Cleanup(f.Close)
	return f
}

// hears gives what a feed tells up to something that is said, as "<type> <name> <data>".
func (n *node) hears(f *room.Feed, last string) (all []string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	for {
		events, err := f.Next(ctx)
		require.NoError(n.t, err, "after %v", all)
		for _, e := range events {
			e, known := e.Read()
			require.True(n.t, known)
			text := e.Type + " " + e.Member.Name + " " + string(e.Data)
			if all = append(all, text); string(e.Data) == last {
				return all
			}
		}
	}
}

// portOf is where a Redis that comes back is to listen.
func portOf(t *testing.T, address string) int {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	port, err := strconv.Atoi(parsed.Port())
	require.NoError(t, err)
	return port
}
