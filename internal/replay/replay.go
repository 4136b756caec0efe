// Package replay lets a group of event handlers have past events again: those
// that it missed, or all of a time range after a handler was mended. A replay is
// a task of the admin who asked for it. It promises that an event is let go at
// most once for each replay, and that a group's effects, which are recorded by
// event, do not happen twice unless that was asked for.
//
// It does not wait until the events are handled: see outbox.Replay.
package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Kind is the kind of the task.
const Kind = "event_replay"

// Input says what a group shall have again; its JSON is the task's input, which
// nodes of neighbouring releases read.
type Input struct {
	Format int       `json:"v"` // 1
	Group  string    `json:"group"`
	From   time.Time `json:"from"` // when the events were recorded, inclusive
	To     time.Time `json:"to"`   // exclusive
	Types  []string  `json:"types,omitempty"`
	Again  bool      `json:"again,omitempty"` // also what the group has handled
}

// Result is what came of a replay.
type Result struct {
	Replayed int64 `json:"replayed"` // events that the group has again
}

// Progress takes how far a replay has come, in events looked at.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

// Start begins the task of a replay within tx and gives its id.
type Start func(ctx context.Context, tx postgres.Tx, input Input) (uuid.UUID, error)

// Service asks for replays and does them. Safe for concurrent use.
type Service struct {
	pool *pgxpool.Pool
	once *once.Keys
}

// New puts a Service together.
func New(pool *pgxpool.Pool, keys *once.Keys) *Service { return &Service{pool: pool, once: keys} }

// CreateInput is what an admin asks for.
type CreateInput struct {
	Input
	UserID         uuid.UUID
	IdempotencyKey string
}

// created is what an idempotency key remembers.
type created struct {
	TaskID uuid.UUID `json:"task_id"`
}

// Create begins a replay by start and gives the task that does it; replayed says
// that an earlier request with the same key began it, and start had no effect. Faults: replay.invalid with the
// members at fault, idempotency.*, server.unavailable.
func (s *Service) Create(ctx context.Context, in CreateInput, start Start) (taskID uuid.UUID, replayed bool, err error) {
	if err := s.check(ctx, in.Input); err != nil {
		return uuid.Nil, false, err
	}
	in.Format = 1
	claim, err := s.once.Claim(in.UserID, "createEventReplay", in.IdempotencyKey, in.Input)
	if err != nil {
		return uuid.Nil, false, err
	}
	var first json.RawMessage
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		if taskID, err = start(ctx, tx, in.Input); err != nil {
			return err
		}
		first, err = s.once.Take(ctx, tx, claim, created{taskID})
		if first != nil {
			return errBegun
		}
		return err
	})
	if first == nil {
		return taskID, false, err
	}
	var made created
	if err := json.Unmarshal(first, &made); err != nil {
		return uuid.Nil, false, fmt.Errorf("replay an event replay: %w", err)
	}
	return made.TaskID, true, nil
}

// errBegun rolls a second task of the same key back.
var errBegun = fault.New(fault.Conflict, "idempotency.in_progress", "The replay has begun already.")

// check applies the rules that the contract cannot say.
func (s *Service) check(ctx context.Context, in Input) error {
	groups, err := outbox.Groups(ctx, s.pool)
	if err != nil {
		return err
	}
	var fields []fault.Field
	if !slices.Contains(groups, in.Group) {
		fields = append(fields, fault.Field{Pointer: "/group", Code: "unknown", Detail: "is no group of event handlers"})
	}
	if !in.To.After(in.From) {
		fields = append(fields, fault.Field{Pointer: "/to", Code: "too_small", Detail: "must be after from"})
	}
	if fields != nil {
		return fault.New(fault.Unprocessable, "replay.invalid", "Nothing can be replayed in this way.").WithFields(fields...)
	}
	return nil
}

// Run does a replay. After a crash it runs again from the beginning; what it let
// go before is then counted, and not let go twice, unless Again was asked for.
func (s *Service) Run(ctx context.Context, p Progress, in Input) (Result, error) {
	asked := outbox.ReplayInput{Group: in.Group, From: in.From, To: in.To, Types: in.Types, Again: in.Again}
	n, err := outbox.CountReplay(ctx, s.pool, asked)
	if err != nil {
		return Result{}, err
	}
	p.Total(n)
	replayed, err := outbox.Replay(ctx, s.pool, asked, func(looked int) { p.Add(int64(looked)) })
	return Result{Replayed: replayed}, err
}
