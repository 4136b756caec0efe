package conversation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var errBeyondRecovery = fault.New(fault.Unprocessable, "conversation.beyond_recovery", "Nothing is left of the conversation to make it good from, and no backup was given.")

// RecoveryKind is the kind of the task that makes a conversation good.
const RecoveryKind = "recovery"

// RecoveryInput is what such a task is told: fields may be added, never changed.
type RecoveryInput struct {
	Format         int       `json:"v"` // 1
	ConversationID uuid.UUID `json:"conversation_id"`
	Version        int64     `json:"version,omitempty"`
	DryRun         bool      `json:"dry_run,omitempty"`
	ActorID        uuid.UUID `json:"actor_id"`
}

// RunRecovery does what a task of RecoveryKind is told.
func (s *Service) RunRecovery(ctx context.Context, p Progress, id uuid.UUID, in RecoveryInput) (record.Plan, error) {
	p.Total(1)
	plan, err := s.Recover(ctx, RecoverInput{ConversationID: in.ConversationID, Version: in.Version, ActorID: &in.ActorID, TaskID: &id, DryRun: in.DryRun})
	if err == nil {
		p.Add(1)
	}
	return plan.Brief(), err
}

// Exists gives resource.not_found if there is no such conversation, whoever's.
func (s *Service) Exists(ctx context.Context, id uuid.UUID) error {
	_, err := s.store.head(ctx, id)
	if postgres.NoRows(err) {
		return errNotFound
	}
	return err
}

// RecoverInput says what is to be made good, and from what.
type RecoverInput struct {
	ConversationID uuid.UUID
	Backup         *record.Record // nil: from what is left in the database
	Version        int64          // whose content it gets then; 0: the newest
	ActorID        *uuid.UUID     // who recovers it; nil: the service itself, or an operator
	Operator       string         // who does it from the command line; "": nobody
	TaskID         *uuid.UUID     // the task that does it
	DryRun         bool           // only plans
}

// Recover makes a conversation good from its versions, from its rows as far as hashes prove
// them, and from a backup, always as a new version, which keeps what it takes the place of.
// A conversation that is whole stays as it is. Who reads it is told. The plan says what
// was, or in a dry run would be, done. Faults: resource.not_found, conversation.busy,
// conversation.beyond_recovery, conversation.unknown_version.
func (s *Service) Recover(ctx context.Context, in RecoverInput) (record.Plan, error) {
	if in.DryRun {
		now, err := s.Record(ctx, in.ConversationID)
		if err != nil {
			return record.Plan{}, err
		}
		return s.plan(in, now)
	}
	var plan record.Plan
	err := s.exclusively(ctx, in.ConversationID, func(fence *int64) error {
		return postgres.InTx(ctx, s.store.pool, func(tx Tx) error {
			if err := s.store.lockDamaged(ctx, tx, in.ConversationID, fence); err != nil {
				return err
			}
			list, err := s.store.records(ctx, tx, []wanted{{id: in.ConversationID}})
			if err != nil {
				return err
			}
			if plan, err = s.plan(in, list[0]); err != nil || !plan.Needed {
				return err
			}
			return s.recoverIn(ctx, tx, in, plan)
		})
	})
	if err == nil && plan.Needed {
		s.wake(ctx, in.ConversationID)
		s.reweigh(ctx, in.ConversationID)
	}
	return plan, err
}

// reweigh verifies a conversation once more, so that it is not listed as damaged until the next
// verification comes to it.
func (s *Service) reweigh(ctx context.Context, id uuid.UUID) {
	v := verification{service: s, progress: unseen{}, began: s.clock()}
	if err := v.batch(ctx, []sized{{id: id}}); err != nil {
		s.logger.WarnContext(ctx, "recovered conversation not verified", "conversation_id", id, "error", err.Error())
	}
}

// unseen is the progress of what nobody waits for.
type unseen struct{}

// Total is not shown.
func (unseen) Total(int64) {}

// Add is not shown.
func (unseen) Add(int64) {}

func (s *Service) plan(in RecoverInput, now record.Record) (record.Plan, error) {
	if in.Version > max(now.Head.Version, 1) {
		return record.Plan{}, errUnknownVersion
	}
	plan, err := record.Mend(now, in.Backup, in.Version, s.clock())
	if err != nil {
		return plan, errBeyondRecovery.WithCause(err)
	}
	return plan, nil
}

// recoverIn stores what a plan says, and its version.
func (s *Service) recoverIn(ctx context.Context, tx Tx, in RecoverInput, plan record.Plan) error {
	if err := s.store.put(ctx, tx, plan.Record); err != nil {
		return err
	}
	head, at := plan.Record.Head, s.clock()
	if err := s.store.advance(ctx, tx, advance{
		conversation: head.ID, version: head.Version, reply: head.ReplyID, step: recovered(in, plan, at),
	}); err != nil {
		return err
	}
	if err := s.store.afterRecovery(ctx, tx, head.ID); err != nil {
		return err
	}
	if head.ReplyID != nil { // its job may be gone with what was lost; a second one finds nothing to do
		if err := s.jobs.Insert(ctx, tx, replyArgs{Format: 1, MessageID: *head.ReplyID}); err != nil {
			return fmt.Errorf("recover conversation: %w", err)
		}
	}
	told := events.ConversationRecovered{
		ConversationID: head.ID, UserID: head.UserID, Version: head.Version + 1, Source: source(plan), IsComplete: plan.IsComplete, TaskID: in.TaskID,
	}
	if in.Operator != "" {
		told.Operator = &in.Operator
	}
	return outbox.Write(ctx, tx, at, head.ID, told)
}

// source is where what was made good comes from.
func source(plan record.Plan) events.ConversationRecoveredSource {
	for _, h := range plan.Healed {
		if h.From == record.FromBackup {
			return events.ConversationRecoveredSourceBackup
		}
	}
	return events.ConversationRecoveredSourceVersions
}

// recovered is the version of a recovery. Its text holds all that the conversation is from
// now on, so that nothing before it matters any more, and what it took the place of.
func recovered(in RecoverInput, plan record.Plan, at time.Time) change {
	says := map[string]any{"source": source(plan), "is_complete": plan.IsComplete, "message_count": plan.Record.Head.MessageCount}
	if plan.Target > 0 {
		says["restored_version"] = plan.Target
	}
	if in.Operator != "" {
		says["operator"] = in.Operator
	}
	return change{OperationRecover, in.ActorID, at, says, map[string]any{
		"head": plan.Record.Head, "messages": plan.Record.Messages, "pasts": plan.Record.Pasts, "known": plan.Known,
		"report": plan, "replaced": plan.Replaced,
	}}
}
