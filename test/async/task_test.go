package async_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/task"
)

// docs:begin task

// restyleTask names the kind of task, for ever.
const restyleTask = "card_restyle"

// restyleInput is what the work is given: ids and choices.
type restyleInput struct {
	Style string `json:"style"`
}

// restyled is the task's result.
type restyled struct {
	Cards int `json:"cards"`
}

// RegisterTasks adds the long work of this package to a node.
func (s *Service) RegisterTasks(r *job.Registry) {
	task.Register(s.tasks, r, restyleTask, job.Spec{Queue: job.QueueMaintenance}, s.restyle)
}

// Restyle gives all cards another style, in the background: the operation that
// calls it answers 202 with the task.
func (s *Service) Restyle(ctx context.Context, by uuid.UUID, style string) (made task.Task, err error) {
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		made, err = s.tasks.Start(ctx, tx, task.StartInput{UserID: by, Kind: restyleTask, Input: restyleInput{Style: style}})
		return err
	})
	return made, err
}

// restyle begins anew when its worker dies, so each step may be done twice. A
// cancel ends ctx, and with it the next step.
func (s *Service) restyle(ctx context.Context, p *task.Progress, in restyleInput) (any, error) {
	rows, err := s.pool.Query(ctx, "select user_id from cards order by user_id")
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, err
	}
	p.Total(int64(len(ids)))
	for _, id := range ids {
		if _, err := s.pool.Exec(ctx, "update cards set style = $2 where user_id = $1", id, in.Style); err != nil {
			return nil, err
		}
		p.Add(1)
	}
	return restyled{Cards: len(ids)}, nil
}

// docs:end task

func TestATaskIsCompletedWithItsProgress(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made, err := n.Restyle(t.Context(), mei, "festive")
	require.NoError(t, err)
	require.Equal(t, task.StatusQueued, made.Status)

	feed, ended, err := n.tasks.Follow(t.Context(), mei, made.ID, 0)
	require.NoError(t, err)
	require.False(t, ended)
	defer feed.Close()
	var last task.Event
	for {
		events, err := feed.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		last = events[len(events)-1]
	}
	require.Equal(t, task.EventCompleted, last.Type)
	require.Equal(t, int64(2), last.Task.Progress.Done)
	require.Equal(t, int64(2), *last.Task.Progress.Total)
	require.JSONEq(t, `{"cards": 2}`, string(last.Task.Result))
	require.Equal(t, "2", n.text("select count(*) from cards where style = 'festive'"))
	_, err = n.tasks.Get(t.Context(), kai, made.ID)
	require.Error(t, err, "it is its user's alone")
}
