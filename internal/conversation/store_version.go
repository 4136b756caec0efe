package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// versions gives one more than the page.
func (s *store) versions(ctx context.Context, in VersionsInput) ([]Version, error) {
	before := int64(math.MaxInt64)
	if in.Before != nil {
		before = *in.Before
	}
	rows, err := s.q.VersionsByConversation(ctx, s.pool, db.VersionsByConversationParams{
		ConversationID: in.ConversationID, UserID: in.UserID, BeforeVersion: before, MaxRows: in.Limit + 1,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list versions: %w", err))
	}
	return collect(rows, fromVersion)
}

func fromVersion(r db.ConversationVersion) (Version, error) {
	v := Version{
		ConversationID: r.ConversationID, Version: r.Version, Parent: r.Parent, Operation: r.Operation, ActorID: r.ActorID,
		At: r.At.UTC(), Checksum: r.Checksum,
	}
	var entry struct {
		Change map[string]any `json:"change"`
	}
	if err := json.Unmarshal(r.Entry, &entry); err != nil {
		return v, fmt.Errorf("version %d of %s: %w", r.Version, r.ConversationID, err)
	}
	v.Change = entry.Change
	return v, nil
}
