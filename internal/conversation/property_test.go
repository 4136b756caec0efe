package conversation_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// A saboteur cuts connections to PostgreSQL before a statement, after one, or so that the
// answer to a commit is lost.
type saboteur struct {
	mu     sync.Mutex
	chance *rand.Rand
	ours   map[*pgx.Conn]bool // has a transaction of conversations
	cuts   int
	off    bool
}

func (s *saboteur) install(set *settings) {
	set.pool = func(config *pgxpool.Config) {
		config.ConnConfig.Tracer = s
		dial := config.ConnConfig.DialFunc
		config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			return &deafness{Conn: conn}, err
		}
	}
}

// sparedNames are parts of names of statements that are not this package's.
var sparedNames = []string{"Job", "Learner", "Queue"}

func named(sql string) bool {
	for _, spared := range sparedNames {
		if strings.Contains(strings.SplitN(sql, "\n", 2)[0], spared) {
			return false
		}
	}
	return strings.HasPrefix(sql, "-- name: ")
}

// strike decides whether to cut, one time in forty.
func (s *saboteur) strike(conn *pgx.Conn, sql string, before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ends := sql == "commit" || sql == "rollback"
	if named(sql) {
		s.ours[conn] = true
	}
	hit := !s.off && (named(sql) || ends && s.ours[conn]) && s.chance.Intn(40) == 0
	if ends && !before {
		delete(s.ours, conn)
	}
	if !hit {
		return
	}
	s.cuts++
	wire := conn.PgConn().Conn().(*deafness)
	if sql == "commit" && before {
		wire.cut.Store(true) // it is sent, and its answer is not heard
		return
	}
	_ = wire.Conn.Close()
}

func (s *saboteur) TraceQueryStart(ctx context.Context, conn *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.strike(conn, d.SQL, true)
	return context.WithValue(ctx, tamperKey{}, d.SQL)
}

func (s *saboteur) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryEndData) {
	s.strike(conn, ctx.Value(tamperKey{}).(string), false)
}

func (s *saboteur) TraceBatchStart(ctx context.Context, conn *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	s.strike(conn, d.Batch.QueuedQueries[0].SQL, true)
	return ctx
}
func (*saboteur) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*saboteur) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// set begins to cut, or lets everything come to its end.
func (s *saboteur) set(off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = off
}

// world is what the clients of one run do things with.
type world struct {
	t     *testing.T
	nodes []*node

	mu      sync.Mutex
	alive   []conversation.Conversation
	all     []conversation.Conversation
	acked   map[string]uuid.UUID // messages that were acknowledged, by key
	visited map[uuid.UUID]memory // versions that were looked at
}

// any picks a conversation.
func (w *world) any(chance *rand.Rand) (conversation.Conversation, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.alive) == 0 {
		return conversation.Conversation{}, false
	}
	return w.alive[chance.Intn(len(w.alive))], true
}

func (w *world) add(c conversation.Conversation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alive, w.all = append(w.alive, c), append(w.all, c)
}

func (w *world) remove(c conversation.Conversation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.alive {
		if w.alive[i].ID == c.ID {
			w.alive = append(w.alive[:i], w.alive[i+1:]...)
			return
		}
	}
}

// expected are the answers that a rule gives, and those of a database that is cut off.
var expected = []string{
	"server.unavailable", "resource.not_found", "conversation.not_active", "conversation.reply_in_flight", "conversation.busy", "conversation.closed",
	"conversation.status_not_allowed", "message.not_a_reply", "message.not_newest", "conversation.unknown_version", "idempotency.in_progress",
}

// check fails on an answer that no rule gives. It reports whether it is known that the
// thing was done.
func (w *world) check(what string, err error) bool {
	if err == nil {
		return true
	}
	for _, code := range expected {
		if fault.Is(err, code) {
			return false
		}
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "conn closed") && !strings.Contains(err.Error(), "closed network connection") {
		w.t.Errorf("%s: %v", what, err)
	}
	return false
}

