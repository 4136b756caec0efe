package learning

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// FeedbackReady tells whether feedback can be written on a conversation: nil, or the
// fault that WriteFeedback would end with: those of Transcripts,
// feedback.conversation_not_finished, feedback.nothing_said.
func (s *Service) FeedbackReady(ctx context.Context, user, conversation uuid.UUID) error {
	if _, err := s.finished(ctx, user, conversation); err != nil {
		return err
	}
	spoke := false
	err := s.eachLine(ctx, user, conversation, func(l Line) bool {
		spoke = l.Learner && fold(l.Text) != ""
		return !spoke
	})
	if err == nil && !spoke {
		err = errNothingSaid
	}
	return err
}

// WriteFeedback does the work of the task: it counts, has the model write the rest, and
// stores it in place of the feedback before. An answer that cannot be used is sent back
// once; after that, or when the model is down or a budget is spent, that is made by rules too. A task whose
// feedback is stored already gets that one again, and the model is not called. nil: the
// conversation was deleted, and nothing is stored.
//
// Faults: those of FeedbackReady but resource.not_found, server.unavailable. When ctx
// ends, the error wraps its cause, and nothing is stored.
func (s *Service) WriteFeedback(ctx context.Context, progress Progress, taskID uuid.UUID, in FeedbackInput) (*FeedbackWritten, error) {
	progress.Total(steps)
	before, found, err := s.store.feedbackWritten(ctx, in.UserID, in.ConversationID, taskID)
	if err != nil {
		return nil, err
	}
	if found {
		progress.Add(steps)
		return &before, nil
	}
	run, err := s.gather(ctx, taskID, in)
	if fault.Is(err, errNoFeedback.Code) {
		progress.Add(steps)
		return nil, nil //nolint:nilnil // completed, with nothing to show
	}
	if err != nil {
		return nil, err
	}
	progress.Add(1)
	f, err := s.assess(ctx, progress, run)
	if err != nil {
		return nil, err
	}
	progress.Add(1)
	stored, err := s.store.putFeedback(ctx, f, taskID)
	if err == nil {
		progress.Add(1)
	}
	return stored, err
}

// feedbackRun is what one run of the task works with.
type feedbackRun struct {
	FeedbackInput
	taskID uuid.UUID
	heard  heard
	material
}

// gather reads what feedback is written from.
func (s *Service) gather(ctx context.Context, taskID uuid.UUID, in FeedbackInput) (feedbackRun, error) {
	h, err := s.listen(ctx, in.UserID, in.ConversationID)
	if err != nil {
		return feedbackRun{}, err
	}
	b, err := s.backgrounds.Background(ctx, in.UserID)
	return feedbackRun{FeedbackInput: in, taskID: taskID, heard: h, material: materialOf(b, h)}, err
}

// assess makes the feedback, whoever writes its texts.
func (s *Service) assess(ctx context.Context, progress Progress, run feedbackRun) (Feedback, error) {
	written, failure := s.remarksByModel(ctx, progress, run.UserID, run.material)
	if ctx.Err() != nil {
		return Feedback{}, fmt.Errorf("write feedback: %w", context.Cause(ctx))
	}
	source, counts := SourceModel, run.heard.counts
	if failure != nil {
		s.logger.WarnContext(ctx, "feedback made without the model", slog.String("task_id", run.taskID.String()),
			slog.String("user_id", run.UserID.String()), slog.String("conversation_id", run.ConversationID.String()), slog.Any("error", failure))
		written, source = run.byRules(counts), SourceRules
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Feedback{}, fmt.Errorf("write feedback: %w", err)
	}
	return written.with(Feedback{
		ID: id, UserID: run.UserID, ConversationID: run.ConversationID, Version: run.heard.Version, Source: source,
		Language: run.Language, CreatedAt: s.now().UTC().Truncate(time.Microsecond), Counts: counts, Engagement: counts.engagement(),
	}, run.Lines), nil
}

// remarksByModel gives remarks that keep the rules, or why the model has written none.
func (s *Service) remarksByModel(ctx context.Context, progress Progress, user uuid.UUID, m material) (remarks, error) {
	req, err := m.request(user)
	if err != nil {
		return remarks{}, err
	}
	return assignment[remarks]{
		request: req, name: "feedback", check: m.checked, heard: func() { progress.Add(1) }, ask: s.asking(user),
	}.write(ctx)
}

// Feedback gives the newest feedback on a user's conversation. Faults:
// resource.not_found when there is none or the conversation is not theirs,
// server.unavailable.
func (s *Service) Feedback(ctx context.Context, user, conversation uuid.UUID) (Feedback, error) {
	f, found, err := s.store.feedback(ctx, user, conversation)
	if err == nil && !found {
		if _, err = s.transcripts.Talk(ctx, user, conversation); err == nil {
			err = errNoFeedback
		}
	}
	return f, err
}

// ExportFeedback gives up to limit of a user's, in the order of their conversations,
// after one.
func (s *Service) ExportFeedback(ctx context.Context, user, after uuid.UUID, limit int) ([]Feedback, error) {
	return s.store.exportFeedback(ctx, user, after, limit)
}

// EraseFeedback deletes all of a user's for ever and says how many there were. A second
// run is harmless.
func (s *Service) EraseFeedback(ctx context.Context, user uuid.UUID) (int64, error) {
	return s.store.eraseFeedback(ctx, user)
}
