package backup

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// format is that of the manifests and payloads that are written. Those of another are refused.
const format = 1

// maxManifest bounds a manifest in bytes.
const maxManifest = 1 << 20

// excluded says what no backup holds.
const excluded = "Not inside: sessions and their tokens, signing keys, mailed codes, onboarding, learning plans, feedback, custom roles, " +
	"the audit log, events, jobs, tasks, counts of tokens, idempotency keys, the reference data that comes with the release, and whatever is in Redis."

// Manifest says what a backup is. It is readable without any key, and signed.
type Manifest struct {
	Format     int           `json:"format"`
	ID         uuid.UUID     `json:"id"`
	Kind       string        `json:"kind"`
	Why        string        `json:"why"` // it is of this kind, in English
	ParentID   *uuid.UUID    `json:"parent_id"`
	AsOf       time.Time     `json:"as_of"`   // the moment it is of
	Horizon    int64         `json:"horizon"` // the oldest transaction that was open then
	MadeAt     time.Time     `json:"made_at"`
	Database   string        `json:"database"` // which one: horizons mean nothing in another
	Release    string        `json:"release"`
	Recipients []string      `json:"recipients"` // who can read it
	Parts      []PartSummary `json:"parts"`
	Excluded   string        `json:"excluded"` // what is not inside, in English
	Payload    Payload       `json:"payload"`
}

// Object is the key under which the payload lies in the store.
func (m Manifest) Object() string { return payloadKey(m.ID) }

// PartSummary is what a backup holds of one noun.
type PartSummary struct {
	Name      string           `json:"name"`
	Contents  string           `json:"contents"`
	Things    int64            `json:"things"`     // that were there
	Changed   int64            `json:"changed"`    // of which it holds something
	IDsSHA256 string           `json:"ids_sha256"` // over their ids, in order
	Counts    map[string]int64 `json:"counts"`
}

// Payload is the object that holds what was saved: NDJSON, zstd, age.
type Payload struct {
	Bytes           int64  `json:"bytes"`
	SHA256          string `json:"sha256"`
	PlainBytes      int64  `json:"plain_bytes"`
	CompressedBytes int64  `json:"compressed_bytes"`
}

// signed is a manifest as it is stored. The signature is Ed25519 over its compact JSON.
type signed struct {
	Manifest  json.RawMessage `json:"manifest"`
	Signature string          `json:"signature"`
	Key       string          `json:"key"` // whose it is
}

// signer signs manifests, and tells its own signatures from others.
type signer struct{ key ed25519.PrivateKey }

// newSigner makes one of 32 secret bytes.
func newSigner(seed []byte) signer { return signer{ed25519.NewKeyFromSeed(seed)} }

func (s signer) public() string {
	return base64.StdEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // an Ed25519 key's is one
}

func (s signer) sign(m Manifest) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("sign manifest: %w", err)
	}
	out, err := json.MarshalIndent(signed{text, base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, text)), s.public()}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("sign manifest: %w", err)
	}
	return append(out, '\n'), nil
}

var errForeignManifest = errors.New("the manifest was signed by another key; FLUENTPRO_KEY_ENCRYPTION_KEY must be the one that the backup was made under")

// open reads a manifest that has not been changed since it was signed.
func (s signer) open(text []byte) (m Manifest, err error) {
	var in signed
	if err := json.Unmarshal(text, &in); err != nil {
		return m, fmt.Errorf("the manifest is no JSON: %w", err)
	}
	if in.Key != s.public() {
		return m, errForeignManifest
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, in.Manifest); err != nil {
		return m, fmt.Errorf("the manifest is no JSON: %w", err)
	}
	signature, err := base64.StdEncoding.DecodeString(in.Signature)
	if err != nil || !ed25519.Verify(s.key.Public().(ed25519.PublicKey), compact.Bytes(), signature) { //nolint:forcetypeassert // as above
		return m, errors.New("the manifest was changed after it was signed")
	}
	if err := json.Unmarshal(compact.Bytes(), &m); err != nil {
		return m, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	if m.Format != format {
		return m, fmt.Errorf("its format is %d; this release reads %d", m.Format, format)
	}
	return m, nil
}
