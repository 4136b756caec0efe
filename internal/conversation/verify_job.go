package conversation

import (
	"context"
	"log/slog"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// VerificationKind is the kind of the task that verifies conversations.
const VerificationKind = "verification"

// verifyArgs is the job that verifies what has changed, and once a week everything.
type verifyArgs struct{}

// Kind names the job.
func (verifyArgs) Kind() string { return "conversation.verify" }

// registerVerification adds the verification that runs by itself.
func (s *Service) registerVerification(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueMaintenance, Timeout: verifyTimeout, Unique: true},
		func(ctx context.Context, _ job.Run, _ verifyArgs) error { return s.VerifyDue(ctx) })
	job.Every(r, verifyEvery, verifyArgs{})
}

// silent takes progress that nobody waits for.
type silent struct{}

func (silent) Total(int64) {}
func (silent) Add(int64)   {}

// VerifyDue verifies what has changed since the last verification; everything, if that was
// not done for a week.
func (s *Service) VerifyDue(ctx context.Context) error {
	due, err := s.store.wholeDue(ctx, s.clock().Add(-verifyAll))
	if err != nil {
		return err
	}
	in := VerifyInput{Format: 1, Scope: VerifyChanged}
	if due {
		in.Scope = VerifyAll
	}
	v, err := s.Verify(ctx, silent{}, in)
	if err == nil && v.Findings > 0 {
		s.logger.ErrorContext(ctx, "verification found something", slog.Int64("findings", v.Findings), slog.Any("conversations", v.Damaged))
	}
	return err
}
