package catalogue

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// known is a word as the roles of an industry have it.
type known struct {
	term     string
	roles    int
	likeness float64 // to the word that was asked; 1: it is that word
}

// vocabulary looks words up; those of unsure are taken for the nearest if no role has them.
func (s *store) vocabulary(ctx context.Context, industryID string, words, unsure []string) (map[string]known, error) {
	rows, err := db.New().Vocabulary(ctx, s.pool, db.VocabularyParams{Terms: words, Unsure: unsure, IndustryID: industryID})
	if err != nil {
		return nil, fmt.Errorf("look up words: %w", postgres.Translate(err))
	}
	found := make(map[string]known, len(rows))
	for _, r := range rows {
		found[r.Asked] = known{r.Term, r.Roles, float64(r.Likeness)}
	}
	return found, nil
}

// ranking is a role as the words rank it.
type ranking struct {
	id        uuid.UUID
	updatedAt time.Time
	weight    float64 // 0: it shares none of the words
}

// byTerms gives the roles that share most with the words, and those of also.
func (s *store) byTerms(ctx context.Context, industryID string, words []asked, most int, also []uuid.UUID) ([]ranking, error) {
	p := db.RolesByTermsParams{IndustryID: industryID, Also: also, MaxRows: most, Terms: []string{}, Values: []float32{}}
	for _, w := range words {
		p.Terms, p.Values = append(p.Terms, w.text), append(p.Values, float32(w.weight*w.rarity))
	}
	if p.Also == nil {
		p.Also = []uuid.UUID{}
	}
	rows, err := db.New().RolesByTerms(ctx, s.pool, p)
	if err != nil {
		return nil, fmt.Errorf("rank roles by words: %w", postgres.Translate(err))
	}
	ranked := make([]ranking, len(rows))
	for i, r := range rows {
		ranked[i] = ranking{r.ID, r.UpdatedAt, float64(r.Weight)}
	}
	return ranked, nil
}

func (s *store) countRoles(ctx context.Context) (map[string]int, error) {
	rows, err := db.New().CountRoles(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("count roles: %w", postgres.Translate(err))
	}
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.IndustryID] = int(r.Roles)
	}
	return counts, nil
}

func (s *store) revision(ctx context.Context) (int64, error) {
	n, err := db.New().ReadCatalogueRevision(ctx, s.pool)
	if err != nil {
		return 0, fmt.Errorf("read revision of the catalogue: %w", postgres.Translate(err))
	}
	return n, nil
}
