package once

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Queue adds the claim to a batch, so that it costs no round trip of its own;
// taken is set when the batch is read. The effect, later in the same batch, must
// itself depend on the claim (see SendMessage). Pass the batch's error to
// Refusal. A nil claim queues nothing and is taken. result must not hold a secret.
func (k *Keys) Queue(batch *pgx.Batch, c *Claim, result any, taken *bool) error {
	if c == nil {
		*taken = true
		return nil
	}
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("idempotent result: %w", err)
	}
	now := k.now()
	batch.Queue(db.ClaimIdempotencyKey, c.scope, c.operation, c.key, c.ID, c.fingerprint, json.RawMessage(text),
		now.Add(Lifetime), now).
		Exec(func(tag pgconn.CommandTag) error {
			*taken = tag.RowsAffected() == 1
			return nil
		})
	return nil
}

// Refusal translates the error of a batch that held a claim.
func Refusal(err error) error { return refusal(err) }

// Replay reads what the key's first use recorded, after a claim was not taken.
// Faults: idempotency.in_progress, idempotency.key_reused.
func (k *Keys) Replay(ctx context.Context, tx db.DBTX, c *Claim) (json.RawMessage, error) {
	row, err := db.New().IdempotencyKeyByName(ctx, tx, db.IdempotencyKeyByNameParams{
		Scope: c.scope, Operation: c.operation, Key: c.key,
	})
	if postgres.NoRows(err) { // it expired and was swept just now
		return nil, errInProgress
	}
	if err != nil {
		return nil, fmt.Errorf("read idempotency key: %w", err)
	}
	if !hmac.Equal(row.Fingerprint, c.fingerprint) {
		return nil, errReused
	}
	return row.Result, nil
}

// Sweep deletes up to limit expired keys and says how many there were. One that
// is claimed anew meanwhile stays.
func (k *Keys) Sweep(ctx context.Context, conn db.DBTX, limit int) (int64, error) {
	n, err := db.New().DeleteExpiredIdempotencyKeys(ctx, conn, db.DeleteExpiredIdempotencyKeysParams{At: k.now(), MaxRows: limit})
	if err != nil {
		return 0, fmt.Errorf("sweep idempotency keys: %w", err)
	}
	return n, nil
}
