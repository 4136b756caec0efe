package conversation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Bounds of one reply.
const (
	replyTimeout = 5 * time.Minute
	storeWait    = time.Minute // how long storing a finished reply is tried before the job is
)

// errGivenUp is the problem of a reply that failed for reasons of ours.
var errGivenUp = fault.New(fault.Internal, "server.internal", "The reply could not be written.")

// replyArgs is the job that writes one reply.
type replyArgs struct {
	Format    int       `json:"v"`
	MessageID uuid.UUID `json:"message_id"`
}

// Kind names the job.
func (replyArgs) Kind() string { return "conversation.reply" }

// RegisterJobs adds the work of this package to a node.
func (s *Service) RegisterJobs(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueConversation, Critical: true, Timeout: replyTimeout},
		func(ctx context.Context, run job.Run, args replyArgs) error {
			return s.reply(ctx, args.MessageID, run.Lease)
		})
	job.OnGivenUp(r, func(ctx context.Context, run job.Run, args replyArgs, _ error) error {
		return s.giveUp(ctx, args.MessageID, run.Lease)
	})
	s.registerVerification(r)
}

// giveUp ends a reply that no run could write, so that the conversation is free
// for the next message.
func (s *Service) giveUp(ctx context.Context, id uuid.UUID, lease int64) error {
	m, err := patiently(ctx, storeWait, func() (Message, error) {
		m, err := s.store.beginReply(ctx, id, lease) // the run may have failed before it did
		if postgres.NoRows(err) {
			return s.store.replyByID(ctx, id)
		}
		return m, err
	})
	if err != nil || m.Ended() {
		return exceptNoRows(err)
	}
	return s.end(ctx, ending(m, llm.Reply{}, errGivenUp), lease, llm.Usage{})
}

// reply writes one reply, from the prompt to the stored text and the last event.
// Run again after a crash, it starts the text anew, unless the reply has ended:
// then it only makes sure that the log says so. A run that finds a newer worker
// at the reply leaves it alone, and is no failure.
func (s *Service) reply(ctx context.Context, id uuid.UUID, lease int64) error {
	m, err := s.store.beginReply(ctx, id, lease)
	if postgres.NoRows(err) {
		return s.announceEnd(ctx, id, lease)
	}
	if err != nil {
		return err
	}
	request, err := s.prompt(ctx, m)
	if err != nil {
		return err
	}
	answer, failure := s.generate(ctx, m, lease, request)
	switch {
	case errors.Is(failure, eventlog.ErrFenced), errors.Is(context.Cause(ctx), job.ErrLeaseLost):
		return nil
	case failure != nil && ctx.Err() != nil:
		return fmt.Errorf("reply %s: %w", id, failure) // shutting down, or out of time: another run takes over
	}
	return s.end(ctx, ending(m, answer, failure), lease, answer.Usage)
}

// generate lets the model write, and the log tell of it as it does. All of the
// text is in the reply, whatever the error.
func (s *Service) generate(ctx context.Context, m Message, lease int64, request llm.Request) (llm.Reply, error) {
	w := newWriter(ctx, s.log, m, lease, func(ctx context.Context) { s.wake(ctx, m.ConversationID) })
	defer w.Close() // after a panic too
	answer, err := s.model.Stream(ctx, request, w.Write)
	if errors.Is(err, errEnough) {
		answer.FinishReason, err = FinishLength, nil
	}
	answer.Text = w.Text()
	return answer, err
}

// ending is the message as it shall be stored.
func ending(m Message, answer llm.Reply, failure error) Message {
	m.Content, m.Status, m.FinishReason = answer.Text, MessageCompleted, answer.FinishReason
	if answer.Usage.Completion > 0 {
		m.Tokens = &answer.Usage.Completion
	}
	if failure != nil {
		m.Status, m.FinishReason = MessageFailed, FinishError
		m.Problem = &Problem{Code: llm.CodeUnavailable, Detail: "The partner cannot answer just now."}
		if f := fault.Find(failure); f != nil {
			m.Problem = &Problem{Code: f.Code, Detail: f.Message}
		}
	}
	return m
}

// end stores the end of a reply and announces it. The text exists nowhere else
// yet, so a database that is away is waited for.
func (s *Service) end(ctx context.Context, m Message, lease int64, usage llm.Usage) error {
	done, err := patiently(ctx, storeWait, func() (Message, error) {
		return s.store.finishReply(ctx, m, lease, usage, s.clock())
	})
	switch {
	case postgres.NoRows(err): // a newer worker's, or ended by a commit of ours whose answer was lost
		return s.announceEnd(ctx, m.ID, lease)
	case err != nil:
		return err
	}
	return s.publishEnd(ctx, done, lease)
}

// patiently tries again while the database is away.
func patiently[T any](ctx context.Context, limit time.Duration, do func() (T, error)) (T, error) {
	return backoff.Retry(ctx, func() (T, error) {
		result, err := do()
		if err != nil && !fault.Is(err, "server.unavailable") {
			err = backoff.Permanent(err)
		}
		return result, err
	}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(limit))
}

// announceEnd appends the terminal event of a reply that has ended. One that has
// not is a newer worker's, and one that is gone was deleted.
func (s *Service) announceEnd(ctx context.Context, id uuid.UUID, lease int64) error {
	m, err := s.store.replyByID(ctx, id)
	if err != nil || !m.Ended() {
		return exceptNoRows(err)
	}
	return s.publishEnd(ctx, m, lease)
}

// publishEnd appends the terminal event. An error makes the job run again.
func (s *Service) publishEnd(ctx context.Context, m Message, lease int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), terminalWait)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (eventlog.ID, error) {
		id, err := appendEvent(ctx, s.log, terminalEvent(m), lease, eventlog.AnyID)
		if err != nil && !errors.Is(err, eventlog.ErrUnavailable) {
			err = backoff.Permanent(err)
		}
		return id, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(appendRetry)), backoff.WithMaxElapsedTime(terminalWait))
	if err != nil && !errors.Is(err, eventlog.ErrFenced) { // fenced: a newer worker says it
		return fmt.Errorf("announce the end of reply %s: %w", m.ID, err)
	}
	s.wake(ctx, m.ConversationID)
	return nil
}

// exceptNoRows takes a row that is gone for nothing to do.
func exceptNoRows(err error) error {
	if postgres.NoRows(err) {
		return nil
	}
	return err
}