// act does one thing, as a client that says a thing again when it has no answer.
func (w *world) act(chance *rand.Rand, n *node, name string) {
	c, ok := w.any(chance)
	if !ok {
		return
	}
	ctx := w.t.Context()
	status := func(to string) {
		_, err := n.Update(ctx, conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Status: &to})
		w.check(to, err)
	}
	switch act := chance.Intn(100); {
	case act < 35:
		w.send(n, c, name)
	case act < 45:
		w.check("cancel", n.tryCancel(c))
	case act < 55:
		w.retry(n, c, name)
	case act < 65:
		head, err := n.Get(ctx, mei, c.ID)
		if w.check("get", err) {
			_, err = n.Rollback(ctx, conversation.RollbackInput{UserID: mei, ConversationID: c.ID, Version: 1 + chance.Int63n(head.Version)})
			w.check("rollback", err)
		}
	case act < 70:
		w.fork(chance, n, c, name)
	case act < 73:
		status(conversation.StatusPaused)
	case act < 84:
		status(conversation.StatusActive)
	case act < 90:
		title := name
		_, err := n.Update(ctx, conversation.UpdateInput{UserID: mei, ConversationID: c.ID, Title: &title})
		w.check("title", err)
	case act < 91:
		if w.check("delete", n.Delete(ctx, mei, c.ID, nil)) {
			w.remove(c)
		}
	default:
		w.visit(chance, n, c)
	}
}

// again says a thing until there is an answer to it.
func again(do func() error) error {
	for {
		err := do()
		if err == nil || !fault.Is(err, "server.unavailable") && !fault.Is(err, "idempotency.in_progress") && fault.Find(err) != nil {
			return err
		}
	}
}

func (w *world) send(n *node, c conversation.Conversation, key string) {
	var sent conversation.Sent
	err := again(func() (err error) {
		sent, err = n.Send(w.t.Context(), conversation.SendInput{
			UserID: mei, ConversationID: c.ID, Content: key, Metadata: map[string]any{"key": key}, IdempotencyKey: key,
		})
		return err
	})
	if w.check("send", err) {
		w.mu.Lock()
		w.acked[key] = sent.Message.ID
		w.mu.Unlock()
	}
}

func (w *world) retry(n *node, c conversation.Conversation, key string) {
	list, _, err := n.Messages(w.t.Context(), conversation.MessagesInput{UserID: mei, ConversationID: c.ID, Descending: true, Limit: 1})
	if !w.check("messages", err) || len(list) == 0 {
		return
	}
	w.check("retry", again(func() error {
		_, err := n.Retry(w.t.Context(), conversation.RetryInput{UserID: mei, ConversationID: c.ID, MessageID: list[0].ID, IdempotencyKey: key})
		return err
	}))
}

func (w *world) fork(chance *rand.Rand, n *node, c conversation.Conversation, key string) {
	head, err := n.Get(w.t.Context(), mei, c.ID)
	if !w.check("get", err) {
		return
	}
	var made conversation.Created
	in := conversation.ForkInput{UserID: mei, ConversationID: c.ID, Version: 1 + chance.Int63n(head.Version), IdempotencyKey: key}
	if w.check("fork", again(func() (err error) { made, err = n.Fork(w.t.Context(), in); return err })) {
		w.add(made.Conversation)
	}
}

// visit looks at a version, which must be the same for ever.
func (w *world) visit(chance *rand.Rand, n *node, c conversation.Conversation) {
	head, err := n.Get(w.t.Context(), mei, c.ID)
	if !w.check("get", err) {
		return
	}
	in := conversation.StateInput{UserID: mei, ConversationID: c.ID, Version: 1 + chance.Int63n(head.Version), Limit: conversation.MaxStateMessages}
	state, err := n.State(w.t.Context(), in)
	if !w.check("state", err) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.visited[c.ID] == nil {
		w.visited[c.ID] = memory{}
	}
	w.visited[c.ID][in.Version] = state
}

// tryCancel cancels the reply under way, if one is.
func (n *node) tryCancel(c conversation.Conversation) error {
	list, _, err := n.Messages(n.t.Context(), conversation.MessagesInput{UserID: mei, ConversationID: c.ID, Descending: true, Limit: 1})
	if err != nil || len(list) == 0 {
		return err
	}
	_, err = n.Cancel(n.t.Context(), mei, c.ID, list[0].ID)
	return err
}

// worlds is how many runs are made, each of its own seed.
var worlds = flag.Int64("worlds", 3, "how many times clients do things while the database is cut off")

// Whatever several clients do at once, and wherever the database is cut off in the middle
// of it: no acknowledged word is lost, doubled or out of order.
func TestNoWordIsLostWhateverClientsDoAndWhateverIsCutOff(t *testing.T) {
	t.Parallel()
	for seed := range *worlds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			runWorld(t, seed)
		})
	}
}

