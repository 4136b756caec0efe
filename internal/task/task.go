// Package task is long work as its user sees it: what an operation that answers
// 202 leaves behind, from queued to its end. It promises that
//
//   - a task and the job that does it exist together, if and only if the
//     transaction that starts them commits;
//   - it ends once: by the run with the newest lease, by its user's cancel, or by
//     being given up after its last attempt; what an older run still writes is
//     refused;
//   - every reader sees states in the order in which they came to be, never an
//     older one after a newer, and always the last one; in between, some may be
//     missing for who was away;
//   - progress costs the work no wait for the database, and reaches it at most
//     twice a second, beside the first state and the last.
//
// It does not promise that work runs once: after a crash it runs again, from the
// beginning, so its effects must bear that. A task is kept for Lifetime after its
// end, then it is gone. Inputs and results hold ids and numbers, never secrets.
package task

import (
	"encoding/json"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Statuses. A task goes from queued over running (also while it waits to be tried
// again) to one of the others, which are its end.
const (
	StatusQueued    = "queued"
	StatusRunning   = "running"
	StatusCompleted = "completed"
	StatusFailed    = "failed"
	StatusCancelled = "cancelled"
)

// Lifetime is how long a task is kept after its end.
const Lifetime = 7 * 24 * time.Hour

// MaxResult bounds a result's JSON in bytes.
const MaxResult = 64 << 10

var (
	errNotFound       = fault.New(fault.NotFound, "resource.not_found", "There is no such task.")
	errNotCancellable = fault.New(fault.Conflict, "task.not_cancellable", "A task of this kind goes on to its end.")
	errResultTooLarge = fault.New(fault.TooLarge, "task.result_too_large", "The result is larger than the 64 KiB that a task may hold.")
)

// Problem is why a task failed: a public code and a sentence.
type Problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Task is one task as it is at a revision. Its JSON form travels in the event log
// between nodes of neighbouring releases: fields may be added, never changed.
type Task struct {
	ID        uuid.UUID       `json:"id"`
	UserID    uuid.UUID       `json:"user_id"`
	Kind      string          `json:"kind"`
	Status    string          `json:"status"`
	Progress  Tally           `json:"progress"`
	Result    json.RawMessage `json:"result,omitempty"` // an object; none unless completed, and not of every kind
	Problem   *Problem        `json:"problem,omitempty"`
	Revision  int64           `json:"revision"` // grows by one with each change of what is here
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`

	input           json.RawMessage
	lease           int64 // of the run that may write it
	waiting         bool  // for another try: nobody is at it
	cancelRequested bool
}

// Ended reports whether the task will not change any more.
func (t Task) Ended() bool { return t.Status != StatusQueued && t.Status != StatusRunning }

// Tally is how far a task has come.
type Tally struct {
	Done  int64    `json:"done"`
	Total *int64   `json:"total,omitempty"` // nil: not known
	Rate  *float64 `json:"rate,omitempty"`  // items a second, smoothed; nil: not known, or nobody is at it
}

// Percent is Done of Total to one decimal place, rounded down, so that 100 is said
// of nothing that is not done; nothing of nothing is 100. nil: Total is not known.
func (t Tally) Percent() *float64 {
	if t.Total == nil {
		return nil
	}
	percent := 100.0
	if t.Done < *t.Total {
		percent = math.Floor(float64(t.Done)/float64(*t.Total)*1000) / 10
	}
	return &percent
}

// farOff is where an estimate stops to mean anything, in seconds: a year.
const farOff = 365 * 24 * 3600

// ETA is the time left at this rate in whole seconds, rounded up. nil: not known,
// or further off than a year.
func (t Tally) ETA() *int64 {
	if t.Total == nil || t.Rate == nil {
		return nil
	}
	left := max(*t.Total-t.Done, 0)
	seconds := math.Ceil(float64(left) / *t.Rate)
	if left == 0 {
		seconds = 0 // whatever the rate
	}
	if !(seconds <= farOff) {
		return nil
	}
	eta := int64(seconds)
	return &eta
}
