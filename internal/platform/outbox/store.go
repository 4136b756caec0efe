package outbox

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluentpro/fluentpro/gen/db"
)

// queueInsert adds the event's row to a batch.
func queueInsert(batch *pgx.Batch, e Event) {
	batch.Queue(db.InsertEvent, e.ID, e.Type, e.Version, e.AggregateType, e.AggregateID,
		partitionOf(e.AggregateType, e.AggregateID), e.OccurredAt, e.ActorID, e.CorrelationID, e.CausationID, e.Data,
		lockClass, int32(hash(e.AggregateType, e.AggregateID))). //nolint:gosec // all bits count
		Exec(func(pgconn.CommandTag) error { return nil })
}
