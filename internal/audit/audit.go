// Package audit is the record of who did what: every domain event, with its
// actor and the request that led to it. It promises that an event is in it once,
// however often it is recorded; that what is in it is never changed, and deleted
// only by its own sweep after Retention (the table refuses anything else, which
// holds against mistakes but not against the owner of the database); and that it
// holds ids and choices, never a text of a learner's, so that it stays when a
// learner is erased.
//
// It is filled by a group of event handlers, so it follows what happened by
// moments; an event that could not be recorded is a dead letter, not lost.
package audit

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
)

// Retention is how long an event is kept, from when it occurred. The rule is the
// database's (the trigger and the sweep's query); this is for people.
const Retention = 365 * 24 * time.Hour

// group is the name of the handlers, for ever.
const group = "audit"

// Event is one entry of the log.
type Event struct {
	ID            uuid.UUID // of the domain event
	Type          string    // such as user.registered; it always holds a dot
	Version       int       // of the shape of Data
	AggregateType string    // what it is about, such as user
	AggregateID   uuid.UUID
	ActorID       *uuid.UUID // nil: the service itself
	RequestID     *string    // nil: no request led to it
	CausationID   *uuid.UUID // the event that led to it; nil: none
	OccurredAt    time.Time
	RecordedAt    time.Time // here, by the database's clock
	Data          json.RawMessage

	seq int64 // in the order recorded
}

// Place is a keyset position in the log: the last event seen.
type Place struct {
	At  time.Time `json:"at"`
	Seq int64     `json:"seq"`
}

// Place is where what comes after e begins, in either direction.
func (e Event) Place() Place { return Place{At: e.OccurredAt, Seq: e.seq} }

// Filter chooses events; what is nil chooses all.
type Filter struct {
	ActorID       *uuid.UUID
	AggregateType *string
	AggregateID   *uuid.UUID
	Type          *string
	RequestID     *string
	From          *time.Time // when it occurred, this moment included
	To            *time.Time // this moment not included
}

// Deps are what the log needs.
type Deps struct {
	Pool *pgxpool.Pool
}

// Service is the log. It is safe for concurrent use.
type Service struct{ store store }

// New makes a Service.
func New(d Deps) *Service { return &Service{store: store{pool: d.Pool}} }

// RegisterHandlers adds the group that records every event.
func (s *Service) RegisterHandlers(h *outbox.Handlers) { outbox.OnAll(h, group, s.Record) }
