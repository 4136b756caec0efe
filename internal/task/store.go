package task

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Tx is a transaction in progress.
type Tx = postgres.Tx

// farFuture stands before the newest: the keyset starts there.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// store is this noun's part of the database. Each change of what a user can see
// tells of it in the same transaction.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

func (s *store) insert(ctx context.Context, tx Tx, t Task) (Task, error) {
	row, err := s.q.InsertTask(ctx, tx, db.InsertTaskParams{ID: t.ID, UserID: t.UserID, Kind: t.Kind, Input: t.input, At: t.CreatedAt})
	if err != nil {
		return t, fmt.Errorf("insert task: %w", err)
	}
	return fromRow(row)
}

// unfinished finds the user's task of a kind that is not over, about the same, and lets
// nobody else start one until tx ends; no id: there is none.
func (s *store) unfinished(ctx context.Context, tx Tx, in StartInput) (uuid.UUID, error) {
	about := []byte("{}") // which every input has
	if in.About != nil {
		var err error
		if about, err = json.Marshal(in.About); err != nil {
			return uuid.Nil, fmt.Errorf("find task of a kind: %w", err)
		}
	}
	if err := s.q.LockTaskKind(ctx, tx, db.LockTaskKindParams{UserID: in.UserID.String(), Kind: in.Kind}); err != nil {
		return uuid.Nil, fmt.Errorf("lock tasks of a kind: %w", err)
	}
	id, err := s.q.UnfinishedTask(ctx, tx, db.UnfinishedTaskParams{UserID: in.UserID, Kind: in.Kind, About: about})
	if postgres.NoRows(err) {
		return uuid.Nil, nil
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("find task of a kind: %w", err)
	}
	return id, nil
}

// exists tells whether there is a task, over or not.
func (s *store) exists(ctx context.Context, tx Tx, id uuid.UUID) (bool, error) {
	_, err := s.q.TaskByIDAlone(ctx, tx, id)
	if postgres.NoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find task: %w", err)
	}
	return true, nil
}

// of reads one of the user's tasks.
func (s *store) of(ctx context.Context, userID, id uuid.UUID) (Task, error) {
	row, err := s.q.TaskByID(ctx, s.pool, db.TaskByIDParams{ID: id, UserID: userID})
	if postgres.NoRows(err) {
		return Task{}, errNotFound
	}
	if err != nil {
		return Task{}, postgres.Translate(fmt.Errorf("read task: %w", err))
	}
	return fromRow(row)
}

// task reads any task, for the worker; pgx.ErrNoRows when it is gone.
func (s *store) task(ctx context.Context, id uuid.UUID) (Task, error) {
	row, err := s.q.TaskByIDAlone(ctx, s.pool, id)
	if err != nil {
		return Task{}, postgres.Translate(fmt.Errorf("read task: %w", err))
	}
	return fromRow(row)
}

