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

// spendTimeout bounds the counting of one call.
const spendTimeout = 5 * time.Second

// Why there is nothing of the model's.
var (
	errSlow     = errors.New("the model did not answer in the time of one call")
	errFiltered = errors.New("the model's answer was filtered or is empty")
	errSpend    = errors.New("what was spent was not counted in time")
	errUnusable = errors.New("the model's answer breaks rules also after a repair")
)

// An assignment is what the model is to write, as T, and how that is judged.
type assignment[T any] struct {
	request llm.Request
	name    string                    // of the whole that is asked for again in a repair
	check   func(draft *T) violations // tidies a draft and names each rule that it breaks
	heard   func()                    // the first answer is there, or is known not to come
	ask     func(context.Context, llm.Request) (llm.Reply, error)
}

// write gives a draft that keeps the rules, after one repair where it needs that, or
// why the model has written none.
func (a assignment[T]) write(ctx context.Context) (T, error) {
	var none T
	answer, err := a.ask(ctx, a.request)
	a.heard()
	if err != nil {
		return none, err
	}
	draft, wrong := read(answer, a.check)
	if len(wrong) == 0 {
		return draft, nil
	}
	if answer, err = a.ask(ctx, repair(a.request, a.name, answer.Text, wrong)); err != nil {
		return none, err
	}
	if draft, wrong = read(answer, a.check); len(wrong) > 0 {
		return none, fmt.Errorf("%w: %s", errUnusable, strings.Join(wrong[:min(len(wrong), 5)], "; "))
	}
	return draft, nil
}

// asking lets the model be called for a user while tokens are left, and counts them.
func (s *Service) asking(user uuid.UUID) func(context.Context, llm.Request) (llm.Reply, error) {
	return func(ctx context.Context, req llm.Request) (llm.Reply, error) {
		if err := s.budgets.Check(ctx, user); err != nil {
			return llm.Reply{}, err
		}
		reply, err := s.ask(ctx, req)
		if lost := s.spend(ctx, user, reply.Usage); lost != nil {
			s.logger.WarnContext(ctx, "tokens are not counted", slog.String("user_id", user.String()), slog.Any("error", lost))
		}
		return reply, err
	}
}

// spend counts a call also where its task is over.
func (s *Service) spend(ctx context.Context, user uuid.UUID, u llm.Usage) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), spendTimeout, errSpend)
	defer cancel()
	return s.budgets.SpendNow(ctx, user, int64(u.Prompt+u.Completion))
}

// ask calls the model once, within its own time. The usage is in the reply, whatever the error.
func (s *Service) ask(ctx context.Context, req llm.Request) (llm.Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.patience, errSlow)
	defer cancel()
	reply, err := s.model.Complete(ctx, req)
	switch {
	case err != nil:
		return llm.Reply{}, err
	case reply.FinishReason == "content_filter", strings.TrimSpace(reply.Text) == "":
		return llm.Reply{Usage: reply.Usage}, errFiltered // asked again, it would be filtered again
	}
	return reply, nil
}

// read takes an answer apart and checks it.
func read[T any](answer llm.Reply, check func(*T) violations) (T, violations) {
	var none T
	draft, err := parse[T](answer.Text)
	switch {
	case err != nil && answer.FinishReason == "length":
		return none, violations{"the answer was cut off because it was too long: write shorter texts"}
	case err != nil:
		return none, violations{err.Error()}
	}
	return draft, check(&draft)
}

// Errors of parse are for the model, and quote nothing of its answer.
var (
	errNotJSON = errors.New("the answer is not one JSON object of the schema")
	errMore    = errors.New("the answer goes on after the JSON object: give the object alone")
)

// parse reads the one JSON object that an answer must be. What is missing in it is
// found by check, as empty.
func parse[T any](text string) (T, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	var draft, none T
	err := dec.Decode(&draft)
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &shape) && shape.Field != "":
		return none, fmt.Errorf("%s: has the wrong type, %s is needed", shape.Field, typeNames[shape.Type.Kind().String()])
	case err != nil:
		return none, errNotJSON
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return none, errMore
	}
	return draft, nil
}

// typeNames are those of JSON.
var typeNames = map[string]string{
	"string": "a string", "int": "a whole number", "slice": "an array", "struct": "an object", "map": "an object",
}
