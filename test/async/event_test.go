package async_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// docs:begin event

// Rename gives a user another name, and tells of it.
func (s *Service) Rename(ctx context.Context, id uuid.UUID, name string) error {
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		return rename(ctx, tx, id, name)
	})
}

// rename locks the user with its first query, so that events of one user are
// written in the order of their changes.
func rename(ctx context.Context, tx postgres.Tx, id uuid.UUID, name string) error {
	var at time.Time
	err := tx.QueryRow(ctx, "update users set full_name = $2, updated_at = now() where id = $1 returning updated_at", id, name).Scan(&at)
	if err != nil {
		return err
	}
	return outbox.Write(ctx, tx, at, id, events.UserProfileUpdated{
		UserID: id, Fields: []events.ProfileField{events.ProfileFieldFullName},
	})
}

// docs:end event

func TestAnEventIsWrittenWithItsChangeOrNotAtAll(t *testing.T) {
	t.Parallel()
	n := setup(t)
	ctx := telemetry.WithOrigin(t.Context(), telemetry.Origin{ActorID: mei, CorrelationID: "request-1"})
	require.NoError(t, n.Rename(ctx, mei, "Mei Lin"))
	require.Equal(t, "Mei Lin", n.text("select full_name from users where id = $1", mei))
	require.Equal(t, "1", n.text(`select count(*) from outbox where type = 'user.profile_updated' and aggregate_id = $1 and actor_id = $1
		and correlation_id = 'request-1' and data = jsonb_build_object('user_id', $1::uuid, 'fields', array['full_name'])`, mei))

	mind := errors.New("changed my mind")
	require.ErrorIs(t, postgres.InTx(t.Context(), n.pool, func(tx postgres.Tx) error {
		require.NoError(t, rename(t.Context(), tx, kai, "Kai Chen"))
		return mind
	}), mind)
	require.Equal(t, "Kai Lin", n.text("select full_name from users where id = $1", kai))
	require.Equal(t, "0", n.text("select count(*) from outbox where aggregate_id = $1", kai))
	require.True(t, postgres.NoRows(n.Rename(t.Context(), uuid.New(), "Nobody")))
	require.Equal(t, "1", n.text("select count(*) from outbox"))
}
