package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
)

// wireEvents makes the node's part in moving and handling domain events, and
// says which groups there are, so that no event is missed by one whose first
// worker starts later.
func (a *App) wireEvents(ctx context.Context, handlers *outbox.Handlers, letters *deadletter.Box) error {
	node := uuid.New()
	a.consumers = outbox.NewConsumers(outbox.ConsumersConfig{
		Pool: a.pool, Redis: a.redis, Node: node, Handlers: handlers, Bury: bury, Logger: a.logger,
	})
	a.relay = outbox.NewRelay(outbox.RelayConfig{
		Pool: a.pool, Redis: a.redis, Node: node, Published: a.consumers.Wake, Types: eventTypes(), Logger: a.logger,
	})
	letters.Register(deadletter.SourceEvent, exhume)
	_, err := a.consumers.Subscribe(ctx)
	return err
}

// eventTypes are those of all events that this release knows.
func eventTypes() []string {
	all := make([]string, 0, len(events.Types))
	for _, t := range events.Types {
		all = append(all, t.Name)
	}
	return all
}

// startEvents begins to move and to handle events. A stop that comes meanwhile
// is no error: it ends what was started.
func (a *App) startEvents(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // each query has a bound of its own
	if err := a.consumers.Start(ctx); err != nil {
		return fmt.Errorf("start event handlers: %w", err)
	}
	if err := a.relay.Start(ctx); err != nil {
		return fmt.Errorf("start event relay: %w", err)
	}
	return nil
}

// stopEvents lets what is under way come to its end. Idempotent.
func (a *App) stopEvents() {
	var wg sync.WaitGroup
	wg.Go(a.relay.Stop)
	wg.Go(a.consumers.Stop)
	wg.Wait()
}

// bury makes a dead letter of an event that a group has given up.
func bury(ctx context.Context, tx postgres.Tx, e outbox.DeadEvent) error {
	envelope, err := json.Marshal(e.Event)
	if err != nil {
		return fmt.Errorf("dead letter of event %s: %w", e.Event.ID, err)
	}
	failures := make([]deadletter.Failure, 0, len(e.Failures))
	for _, f := range e.Failures {
		failures = append(failures, deadletter.Failure(f))
	}
	origin := e.Event.Origin()
	origin.CausationID = uuid.Nil
	return deadletter.Write(ctx, tx, deadletter.Letter{
		Source: deadletter.SourceEvent, Kind: e.Event.Type, Queue: e.Group, Subject: e.Event.ID.String(),
		Payload: envelope, Attempts: e.Attempts, Errors: failures, Origin: origin,
	})
}

// exhume lets the group try the event of a letter again.
func exhume(ctx context.Context, tx postgres.Tx, letter deadletter.Letter) error {
	id, err := uuid.Parse(letter.Subject)
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", letter.ID, err)
	}
	return outbox.ReplayDead(ctx, tx, letter.Queue, id)
}

// replayTimeout bounds a replay: it only lets events go, thousands a second.
const replayTimeout = time.Hour

// reindexTimeout bounds the building of an index of roles, embeddings included.
const reindexTimeout = time.Hour

// planTimeout bounds the writing of a learning plan: two calls of the model.
const planTimeout = 3 * time.Minute

// feedbackTimeout bounds the writing of feedback: a long conversation is read, then two
// calls of the model.
const feedbackTimeout = 4 * time.Minute

// erasureTimeout bounds the erasure of one account.
const erasureTimeout = 30 * time.Minute

// verifyTimeout bounds a verification of everything; what it has found by then is kept.
const verifyTimeout = 6 * time.Hour

// recoveryTimeout bounds the recovery of one conversation.
const recoveryTimeout = 5 * time.Minute

// registerTasks adds the work of all kinds of tasks.
func (n nouns) registerTasks(r *job.Registry) {
	n.registerBackupTasks(r)
	n.tasks.Final(account.ErasureKind)
	task.Register(n.tasks, r, account.ErasureKind, job.Spec{Queue: job.QueueMaintenance, Critical: true, Timeout: erasureTimeout},
		func(ctx context.Context, p *task.Progress, in account.ErasureInput) (any, error) {
			return n.accounts.Erase(ctx, p, in)
		})
	task.Register(n.tasks, r, replay.Kind, job.Spec{Queue: job.QueueMaintenance, Timeout: replayTimeout},
		func(ctx context.Context, p *task.Progress, in replay.Input) (any, error) {
			return n.replays.Run(ctx, p, in)
		})
	task.Register(n.tasks, r, catalogue.ReindexKind, job.Spec{Queue: job.QueueMaintenance, Timeout: reindexTimeout},
		func(ctx context.Context, p *task.Progress, _ catalogue.ReindexInput) (any, error) {
			return n.catalogue.Reindex(ctx, p, p.TaskID)
		})
	task.Register(n.tasks, r, learning.PlanKind, job.Spec{Queue: job.QueueOnboarding, Timeout: planTimeout},
		func(ctx context.Context, p *task.Progress, in learning.PlanInput) (any, error) {
			return n.plans.Write(ctx, p, p.TaskID, in)
		})
	task.Register(n.tasks, r, learning.FeedbackKind, job.Spec{Queue: job.QueueConversation, Timeout: feedbackTimeout},
		func(ctx context.Context, p *task.Progress, in learning.FeedbackInput) (any, error) {
			return n.plans.WriteFeedback(ctx, p, p.TaskID, in)
		})
	task.Register(n.tasks, r, conversation.VerificationKind, job.Spec{Queue: job.QueueMaintenance, Timeout: verifyTimeout},
		func(ctx context.Context, p *task.Progress, in conversation.VerifyInput) (any, error) {
			return n.conversations.Verify(ctx, p, in)
		})
	task.Register(n.tasks, r, conversation.RecoveryKind, job.Spec{Queue: job.QueueMaintenance, Timeout: recoveryTimeout},
		func(ctx context.Context, p *task.Progress, in conversation.RecoveryInput) (any, error) {
			return n.conversations.RunRecovery(ctx, p, p.TaskID, in)
		})
}
