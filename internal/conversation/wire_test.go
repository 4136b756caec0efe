package conversation_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// trips counts round trips to PostgreSQL: each time that something is sent after
// something was received.
type trips struct {
	mu    sync.Mutex
	count int
}

func (c *trips) taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.count
	c.count = 0
	return n
}

// install puts the counter between the pool and its one connection.
func (c *trips) install(s *settings) {
	s.workers = 0
	s.pool = func(config *pgxpool.Config) {
		config.MaxConns = 1
		dial := config.ConnConfig.DialFunc
		config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			return &tripConn{Conn: conn, trips: c}, err
		}
	}
}

type tripConn struct {
	net.Conn
	trips  *trips
	asking bool // guarded by trips.mu
}

func (c *tripConn) Write(b []byte) (int, error) {
	c.trips.mu.Lock()
	if !c.asking {
		c.asking = true
		c.trips.count++
	}
	c.trips.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *tripConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.trips.mu.Lock()
	defer c.trips.mu.Unlock()
	c.asking = c.asking && n == 0
	return n, err
}

func TestAMessageTakesFourRoundTripsAtMost(t *testing.T) {
	t.Parallel()
	count := &trips{}
	n := setup(t, count.install)
	var talks []conversation.Conversation
	for range 30 {
		talks = append(talks, n.talk())
	}
	n.say(talks[0], "Hello") // prepares the statements
	_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: talks[1].ID, Content: "Hello", IdempotencyKey: "warm"})
	require.NoError(t, err)
	most := 0
	for i, c := range talks[2:] {
		count.taken()
		key := ""
		if i%2 == 0 {
			key = fmt.Sprint("key ", i)
		}
		ctx := telemetry.WithOrigin(t.Context(), telemetry.Origin{ActorID: mei, CorrelationID: "a request"})
		_, err := n.Send(ctx, conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello", IdempotencyKey: key})
		require.NoError(t, err)
		most = max(most, count.taken())
	}
	require.LessOrEqual(t, most, 4, "begin, the batch with the job, the queue's notification, commit")
	require.GreaterOrEqual(t, most, 3, "the counter counts")
}

// tamperKey finds the statement that a trace is of.
type tamperKey struct{}

// tamper lets a test step in just before and after the service's own statements.
type tamper struct {
	mu     sync.Mutex
	before func(sql string)
	after  func(conn *pgx.Conn, sql string) // set before the first statement
}

func (h *tamper) install(s *settings) {
	s.workers = 0
	s.pool = func(config *pgxpool.Config) { config.ConnConfig.Tracer = h }
}

func (h *tamper) set(before func(sql string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = before
}

func (h *tamper) step(sql string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.before != nil {
		h.before(sql)
	}
}

func (h *tamper) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	h.step(d.SQL)
	return context.WithValue(ctx, tamperKey{}, d.SQL)
}
func (h *tamper) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryEndData) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.after != nil {
		h.after(conn, ctx.Value(tamperKey{}).(string))
	}
}
func (h *tamper) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	last := ""
	for _, q := range d.Batch.QueuedQueries {
		h.step(q.SQL)
		last = q.SQL
	}
	return context.WithValue(ctx, tamperKey{}, last)
}
func (*tamper) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (h *tamper) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchEndData) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.after != nil {
		h.after(conn, ctx.Value(tamperKey{}).(string))
	}
}

// deafness is a connection whose answers are lost once it is cut.
type deafness struct {
	net.Conn
	cut atomic.Bool
}

func (c *deafness) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.cut.Load() {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

func TestAReplyWhoseCommitIsNotAnsweredEndsOnceAndIsAnnounced(t *testing.T) {
	t.Parallel()
	commits, ending := 0, false
	h := &tamper{after: func(conn *pgx.Conn, sql string) {
		switch {
		case strings.Contains(sql, "name: AdvanceConversation"):
			ending = true
		case ending && strings.Contains(sql, "name: InsertEvent"): // the last statement; what comes next is the commit
			ending = false
			commits++
			conn.PgConn().Conn().(*deafness).cut.Store(true)
		}
	}}
	n := setup(t, h.install, func(s *settings) {
		s.workers = 5
		tampered := s.pool
		s.pool = func(config *pgxpool.Config) {
			tampered(config)
			dial := config.ConnConfig.DialFunc
			config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return &deafness{Conn: conn}, err
			}
		}
	})
	c := n.talk()
	gate := make(chan struct{})
	n.model.Script(partner.Step{Text: ten, Gate: gate})
	r := n.read(n.say(c, "Hello").Reply, conversation.Position{})
	close(gate) // the reader is there before the end, or PostgreSQL could tell it
	require.Equal(t, "started delta completed", kinds(r.untilEnd()))
	require.NotZero(t, r.last().Position.Entry, "the log told it")
	require.Equal(t, 1, commits)
	require.EqualValues(t, 3, n.head(c).Version)
	require.Len(t, n.model.Requests(), 1)
	n.requireFree(c)
}

const (
	replyEnds   = "update conversations set reply_id = null"
	replyBegins = "update conversations set reply_id = '01900000-0000-7000-8000-00000000000f'"
)

func TestAReplyThatEndsJustAfterItWasInTheWayIsNoObstacle(t *testing.T) {
	t.Parallel()
	h := &tamper{}
	n := setup(t, h.install)
	c := n.talk()
	n.exec(replyBegins)
	h.set(func(sql string) {
		if strings.Contains(sql, "name: ConversationByID") { // asked why the message was not taken
			n.exec(replyEnds)
		}
	})
	sent, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello", IdempotencyKey: "once"})
	require.NoError(t, err)
	require.Equal(t, 2, sent.Message.Seq)
}

func TestAConversationThatNeverHoldsStillIsGivenUp(t *testing.T) {
	t.Parallel()
	h := &tamper{}
	n := setup(t, h.install)
	c := n.talk()
	tries := 0
	h.set(func(sql string) {
		switch {
		case strings.Contains(sql, "name: SendMessage"):
			tries++
			n.exec(replyBegins)
		case strings.Contains(sql, "name: ConversationByID"):
			n.exec(replyEnds)
		}
	})
	_, err := n.Send(t.Context(), conversation.SendInput{UserID: mei, ConversationID: c.ID, Content: "Hello"})
	f := requireFault(t, err, "conversation.reply_in_flight")
	require.Equal(t, time.Second, f.RetryAfter)
	require.Equal(t, 3, tries)
	require.Equal(t, 1, n.count("messages"))
}
