package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// commits tells when the effect of each event was committed. The handler cannot:
// its transaction goes on after it, with the other events of a batch. It is a
// tracer of the handlers' connections.
type commits struct {
	mu   sync.Mutex
	open map[*pgx.Conn][]int // what was handled in the transaction under way
	at   []time.Time         // by number
	left int
	done chan struct{} // closed once none is left
}

func newCommits() *commits { return &commits{open: map[*pgx.Conn][]int{}} }

// expect begins anew, with the numbers below n.
func (c *commits) expect(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.left, c.done = make([]time.Time, n), n, make(chan struct{})
}

// handled says that a number is to be committed with conn's transaction.
func (c *commits) handled(conn *pgx.Conn, number int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = append(c.open[conn], number)
}

// all waits for every number and gives when each was committed.
func (c *commits) all(ctx context.Context) ([]time.Time, error) {
	select {
	case <-c.done:
		return c.at, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(eventLimit):
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, fmt.Errorf("%d of %d events are not handled after %s", c.left, len(c.at), eventLimit)
	}
}

// TraceQueryStart has nothing to do.
func (*commits) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd looks for the end of a transaction.
func (c *commits) TraceQueryEnd(_ context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	now, tag := time.Now(), data.CommandTag.String()
	if tag != "COMMIT" && tag != "ROLLBACK" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	numbers := c.open[conn]
	delete(c.open, conn)
	if tag == "ROLLBACK" || len(numbers) == 0 {
		return
	}
	for _, n := range numbers {
		c.at[n] = now
	}
	if c.left -= len(numbers); c.left == 0 {
		close(c.done)
	}
}
