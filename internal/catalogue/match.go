package catalogue

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// MaxMatches is the most roles that are offered.
const MaxMatches = 5

// From which score on a learner is advised to do what, and below which a role is
// not offered.
const (
	ExcellentScore = 0.9
	GoodScore      = 0.7
	MinScore       = 0.1
)

// Recommended actions.
const (
	SelectExcellentMatch = "select_excellent_match"
	ReviewGoodMatches    = "review_good_matches"
	ConsiderCustomRole   = "consider_custom_role"
	CreateCustomRole     = "create_custom_role"
)

const (
	gathered     = 20              // roles that each ranking brings
	rrfConstant  = 60              // Cormack, Clarke, Büttcher: Reciprocal Rank Fusion, 2009
	embedTimeout = 3 * time.Second // what a learner waits for an embedding before words must do
)

// MatchInput is a job as a learner describes it.
type MatchInput struct {
	IndustryID  string // of listIndustries
	Title       string
	Description string
	Language    string // of the reasons: a served tag
}

// Matches is what was found, the best first.
type Matches struct {
	Matches  []Match
	Action   string
	Degraded bool // embeddings could not be had: by words alone
}

// Match is a role that may be meant.
type Match struct {
	Role    Role
	Score   float64 // the probability that it is meant
	Reasons []string
}

// Match ranks the published roles of an industry by meaning and by words, and gives
// those that may be meant. Words are searched in PostgreSQL, so that a role is found
// from the moment it is published; its meaning follows within a second.
func (s *Service) Match(ctx context.Context, in MatchInput) (Matches, error) {
	now := s.picture.Load()
	q := question{industryID: in.IndustryID, title: terms(in.Title), description: terms(in.Description)}
	vector, err := s.embedQuestion(ctx, now, in)
	if err != nil {
		s.logger.WarnContext(ctx, "roles are matched by words alone", slog.Any("error", err))
	}
	q.vector = vector
	found, err := s.candidates(ctx, now, q)
	if err != nil {
		return Matches{}, err
	}
	out := Matches{Degraded: vector == nil, Matches: []Match{}}
	for _, c := range found {
		if score := now.fit.score(c.clues, vector != nil); score >= MinScore {
			out.Matches = append(out.Matches, Match{Role: c.Role, Score: round(score), Reasons: c.reasons(in.Language)})
		}
	}
	slices.SortStableFunc(out.Matches, func(a, b Match) int { return cmp.Compare(b.Score, a.Score) })
	out.Matches = out.Matches[:min(len(out.Matches), MaxMatches)]
	out.Action = action(out.Matches)
	return out, nil
}

// round keeps three places: more would say what nobody knows.
func round(score float64) float64 { return math.Round(score*1000) / 1000 }

func action(found []Match) string {
	switch {
	case len(found) == 0:
		return CreateCustomRole
	case found[0].Score >= ExcellentScore:
		return SelectExcellentMatch
	case found[0].Score >= GoodScore:
		return ReviewGoodMatches
	default:
		return ConsiderCustomRole
	}
}

// questionText is what stands for a description in the space of meanings; the title
// says most, and says it twice.
func questionText(title, description string) string {
	return strings.TrimSpace(title) + "\n" + strings.TrimSpace(title) + ": " + strings.TrimSpace(description)
}

// embedQuestion gives the vector of a description by the model of the index that
// serves; nil with an error where there is none.
func (s *Service) embedQuestion(ctx context.Context, now *picture, in MatchInput) ([]float32, error) {
	if now.index == nil {
		return nil, errNoIndex
	}
	text := questionText(in.Title, in.Description)
	key := vectorKey(now.model, text)
	if v, ok := s.vectors.Get(key); ok {
		return v, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, embedTimeout, errEmbedSlow)
	defer cancel()
	vectors, err := s.embedder.Embed(ctx, now.model, []string{text})
	if err != nil {
		return nil, err
	}
	if len(vectors[0]) != now.dimension {
		return nil, errDimension
	}
	s.vectors.Add(key, vectors[0])
	return vectors[0], nil
}

// question is a description, taken apart.
type question struct {
	industryID         string
	title, description []term
	vector             []float32 // nil: by words alone
}

// candidate is a role that may be meant, and what speaks for it.
type candidate struct {
	*studied
	clues  clues
	shared []string // words as the learner wrote them, the most telling first
}

// candidates gathers the best of both rankings by reciprocal rank, and weighs each.
func (s *Service) candidates(ctx context.Context, now *picture, q question) ([]candidate, error) {
	nearest := make(chan []Neighbour, 1)
	go func() { nearest <- now.nearest(q) }() // while PostgreSQL looks the words up
	words, err := s.ask(ctx, q.industryID, q.title, q.description, now.roles[q.industryID])
	near := <-nearest
	if err != nil {
		return nil, err
	}
	also := make([]uuid.UUID, len(near))
	for i, n := range near {
		also[i] = n.RoleID
	}
	ranked, err := s.store.byTerms(ctx, q.industryID, telling(words), gathered, also)
	if err != nil {
		return nil, err
	}
	picked := fuse(ranked, near)
	roles, err := s.studiedRoles(ctx, picked)
	if err != nil {
		return nil, err
	}
	var closeness map[uuid.UUID]float64
	if q.vector != nil {
		closeness = now.index.Closeness(q.industryID, q.vector, ids(picked))
	}
	return weigh(roles, picked, words, closeness), nil
}

// nearest are the roles that are nearest in meaning; none without an embedding.
func (p *picture) nearest(q question) []Neighbour {
	if q.vector == nil {
		return nil
	}
	return p.index.Nearest(q.industryID, q.vector, gathered)
}

func ids(of []ranking) []uuid.UUID {
	all := make([]uuid.UUID, len(of))
	for i, r := range of {
		all[i] = r.id
	}
	return all
}

// fuse gives the roles that stand highest in the two rankings together.
func fuse(ranked []ranking, near []Neighbour) []ranking {
	fused := map[uuid.UUID]float64{}
	for i, r := range ranked {
		if r.weight > 0 {
			fused[r.id] += 1 / float64(rrfConstant+i+1)
		}
	}
	for i, n := range near {
		fused[n.RoleID] += 1 / float64(rrfConstant+i+1)
	}
	picked := slices.DeleteFunc(slices.Clone(ranked), func(r ranking) bool { return fused[r.id] == 0 })
	slices.SortStableFunc(picked, func(a, b ranking) int {
		return cmp.Or(cmp.Compare(fused[b.id], fused[a.id]), compareIDs(a.id, b.id))
	})
	return picked[:min(len(picked), gathered)]
}
