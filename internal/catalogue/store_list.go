package catalogue

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// listed reads a page of the roles that a user sees, in their order.
func (s *store) listed(ctx context.Context, in ListInput) ([]Role, error) {
	return toRoles(db.New().RolesListed(ctx, s.pool, db.RolesListedParams{
		MaxRows: in.Limit, IndustryID: orNil(in.Industry), Level: orNil(in.Level), UserID: in.UserID,
		AfterIndustry: in.After.IndustryID, AfterRank: in.After.Rank, AfterTitle: in.After.Title, AfterID: in.After.ID,
	}))
}

// found ranks the roles that a user sees by words.
func (s *store) found(ctx context.Context, in ListInput, words []wordRange, industries []string) ([]ranking, error) {
	p := db.RolesFoundParams{
		MaxRows: in.Limit, Level: orNil(in.Level), BelowWeight: in.After.Weight, AfterID: in.After.ID,
		IndustryIds: industries, Audiences: []uuid.UUID{uuid.Nil, in.UserID}, Asked: len(words),
	}
	for i, w := range words {
		p.Words, p.Froms, p.Tos = append(p.Words, i), append(p.Froms, w.from), append(p.Tos, w.to)
	}
	rows, err := db.New().RolesFound(ctx, s.pool, p)
	if err != nil {
		return nil, fmt.Errorf("search roles: %w", postgres.Translate(err))
	}
	ranked := make([]ranking, len(rows))
	for i, r := range rows {
		ranked[i] = ranking{id: r.ID, weight: float64(r.Weight)}
	}
	return ranked, nil
}

func (s *store) unpublished(ctx context.Context, beforeAt time.Time, beforeID uuid.UUID, limit int) ([]Role, error) {
	return toRoles(db.New().RolesUnpublished(ctx, s.pool, db.RolesUnpublishedParams{BeforeAt: beforeAt, BeforeID: beforeID, MaxRows: limit}))
}

func (s *store) byAuthor(ctx context.Context, author uuid.UUID) ([]Role, error) {
	return toRoles(db.New().RolesByAuthor(ctx, s.pool, db.RolesByAuthorParams{AuthorID: author, MaxRows: MaxCustomRoles}))
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
