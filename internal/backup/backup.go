// Package backup keeps what nouns must not lose outside the database, and brings it back. It
// promises that
//
//   - a backup is one moment of the database, while writers go on;
//   - it is there whole or not at all: its manifest is written last, and what has none is no
//     backup;
//   - the server cannot read what it has written: it is encrypted to recipients whose
//     identities (age-encryption.org) are elsewhere. That it is unchanged the server can tell
//     all the same: the manifest, which is signed, says the hash of what was encrypted;
//   - who asked to be erased is not brought back, whatever a backup holds: the list of them
//     lies beside the backups, and is read at each restore;
//   - a restore may be broken off and done again.
//
// What there is is told by the store alone, so that an empty database can be filled from it.
// It knows no noun: each hands in its Part.
package backup

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Kinds of backups.
const (
	Full        = "full"
	Incremental = "incremental" // what has come since its parent
)

// Faults.
var (
	errNotFound    = fault.New(fault.NotFound, "resource.not_found", "There is no such backup.")
	errNoRecipient = fault.New(fault.Conflict, "backup.no_recipient", "No backup can be made: FLUENTPRO_BACKUP_RECIPIENT names nobody who could read it.")
	errNoIdentity  = fault.New(fault.Conflict, "backup.no_identity", "The server cannot read backups: FLUENTPRO_BACKUP_IDENTITY_FILE names no file with the identity. Restore from the command line, with --identity.")
	errRunning     = fault.New(fault.Conflict, "backup.running", "Another backup is being made.")
	errDamaged     = fault.New(fault.Unprocessable, "backup.damaged", "The backup is damaged, or lacks one that it builds upon.") // see damaged
	errWrongKey    = fault.New(fault.Unprocessable, "backup.wrong_identity", "The identity is not one that the backup was encrypted to.")
	errStore       = fault.New(fault.Unavailable, "backup.store_unavailable", "The store of backups cannot be reached, or takes nothing; try again later.").WithRetryAfter(time.Minute)
)

// Entry is what one backup holds of one thing.
type Entry struct {
	ID    uuid.UUID
	After int64           // of an increment: what it adds to; 0: Data is the whole thing
	Data  json.RawMessage // nil: unchanged since the parent
}

// Whole is what a chain of backups holds of one thing that was there when the newest was made:
// the whole thing first, then what was added, in order.
type Whole struct {
	ID     uuid.UUID
	Layers []json.RawMessage
}

// Part is what one noun keeps of itself in backups.
type Part struct {
	Name     string // as payloads and reports call it; never changed
	Contents string // what is inside, in English

	// Count is how many things there are.
	Count func(ctx context.Context, tx postgres.Tx) (int64, error)
	// Dump puts everything that is there, in the order of ids; with since, what has not
	// changed since that horizon without its data. It counts what it likes to be known.
	Dump func(ctx context.Context, tx postgres.Tx, since *int64, put func(Entry) error) (map[string]int64, error)
	// Check gives what is wrong with a thing; nil: there is nothing to be checked.
	Check func(Whole) ([]string, error)
	// Restore brings things back and tells what became of each.
	Restore func(ctx context.Context, in PartRestore, things iter.Seq2[Whole, error], tell func(Told)) error
}

// Told is what became of one thing in a restore.
type Told struct {
	ID      uuid.UUID `json:"id"`
	Outcome string    `json:"outcome"`
	Detail  string    `json:"detail,omitempty"`
	// Quiet outcomes are counted and not listed.
	Quiet bool `json:"-"`
	// More than Outcome may be counted of a thing, such as what of it is lost.
	Aside bool `json:"-"`
}

// Progress takes how far long work has come, in things.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

// Unseen is the progress of what nobody waits for.
type Unseen struct{}

// Total is not looked at.
func (Unseen) Total(int64) {}

// Add is not looked at.
func (Unseen) Add(int64) {}
