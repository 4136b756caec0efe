// Package ticket keeps single-use tickets in Redis: whoever brings one within its
// lifetime is given what it was issued for, once. A browser that cannot send a
// header with its WebSocket handshake trades its session for one.
//
// It promises that of any number of callers who redeem a ticket at once, on any
// number of nodes, at most one is given the value; that a ticket is not redeemed
// after its lifetime by Redis's clock; and that Redis holds nothing that could be
// redeemed: the key is made of the ticket's SHA-256, and 256 bits of chance are not
// found again from that.
//
// Its limits: the value is in Redis as it is. A ticket whose redeeming is not
// answered is used up if Redis had received it: it is not asked for again, and
// whoever brought it needs another one. What Redis forgets cannot be redeemed. Each
// call has one key, so that Redis Cluster is served:
//
//	ticket:<SHA-256 of the ticket, base64url>     text: the value
package ticket

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// What callers act on. Test with errors.Is.
var (
	// ErrUnknown: the ticket is used, expired or none of ours. The three are not
	// told apart.
	ErrUnknown = errors.New("ticket: unknown, used or expired")
	// ErrTooLarge: the value is over MaxValue.
	ErrTooLarge = errors.New("ticket: the value is too large")
	// ErrUnavailable: Redis did not answer in time, or refused. A ticket that was to
	// be redeemed may be used up.
	ErrUnavailable = errors.New("ticket: redis is unavailable")
)

// MaxValue bounds a value in bytes.
const MaxValue = 4 << 10

// secretSize is that of a ticket in bytes, before it becomes text.
const secretSize = 32

// Config says how Tickets work. Only Client is required.
type Config struct {
	// Client is owned by the caller. Set ContextTimeoutEnabled on it, or Timeout is
	// only as sharp as its read timeout.
	Client redis.UniversalClient
	// Lifetime is how long a ticket can be redeemed; 0 means 30 s.
	Lifetime time.Duration
	// Timeout bounds a round trip, waiting for a connection included; 0 means 2 s.
	Timeout time.Duration
}

// Tickets issues and redeems. It is safe for concurrent use.
type Tickets struct{ config Config }

// New makes Tickets; it does not reach out to Redis.
func New(config Config) *Tickets {
	config.Lifetime = cmp.Or(config.Lifetime, 30*time.Second)
	config.Timeout = cmp.Or(config.Timeout, 2*time.Second)
	return &Tickets{config}
}

// Issue makes a ticket for a value: 43 characters that a URL takes as they are. The
// error wraps ErrTooLarge or ErrUnavailable, or is ctx's own.
func (t *Tickets) Issue(ctx context.Context, value []byte) (ticket string, err error) {
	if len(value) > MaxValue {
		return "", fmt.Errorf("issue a ticket: %d bytes: %w", len(value), ErrTooLarge)
	}
	var secret [secretSize]byte
	_, _ = rand.Read(secret[:]) // it never fails
	err = t.call(ctx, "issue a ticket", func(ctx context.Context) error {
		return t.config.Client.Set(ctx, key(secret), value, t.config.Lifetime).Err()
	})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(secret[:]), nil
}

// Redeem gives the value of a ticket and uses it up. The error wraps ErrUnknown or
// ErrUnavailable, or is ctx's own; after the last two the ticket may be used up.
func (t *Tickets) Redeem(ctx context.Context, ticket string) (value []byte, err error) {
	secret, ok := parse(ticket)
	if !ok {
		return nil, fmt.Errorf("redeem a ticket: %w", ErrUnknown)
	}
	err = t.call(ctx, "redeem a ticket", func(ctx context.Context) error {
		command := once{redis.NewStringCmd(ctx, "getdel", key(secret))}
		if err := t.config.Client.Process(ctx, command); err != nil {
			return err
		}
		value, err = command.Bytes()
		return err
	})
	return value, err
}

// once is a command that the client does not send again by itself: a second one
// would find nothing, and call a ticket unknown that was good.
type once struct{ *redis.StringCmd }

func (once) NoRetry() bool { return true }

// parse reads no more than a ticket can be, however long the text is.
func parse(ticket string) (secret [secretSize]byte, ok bool) {
	encoding := base64.RawURLEncoding.Strict()
	if len(ticket) != encoding.EncodedLen(secretSize) {
		return secret, false
	}
	n, err := encoding.Decode(secret[:], []byte(ticket))
	return secret, err == nil && n == secretSize
}

func key(secret [secretSize]byte) string {
	sum := sha256.Sum256(secret[:])
	return "ticket:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// errTimeout is the cause that tells our own deadline from the caller's.
var errTimeout = errors.New("ticket: redis did not answer in time")

// call makes one round trip.
func (t *Tickets) call(ctx context.Context, operation string, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeoutCause(ctx, t.config.Timeout, errTimeout)
	defer cancel()
	err := do(bounded)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("%s: %w", operation, ErrUnknown)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", operation, context.Cause(ctx))
	case bounded.Err() != nil:
		err = fmt.Errorf("%w: %w", context.Cause(bounded), err)
	}
	return fmt.Errorf("%s: %w: %w", operation, ErrUnavailable, err)
}
