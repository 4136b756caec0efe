package conversation

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// errNotAllowed is what a rider's query gets when the batch before it forbids it.
var errNotAllowed = errors.New("the batch before the query forbids it")

// A rider is a transaction whose first query takes a batch along: the queue's
// insert needs its own answer, and yet costs no round trip beside the batch that
// it depends on. The batch comes first; the query's answer is given only when
// the batch allows it.
type rider struct {
	Tx
	batch   *pgx.Batch // each query in it with a callback; nil once sent
	allowed func() bool
	err     error // of the batch
}

// Query runs the batch, then the query.
func (r *rider) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if !r.waits() {
		return r.Tx.Query(ctx, sql, args...)
	}
	batch := r.batch
	r.batch = nil
	before := batch.QueuedQueries
	batch.Queue(sql, args...)
	results := r.SendBatch(ctx, batch)
	for _, query := range before {
		if r.err = query.Fn(results); r.err != nil {
			break
		}
	}
	if r.err != nil || !r.allowed() {
		return nil, errors.Join(errNotAllowed, results.Close())
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	return lastRows{Rows: rows, results: results}, nil
}

// waits reports that no query has taken the batch along yet.
func (r *rider) waits() bool { return r.batch != nil }

// arrive runs the batch if no query has taken it along, and gives its error.
func (r *rider) arrive(ctx context.Context) error {
	if r.waits() {
		r.err = r.SendBatch(ctx, r.batch).Close()
		r.batch = nil
	}
	return r.err
}

// lastRows are the rows of a batch's last query: with them the batch is done.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults
}

// Close ends the batch.
func (r lastRows) Close() {
	r.Rows.Close()
	_ = r.results.Close() // an error of the connection shows at the commit
}
