package learning

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// steps of writing a plan or feedback: what it is made of read, draft written, checked, stored.
const steps = 4

// Write does the work of the task: it has the model write a plan, and stores it
// in place of the one before. An answer that cannot be used is sent back once;
// after that, or when the model is down or a budget is spent, the plan is made by rules. A task whose
// plan is stored already gets that one again, and the model is not called.
//
// Faults: those of Profiles, resource.not_found when the user is gone meanwhile,
// server.unavailable. When ctx ends, the error wraps its cause, and nothing is stored.
func (s *Service) Write(ctx context.Context, progress Progress, taskID uuid.UUID, in PlanInput) (Written, error) {
	progress.Total(steps)
	before, found, err := s.store.written(ctx, in.UserID, taskID)
	if err != nil {
		return Written{}, err
	}
	if found {
		progress.Add(steps)
		return before, nil
	}
	profile, err := s.profile(ctx, in.UserID)
	if err != nil {
		return Written{}, err
	}
	progress.Add(1)
	written, failure := s.byModel(ctx, progress, in.UserID, profile)
	if ctx.Err() != nil {
		return Written{}, fmt.Errorf("write learning plan: %w", context.Cause(ctx))
	}
	source := SourceModel
	if failure != nil {
		s.logger.WarnContext(ctx, "learning plan made without the model",
			slog.String("task_id", taskID.String()), slog.String("user_id", in.UserID.String()), slog.Any("error", failure))
		written, source = byRules(profile), SourceRules
	}
	written.rank(profile)
	progress.Add(1)
	id, err := uuid.NewV7()
	if err != nil {
		return Written{}, fmt.Errorf("write learning plan: %w", err)
	}
	plan := Plan{ID: id, UserID: in.UserID, Source: source, Language: profile.Language, CreatedAt: s.now().UTC().Truncate(time.Microsecond)}
	stored, err := s.store.put(ctx, plan.with(written), taskID)
	if err == nil {
		progress.Add(1)
	}
	return stored, err
}

// byModel gives a plan that keeps the rules, or why the model has written none.
func (s *Service) byModel(ctx context.Context, progress Progress, user uuid.UUID, p Profile) (content, error) {
	req, err := request(user, p)
	if err != nil {
		return content{}, err
	}
	return assignment[content]{
		request: req, name: "plan", check: checked(p), heard: func() { progress.Add(1) }, ask: s.asking(user),
	}.write(ctx)
}

// checked judges drafts of a plan for one profile.
func checked(p Profile) func(*content) violations {
	return func(c *content) violations {
		c.tidy()
		return c.check(p)
	}
}
