package account

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	keyBits     = 2048
	secretBytes = 32 // AES-256
)

// How long keys are not read again for an unknown kid: after a reading, and
// after one that failed.
const (
	keyRereading = time.Minute
	keyRetrying  = time.Second
)

// errUnknownKey means that no key of ours has a token's kid.
var errUnknownKey = errors.New("the token names no key of this service")

// signingKey is one RS256 key; its id is half the SHA-256 of its public part.
type signingKey struct {
	id        string
	private   *rsa.PrivateKey
	signsAt   time.Time
	retiresAt *time.Time // nil: it is the newest
}

// live reports that tokens of the key are still taken.
func (s signingKey) live(now time.Time) bool { return s.retiresAt == nil || now.Before(*s.retiresAt) }

// A keyring holds the issuer's keys. The newest that may signs; all verify and are
// published, until they retire.
type keyring struct {
	store       *store
	aead        cipher.AEAD
	now         func() time.Time
	retired     func() // called once a key has gone, after retirements has grown
	retirements atomic.Int64

	mu   sync.RWMutex
	keys []signingKey // oldest first
	next time.Time    // before which an unknown kid does not make them be read again
}

// newKeyring reads the keys, making the first one if there is none.
func newKeyring(ctx context.Context, st *store, secret []byte, now func() time.Time, retired func()) (*keyring, error) {
	k, err := openKeyring(st, secret, now, retired)
	if err != nil {
		return nil, err
	}
	rows, err := st.signingKeys(ctx, now())
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		id, sealed, err := k.generate()
		if err != nil {
			return nil, err
		}
		if err := st.insertFirstSigningKey(ctx, id, sealed, now()); err != nil {
			return nil, err
		}
	}
	return k, k.reread(ctx)
}

// openKeyring is one that has read no key yet.
func openKeyring(st *store, secret []byte, now func() time.Time, retired func()) (*keyring, error) {
	if len(secret) != secretBytes {
		return nil, fmt.Errorf("signing keys: the secret that seals them must have %d bytes, not %d", secretBytes, len(secret))
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return &keyring{store: st, aead: aead, now: now, retired: retired}, nil
}

// generate makes a key in sealed form.
func (k *keyring) generate() (id string, sealed []byte, err error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return "", nil, fmt.Errorf("make signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", nil, fmt.Errorf("make signing key: %w", err)
	}
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&private.PublicKey))
	id = base64.RawURLEncoding.EncodeToString(sum[:16])
	nonce := make([]byte, k.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", nil, fmt.Errorf("make signing key: %w", err)
	}
	return id, k.aead.Seal(nonce, nonce, der, []byte(id)), nil
}

func (k *keyring) unseal(id string, sealed []byte) (signingKey, error) {
	n := k.aead.NonceSize()
	if len(sealed) < n {
		return signingKey{}, fmt.Errorf("signing key %s: cut short", id)
	}
	der, err := k.aead.Open(nil, sealed[:n], sealed[n:], []byte(id))
	if err != nil {
		return signingKey{}, fmt.Errorf("signing key %s: FLUENTPRO_KEY_ENCRYPTION_KEY is not the key it was sealed with", id)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return signingKey{}, fmt.Errorf("signing key %s: %w", id, err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return signingKey{}, fmt.Errorf("signing key %s: is not RSA", id)
	}
	return signingKey{id: id, private: private}, nil
}

func (k *keyring) reread(ctx context.Context) error {
	rows, err := k.store.signingKeys(ctx, k.now())
	if err != nil {
		return err
	}
	keys := make([]signingKey, 0, len(rows))
	for _, row := range rows {
		key, err := k.unseal(row.ID, row.Sealed)
		if err != nil {
			return err
		}
		key.signsAt, key.retiresAt = row.SignsAt, row.RetiresAt
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return errors.New("signing keys: there is none")
	}
	k.mu.Lock()
	before := k.keys
	k.keys, k.next = keys, k.now().Add(keyRereading)
	k.mu.Unlock()
	for _, old := range before {
		if !slices.ContainsFunc(keys, func(one signingKey) bool { return one.id == old.id }) {
			k.retirements.Add(1)
			k.retired()
			break
		}
	}
	return nil
}

// signer is the newest key whose time to sign has come.
func (k *keyring) signer() signingKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	now := k.now()
	for i := len(k.keys) - 1; i > 0; i-- {
		if !k.keys[i].signsAt.After(now) {
			return k.keys[i]
		}
	}
	return k.keys[0]
}

// run reads the keys each minute until ctx ends, so that a new one is published before
// it signs, and one that has retired is let go.
func (k *keyring) run(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(keyRereading)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := k.reread(ctx); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "signing keys not read; those that are known go on", "error", err.Error())
		}
	}
}

// public finds the key of a token. An unknown id reads the keys again, at most
// once a minute; what is known stays known when that fails. Errors: errUnknownKey,
// or why the keys could not be read.
func (k *keyring) public(ctx context.Context, id string) (*rsa.PublicKey, error) {
	if key, ok := k.find(id); ok {
		return key, nil
	}
	if !k.mayReread() {
		return nil, errUnknownKey
	}
	if err := k.reread(ctx); err != nil {
		return nil, err
	}
	if key, ok := k.find(id); ok {
		return key, nil
	}
	return nil, errUnknownKey
}

// mayReread lets one caller through. Until that one has read the keys the time
// to the next is short, so that a database that was away is asked again soon.
func (k *keyring) mayReread() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if now.Before(k.next) {
		return false
	}
	k.next = now.Add(keyRetrying)
	return true
}

func (k *keyring) find(id string) (*rsa.PublicKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, key := range k.keys {
		if key.id == id && key.live(k.now()) {
			return &key.private.PublicKey, true
		}
	}
	return nil, false
}

// JWK is one public key (RFC 7517).
type JWK struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

func (k *keyring) jwks() []JWK {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]JWK, 0, len(k.keys))
	for _, key := range k.keys {
		if !key.live(k.now()) {
			continue
		}
		pub := key.private.PublicKey
		e := binary.BigEndian.AppendUint64(nil, uint64(pub.E))
		out = append(out, JWK{
			Type: "RSA", Use: "sig", Algorithm: "RS256", ID: key.id,
			Modulus:  base64.RawURLEncoding.EncodeToString(pub.N.Bytes()),
			Exponent: base64.RawURLEncoding.EncodeToString(new(big.Int).SetBytes(e).Bytes()),
		})
	}
	return out
}
