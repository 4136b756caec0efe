package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// answerMargin is the time that the server has for ending a statement itself,
// which keeps the connection, before the node gives both up.
const answerMargin = 2 * time.Second

// deadline gives every statement, batch and wait for a connection an end, also
// when the server answers nothing at all, as behind a cut network. It is a tracer
// because pgx goes on with the context that a tracer gives it.
type deadline struct {
	acquire time.Duration // for a free connection
	answer  time.Duration // for the end of a statement or a batch
}

var (
	_ pgx.QueryTracer       = deadline{}
	_ pgx.BatchTracer       = deadline{}
	_ pgxpool.AcquireTracer = deadline{}
)

type deadlineKey struct{}

func within(ctx context.Context, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(ctx, limit)
	return context.WithValue(ctx, deadlineKey{}, cancel)
}

func finish(ctx context.Context) {
	if cancel, ok := ctx.Value(deadlineKey{}).(context.CancelFunc); ok {
		cancel()
	}
}

// TraceQueryStart begins a statement's time.
func (d deadline) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return within(ctx, d.answer)
}

// TraceQueryEnd ends a statement's time, after the last row.
func (deadline) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) { finish(ctx) }

// TraceBatchStart begins the time of a whole batch.
func (d deadline) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return within(ctx, d.answer)
}

// TraceBatchQuery has nothing to do: the batch has one time.
func (deadline) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd ends the time of a batch.
func (deadline) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) { finish(ctx) }

// TraceAcquireStart begins the wait for a free connection.
func (d deadline) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return within(ctx, d.acquire)
}

// TraceAcquireEnd ends that wait.
func (deadline) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireEndData) {
	finish(ctx)
}
