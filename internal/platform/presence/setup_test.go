package presence_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/presence"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

const (
	patience = 30 * time.Second // for what must happen at all; the machine may be busy
	often    = 5 * time.Millisecond
)

// world is what the nodes of one test share.
type world struct {
	t      testing.TB
	client redis.UniversalClient
	prefix string
}

func setup(t testing.TB) world {
	t.Helper()
	return world{t, redistest.Shared(t), rand.Text()}
}

// own is a world on a Redis of its own, on a given port or on any.
func own(t testing.TB) (w world, address string, stop func()) {
	t.Helper()
	server := redistest.Own(t, 0)
	return world{t, redistest.Client(t, server.URL()), "p"}, server.URL(), func() { _ = server.Stop(context.Background()) }
}

// node is one that has started, and what it was told.
type node struct {
	*presence.Presence
	t testing.TB

	mu       sync.Mutex
	vanished []string // "<group> <member>"
	received []string
}

// lively is a node whose death is seen soon.
func lively(c *presence.Config) { c.Beat, c.TTL = 100*time.Millisecond, 2*time.Second }

func (w world) node(changes ...func(*presence.Config)) *node {
	w.t.Helper()
	n := &node{t: w.t}
	config := presence.Config{
		Client: w.client, Prefix: w.prefix, Timeout: patience, UpdateEvery: 20 * time.Millisecond,
		Beat: 200 * time.Millisecond, TTL: patience,
		Vanished: func(_ context.Context, group string, gone []presence.Member) {
			n.mu.Lock()
			defer n.mu.Unlock()
			for _, m := range gone {
				n.vanished = append(n.vanished, group+" "+m.ID)
			}
		},
		Received: func(message []byte) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.received = append(n.received, string(message))
		},
	}
	for _, change := range changes {
		change(&config)
	}
	n.Presence = presence.New(config)
	w.t.Cleanup(n.Stop)
	n.Start(w.t.Context())
	return n
}

func (n *node) gone() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(slices.Values(n.vanished))
}

func (n *node) got() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.received)
}

func (n *node) join(group string, ids ...string) {
	n.t.Helper()
	for _, id := range ids {
		_, err := n.Join(n.t.Context(), presence.JoinInput{Group: group, Member: id, Value: []byte(id)})
		require.NoError(n.t, err)
	}
}

func (n *node) ids(group string) []string {
	n.t.Helper()
	all, err := n.Members(n.t.Context(), group)
	require.NoError(n.t, err)
	return idsOf(all)
}

func idsOf(all []presence.Member) []string {
	ids := []string{}
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids
}

// sees waits until a group has exactly these members for a node, in this order.
func (n *node) sees(group string, ids ...string) {
	n.t.Helper()
	n.eventually(func() bool {
		all, err := n.Members(n.t.Context(), group)
		return err == nil && slices.Equal(idsOf(all), ids)
	}, fmt.Sprint(group, " has ", ids))
}

func (n *node) eventually(holds func() bool, what string) {
	n.t.Helper()
	require.Eventually(n.t, holds, patience, often, what)
}
