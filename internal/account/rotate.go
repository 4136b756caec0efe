package account

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Rotation: a new key is published for keyLead before it signs, longer than
// verifiers and nodes keep a copy of the keys; the old ones verify for keyOverlap
// after that, longer than any access token lives.
const (
	keyLead    = 10 * time.Minute
	keyOverlap = 2 * time.Hour
)

// MaxAccessLifetime is the longest that an access token may live, so that the key that
// signed it is published as long.
const MaxAccessLifetime = time.Hour

// Key is one signing key, without what signs.
type Key struct {
	ID        string // the kid
	CreatedAt time.Time
	SignsAt   time.Time
	RetiresAt *time.Time // nil: not yet known
}

// RotateInput says how keys are to be rotated.
type RotateInput struct {
	Secret      []byte // that seals them
	Compromised bool   // the old keys are not to be trusted: they go at once, and with them every access token
	Now         time.Time
}

// RotateKeys adds a signing key and retires the others. It needs no Service, so that
// it works beside a running one: nodes take up the new key within a minute. Sessions
// go on; after Compromised clients refresh.
func RotateKeys(ctx context.Context, pool *pgxpool.Pool, in RotateInput) ([]Key, error) {
	st := &store{pool: pool}
	k, err := openKeyring(st, in.Secret, func() time.Time { return in.Now }, func() {})
	if err != nil {
		return nil, err
	}
	if err := k.reread(ctx); err != nil { // also proves that the secret is the one they were sealed with
		return nil, err
	}
	id, sealed, err := k.generate()
	if err != nil {
		return nil, err
	}
	signsAt, retiresAt := in.Now.Add(keyLead), in.Now.Add(keyLead+keyOverlap)
	if in.Compromised {
		signsAt, retiresAt = in.Now, in.Now
	}
	err = postgres.InTx(ctx, pool, func(tx postgres.Tx) error {
		return addSigningKey(ctx, tx, Key{ID: id, CreatedAt: in.Now, SignsAt: signsAt}, sealed, retiresAt)
	})
	if err != nil {
		return nil, err
	}
	return Keys(ctx, pool, in.Now)
}

// Keys lists the signing keys that are published, the newest last.
func Keys(ctx context.Context, pool *pgxpool.Pool, now time.Time) ([]Key, error) {
	rows, err := (&store{pool: pool}).signingKeys(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	keys := make([]Key, 0, len(rows))
	for _, r := range rows {
		keys = append(keys, Key{ID: r.ID, CreatedAt: r.CreatedAt, SignsAt: r.SignsAt, RetiresAt: r.RetiresAt})
	}
	return keys, nil
}
