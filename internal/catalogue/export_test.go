package catalogue

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// What tests look at from outside.
var (
	SeedID      = seedID
	Samples     = samples
	FitLogistic = fitLogistic
	Logistic    = logistic
	WordsFit    = func() []float64 { return wordsFit().Words }
)

// Rows makes examples to fit.
func Rows(n int, make func() (columns []float64, meant bool)) []example {
	var rows []example
	for range n {
		columns, meant := make()
		rows = append(rows, example{columns, meant})
	}
	return rows
}

// Terms gives the words of a text.
func Terms(text string) []string { return texts(terms(text)) }

// MemoryIndex is an exact index in memory.
type MemoryIndex = memoryIndex

// Put adds a role.
var Put = memoryIndex.put

// Fitted gives the weights of the index that serves, with embeddings and without.
func (s *Service) Fitted() (embedded, words []float64) {
	f := s.picture.Load().fit
	return f.Embedded, f.Words
}

// Serving gives the model of the index that serves on this node, and how many roles it has.
func (s *Service) Serving() (model string, roles int) {
	p := s.picture.Load()
	if p.index == nil {
		return "", 0
	}
	for _, shelf := range p.index.(memoryIndex) {
		roles += len(shelf.ids)
	}
	return p.model, roles
}

// RewriteTerms is the first step of Reindex.
func (s *Service) RewriteTerms() error { return s.store.rewriteTerms(context.Background()) }

// Action is what is recommended for an answer.
var Action = action

// MatchByWords is Match while embeddings cannot be had.
func (s *Service) MatchByWords(ctx context.Context, in MatchInput) (Matches, error) {
	now := *s.picture.Load()
	now.index = nil
	alone := Service{store: s.store, studies: s.studies, logger: slog.New(slog.DiscardHandler)}
	alone.picture.Store(&now)
	return alone.Match(ctx, in)
}

// enoughMeaning is the closeness from which a role would be offered by meaning alone.
const enoughMeaning = 0.3

// MatchByMeaning ranks by the vectors alone.
func (s *Service) MatchByMeaning(ctx context.Context, in MatchInput) (ids []uuid.UUID, err error) {
	now := s.picture.Load()
	vector, err := s.embedQuestion(ctx, now, in)
	if err != nil {
		return nil, err
	}
	for _, n := range now.index.Nearest(in.IndustryID, vector, MaxMatches) {
		if n.Closeness >= enoughMeaning {
			ids = append(ids, n.RoleID)
		}
	}
	return ids, nil
}

// Multiply adds roles to an industry until it has so many, each of words of several
// seeded ones.
func Multiply(ctx context.Context, pool *pgxpool.Pool, industryID string, n int) error {
	var seeded []seedRole
	err := eachIndustryFile(roleFiles, "roles", func(_ string, text []byte) error {
		var some []seedRole
		err := strictYAML(text, &some)
		seeded = append(seeded, some...)
		return err
	})
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(7, 8))
	var roles []seedRole
	pick := func(of func(seedRole) []string) string {
		words := of(seeded[random.IntN(len(seeded))])
		return words[random.IntN(len(words))]
	}
	keyword := func(r seedRole) []string { return r.Keywords["en"] }
	alias := func(r seedRole) []string { return r.Aliases["en"] }
	for i := range n {
		r := seeded[random.IntN(len(seeded))]
		r.Key, r.industryID = fmt.Sprintf("made_%d", i), industryID
		r.Title = Text{"en": pick(alias) + " for " + pick(keyword)}
		r.Keywords = Words{"en": {pick(keyword), pick(keyword), pick(keyword), pick(keyword), pick(keyword)}}
		r.Aliases = Words{"en": {pick(alias), pick(alias), pick(alias)}}
		roles = append(roles, r)
	}
	for batch := range slices.Chunk(roles, 2000) {
		err := postgres.InTx(ctx, pool, func(tx postgres.Tx) error { return upsertRoles(ctx, tx, batch, time.Now()) })
		if err != nil {
			return err
		}
	}
	_, err = pool.Exec(ctx, "vacuum analyze")
	return err
}
