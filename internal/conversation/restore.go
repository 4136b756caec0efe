package conversation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// What may become of a conversation in a restore.
const (
	Restored   = "restored"   // it was not there, and is as in the backup now
	Unchanged  = "unchanged"  // it is there and whole
	Recovered  = "recovered"  // it was damaged, and is made good in a new version
	SetBack    = "set_back"   // a new version has the content of an old one
	NotYet     = "not_yet"    // it began after the time asked for, and is left alone
	Erased     = "erased"     // its learner's account was erased
	Deleted    = "deleted"    // its learner has deleted it
	Ownerless  = "no_owner"   // there is no such learner
	Sceneless  = "no_scene"   // there is no such partner or situation
	Diverged   = "diverged"   // what is left of it here tells another story
	Incomplete = "incomplete" // something of it is beyond recovery; told beside another
	Failed     = "failed"     // it could not be restored
)

// quiet outcomes need nobody to look at them.
var quiet = map[string]bool{Restored: true, Unchanged: true, NotYet: true, Erased: true}

// RestoreInput says what is to be brought back, of the records that follow.
type RestoreInput struct {
	UserID         *uuid.UUID                // this learner's; nil: everybody's
	Version        int64                     // whose content they get; 0: the newest
	At             *time.Time                // the content that they had then; nil: the newest
	IncludeDeleted bool                      // also those that their learners have deleted
	DryRun         bool                      // only tells
	Skip           func(user uuid.UUID) bool // whose are never brought back
	Owns           func(user uuid.UUID) bool // in a dry run, who would be there by then; may be nil
	ActorID        *uuid.UUID                // who restores; nil: the service itself, or an operator
	Operator       string                    // who does it from the command line; "": nobody
	TaskID         *uuid.UUID                // the task that does it
}

// Outcome is what became of one conversation.
type Outcome struct {
	ID      uuid.UUID
	Outcome string
	Detail  string
	Quiet   bool // nobody needs to look at it
	Aside   bool // it is told beside another outcome
}

// restoreBite is how many conversations are inserted in one transaction at most.
const restoreBite = 200

// Restore brings conversations back from whole records of them, in the order of ids. Those that
// are not there are inserted as they were, bit for bit, which is proven before the transaction
// ends. Those that are there are recovered, if they need it: nothing that is whole and newer is
// touched. A time or a version to go back to is reached by a new version. It may be broken off
// and done again. Faults: conversation.unknown_version, server.unavailable.
func (s *Service) Restore(ctx context.Context, in RestoreInput, records iter.Seq2[record.Record, error], tell func(Outcome)) error {
	r := restoring{Service: s, in: in, tell: func(o Outcome) {
		o.Quiet = quiet[o.Outcome]
		tell(o)
	}}
	var bite []record.Record
	versions := 0
	for one, err := range records {
		if err != nil {
			return err
		}
		if in.UserID != nil && *in.UserID != one.Head.UserID {
			continue
		}
		if len(bite) == restoreBite || len(bite) > 0 && versions+len(one.Versions) > verifyVersions {
			if err := r.some(ctx, bite); err != nil {
				return err
			}
			bite, versions = bite[:0], 0
		}
		bite, versions = append(bite, one), versions+len(one.Versions)
	}
	return r.some(ctx, bite)
}

// restoring is a restore under way.
type restoring struct {
	*Service
	in   RestoreInput
	tell func(Outcome)
}

