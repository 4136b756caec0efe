package async_test

import (
	"context"
	"errors"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// docs:begin job

// errTooLong says no name: operators read it.
var errTooLong = errors.New("the name does not fit on a card")

// printArgs is the job that prints a user's card. Its arguments are ids: nodes
// of neighbouring releases read each other's, and operators see them.
type printArgs struct {
	Format int       `json:"v"`
	UserID uuid.UUID `json:"user_id"`
}

// Kind names the job, for ever.
func (printArgs) Kind() string { return "card.print" }

// RegisterJobs adds the work of this package to a node.
func (s *Service) RegisterJobs(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueAuth, Timeout: 30 * time.Second}, s.print)
	job.OnGivenUp(r, func(ctx context.Context, run job.Run, args printArgs, _ error) error {
		return s.setCard(ctx, args.UserID, run.Lease, "", "failed") // nobody waits for it any more
	})
}

// print runs at least once, so it sets and never adds, and reads the name when it
// runs. A user who is gone has no card: there is nothing to do.
func (s *Service) print(ctx context.Context, run job.Run, args printArgs) error {
	var name string
	err := s.pool.QueryRow(ctx, "select full_name from users where id = $1", args.UserID).Scan(&name)
	switch {
	case postgres.NoRows(err):
		return nil
	case err != nil:
		return err // tried again
	case utf8.RuneCountInString(name) > 40:
		return job.Permanent(errTooLong) // would fail again: given up at once
	}
	return s.setCard(ctx, args.UserID, run.Lease, name, "printed")
}

// setCard changes nothing when a run with a newer lease has written: this one's
// job was taken over while it hung.
func (s *Service) setCard(ctx context.Context, id uuid.UUID, lease int64, name, state string) error {
	_, err := s.pool.Exec(ctx, `update cards set name = $3, state = $4, lease_number = $2
		where user_id = $1 and lease_number <= $2`, id, lease, name, state)
	return err
}

// docs:end job

const (
	printed = "select name from cards where user_id = $1"
	state   = "select state from cards where user_id = $1"
)

func TestAJobIsDone(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.insert(printArgs{Format: 1, UserID: mei})
	n.insert(printArgs{Format: 1, UserID: uuid.New()}) // gone meanwhile
	n.settled()
	require.Equal(t, "Mei Chen", n.text(printed, mei))
	require.Equal(t, "2", n.text("select count(*) from river_job where state = 'completed'"))

	require.NoError(t, n.setCard(t.Context(), mei, 0, "an older run", "printed"))
	require.Equal(t, "Mei Chen", n.text(printed, mei), "a run that was taken over has no effect")
}

func TestAJobThatCannotBeDoneIsADeadLetterAndIsDoneWhenReplayed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	_, err := n.pool.Exec(t.Context(), "update users set full_name = repeat('Mei', 14) where id = $1", mei)
	require.NoError(t, err)
	n.insert(printArgs{Format: 1, UserID: mei})
	n.settled()
	require.Equal(t, "failed", n.text(state, mei))
	page, _, err := n.letters.List(t.Context(), deadletter.ListInput{Kind: "card.print", Limit: 10})
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Equal(t, 1, page[0].Attempts)
	require.Equal(t, errTooLong.Error(), page[0].Errors[0].Error)

	_, err = n.pool.Exec(t.Context(), "update users set full_name = 'Mei' where id = $1", mei)
	require.NoError(t, err)
	_, err = n.letters.Replay(t.Context(), page[0].ID, uuid.Nil)
	require.NoError(t, err)
	n.becomes("printed", state, mei)
	require.Equal(t, "Mei", n.text(printed, mei))
}
