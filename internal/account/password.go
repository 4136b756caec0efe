package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"
)

// HashCost is what a new password's hash takes; a hash says by itself what it took.
// The zero value is OWASP's for Argon2id (RFC 9106): 19 MiB, two passes, one lane.
type HashCost struct {
	KiB    uint32 // of memory; 0: 19 MiB
	Passes uint32 // 0: 2
}

func (c HashCost) params() *argon2id.Params {
	return &argon2id.Params{
		Memory: cmp.Or(c.KiB, 19*1024), Iterations: cmp.Or(c.Passes, 2), Parallelism: 1, SaltLength: 16, KeyLength: 32,
	}
}

// argonVersion is the version of Argon2 in a hash (RFC 9106, 3.1).
const argonVersion = 0x13

// defaultHashWait bounds how long a sign-in waits for its turn.
const defaultHashWait = 5 * time.Second

// A hasher hashes passwords, a bounded number at once: each takes 19 MiB and a
// core, and a flood of sign-ins must not take the rest of the service down.
type hasher struct {
	params *argon2id.Params
	turns  *semaphore.Weighted
	wait   time.Duration
	dummy  string // compared when there is no user, so that the answer takes as long
}

// newHasher makes a hasher of atOnce passwords (0: GOMAXPROCS), each of which
// waits for its turn (0: 5 s).
func newHasher(atOnce int, wait time.Duration, cost HashCost) *hasher {
	params := cost.params()
	return &hasher{
		params: params,
		turns:  semaphore.NewWeighted(int64(cmp.Or(atOnce, runtime.GOMAXPROCS(0)))),
		wait:   cmp.Or(wait, defaultHashWait), dummy: dummyHash(params),
	}
}

// dummyHash has the form and the cost of a password's hash, and is of no password.
func dummyHash(p *argon2id.Params) string {
	random := func(n uint32) string {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails: it ends the process instead
		return base64.RawStdEncoding.EncodeToString(b)
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argonVersion, p.Memory, p.Iterations, p.Parallelism,
		random(p.SaltLength), random(p.KeyLength))
}

func (h *hasher) turn(ctx context.Context) (release func(), err error) {
	wait, cancel := context.WithTimeout(ctx, h.wait)
	defer cancel()
	if err := h.turns.Acquire(wait, 1); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, errOverloaded.WithCause(err)
	}
	return func() { h.turns.Release(1) }, nil
}

// hash gives the PHC string of a password. Fault: server.overloaded.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	release, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	text, err := argon2id.CreateHash(password, h.params)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return text, nil
}

// matches compares in constant time. An empty hash never matches but takes as long.
func (h *hasher) matches(ctx context.Context, password, hash string) (bool, error) {
	release, err := h.turn(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	same, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return same && known, nil
}
