package backup

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// RestoreInput says what is to be brought back. It is the input of a task: fields may be
// added, never changed.
type RestoreInput struct {
	Format         int        `json:"v"` // 1
	BackupID       uuid.UUID  `json:"backup_id"`
	ConversationID *uuid.UUID `json:"conversation_id,omitempty"` // that alone; nil: all
	UserID         *uuid.UUID `json:"user_id,omitempty"`         // all of this one; nil: everybody's
	Version        int64      `json:"version,omitempty"`         // of the conversation; 0: the newest
	At             *time.Time `json:"at,omitempty"`              // as each was then; nil: as it was last
	IncludeDeleted bool       `json:"include_deleted,omitempty"` // also what its learner has deleted
	Write          bool       `json:"write,omitempty"`           // false: only says what would be done
	ActorID        *uuid.UUID `json:"actor_id,omitempty"`        // who restores; nil: an operator at the command line
	Operator       string     `json:"operator,omitempty"`        // their login name
}

// PartRestore is what a part is to do.
type PartRestore struct {
	RestoreInput
	Skip   func(user uuid.UUID) bool // whose things are never brought back
	TaskID *uuid.UUID                // the task that does it
	// Coming are things that a dry run would have brought back by now, as far as later parts
	// need them.
	Coming map[uuid.UUID]struct{}
}

// RestoreBy says what a restore is done with.
type RestoreBy struct {
	Identities []age.Identity // none: those of the configured file
	TaskID     *uuid.UUID     // the task that does it; nil: none
}

// Report says what a restore has done, or in a dry run would do.
type Report struct {
	BackupID uuid.UUID    `json:"backup_id"`
	AsOf     time.Time    `json:"as_of"`
	Written  bool         `json:"written"` // false: a dry run
	Erased   int          `json:"erased"`  // accounts that are never brought back
	Parts    []PartReport `json:"parts"`
}

// PartReport is a Report's of one part.
type PartReport struct {
	Name     string           `json:"name"`
	Looked   int64            `json:"looked"` // how many things the backup holds, of those asked for
	Outcomes map[string]int64 `json:"outcomes"`
	Named    []Told           `json:"named"` // the first of those that an operator should look at
	More     int64            `json:"more"`  // of those that are not named
}

// CheckRestore applies the rules for what can be asked for. Fault: backup.invalid_restore.
func CheckRestore(in RestoreInput) error {
	var fields []fault.Field
	if in.Version > 0 && in.ConversationID == nil {
		fields = append(fields, fault.Field{Pointer: "/version", Code: "needs_conversation", Detail: "is that of one conversation, which must be named"})
	}
	if in.Version > 0 && in.At != nil {
		fields = append(fields, fault.Field{Pointer: "/at", Code: "conflicts", Detail: "cannot be asked for beside a version"})
	}
	if in.ConversationID != nil && in.UserID != nil {
		fields = append(fields, fault.Field{Pointer: "/user_id", Code: "conflicts", Detail: "cannot be asked for beside a conversation"})
	}
	if fields != nil {
		return fault.New(fault.Unprocessable, "backup.invalid_restore", "Nothing can be restored in this way.").WithFields(fields...)
	}
	return nil
}

// MayCreate says why no backup can be made; nil: one can be. Fault: backup.no_recipient.
func (s *Service) MayCreate() error {
	if !s.On() {
		return errNoRecipient
	}
	return nil
}

// MayRestore says why a restore cannot be begun, as far as can be told without reading the
// backup; nil: it can. Faults: as Restore.
func (s *Service) MayRestore(ctx context.Context, in RestoreInput) error {
	if err := CheckRestore(in); err != nil {
		return err
	}
	if _, err := s.chainOf(ctx, in.BackupID); err != nil {
		return err
	}
	_, err := s.identities(nil)
	return err
}

// Restore brings back what a backup holds, beside what is there: nothing that is whole and
// newer is touched. A backup that is not as it was written is refused before anything is
// done. After a crash it may be done again. Faults: resource.not_found, backup.no_identity,
// backup.wrong_identity, backup.damaged, backup.invalid_restore, backup.store_unavailable,
// server.unavailable.
func (s *Service) Restore(ctx context.Context, p Progress, in RestoreInput, by RestoreBy) (Report, error) {
	report := Report{BackupID: in.BackupID, Written: in.Write, Parts: []PartReport{}}
	if err := CheckRestore(in); err != nil {
		return report, err
	}
	identities, err := s.identities(by.Identities)
	if err != nil {
		return report, err
	}
	sealed, err := s.Verify(ctx, Unseen{}, in.BackupID, nil)
	if err != nil {
		return report, err
	}
	newest := sealed.Backups[len(sealed.Backups)-1]
	report.AsOf = newest.AsOf
	erased, err := s.tombstones(ctx, in.Write)
	if err != nil {
		return report, err
	}
	report.Erased = len(erased)
	p.Total(things(newest))
	r, err := s.read(ctx, sealed.Backups, identities)
	if err != nil {
		return report, err
	}
	defer r.close()
	if in.Write {
		if err := s.store.told(ctx, in, by.TaskID, s.clock()); err != nil {
			return report, err
		}
	}
	skip := func(user uuid.UUID) bool { _, gone := erased[user]; return gone }
	coming := map[uuid.UUID]struct{}{}
	for _, part := range s.Parts {
		told := PartReport{Name: part.Name, Outcomes: map[string]int64{}, Named: []Told{}}
		err := part.Restore(ctx, PartRestore{in, skip, by.TaskID, coming}, counted(r.part(part.Name), p), told.add)
		if err != nil {
			return report, err
		}
		report.Parts = append(report.Parts, told)
	}
	return report, r.end()
}

// identities are those given, else those of the configured file.
func (s *Service) identities(given []age.Identity) ([]age.Identity, error) {
	if len(given) > 0 {
		return given, nil
	}
	if s.Identity == "" {
		return nil, errNoIdentity
	}
	found, err := Identities(s.Identity)
	if err != nil {
		return nil, errNoIdentity.WithCause(err)
	}
	return found, nil
}

func counted(things iter.Seq2[Whole, error], p Progress) iter.Seq2[Whole, error] {
	return func(yield func(Whole, error) bool) {
		for w, err := range things {
			p.Add(1)
			if !yield(w, err) {
				return
			}
		}
	}
}

// add takes what became of one thing.
func (r *PartReport) add(t Told) {
	if len(t.Detail) > maxDetail {
		t.Detail = strings.ToValidUTF8(t.Detail[:maxDetail], "") + "..."
	}
	if !t.Aside {
		r.Looked++
	}
	r.Outcomes[t.Outcome]++
	switch {
	case t.Quiet:
	case len(r.Named) < maxNamed:
		r.Named = append(r.Named, t)
	default:
		r.More++
	}
}

// Sorted gives the outcomes in the order of their names.
func (r *PartReport) Sorted() []string {
	out := make([]string, 0, len(r.Outcomes))
	for name := range r.Outcomes {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
