package record

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Settle leaves out what means something only in the database that the record was read from:
// who writes a reply just now, and the numbers by which writers are told apart.
func (r *Record) Settle() {
	r.Head.Fence = 0
	for i := range r.Messages {
		m := &r.Messages[i]
		m.LeaseNumber = 0
		if m.Status == "streaming" {
			m.Status = "pending"
		}
	}
}

// Fingerprint is a SHA-256 over all that a settled record holds: two with the same are the
// same, bit for bit.
func (r *Record) Fingerprint() ([32]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return [32]byte{}, fmt.Errorf("fingerprint of %s: %w", r.Head.ID, err)
	}
	return sha256.Sum256(text), nil
}

// Recovered reports whether a version of the record is a recovery, which may have put rows of
// any age right.
func (r *Record) Recovered() bool {
	return slices.ContainsFunc(r.Versions, func(v Version) bool { return v.Operation == opRecover })
}

// Merge lays what has been added to a record since over it, in the order in which it came.
func Merge(layers ...Record) Record {
	if len(layers) == 1 {
		return layers[0]
	}
	var out Record
	for _, l := range layers {
		out.Head = l.Head
		out.Versions = over(out.Versions, l.Versions, func(a, b Version) int { return cmp.Compare(a.Version, b.Version) })
		out.Texts = over(out.Texts, l.Texts, func(a, b Text) int { return cmp.Compare(a.Version, b.Version) })
		out.Messages = over(out.Messages, l.Messages, func(a, b Message) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		out.Pasts = over(out.Pasts, l.Pasts, comparePasts)
		out.Snapshots = over(out.Snapshots, l.Snapshots, func(a, b Snapshot) int { return cmp.Compare(a.Version, b.Version) })
	}
	slices.SortFunc(out.Messages, func(a, b Message) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

func comparePasts(a, b Past) int {
	return cmp.Or(bytes.Compare(a.MessageID[:], b.MessageID[:]), cmp.Compare(a.Since, b.Since))
}

// over puts rows into the place of those with the same key, all in the order of keys.
func over[T any](below, above []T, compare func(a, b T) int) []T {
	all := slices.Concat(above, below)
	slices.SortStableFunc(all, compare)
	return slices.CompactFunc(all, func(a, b T) bool { return compare(a, b) == 0 })
}

// Cut leaves out versions that are newer than one.
func (r *Record) Cut(version int64) {
	r.Versions = slices.DeleteFunc(r.Versions, func(v Version) bool { return v.Version > version })
}

// VersionAt is the newest version that is not from after a time; 0: there was none yet.
func (r *Record) VersionAt(at time.Time) (version int64) {
	for _, v := range r.Versions {
		if !v.At.After(at) {
			version = max(version, v.Version)
		}
	}
	return version
}