func runWorld(t *testing.T, seed int64) {
	bad := &saboteur{chance: rand.New(rand.NewSource(seed)), ours: map[*pgx.Conn]bool{}, off: true}
	here := setup(t, bad.install)
	w := &world{t: t, nodes: []*node{here, here.stage.node(bad.install)}, acked: map[string]uuid.UUID{}, visited: map[uuid.UUID]memory{}}
	w.add(here.talk())
	w.add(here.talk())
	watchers := []*watcher{w.nodes[1].watching(w.all[0]), w.nodes[0].watching(w.all[1])}
	bad.set(false)
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			chance := rand.New(rand.NewSource(seed*100 + int64(client)))
			for i := range 40 {
				w.act(chance, w.nodes[chance.Intn(2)], fmt.Sprintf("client %d, step %d", client, i))
			}
		})
	}
	clients.Wait()
	bad.set(true)
	t.Logf("%d conversations, %d messages acknowledged, %d cuts", len(w.all), len(w.acked), bad.cuts)
	here.eventually("all replies end", func() bool {
		var open int
		here.scan("select count(*) from messages where status in ('pending', 'streaming')", nil, &open)
		return open == 0
	})
	for _, c := range w.all {
		if _, err := here.Get(t.Context(), mei, c.ID); fault.Is(err, "resource.not_found") {
			w.remove(c) // a delete whose answer was lost
			continue
		}
		w.requireWhole(here, c)
	}
	w.requireAcknowledged(here)
	for _, one := range watchers {
		if _, err := here.Get(t.Context(), mei, one.c.ID); err == nil {
			one.untilAlike()
		}
	}
}

// requireWhole checks all that must be so of a conversation.
func (w *world) requireWhole(n *node, c conversation.Conversation) {
	t := w.t
	n.requireChain(c)
	head := n.head(c)
	n.exec("delete from conversation_snapshots where conversation_id = $1", c.ID)
	replay, err := n.State(t.Context(), conversation.StateInput{UserID: mei, ConversationID: c.ID, Version: head.Version, Limit: conversation.MaxStateMessages})
	require.NoError(t, err)
	require.Equal(t, head, replay.Conversation, "the head is what its versions say")
	list := n.visible(c)
	require.Equal(t, list, replay.Messages)
	require.Len(t, list, head.MessageCount)
	for i := 1; i < len(list); i++ {
		require.Less(t, list[i-1].Seq, list[i].Seq)
	}
	w.visited[c.ID].require(n, c)

	versions, _, err := n.Versions(t.Context(), conversation.VersionsInput{UserID: mei, ConversationID: c.ID, Limit: 10_000})
	require.NoError(t, err)
	used, ends, begins := 0.0, 0, 0
	for _, v := range versions {
		switch v.Operation {
		case conversation.OperationCompleteReply:
			used += v.Change["tokens_used"].(float64)
			ends++
		case conversation.OperationAddMessage, conversation.OperationRetryReply:
			begins++
		}
	}
	require.EqualValues(t, head.TokensUsed, used, "tokens add up")
	require.Equal(t, begins, ends, "each reply that began has ended once")
	var alone int
	n.scan(`select count(*) from messages q where q.conversation_id = $1 and q.role = 'user' and q.version > 1 and 1 <> (
		select count(*) from messages r where r.conversation_id = q.conversation_id and r.seq = q.seq + 1 and r.role = 'assistant')`, []any{c.ID}, &alone)
	require.Zero(t, alone, "one reply for each message")
}

// requireAcknowledged checks that what clients were told was stored is stored, once.
func (w *world) requireAcknowledged(n *node) {
	rows, err := n.stage.pool.Query(w.t.Context(), `select m.metadata, m.id, m.content from messages m
		where m.role = 'user' and m.version > 1`)
	require.NoError(w.t, err)
	stored := map[string]uuid.UUID{}
	for rows.Next() {
		var notes json.RawMessage
		var id uuid.UUID
		var content string
		require.NoError(w.t, rows.Scan(&notes, &id, &content))
		var of struct {
			Key string `json:"key"`
		}
		require.NoError(w.t, json.Unmarshal(notes, &of))
		require.Equal(w.t, of.Key, content)
		require.NotContains(w.t, stored, of.Key, "said twice")
		stored[of.Key] = id
	}
	require.NoError(w.t, rows.Err())
	if len(w.alive) == len(w.all) { // none was deleted
		for key, id := range w.acked {
			require.Equal(w.t, id, stored[key], "%s was acknowledged", key)
		}
		require.Len(w.t, stored, len(w.acked))
	}
}
