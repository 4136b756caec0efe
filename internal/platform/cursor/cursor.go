// Package cursor seals positions so that they can leave the house: a client
// keeps one, shows it again, and cannot read anything into it, alter it, or use
// it elsewhere.
//
// It promises that what Open returns is, byte for byte, what Seal was given
// with the same key and scope. It does not hide the payload (it is signed, not
// encrypted), does not expire, and does not know what a payload means.
//
// The form is base64url(version byte | payload | HMAC-SHA256 cut to 16 bytes,
// as RFC 2104 section 5 allows), without padding. The MAC covers the version,
// the scope with its length before it, and the payload.
package cursor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"sync"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

const (
	// MaxToken is the longest token in characters: a cursor travels in query
	// strings and in header lines.
	MaxToken = 512
	// MaxPayload is the longest payload in bytes that still makes such a token.
	MaxPayload = MaxToken*3/4 - versionSize - macSize
	// MinKey is the shortest key in bytes that New takes.
	MinKey = 16

	version     = 1
	versionSize = 1
	macSize     = 16
)

// ErrInvalid is what every refused token gives, whatever the reason: altered,
// of another scope, of an unknown version, or no token at all.
var ErrInvalid = fault.New(fault.Malformed, "cursor.invalid", "the cursor is not one of ours, or not of this list or stream")

// Sealer seals and opens tokens under one key. It is safe for concurrent use.
type Sealer struct {
	encoding *base64.Encoding
	macs     sync.Pool // of *mac: an HMAC state costs more to make than to use
}

type mac struct {
	hash.Hash
	head [binary.MaxVarintLen64 + versionSize]byte
	sum  [sha256.Size]byte
	raw  [MaxToken]byte
}

// New makes a Sealer. Every node that is to open another's tokens needs the
// same key, of MinKey bytes at least and random; New panics on a shorter one.
func New(key []byte) *Sealer {
	if len(key) < MinKey {
		panic(fmt.Sprintf("cursor: a key of %d bytes, want %d", len(key), MinKey))
	}
	key = append([]byte(nil), key...)
	s := &Sealer{encoding: base64.RawURLEncoding.Strict()}
	s.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, key)} }
	return s
}

// Seal makes the token of payload within scope. The scope says where the token
// counts: the operation, its filter, the owner; it is not stored in the token.
// It panics on a payload over MaxPayload: positions are small by construction.
func (s *Sealer) Seal(scope string, payload []byte) string {
	if len(payload) > MaxPayload {
		panic(fmt.Sprintf("cursor: a payload of %d bytes, at most %d", len(payload), MaxPayload))
	}
	m := s.macs.Get().(*mac)
	defer s.macs.Put(m)
	raw := append(m.raw[:0], version)
	raw = append(raw, payload...)
	raw = append(raw, m.sign(version, scope, payload)...)
	return s.encoding.EncodeToString(raw)
}

// Open returns the payload of a token that Seal made for the same scope, or
// ErrInvalid.
func (s *Sealer) Open(scope, token string) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, ErrInvalid
	}
	m := s.macs.Get().(*mac)
	defer s.macs.Put(m)
	raw := append(m.raw[:0], token...)
	n, err := s.encoding.Decode(raw, raw)
	// The decoder skips line breaks; a token that holds any is not the one sealed.
	if err != nil || n < versionSize+macSize || s.encoding.EncodedLen(n) != len(token) {
		return nil, ErrInvalid
	}
	payload, sum := raw[versionSize:n-macSize], raw[n-macSize:n]
	if raw[0] != version || !hmac.Equal(sum, m.sign(raw[0], scope, payload)) {
		return nil, ErrInvalid
	}
	return append([]byte(nil), payload...), nil
}

// SealJSON seals v as JSON, such as the keyset position of a page. It fails
// when v cannot be written as JSON or is over MaxPayload.
func (s *Sealer) SealJSON(scope string, v any) (string, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal cursor: %w", err)
	}
	if len(payload) > MaxPayload {
		return "", fmt.Errorf("seal cursor: a payload of %d bytes, at most %d", len(payload), MaxPayload)
	}
	return s.Seal(scope, payload), nil
}

// OpenJSON opens a token of SealJSON into v, a pointer. Fields that v does not
// know are ignored, so that a node reads the cursors of a newer one; a payload
// of another shape is ErrInvalid, like an altered one.
func (s *Sealer) OpenJSON(scope, token string, v any) error {
	payload, err := s.Open(scope, token)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return ErrInvalid.WithCause(err)
	}
	return nil
}

// sign returns the MAC in memory of m that the next sign overwrites.
func (m *mac) sign(version byte, scope string, payload []byte) []byte {
	m.Reset()
	head := append(m.head[:0], version)
	head = binary.AppendUvarint(head, uint64(len(scope)))
	m.Write(head)
	// The scope passes through the state's own memory: a conversion would allocate.
	for len(scope) > 0 {
		n := copy(m.sum[:], scope)
		m.Write(m.sum[:n])
		scope = scope[n:]
	}
	m.Write(payload)
	return m.Sum(m.sum[:0])[:macSize]
}
