package deadletter

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Replayer does again what a letter is about, through tx alone: it is committed
// together with the mark that the letter was replayed. What it cannot make sense
// of is ErrUnknownKind.
type Replayer func(ctx context.Context, tx postgres.Tx, l Letter) error

// Box is where the letters of all sources are looked through and replayed. Safe
// for concurrent use once every source is registered.
type Box struct {
	store     store
	replayers map[string]Replayer // by source
}

// New makes a Box that knows no source.
func New(pool *pgxpool.Pool) *Box {
	return &Box{store: store{pool: pool}, replayers: map[string]Replayer{}}
}

// Register says how letters of a source are replayed; a second time for one
// source panics.
func (b *Box) Register(source string, replay Replayer) {
	if b.replayers[source] != nil {
		panic(fmt.Sprintf("deadletter: source %s is registered twice", source))
	}
	b.replayers[source] = replay
}

// List gives one page, the newest first, and whether there is more behind it.
func (b *Box) List(ctx context.Context, in ListInput) (page []Letter, more bool, err error) {
	page, err = b.store.list(ctx, in)
	if err != nil {
		return nil, false, err
	}
	if len(page) > in.Limit {
		return page[:in.Limit], true, nil
	}
	return page, false, nil
}

// Replay has what the letter is about done again, and marks it; by is nil for
// nobody. Of several at once, one does it. Faults: resource.not_found,
// dead_letter.replayed, dead_letter.unknown_kind.
func (b *Box) Replay(ctx context.Context, id, by uuid.UUID) (Letter, error) {
	var replayed Letter
	err := postgres.InTx(ctx, b.store.pool, func(tx postgres.Tx) error {
		letter, err := b.store.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if letter.ReplayedAt != nil {
			return errReplayed.WithDetail("replayed_at", *letter.ReplayedAt)
		}
		replay := b.replayers[letter.Source]
		if replay == nil {
			return ErrUnknownKind
		}
		if err := replay(ctx, tx, letter); err != nil {
			return fmt.Errorf("replay dead letter %s: %w", id, err)
		}
		replayed, err = b.store.mark(ctx, tx, id, by)
		return err
	})
	return replayed, err
}

// Sweep deletes up to limit letters that were replayed longer than Retention
// ago, and says how many there were.
func (b *Box) Sweep(ctx context.Context, limit int) (int64, error) { return b.store.sweep(ctx, limit) }
