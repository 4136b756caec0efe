// Package outbox carries domain events from the transaction that makes them to
// every group of handlers that wants them. It promises:
//
//   - an event exists if and only if the change it tells of was committed;
//   - each group gets each of its events at least once, and the effects that a
//     handler has through its transaction happen exactly once;
//   - events of one aggregate are handled one after another, in the order in
//     which their changes were committed; one that fails parks its aggregate
//     alone, and after five attempts becomes a dead letter and lets the others on;
//   - losing Redis loses no event: the outbox is the truth for Retention, and
//     the streams are made again from it.
//
// It promises no order between aggregates, and nothing about effects outside the
// handler's transaction: hand those to a job inserted in it.
//
// The way of an event: a row of the outbox (Write) is moved by a relay, which
// leases its partition, to a Redis Stream; of each group, one consumer leases the
// partition and reads on. Leases are rows of PostgreSQL with fencing numbers.
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// Partitions is into how many streams the aggregates are spread. Nodes must
// agree on it, so it is not a setting.
const Partitions = 16

// Retention is how long the outbox keeps an event, and a group's record that it
// was handled.
const Retention = 30 * 24 * time.Hour

// lockClass is the first half of the advisory locks under which positions are
// taken; the second is a hash of the aggregate.
const lockClass = 0x65766e74 // "evnt"

// Data is the typed content of an event, made from openapi/events into
// gen/events. It holds ids and choices, never a text of a learner's or a secret.
type Data interface {
	EventType() string     // such as user.registered
	EventVersion() int     // of the shape of this type
	AggregateType() string // what the event is about, such as user
}

// Event is one domain event; its JSON is the envelope that travels in the
// streams between nodes of neighbouring releases: fields may be added, never
// changed.
type Event struct {
	ID            uuid.UUID       `json:"event_id"`
	Type          string          `json:"type"`
	Version       int             `json:"version"`
	AggregateType string          `json:"aggregate_type"`
	AggregateID   uuid.UUID       `json:"aggregate_id"`
	Position      int64           `json:"position"` // grows within an aggregate, in the order of commits
	OccurredAt    time.Time       `json:"occurred_at"`
	RecordedAt    time.Time       `json:"recorded_at"` // by the database's clock
	ActorID       *uuid.UUID      `json:"actor_id,omitempty"`
	CorrelationID string          `json:"correlation_id,omitempty"`
	CausationID   *uuid.UUID      `json:"causation_id,omitempty"`
	Data          json.RawMessage `json:"data"`
}

// Origin is why the event happened, for what follows from it.
func (e Event) Origin() telemetry.Origin {
	o := telemetry.Origin{CorrelationID: e.CorrelationID, CausationID: e.ID}
	if e.ActorID != nil {
		o.ActorID = *e.ActorID
	}
	return o
}

// New prepares an event about an aggregate. Why it happens is taken from ctx
// (telemetry.Origin); it exists once written. occurredAt is the time of the change.
func New(ctx context.Context, occurredAt time.Time, aggregateID uuid.UUID, data Data) (Event, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Event{}, fmt.Errorf("event %s: %w", data.EventType(), err)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("event %s: %w", data.EventType(), err)
	}
	o := telemetry.OriginFrom(ctx)
	return Event{
		ID: id, Type: data.EventType(), Version: data.EventVersion(), AggregateType: data.AggregateType(),
		AggregateID: aggregateID, OccurredAt: occurredAt, ActorID: orNil(o.ActorID),
		CorrelationID: o.CorrelationID, CausationID: orNil(o.CausationID), Data: text,
	}, nil
}

// Write adds an event to tx. It waits for other transactions that have written
// about the same aggregate and are not over, so lock what the event is about
// first, and in the same order everywhere.
func Write(ctx context.Context, tx postgres.Tx, occurredAt time.Time, aggregateID uuid.UUID, data Data) error {
	batch := &pgx.Batch{}
	if err := Queue(ctx, batch, occurredAt, aggregateID, data); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write event %s: %w", data.EventType(), err)
	}
	return nil
}

// Queue is Write as one more query of a batch, so that it costs no round trip.
// A transaction whose other queries had no effect must be rolled back.
func Queue(ctx context.Context, batch *pgx.Batch, occurredAt time.Time, aggregateID uuid.UUID, data Data) error {
	e, err := New(ctx, occurredAt, aggregateID, data)
	if err != nil {
		return err
	}
	queueInsert(batch, e)
	return nil
}

// hash spreads aggregates; every node must agree on it, for ever.
func hash(aggregateType string, aggregateID uuid.UUID) uint32 {
	h := fnv.New32a()
	h.Write([]byte(aggregateType))
	h.Write(aggregateID[:])
	return h.Sum32()
}

// partitionOf says which partition an aggregate's events are in.
func partitionOf(aggregateType string, aggregateID uuid.UUID) int {
	return int(hash(aggregateType, aggregateID) % Partitions)
}

func orNil(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
