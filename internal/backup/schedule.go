package backup

import (
	"context"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// Kinds of the tasks.
const (
	BackupKind  = "backup"
	RestoreKind = "restore"
)

// Timeout bounds the making of a backup, and a restore.
const Timeout = 12 * time.Hour

// lookEvery is how often it is asked whether a backup is due. The store says when the last was
// made, so that no restart of a node puts it off.
const lookEvery = 10 * time.Minute

// runArgs is the job that makes backups when they are due.
type runArgs struct{}

// Kind names the job.
func (runArgs) Kind() string { return "backup.run" }

// RegisterJobs adds the schedule. A run that fails is tried again when the next is due to look.
func (s *Service) RegisterJobs(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueMaintenance, Timeout: Timeout, MaxAttempts: 1}, func(ctx context.Context, _ job.Run, _ runArgs) error {
		return s.RunDue(ctx)
	})
	job.Every(r, lookEvery, runArgs{})
}

// RunDue makes a backup if one is due, and deletes those that are too many or too old. Where
// nobody could read it, it says so once and does nothing.
func (s *Service) RunDue(ctx context.Context) error {
	if s.Schedule.FullEvery == 0 && s.Schedule.Every == 0 {
		return nil
	}
	if !s.On() {
		s.silent.Do(func() { s.Logger.WarnContext(ctx, "no backups are made: "+errNoRecipient.Message) })
		return nil
	}
	due, full, err := s.due(ctx)
	if err != nil || !due {
		return err
	}
	m, err := s.Create(ctx, Unseen{}, CreateInput{Format: 1, Full: full})
	if fault.Is(err, errRunning.Code) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Logger.InfoContext(ctx, "backup made", "backup_id", m.ID.String(), "kind", m.Kind, "why", m.Why, "bytes", m.Payload.Bytes)
	_, err = s.Retain(ctx)
	return err
}

// due says whether a backup is, and whether a full one.
func (s *Service) due(ctx context.Context) (due, full bool, err error) {
	all, err := s.look(ctx)
	if err != nil {
		return false, false, err
	}
	var lastFull, last time.Time
	for _, id := range all.newest() {
		m, err := s.manifest(ctx, id)
		if fault.Is(err, errDamaged.Code) {
			continue
		}
		if err != nil {
			return false, false, err
		}
		if last.IsZero() {
			last = m.AsOf
		}
		if m.Kind == Full {
			lastFull = m.AsOf
			break
		}
	}
	since := func(t time.Time, every time.Duration) bool { return every > 0 && s.clock().Sub(t) >= every }
	full = since(lastFull, s.Schedule.FullEvery)
	return full || since(last, s.Schedule.Every), full, nil
}
