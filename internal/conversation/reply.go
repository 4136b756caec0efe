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
	replyTimeout  = 5 * time.Minute
	finishElapsed = time.Minute // how long storing a finished reply is tried before the job is
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
	job.Register(r, job.Spec{Queue: job.QueueConversation, Timeout: replyTimeout},
		func(ctx context.Context, run job.Run, args replyArgs) error {
			err := s.reply(ctx, run, args.MessageID)
			if err != nil && run.Last {
				return errors.Join(err, s.giveUp(ctx, args.MessageID, run.Lease))
			}
			return err
		})
}

// giveUp ends a reply that no run could write, so that the conversation is free
// for the next message.
func (s *Service) giveUp(ctx context.Context, id uuid.UUID, lease int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), terminalWait)
	defer cancel()
	m, err := s.store.replyByID(ctx, id)
	if err != nil || m.Ended() {
		return err
	}
	m, err = s.finish(ctx, ending(m, llm.Reply{}, errGivenUp), lease, llm.Usage{})
	if err != nil {
		return err
	}
	return s.publishEnd(ctx, m, lease)
}

// reply writes one reply, from the prompt to the stored text and the last event.
// Run again after a crash, it starts the text anew, unless the reply has ended:
// then it only makes sure that the log says so.
func (s *Service) reply(ctx context.Context, run job.Run, id uuid.UUID) error {
	m, err := s.store.beginReply(ctx, id, run.Lease)
	if postgres.NoRows(err) {
		return s.announceEnd(ctx, id, run.Lease)
	}
	if err != nil {
		return err
	}
	request, err := s.prompt(ctx, m)
	if err != nil {
		return err
	}
	w := newWriter(ctx, s.log, m, run.Lease)
	answer, failure := s.model.Stream(ctx, request, w.Write)
	w.Close()
	if errors.Is(failure, eventlog.ErrFenced) || errors.Is(context.Cause(ctx), job.ErrLeaseLost) {
		return nil // a newer worker owns the reply
	}
	if failure != nil && ctx.Err() != nil {
		return fmt.Errorf("reply %s: %w", id, failure) // shutting down, or out of time: another run takes over
	}
	answer.Text = w.Text()
	m, err = s.finish(ctx, ending(m, answer, failure), run.Lease, answer.Usage)
	if postgres.NoRows(err) {
		return nil // fenced by the row
	}
	if err != nil {
		return err
	}
	return s.publishEnd(ctx, m, run.Lease)
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

// finish stores the end of a reply. The text exists nowhere else yet, so a
// database that is away is waited for.
func (s *Service) finish(ctx context.Context, m Message, lease int64, usage llm.Usage) (Message, error) {
	return backoff.Retry(ctx, func() (Message, error) {
		done, err := s.store.finishReply(ctx, m, lease, usage, s.clock())
		if err != nil && !fault.Is(err, "server.unavailable") {
			return done, backoff.Permanent(err)
		}
		return done, err
	}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(finishElapsed))
}

// announceEnd is for a reply that cannot be begun: either it has ended and its
// last event may be missing from the log, or a newer worker is at it.
func (s *Service) announceEnd(ctx context.Context, id uuid.UUID, lease int64) error {
	m, err := s.store.replyByID(ctx, id)
	if postgres.NoRows(err) { // deleted meanwhile
		return nil
	}
	if err != nil || !m.Ended() {
		return err
	}
	return s.publishEnd(ctx, m, lease)
}

// publishEnd appends the terminal event. An error makes the job run again.
func (s *Service) publishEnd(ctx context.Context, m Message, lease int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), terminalWait)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (eventlog.ID, error) {
		id, err := appendEvent(ctx, s.log, terminalEvent(m), lease, eventlog.AnyID)
		if errors.Is(err, eventlog.ErrFenced) {
			return id, nil // a newer worker says it
		}
		return id, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(appendRetry)), backoff.WithMaxElapsedTime(terminalWait))
	if err != nil {
		return fmt.Errorf("announce the end of reply %s: %w", m.ID, err)
	}
	return nil
}
