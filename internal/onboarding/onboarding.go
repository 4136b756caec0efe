// Package onboarding holds a learner's way from signing up to a profile: native
// language, industry, role, the partners they speak with and the situations.
//
// It promises:
//
//   - a step only moves forward; doing an earlier one again keeps the position;
//   - each verb is one transaction under the lock of the learner's row, so two
//     devices at once make two versions and never a mixture of both;
//   - every change writes its events in its own transaction, what was chosen first;
//   - silence loses nothing: whatever the status, the next choice goes on where the
//     learner left, on any device;
//   - completing has its effect once, however often and from wherever it is asked.
//
// Its limits: the native language is the account's, where it may be changed without
// a version here, and the texts of a role are the catalogue's. Events hold ids,
// never what a learner wrote.
package onboarding

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Statuses of an onboarding. Every choice makes it in_progress, but for a completed
// one, which stays so until it is reset.
const (
	StatusNotStarted = "not_started" // nothing was chosen here, or all of it was reset
	StatusInProgress = "in_progress"
	StatusPaused     = "paused" // see PausedAfter
	StatusCompleted  = "completed"
	StatusAbandoned  = "abandoned" // see AbandonedAfter
	StatusExpired    = "expired"   // see ExpiredAfter
)

// Onboarding is how far a learner has come, and what they have chosen. The zero
// Version is one that was never written.
type Onboarding struct {
	UserID         uuid.UUID
	Version        int64 // counts the changes; see Tag for comparing answers
	Status         string
	Step           string     // the furthest one reached
	NativeLanguage *string    // an id of the catalogue, kept by the account
	IndustryID     *string    // an id of the catalogue
	Role           *Role      // its texts in the language asked for
	RoleInput      *RoleInput // what was written for MatchRoles last
	Partners       []Partner  // the most important first; never nil
	TaskID         *uuid.UUID // writes the learning plan, once completed
	StartedAt      *time.Time // first, or since the last reset
	CompletedAt    *time.Time // first, or since the last reset
	UpdatedAt      *time.Time // nil: never
	LastActivityAt time.Time  // from here silence counts; zero: never
}

// Role is a job in an industry, as its learner may see it.
type Role struct {
	ID          uuid.UUID
	IndustryID  string
	Level       *string // nil: its author did not say
	Title       string
	Description string
	Keywords    []string
	Custom      bool // a learner wrote it
}

// RoleInput is a job in the learner's own words.
type RoleInput struct {
	Title       string
	Description string
}

// Partner is somebody the learner speaks with. Its JSON is stored.
type Partner struct {
	ID         string   `json:"id"`
	Situations []string `json:"situations"` // the most important first; never nil
}

// Tag is an opaque text that differs when the answer to a learner does: with the
// version, the status, which silence changes without one, the native language, and
// the texts of the role in the language they are in. It is fit for an entity tag
// (RFC 9110, section 8.8.3), in quotes.
func (o Onboarding) Tag() string {
	text, _ := json.Marshal(struct { // plain values always can
		Version        int64
		Status         string
		NativeLanguage *string
		Role           *Role
	}{o.Version, o.Status, o.NativeLanguage, o.Role})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// partner gives the place of a chosen partner, or -1.
func (o Onboarding) partner(id string) int {
	for i, p := range o.Partners {
		if p.ID == id {
			return i
		}
	}
	return -1
}

// blank reports that there is nothing to forget.
func (o Onboarding) blank() bool {
	return o.Status == StatusNotStarted && o.NativeLanguage == nil && o.IndustryID == nil && o.Role == nil &&
		o.RoleInput == nil && len(o.Partners) == 0
}
