// Package once gives an effect at most once for each idempotency key. A key is
// claimed in the transaction of the effect itself, so that both are there or
// neither is. It promises nothing for keys older than Lifetime, and it keeps no
// body: only a keyed hash of it, and what the effect made.
//
// The header is that of draft-ietf-httpapi-idempotency-key-header.
package once

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Lifetime is how long a key is remembered.
const Lifetime = 24 * time.Hour

var (
	errReused = fault.New(fault.Unprocessable, "idempotency.key_reused",
		"This Idempotency-Key was used with another request.").
		WithFields(fault.Field{Pointer: "header/Idempotency-Key", Code: "key_reused", Detail: "was used with another request"})
	errInProgress = fault.New(fault.Conflict, "idempotency.in_progress",
		"A request with this Idempotency-Key is still under way.").WithRetryAfter(time.Second)
)

// Keys claims keys. Safe for concurrent use.
type Keys struct {
	secret []byte
	now    func() time.Time
}

// New makes Keys whose fingerprints are HMACs under secret.
func New(secret []byte, now func() time.Time) *Keys {
	return &Keys{secret: secret, now: now}
}

// Claim is one request's wish to have its effect once. A nil *Claim claims
// nothing: the effect then happens each time.
type Claim struct {
	ID          uuid.UUID
	scope       uuid.UUID
	operation   string
	key         string
	fingerprint []byte
}

// Claim prepares a claim for key, or gives nil for an empty key. scope is the
// user, or uuid.Nil; body is what must be equal in a repeat, in a form whose
// JSON is canonical (a struct, maps in it are sorted).
func (k *Keys) Claim(scope uuid.UUID, operation, key string, body any) (*Claim, error) {
	if key == "" {
		return nil, nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("fingerprint: %w", err)
	}
	mac := hmac.New(sha256.New, k.secret)
	fmt.Fprintf(mac, "%s\n", operation)
	mac.Write(text)
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("claim id: %w", err)
	}
	return &Claim{ID: id, scope: scope, operation: operation, key: key, fingerprint: mac.Sum(nil)}, nil
}

// IDOrNil is the claim's id for a query that may have none.
func (c *Claim) IDOrNil() *uuid.UUID {
	if c == nil {
		return nil
	}
	return &c.ID
}

// Take claims the key inside tx and records result, which a repeat gets back.
// It waits for another transaction that holds the key, five seconds at most.
// replay is nil when the effect is now this transaction's to make; otherwise it
// is the recorded result, and nothing may be done. Faults:
// idempotency.in_progress, idempotency.key_reused.
func (k *Keys) Take(ctx context.Context, tx postgres.Tx, c *Claim, result any) (replay json.RawMessage, err error) {
	if c == nil {
		return nil, nil
	}
	batch := &pgx.Batch{}
	var taken bool
	if err := k.Queue(batch, c, result, &taken); err != nil {
		return nil, err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, refusal(err)
	}
	if taken {
		return nil, nil
	}
	return k.Replay(ctx, tx, c)
}

// refusal makes a wait for the key itself that took too long the client's to
// retry. A wait for anything else in the same batch has nothing to do with the key.
func refusal(err error) error {
	if postgres.LockWaitExceeded(err) && waitedForKey(err) {
		return errInProgress.WithCause(err)
	}
	return fmt.Errorf("claim idempotency key: %w", err)
}

// waitedForKey reads PostgreSQL's context of a wait, which names the relation in
// every language.
func waitedForKey(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && strings.Contains(server.Where, `"idempotency_keys`)
}
