package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// CreateInput says what is to be made. It is the input of a task: fields may be added, never
// changed.
type CreateInput struct {
	Format int  `json:"v"`              // 1
	Full   bool `json:"full,omitempty"` // even where an increment would do
}

// Create makes a backup, an increment where there is one to build upon. Faults:
// backup.no_recipient, backup.running, backup.store_unavailable, server.unavailable.
func (s *Service) Create(ctx context.Context, p Progress, in CreateInput) (m Manifest, err error) {
	if !s.On() {
		return m, errNoRecipient
	}
	blobs, err := s.open(ctx)
	if err != nil {
		return m, err
	}
	if err := s.keepTombstones(ctx); err != nil {
		return m, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return m, fmt.Errorf("make backup: %w", err)
	}
	err = s.store.atOneMoment(ctx, func(tx postgres.Tx, at moment) error {
		m = Manifest{
			Format: format, ID: id, Kind: Full, Why: "it was asked for", AsOf: at.At, Horizon: at.Horizon, Database: at.Database,
			Release: s.Release, Recipients: names(s.Recipients), Excluded: excluded,
		}
		var since *int64
		if !in.Full {
			parent, why, err := s.parent(ctx, at.Database)
			if err != nil {
				return err
			}
			m.Why = why
			if parent != nil {
				m.Kind, m.ParentID, since = Incremental, &parent.ID, &parent.Horizon
			}
		}
		var failure error // of the database: that of the store is another matter
		err := blobs.Write(ctx, payloadKey(id), payloadType, func(w io.Writer) error {
			failure = s.dump(ctx, tx, p, since, w, &m)
			return failure
		})
		if failure != nil {
			return failure
		}
		return away(err)
	})
	if err != nil {
		return m, err
	}
	m.MadeAt = s.clock()
	text, err := s.signer.sign(m)
	if err != nil {
		return m, err
	}
	return m, away(blobs.Put(ctx, manifestKey(id), manifestType, text))
}

// dump writes the payload, and into the manifest what is in it.
func (s *Service) dump(ctx context.Context, tx postgres.Tx, p Progress, since *int64, to io.Writer, m *Manifest) error {
	var total int64
	for _, part := range s.Parts {
		n, err := part.Count(ctx, tx)
		if err != nil {
			return err
		}
		total += n
	}
	p.Total(total)
	lost := &storeWriter{to: to}
	w, err := newWriter(lost, m.ID, s.Recipients)
	if err != nil {
		return lost.blame(err)
	}
	for _, part := range s.Parts {
		summary, ids := PartSummary{Name: part.Name, Contents: part.Contents}, sha256.New()
		summary.Counts, err = part.Dump(ctx, tx, since, func(e Entry) error {
			count(&summary, ids, e)
			p.Add(1)
			return w.put(part.Name, e)
		})
		if err != nil {
			return lost.blame(fmt.Errorf("back up %s: %w", part.Name, err))
		}
		summary.IDsSHA256 = hex.EncodeToString(ids.Sum(nil))
		m.Parts = append(m.Parts, summary)
	}
	m.Payload, err = w.end()
	return lost.blame(err)
}

func count(s *PartSummary, ids hash.Hash, e Entry) {
	_, _ = ids.Write(e.ID[:]) // a hash takes everything
	s.Things++
	if e.Data != nil {
		s.Changed++
	}
}

// storeWriter remembers that it was the store that failed.
type storeWriter struct {
	to  io.Writer
	err error
}

func (w *storeWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

func (w *storeWriter) blame(err error) error {
	if err != nil && w.err != nil {
		return away(errors.Join(err, w.err))
	}
	return err
}