// list gives one row more than the page, which tells whether there are more.
func (s *store) list(ctx context.Context, in ListInput) ([]Task, error) {
	before := Place{At: farFuture}
	if in.Before != nil {
		before = *in.Before
	}
	rows, err := s.q.TasksByUser(ctx, s.pool, db.TasksByUserParams{
		UserID: in.UserID, Status: in.Status, Kind: in.Kind, BeforeAt: before.At, BeforeID: before.ID, MaxRows: in.Limit + 1,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list tasks: %w", err))
	}
	return collect(rows)
}

// begin makes the task this lease's to write; pgx.ErrNoRows when it has ended or
// a newer lease has it.
func (s *store) begin(ctx context.Context, id uuid.UUID, lease int64, at time.Time) (Task, error) {
	return s.change(ctx, "begin", func(tx Tx) (db.Task, error) {
		return s.q.BeginTask(ctx, tx, db.BeginTaskParams{ID: id, LeaseNumber: lease, At: at})
	})
}

// progress stores how far t's run has come, and whether the task waits for another
// one; pgx.ErrNoRows when it is not this run's any more.
func (s *store) progress(ctx context.Context, t Task, waiting bool, at time.Time) (Task, error) {
	return s.change(ctx, "progress", func(tx Tx) (db.Task, error) {
		return s.q.ProgressTask(ctx, tx, db.ProgressTaskParams{ID: t.ID, LeaseNumber: t.lease, Waiting: waiting,
			Done: t.Progress.Done, Total: t.Progress.Total, Rate: t.Progress.Rate, At: at})
	})
}

// finish stores t's end, if its lease still holds; else pgx.ErrNoRows.
func (s *store) finish(ctx context.Context, t Task, at time.Time) (Task, error) {
	return s.change(ctx, "finish", func(tx Tx) (db.Task, error) { return s.finishIn(ctx, tx, t, at) })
}

func (s *store) finishIn(ctx context.Context, tx Tx, t Task, at time.Time) (db.Task, error) {
	var problem json.RawMessage
	if t.Problem != nil {
		text, err := json.Marshal(t.Problem)
		if err != nil {
			return db.Task{}, err
		}
		problem = text
	}
	return s.q.FinishTask(ctx, tx, db.FinishTaskParams{ID: t.ID, LeaseNumber: t.lease, Status: t.Status,
		Done: t.Progress.Done, Total: t.Progress.Total, Result: t.Result, Problem: problem, At: at})
}

// cancel ends a task of the user's that nobody is at, and leaves the request to
// the node that is at it. changed reports whether it was ended here.
func (s *store) cancel(ctx context.Context, userID, id uuid.UUID, at time.Time) (t Task, changed bool, err error) {
	err = postgres.InTx(ctx, s.pool, func(tx Tx) error {
		row, err := s.q.TaskForUpdate(ctx, tx, db.TaskForUpdateParams{ID: id, UserID: userID})
		if postgres.NoRows(err) {
			return errNotFound
		}
		if err != nil {
			return fmt.Errorf("cancel task: %w", err)
		}
		if t, err = fromRow(row); err != nil || t.Ended() {
			return err
		}
		if t.Status == StatusRunning && !t.waiting {
			return s.q.RequestTaskCancel(ctx, tx, db.RequestTaskCancelParams{ID: id, At: &at})
		}
		t.Status, changed = StatusCancelled, true
		t, err = told(ctx, tx, func(tx Tx) (db.Task, error) { return s.finishIn(ctx, tx, t, at) })
		return err
	})
	return t, changed, err
}

// cancelled tells which of these tasks are to stop.
func (s *store) cancelled(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	return s.q.CancelledTasks(ctx, s.pool, ids)
}

func (s *store) sweep(ctx context.Context, before time.Time, limit int) (int64, error) {
	n, err := s.q.DeleteFinishedTasks(ctx, s.pool, db.DeleteFinishedTasksParams{Before: &before, MaxRows: limit})
	if err != nil {
		return 0, fmt.Errorf("sweep tasks: %w", err)
	}
	return n, nil
}

// change writes one task in a transaction of its own.
func (s *store) change(ctx context.Context, what string, write func(tx Tx) (db.Task, error)) (t Task, err error) {
	err = postgres.InTx(ctx, s.pool, func(tx Tx) error {
		if t, err = told(ctx, tx, write); err != nil {
			return fmt.Errorf("%s task: %w", what, err)
		}
		return nil
	})
	return t, err
}

// told writes one task and the event of it.
func told(ctx context.Context, tx Tx, write func(tx Tx) (db.Task, error)) (Task, error) {
	row, err := write(tx)
	if err != nil {
		return Task{}, err
	}
	t, err := fromRow(row)
	if err != nil {
		return Task{}, err
	}
	return t, tell(ctx, tx, t)
}

func fromRow(r db.Task) (Task, error) {
	t := Task{
		ID: r.ID, UserID: r.UserID, Kind: r.Kind, Status: r.Status, Result: r.Result, Revision: r.Revision,
		Progress:  Tally{Done: r.Done, Total: r.Total, Rate: r.Rate},
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		input: r.Input, lease: r.LeaseNumber, waiting: r.Waiting, cancelRequested: r.CancelRequestedAt != nil,
	}
	if len(r.Problem) > 0 {
		if err := json.Unmarshal(r.Problem, &t.Problem); err != nil {
			return t, fmt.Errorf("task %s: problem: %w", r.ID, err)
		}
	}
	return t, nil
}

func (s *store) export(ctx context.Context, user, after uuid.UUID, limit int) ([]Task, error) {
	rows, err := s.q.TasksForExport(ctx, s.pool, db.TasksForExportParams{UserID: user, AfterID: after, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("export tasks: %w", err))
	}
	return collect(rows)
}

func (s *store) erase(ctx context.Context, user, but uuid.UUID, bite int) (int64, error) {
	n, err := s.q.EraseTasks(ctx, s.pool, db.EraseTasksParams{UserID: user, ButID: but, MaxRows: bite})
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("erase tasks: %w", err))
	}
	return n, nil
}

func collect(rows []db.Task) ([]Task, error) {
	out := make([]Task, 0, len(rows))
	for _, row := range rows {
		t, err := fromRow(row)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}