// some restores a few conversations. Where they cannot be restored together, each is tried by
// itself, so that one does not keep the others from it.
func (r *restoring) some(ctx context.Context, list []record.Record) error {
	if len(list) == 0 {
		return nil
	}
	told, err := r.bite(ctx, list)
	switch {
	case err == nil:
		for _, o := range told {
			r.tell(o)
		}
		return nil
	case ctx.Err() != nil, fault.Is(err, "server.unavailable"), fault.Is(err, errUnknownVersion.Code):
		return err
	case len(list) == 1:
		r.logger.WarnContext(ctx, "conversation not restored", "conversation_id", list[0].Head.ID, "error", err.Error())
		r.tell(Outcome{ID: list[0].Head.ID, Outcome: Failed, Detail: err.Error()})
		return nil
	}
	for i := range list {
		if err := r.some(ctx, list[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// bite restores a few conversations, and tells of them only when it has done so.
func (r *restoring) bite(ctx context.Context, list []record.Record) (told []Outcome, err error) {
	standing, err := r.store.standing(ctx, list)
	if err != nil {
		return nil, err
	}
	var there, gone []record.Record
	for _, one := range list {
		switch outcome, detail := r.judge(standing, &one); outcome {
		case "":
			gone = append(gone, one)
		case Unchanged:
			there = append(there, one)
		default:
			told = append(told, Outcome{ID: one.Head.ID, Outcome: outcome, Detail: detail})
		}
	}
	if len(gone) > 0 && !r.in.DryRun {
		if err := r.insert(ctx, gone, standing); err != nil {
			return nil, err
		}
	}
	for _, one := range gone {
		more, err := r.afterInsert(ctx, &one, standing.left[one.Head.ID])
		if err != nil {
			return nil, err
		}
		told = append(told, more...)
	}
	more, err := r.mend(ctx, there)
	return append(told, more...), err
}

// judge says what becomes of a conversation: "" that it is inserted, Unchanged that it is there.
func (r *restoring) judge(now standing, one *record.Record) (outcome, detail string) {
	head := one.Head
	left := now.left[head.ID]
	switch {
	case r.in.Skip != nil && r.in.Skip(head.UserID):
		return Erased, ""
	case now.there[head.ID]:
		return Unchanged, ""
	case !now.owners[head.UserID] && (r.in.Owns == nil || !r.in.Owns(head.UserID)):
		return Ownerless, "there is no learner " + head.UserID.String()
	case !now.partners[head.PartnerID] || !now.situations[head.SituationID]:
		return Sceneless, fmt.Sprintf("there is no partner %s in the situation %s", head.PartnerID, head.SituationID)
	case len(left) > 0 && !r.in.IncludeDeleted:
		return Deleted, "its learner has deleted it"
	case r.in.At != nil && one.VersionAt(*r.in.At) == 0:
		return NotYet, ""
	}
	for _, v := range one.Versions {
		if sum, ok := left[v.Version]; ok && string(v.Checksum) != sum {
			return Diverged, fmt.Sprintf("version %d is another here", v.Version)
		}
	}
	return "", ""
}

// target is the version whose content a conversation gets; 0: the newest.
func (r *restoring) target(backup, now *record.Record) (int64, error) {
	newest := backup.Head.Version
	if now != nil {
		newest = max(newest, now.Head.Version)
	}
	version := r.in.Version
	if r.in.At != nil {
		version = backup.VersionAt(*r.in.At)
		if now != nil {
			version = max(version, now.VersionAt(*r.in.At))
		}
	}
	if version > newest {
		return 0, errUnknownVersion
	}
	if version == newest {
		version = 0
	}
	return version, nil
}

// afterInsert goes on where being as in the backup is not all: to an old version, or over what
// the database has kept of a conversation that was deleted later than the backup.
func (r *restoring) afterInsert(ctx context.Context, one *record.Record, left map[int64]string) ([]Outcome, error) {
	told := []Outcome{{ID: one.Head.ID, Outcome: Restored}}
	if found := one.Verify(r.clock()); len(found) > 0 {
		told = append(told, Outcome{ID: one.Head.ID, Outcome: Incomplete, Aside: true, Detail: fmt.Sprintf(
			"it was damaged when the backup was made: %s in version %d, and %d more", found[0].Rule, found[0].Version, len(found)-1)})
	}
	target, err := r.target(one, nil)
	if err != nil {
		return nil, err
	}
	newer := false
	for version := range left {
		newer = newer || version > one.Head.Version
	}
	if newer && target == 0 {
		target = one.Head.Version
	}
	if target == 0 {
		return told, nil
	}
	told = append(told, Outcome{ID: one.Head.ID, Outcome: SetBack, Aside: true, Detail: fmt.Sprintf("a new version has the content of version %d", target)})
	if r.in.DryRun {
		return told, nil
	}
	_, err = r.Recover(ctx, RecoverInput{ConversationID: one.Head.ID, Backup: one, Version: target, ActorID: r.in.ActorID, Operator: r.in.Operator, TaskID: r.in.TaskID})
	return told, err
}

// mend recovers those conversations that are there and need it.
func (r *restoring) mend(ctx context.Context, list []record.Record) (told []Outcome, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	want := make([]wanted, len(list))
	backups := make(map[uuid.UUID]*record.Record, len(list))
	for i := range list {
		want[i] = wanted{id: list[i].Head.ID}
		backups[list[i].Head.ID] = &list[i]
	}
	records, err := r.store.snapshotOf(ctx, want)
	if err != nil {
		return nil, err
	}
	for i := range records {
		more, err := r.mendOne(ctx, &records[i], backups[records[i].Head.ID])
		if err != nil {
			return nil, err
		}
		told = append(told, more...)
	}
	return told, nil
}

func (r *restoring) mendOne(ctx context.Context, now, backup *record.Record) ([]Outcome, error) {
	id := now.Head.ID
	if r.in.At != nil && backup.VersionAt(*r.in.At) == 0 && now.VersionAt(*r.in.At) == 0 {
		return []Outcome{{ID: id, Outcome: NotYet}}, nil
	}
	target, err := r.target(backup, now)
	if err != nil {
		return nil, err
	}
	in := RecoverInput{ConversationID: id, Backup: backup, Version: target, ActorID: r.in.ActorID, Operator: r.in.Operator, TaskID: r.in.TaskID}
	plan, err := r.plan(in, *now)
	if err == nil && plan.Needed && !r.in.DryRun {
		plan, err = r.Recover(ctx, in)
	}
	switch {
	case errors.Is(err, errNotFound): // deleted meanwhile
		return []Outcome{{ID: id, Outcome: Deleted}}, nil
	case fault.Is(err, errBeyondRecovery.Code):
		return []Outcome{{ID: id, Outcome: Failed, Detail: errBeyondRecovery.Message}}, nil
	case err != nil:
		return nil, err
	case !plan.Needed:
		return []Outcome{{ID: id, Outcome: Unchanged}}, nil
	}
	return planned(plan), nil
}

// planned tells a plan in a sentence, and what is lost in another.
func planned(plan record.Plan) []Outcome {
	outcome, detail := Recovered, fmt.Sprintf("version %d, wrong things: %d", plan.Version, len(plan.Findings))
	if plan.IsComplete {
		detail += ", all of which can be made good"
	}
	if plan.Target > 0 {
		outcome, detail = SetBack, fmt.Sprintf("from version %d to the content of version %d; %s", plan.Version, plan.Target, detail)
	}
	for _, note := range plan.Notes {
		detail += "; " + note
	}
	told := []Outcome{{ID: plan.ConversationID, Outcome: outcome, Detail: detail}}
	if !plan.IsComplete {
		lost := fmt.Sprintf("%d things are beyond recovery", len(plan.Lost))
		for _, l := range plan.Lost[:min(len(plan.Lost), 3)] {
			lost += fmt.Sprintf("; %s of version %d, instead %s", l.What, l.Version, l.Instead)
		}
		told = append(told, Outcome{ID: plan.ConversationID, Outcome: Incomplete, Detail: lost, Aside: true})
	}
	return told
}
