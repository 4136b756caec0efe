package async_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// docs:begin handler

// eventGroup is the group of this package's event handlers, for ever.
const eventGroup = "card"

// HandleEvents adds what this package does about events.
func (s *Service) HandleEvents(h *outbox.Handlers) {
	outbox.On(h, eventGroup, s.renamed)
}

// renamed has its effects through tx alone, so they happen once. What cannot be
// taken back with tx, such as a mail, is left to a job that tx inserts.
func (s *Service) renamed(ctx context.Context, tx postgres.Tx, e outbox.Event, data events.UserProfileUpdated) error {
	if !slices.Contains(data.Fields, events.ProfileFieldFullName) {
		return nil
	}
	if _, err := tx.Exec(ctx, "update cards set renames = renames + 1 where user_id = $1", data.UserID); err != nil {
		return err
	}
	if err := s.jobs.Insert(ctx, tx, printArgs{Format: 1, UserID: data.UserID}); err != nil {
		return err
	}
	return s.jobs.Insert(ctx, tx, renamedMailArgs{Format: 1, EventID: e.ID, UserID: data.UserID})
}

// docs:end handler

const renames = "select renames from cards where user_id = $1"

func TestAHandlersEffectHappensOnceHoweverOftenItsEventComes(t *testing.T) {
	t.Parallel()
	n := setup(t)
	require.NoError(t, n.Rename(t.Context(), mei, "Mei Lin"))
	n.becomes("1", renames, mei)

	_, err := n.pool.Exec(t.Context(), "update outbox set published_at = null") // it is moved again
	require.NoError(t, err)
	n.becomes("0", "select count(*) from outbox where published_at is null")
	require.NoError(t, n.Rename(t.Context(), mei, "Mei Wang"))
	n.becomes("2", "select count(*) from handled_events where consumer_group = 'card'") // in order: the first came again before
	require.Equal(t, "2", n.text(renames, mei))
	n.settled()
	require.Equal(t, "2", n.text("select count(*) from river_job where kind = 'card.print' and state = 'completed'"))
	require.Equal(t, "Mei Wang", n.text(printed, mei))
}

func TestAHandlerPassesOverWhatDoesNotConcernIt(t *testing.T) {
	t.Parallel()
	n := setup(t)
	require.NoError(t, postgres.InTx(t.Context(), n.pool, func(tx postgres.Tx) error {
		return n.renamed(t.Context(), tx, outbox.Event{}, events.UserProfileUpdated{UserID: mei, Fields: []events.ProfileField{events.ProfileFieldEmail}})
	}))
	require.Equal(t, "0", n.text(renames, mei))
	require.Equal(t, "0", n.text("select count(*) from river_job"))
}
