package account

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// dumpBite is how many users are read, and restored, at once.
const dumpBite = 500

// Archive is what backups keep of accounts. It needs the database alone. Safe for concurrent use.
type Archive struct{ store store }

// NewArchive makes one.
func NewArchive(pool *pgxpool.Pool) *Archive { return &Archive{store{pool: pool}} }

// Count is how many users there are, as of tx.
func (a *Archive) Count(ctx context.Context, tx postgres.Tx) (int64, error) {
	return a.store.countUsers(ctx, tx)
}

// Dump puts every user as a backup keeps it, in the order of ids, as of tx: all columns, so
// with the hash of the password, and without sessions.
func (a *Archive) Dump(ctx context.Context, tx postgres.Tx, put func(id uuid.UUID, row json.RawMessage) error) error {
	var after uuid.UUID
	for {
		page, err := a.store.usersAfter(ctx, tx, after, dumpBite)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, u := range page {
			row, err := json.Marshal(userRow(u))
			if err != nil {
				return fmt.Errorf("dump users: %w", err)
			}
			if err := put(u.ID, row); err != nil {
				return err
			}
			after = u.ID
		}
	}
}

// DumpedUser is what a restore must know of a user that was dumped.
type DumpedUser struct {
	ID        uuid.UUID  `json:"id"`
	ErasingAt *time.Time `json:"erasing_at"` // whose erasure had been asked for is not brought back
	row       json.RawMessage
}

// ReadDumped reads a user that was dumped.
func ReadDumped(row json.RawMessage) (u DumpedUser, err error) {
	if err := json.Unmarshal(row, &u); err != nil {
		return u, fmt.Errorf("read a dumped user: %w", err)
	}
	u.row = row
	return u, nil
}

// RestoreUsers brings users back who are not there, and gives who is there and who was
// brought back. Who is neither cannot be: the email, or the account at the identity provider,
// belongs to another now. Without write it only looks, and takes it that all could be. Fault:
// server.unavailable.
func (a *Archive) RestoreUsers(ctx context.Context, list []DumpedUser, write bool) (there, back map[uuid.UUID]bool, err error) {
	ids, rows := make([]uuid.UUID, len(list)), make([]json.RawMessage, len(list))
	for i, u := range list {
		ids[i], rows[i] = u.ID, u.row
	}
	if there, err = a.store.usersThere(ctx, ids); err != nil {
		return nil, nil, err
	}
	if write {
		back, err = a.store.restoreUsers(ctx, rows)
		return there, back, err
	}
	back = map[uuid.UUID]bool{}
	for _, id := range ids {
		back[id] = !there[id]
	}
	return there, back, nil
}

// Tombstone is an account that was erased: an id without a name.
type Tombstone struct {
	UserID      uuid.UUID
	TaskID      uuid.UUID
	RequestedAt time.Time
	ErasedAt    time.Time
}

// Tombstones gives all accounts that were erased. Fault: server.unavailable.
func (a *Archive) Tombstones(ctx context.Context) ([]Tombstone, error) {
	return a.store.tombstones(ctx)
}

// Bury keeps tombstones that the database has lost; their receipts are lost. Fault:
// server.unavailable.
func (a *Archive) Bury(ctx context.Context, list []Tombstone) error {
	return postgres.InTx(ctx, a.store.pool, func(tx postgres.Tx) error {
		for _, t := range list {
			if err := a.store.rebury(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
}
