package auth0

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync/atomic"
	"time"
)

// How old keys may grow, and how rarely a token may make us ask again: an unknown
// key id costs its sender nothing.
const (
	keysStale    = time.Hour
	keysInterval = time.Minute
)

const (
	minKeyBits    = 2048
	maxExponent   = 1<<31 - 1
	maxKeys       = 64
	jwksPath      = "/.well-known/jwks.json"
	discoveryPath = "/.well-known/openid-configuration"
)

var (
	errUnknownKey = errors.New("no key of the tenant has this id")
	errNoKeys     = errors.New("the tenant publishes no RS256 key")
)

// keySet is the tenant's public keys. They are read when first needed, again in
// the background once stale, and again for an unknown id, at most once a minute;
// a reading that fails leaves the known ones in use. A key that the tenant no
// longer publishes is forgotten with the next reading.
//
// The ready-made set (keyfunc) makes a token with an unknown id wait until the
// next reading is allowed, knows no injected clock, and cannot tell "unknown"
// from "never read".
type keySet struct {
	fetch func(context.Context) (map[string]*rsa.PublicKey, error)
	now   func() time.Time
	run   func(func(context.Context)) // in the background
	turn  *turn

	known      atomic.Pointer[knownKeys]
	triedAt    atomic.Int64 // Unix nanoseconds
	refreshing atomic.Bool  // in the background
}

type knownKeys struct {
	byID   map[string]*rsa.PublicKey
	readAt time.Time
}

// find gives a key by its id: at once when it is known. errUnknownKey says that
// the tenant has none; a fault, that the tenant could never be asked.
func (s *keySet) find(ctx context.Context, id string) (*rsa.PublicKey, error) {
	if known := s.known.Load(); known != nil {
		s.refreshStale(known)
		if key, ok := known.byID[id]; ok {
			return key, nil
		}
	}
	err := s.turn.take(ctx, func() error { return s.refreshFor(ctx, id) })
	known := s.known.Load()
	if known == nil {
		return nil, err
	}
	if key, ok := known.byID[id]; ok {
		return key, nil
	}
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	return nil, errUnknownKey
}

// refreshFor reads the keys for an id unless another just did. While none are
// known, only the breaker limits how often: every token waits for the first ones.
func (s *keySet) refreshFor(ctx context.Context, id string) error {
	if known := s.known.Load(); known != nil && (known.byID[id] != nil || s.triedLately()) {
		return nil
	}
	return s.refresh(ctx)
}

func (s *keySet) refresh(ctx context.Context) error {
	s.triedAt.Store(s.now().UnixNano())
	keys, err := s.fetch(ctx)
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	s.known.Store(&knownKeys{byID: keys, readAt: s.now()})
	return nil
}

// refreshStale starts a reading behind the back of whoever noticed.
func (s *keySet) refreshStale(known *knownKeys) {
	if s.now().Sub(known.readAt) < keysStale || s.triedLately() || !s.refreshing.CompareAndSwap(false, true) {
		return
	}
	s.run(func(ctx context.Context) {
		defer s.refreshing.Store(false)
		_ = s.turn.take(ctx, func() error { return s.refresh(ctx) }) // logged where it was asked
	})
}

func (s *keySet) triedLately() bool {
	return s.now().Sub(time.Unix(0, s.triedAt.Load())) < keysInterval
}

// fetchKeys reads what the tenant publishes. Whoever asked may leave: others wait
// for the keys too.
func (c *Client) fetchKeys(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	ctx, cancel := c.shared(ctx)
	defer cancel()
	a, err := c.send(ctx, request{method: http.MethodGet, path: jwksPath, repeatable: true})
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, a.unexpected(c.cfg.Now())
	}
	return parseKeys(a.body)
}

// jwk is one key of RFC 7517; only RSA signing keys are of interest.
type jwk struct {
	ID       string `json:"kid"`
	Type     string `json:"kty"`
	Use      string `json:"use"`
	Alg      string `json:"alg"`
	Modulus  string `json:"n"`
	Exponent string `json:"e"`
}

// parseKeys takes the keys that RS256 may be verified with and passes over others.
func parseKeys(text []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) > maxKeys {
		return nil, unavailable(errGarbled, 0)
	}
	keys := make(map[string]*rsa.PublicKey, len(set.Keys))
	for _, k := range set.Keys {
		if key := k.rs256(); key != nil {
			keys[k.ID] = key
		}
	}
	if len(keys) == 0 {
		return nil, unavailable(errNoKeys, 0)
	}
	return keys, nil
}

// rs256 gives the key, or nil for one of another purpose, or one too weak.
func (k jwk) rs256() *rsa.PublicKey {
	if k.ID == "" || k.Type != "RSA" || k.Use != "" && k.Use != "sig" || k.Alg != "" && k.Alg != "RS256" {
		return nil
	}
	n, errN := base64.RawURLEncoding.DecodeString(k.Modulus)
	e, errE := base64.RawURLEncoding.DecodeString(k.Exponent)
	if errN != nil || errE != nil {
		return nil
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if modulus.BitLen() < minKeyBits || !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > maxExponent || exponent.Bit(0) == 0 {
		return nil
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}
}
