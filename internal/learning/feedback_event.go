package learning

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// eventGroup is the group of this package's event handlers.
const eventGroup = "learning"

// beginTimeout bounds a run that begins feedback: it looks for something that the
// learner said, which stands near the beginning.
const beginTimeout = time.Minute

// Jobs inserts a job in a transaction.
type Jobs interface {
	Insert(ctx context.Context, tx postgres.Tx, args job.Args) error
}

// Tasks starts a task of FeedbackKind under an id, unless there was one of that id, or
// one on the conversation is not over.
type Tasks interface {
	StartFeedback(ctx context.Context, id uuid.UUID, in FeedbackInput) error
}

// feedbackArgs is the job that begins feedback on a completed conversation.
type feedbackArgs struct {
	Format         int       `json:"v"` // 1
	EventID        uuid.UUID `json:"event_id"`
	UserID         uuid.UUID `json:"user_id"`
	ConversationID uuid.UUID `json:"conversation_id"`
	Version        int64     `json:"version"` // of the conversation, when it was completed
}

// Kind names the job.
func (feedbackArgs) Kind() string { return "learning.begin_feedback" }

// RegisterJobs adds the work of this package to a node.
func (s *Service) RegisterJobs(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueConversation, Timeout: beginTimeout}, s.beginFeedback)
}

// HandleEvents adds what this package does about events.
func (s *Service) HandleEvents(h *outbox.Handlers) {
	outbox.On(h, eventGroup, s.completed)
}

// completed leaves the rest to a job: to see whether anything was said, the
// conversation must be read, which a handler's transaction is not for.
func (s *Service) completed(ctx context.Context, tx postgres.Tx, e outbox.Event, data events.ConversationCompleted) error {
	return s.jobs.Insert(ctx, tx, feedbackArgs{
		Format: 1, EventID: e.ID, UserID: data.UserID, ConversationID: data.ConversationID, Version: data.Version,
	})
}

// beginFeedback starts the task, whose id is that of the event: one task, however often
// the event comes. A conversation that is gone or taken up again, in which nothing was
// said, or which has feedback of this version, gets none.
func (s *Service) beginFeedback(ctx context.Context, _ job.Run, args feedbackArgs) error {
	err := s.FeedbackReady(ctx, args.UserID, args.ConversationID)
	for _, none := range []string{errNoFeedback.Code, errNotFinished.Code, errNothingSaid.Code} {
		if fault.Is(err, none) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	f, found, err := s.store.feedback(ctx, args.UserID, args.ConversationID)
	if err != nil || found && f.Version >= args.Version {
		return err
	}
	return s.tasks.StartFeedback(ctx, args.EventID, FeedbackInput{Format: 1, UserID: args.UserID, ConversationID: args.ConversationID})
}
