package learning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// steps of writing a plan: profile read, draft written, checked, stored.
const steps = 4

// Why there is no plan of the model's.
var (
	errSlow     = errors.New("the model did not answer in the time of one call")
	errFiltered = errors.New("the model's answer was filtered or is empty")
	errUnusable = errors.New("the model's answer breaks rules also after a repair")
)

// Write does the work of the task: it has the model write a plan, and stores it
// in place of the one before. An answer that cannot be used is sent back once;
// after that, or when the model is down, the plan is made by rules. A task whose
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
	answer, err := s.ask(ctx, req)
	progress.Add(1) // the draft is there, or is known not to come
	if err != nil {
		return content{}, err
	}
	return s.accept(ctx, req, p, answer)
}

// ask calls the model once, within its own time.
func (s *Service) ask(ctx context.Context, req llm.Request) (llm.Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.patience, errSlow)
	defer cancel()
	reply, err := s.model.Complete(ctx, req)
	switch {
	case err != nil:
		return llm.Reply{}, err
	case reply.FinishReason == "content_filter", strings.TrimSpace(reply.Text) == "":
		return llm.Reply{}, errFiltered // asked again, it would be filtered again
	}
	return reply, nil
}

// accept gives what an answer says, after one repair where it needs that.
func (s *Service) accept(ctx context.Context, req llm.Request, p Profile, answer llm.Reply) (content, error) {
	c, wrong := read(answer, p)
	if len(wrong) == 0 {
		return c, nil
	}
	answer, err := s.ask(ctx, repair(req, answer.Text, wrong))
	if err != nil {
		return content{}, err
	}
	if c, wrong = read(answer, p); len(wrong) > 0 {
		return content{}, fmt.Errorf("%w: %s", errUnusable, strings.Join(wrong[:min(len(wrong), 5)], "; "))
	}
	return c, nil
}

// read takes an answer apart and checks it.
func read(answer llm.Reply, p Profile) (content, violations) {
	c, err := parse(answer.Text)
	switch {
	case err != nil && answer.FinishReason == "length":
		return content{}, violations{"the answer was cut off because it was too long: write shorter texts"}
	case err != nil:
		return content{}, violations{err.Error()}
	}
	c.tidy()
	return c, c.check(p)
}

// Errors of parse are for the model, and quote nothing of its answer.
var (
	errNotJSON = errors.New("the answer is not one JSON object of the schema")
	errMore    = errors.New("the answer goes on after the JSON object: give the object alone")
)

// parse reads the one JSON object that an answer must be. What is missing in it is
// found by check, as empty.
func parse(text string) (content, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	var c content
	err := dec.Decode(&c)
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &shape) && shape.Field != "":
		return content{}, fmt.Errorf("%s: has the wrong type, %s is needed", shape.Field, typeNames[shape.Type.Kind().String()])
	case err != nil:
		return content{}, errNotJSON
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return content{}, errMore
	}
	return c, nil
}

// typeNames are those of JSON.
var typeNames = map[string]string{"string": "a string", "int": "a whole number", "slice": "an array", "struct": "an object"}
