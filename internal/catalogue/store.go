package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Load reads the reference data into memory. A stored text without English is an
// error that names it.
func Load(ctx context.Context, pool *pgxpool.Pool) (*Catalogue, error) {
	c, texts := &Catalogue{}, &reader{}
	q := db.New()
	languages, err := q.Languages(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("load languages: %w", err)
	}
	for _, r := range languages {
		c.Languages = append(c.Languages, Language{ID: r.ID, Code: r.Code, Available: r.Available, NativeName: r.NativeName,
			Name: texts.read(r.ID, r.Name)})
	}
	industries, err := q.Industries(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("load industries: %w", err)
	}
	for _, r := range industries {
		c.Industries = append(c.Industries, Industry{ID: r.ID, Name: texts.read(r.ID, r.Name), Description: texts.read(r.ID, r.Description)})
	}
	partners, err := q.Partners(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("load partners: %w", err)
	}
	for _, r := range partners {
		c.Partners = append(c.Partners, Partner{ID: r.ID, Relation: r.Relation, Name: texts.read(r.ID, r.Name),
			Description: texts.read(r.ID, r.Description), Persona: r.Persona, Greeting: r.Greeting})
	}
	situations, err := q.Situations(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("load situations: %w", err)
	}
	for _, r := range situations {
		c.Situations = append(c.Situations, Situation{ID: r.ID, Name: texts.read(r.ID, r.Name),
			Description: texts.read(r.ID, r.Description), Brief: r.Brief, Opening: r.Opening})
	}
	if texts.err != nil {
		return nil, texts.err
	}
	return c, nil
}

// A reader turns stored texts into Text and keeps the first thing that is wrong.
type reader struct{ err error }

func (r *reader) read(id string, raw json.RawMessage) Text {
	var t Text
	err := json.Unmarshal(raw, &t)
	if err == nil && t["en"] == "" {
		err = errors.New("it has no English")
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("load catalogue: a text of %s: %w", id, err)
	}
	return t
}

// upsert writes the entries of a seed that are small, in tx.
func upsert(ctx context.Context, tx postgres.Tx, f seedFile) error {
	q := db.New()
	for i, l := range f.Languages {
		if err := q.UpsertLanguage(ctx, tx, db.UpsertLanguageParams{ID: l.ID, Position: i, Code: l.Code,
			Available: l.Available, NativeName: l.NativeName, Name: asJSON(l.Name)}); err != nil {
			return fmt.Errorf("seed language %s: %w", l.ID, err)
		}
	}
	for i, d := range f.Industries {
		if err := q.UpsertIndustry(ctx, tx, db.UpsertIndustryParams{ID: d.ID, Position: i,
			Name: asJSON(d.Name), Description: asJSON(d.Description)}); err != nil {
			return fmt.Errorf("seed industry %s: %w", d.ID, err)
		}
	}
	for i, p := range f.Partners {
		if err := q.UpsertPartner(ctx, tx, db.UpsertPartnerParams{ID: p.ID, Position: i, Relation: p.Relation,
			Name: asJSON(p.Name), Description: asJSON(p.Description), Persona: p.Persona, Greeting: p.Greeting}); err != nil {
			return fmt.Errorf("seed partner %s: %w", p.ID, err)
		}
	}
	for i, s := range f.Situations {
		if err := q.UpsertSituation(ctx, tx, db.UpsertSituationParams{ID: s.ID, Position: i,
			Name: asJSON(s.Name), Description: asJSON(s.Description), Brief: s.Brief, Opening: s.Opening}); err != nil {
			return fmt.Errorf("seed situation %s: %w", s.ID, err)
		}
	}
	return nil
}
