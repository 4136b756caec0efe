package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
	"github.com/google/uuid"
)

// Bounds of what reports name one by one, and of what they say of each in bytes: the result of
// a task holds a report.
const (
	maxNamed  = 40
	maxDetail = 400
)

// Verification is what came of verifying a backup with all that it builds upon.
type Verification struct {
	Backups  []Manifest `json:"-"`        // the full one first
	Bytes    int64      `json:"bytes"`    // of ciphertext, whose hash is right
	Opened   bool       `json:"opened"`   // it was also decrypted and read, thing by thing
	Things   int64      `json:"things"`   // that were looked at
	Findings int64      `json:"findings"` // what is wrong with them
	Named    []string   `json:"named"`    // the first of them
}

// Verify looks whether a backup, and all that it builds upon, is there and unchanged since it
// was made. With identities it is read as a restore would read it, and each thing in it is
// held against the rules that it must keep. Nothing is restored. Faults: resource.not_found,
// backup.damaged, backup.wrong_identity, backup.store_unavailable.
func (s *Service) Verify(ctx context.Context, p Progress, id uuid.UUID, identities []age.Identity) (v Verification, err error) {
	chain, err := s.chainOf(ctx, id)
	if err != nil {
		return v, err
	}
	v.Backups, v.Named = chain, []string{}
	for _, m := range chain {
		if err := s.sealed(ctx, m); err != nil {
			return v, err
		}
		v.Bytes += m.Payload.Bytes
	}
	if len(identities) == 0 {
		return v, nil
	}
	v.Opened = true
	p.Total(things(chain[len(chain)-1]))
	return v, s.inspect(ctx, p, chain, identities, &v)
}

// things is how many there are in a backup.
func things(m Manifest) (n int64) {
	for _, part := range m.Parts {
		n += part.Things
	}
	return n
}

// chainOf gives a backup after all that it builds upon.
func (s *Service) chainOf(ctx context.Context, id uuid.UUID) ([]Manifest, error) {
	m, err := s.manifest(ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	return s.chain(ctx, m, all)
}

// sealed looks whether the ciphertext of a payload is the one that was written.
func (s *Service) sealed(ctx context.Context, m Manifest) error {
	blobs, err := s.open(ctx)
	if err != nil {
		return err
	}
	from, err := blobs.Read(ctx, payloadKey(m.ID))
	if err != nil {
		return away(err)
	}
	defer func() { _ = from.Close() }() // it was only read
	hash := sha256.New()
	n, err := io.Copy(hash, from)
	if err != nil {
		return away(err)
	}
	if n != m.Payload.Bytes || hex.EncodeToString(hash.Sum(nil)) != m.Payload.SHA256 {
		return damaged("the payload of %s is not the one that was written", m.ID)
	}
	return nil
}

// inspect reads everything.
func (s *Service) inspect(ctx context.Context, p Progress, chain []Manifest, identities []age.Identity, v *Verification) error {
	r, err := s.read(ctx, chain, identities)
	if err != nil {
		return err
	}
	defer r.close()
	newest := chain[len(chain)-1]
	for _, part := range s.Parts {
		summary, ids := PartSummary{Name: part.Name}, sha256.New()
		for w, err := range r.part(part.Name) {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return err
			}
			count(&summary, ids, Entry{ID: w.ID})
			v.Things++
			p.Add(1)
			if err := v.check(part, w); err != nil {
				return err
			}
		}
		summary.IDsSHA256 = hex.EncodeToString(ids.Sum(nil))
		said := slices.IndexFunc(newest.Parts, func(p PartSummary) bool {
			return p.Name == part.Name && p.Things == summary.Things && p.IDsSHA256 == summary.IDsSHA256
		})
		if said < 0 {
			return damaged("%s: what it holds of %s is not what its manifest says", newest.ID, part.Name)
		}
	}
	return r.end()
}

func (v *Verification) check(part Part, w Whole) error {
	if part.Check == nil {
		return nil
	}
	findings, err := part.Check(w)
	if err != nil {
		return damaged("%s %s: %v", part.Name, w.ID, err)
	}
	v.Findings += int64(len(findings))
	for _, f := range findings[:min(len(findings), maxNamed-len(v.Named))] {
		v.Named = append(v.Named, fmt.Sprintf("%s %s: %s", part.Name, w.ID, f))
	}
	return nil
}
