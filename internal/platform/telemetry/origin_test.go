package telemetry_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

func TestAContextCarriesItsOrigin(t *testing.T) {
	t.Parallel()
	require.Zero(t, telemetry.OriginFrom(context.Background()))
	o := telemetry.Origin{ActorID: uuid.New(), CorrelationID: "request-7", CausationID: uuid.New()}
	require.Equal(t, o, telemetry.OriginFrom(telemetry.WithOrigin(t.Context(), o)))
}
