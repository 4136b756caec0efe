package conversation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// Weighed is a conversation and how well it was when it was weighed last.
type Weighed struct {
	ConversationID uuid.UUID     `json:"conversation_id"`
	UserID         uuid.UUID     `json:"user_id"`
	Status         string        `json:"status"`
	Health         record.Health `json:"health"`
	At             time.Time     `json:"weighed_at"`
}

// WorstInput asks for a page of the conversations that something is to be said against.
type WorstInput struct {
	AfterScore int       // of the one that was seen last; -1: from the worst
	AfterID    uuid.UUID // the same
	Limit      int       // 1-100
}

// Worst gives up to Limit conversations, the worst first, and whether there are more.
func (s *Service) Worst(ctx context.Context, in WorstInput) ([]Weighed, bool, error) {
	list, err := s.store.worst(ctx, in)
	list, more := page.Cut(list, in.Limit)
	return list, more, err
}

// maxForks bounds the forks of an Inspection.
const maxForks = 100

// Inspection is what an operator gets to know of a conversation.
type Inspection struct {
	Record   record.Record
	Findings []record.Finding // 100 at most
	Health   record.Health
	Forks    []uuid.UUID // 100 at most
}

// Inspect reads all that is stored of a conversation, whoever's it is, and verifies it.
// Fault: resource.not_found.
func (s *Service) Inspect(ctx context.Context, id uuid.UUID) (Inspection, error) {
	r, err := s.Record(ctx, id)
	if err != nil {
		return Inspection{}, err
	}
	now := s.clock()
	in := Inspection{Record: r, Findings: r.Verify(now)}
	in.Health = r.Health(len(in.Findings), now)
	in.Findings = in.Findings[:min(len(in.Findings), maxFindings)]
	in.Forks, err = s.store.forks(ctx, id)
	return in, err
}

// Damage is what verification has found and nothing has mended since.
type Damage struct {
	Conversations int64
	Findings      int64
	VerifiedAt    *time.Time // when the last verification came to its end; nil: none has
}

// Damage counts it.
func (s *Service) Damage(ctx context.Context) (Damage, error) { return s.store.damage(ctx) }
