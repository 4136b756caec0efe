// Package deadletter keeps what was given up, jobs and events alike, until an
// operator has looked at it: what it was, why it failed each time, and because
// of whom. It promises that something given up has one open letter at most, that
// a letter is replayed once, together with the replay's effect or not at all, and
// that an open letter is never swept.
//
// It does not know how anything is done again: the owner of each source says so
// (Box.Register).
package deadletter

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// Sources of letters.
const (
	SourceJob   = "job"
	SourceEvent = "event"
)

// Retention is how long a letter stays after its replay.
const Retention = 30 * 24 * time.Hour

// ErrUnknownKind is what a replayer answers that cannot tell what to do: this
// node is older or newer than the one that wrote the letter.
var ErrUnknownKind = fault.New(fault.Conflict, "dead_letter.unknown_kind", "This node does not know how to do what the letter is about.")

var (
	errNotFound = fault.New(fault.NotFound, "resource.not_found", "There is no such dead letter.")
	errReplayed = fault.New(fault.Conflict, "dead_letter.replayed", "The dead letter was replayed before.")
)

// Failure is one attempt that failed.
type Failure struct {
	Attempt int       `json:"attempt"`
	At      time.Time `json:"at"`
	Error   string    `json:"error"` // for operators; never shown to learners
}

// Letter is one job or event that was given up.
type Letter struct {
	ID         uuid.UUID        // made by Write
	Source     string           // SourceJob or SourceEvent
	Kind       string           // of the job, or the type of the event
	Queue      string           // the job's queue, or the group that failed at the event
	Subject    string           // the job's or the event's id
	Payload    json.RawMessage  // the job's arguments, or the event's envelope
	Attempts   int              // that were made
	Errors     []Failure        // the oldest first
	Origin     telemetry.Origin // why it was to be done
	CreatedAt  time.Time        // by the database's clock; set by Write
	ReplayedAt *time.Time       // nil: open
	ReplayedBy *uuid.UUID       // nil: by nobody yet, or from the command line
}

// Place is where a letter stands in the list.
type Place struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// Status says which letters are asked for.
type Status string

// What a letter may be; the zero value asks for all.
const (
	Open     Status = "open"
	Replayed Status = "replayed"
)

// ListInput says which letters. An empty filter lets all pass.
type ListInput struct {
	Source string
	Kind   string
	Queue  string
	Status Status
	Before *Place // nil: from the newest on
	Limit  int
}
