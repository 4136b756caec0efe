package catalogue

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ListInput says which roles; the zero value of a filter is all.
type ListInput struct {
	UserID   uuid.UUID
	Industry string // an id, however it is written
	Query    string // words to search for
	Level    string
	After    RoleKey // the last role of the page before; zero: from the beginning
	Limit    int
}

// RoleKey is a role's place in a list.
type RoleKey struct {
	IndustryID string    `json:"i,omitempty"`
	Rank       int       `json:"r,omitempty"`
	Title      string    `json:"t,omitempty"`
	Weight     float32   `json:"w,omitempty"` // of a search
	ID         uuid.UUID `json:"id"`
}

// List gives the published roles and the user's own, and the place of the last one. In
// order of industry, level and title; of a search, the best match first. The limit is
// asked for plus one by who wants to know whether there are more. Faults:
// catalogue.unknown_industry.
func (s *Service) List(ctx context.Context, in ListInput) (roles []Role, keys []RoleKey, err error) {
	if in.Industry != "" {
		id, ok := s.Current().Industry(in.Industry)
		if !ok {
			return nil, nil, errUnknownIndustry
		}
		in.Industry = id
	}
	if strings.TrimSpace(in.Query) != "" {
		return s.search(ctx, in)
	}
	if roles, err = s.store.listed(ctx, in); err != nil {
		return nil, nil, err
	}
	for _, r := range roles {
		keys = append(keys, RoleKey{IndustryID: r.IndustryID, Rank: r.sorted.rank, Title: r.sorted.title, ID: r.ID})
	}
	return roles, keys, nil
}

// wordRange is a word that is searched for: the terms from one to another.
type wordRange struct{ from, to string }

// search finds the roles that have every word; the last one may be a beginning.
func (s *Service) search(ctx context.Context, in ListInput) ([]Role, []RoleKey, error) {
	words := terms(in.Query)
	if len(words) == 0 {
		words = []term{{strings.ToLower(strings.TrimSpace(in.Query)), in.Query}} // a word that says little, or one sign
	}
	ranges := make([]wordRange, len(words))
	for i, w := range words {
		ranges[i] = wordRange{w.text, w.text}
	}
	last := words[len(words)-1]
	ranges[len(words)-1] = wordRange{shorter(last.text, last.surface), shorter(last.text, last.surface) + "\U0010FFFF"}
	if in.After == (RoleKey{}) {
		in.After.Weight = math.MaxFloat32
	}
	found, err := s.store.found(ctx, in, ranges, s.industries(in.Industry))
	if err != nil {
		return nil, nil, err
	}
	ids := make([]uuid.UUID, len(found))
	for i, f := range found {
		ids[i] = f.id
	}
	roles, err := s.store.rolesByID(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	have := byID(roles)
	var sorted []Role
	var keys []RoleKey
	for _, f := range found {
		if r, ok := have[f.id]; ok {
			sorted = append(sorted, r)
			keys = append(keys, RoleKey{Weight: float32(f.weight), ID: f.id})
		}
	}
	return sorted, keys, nil
}

// shorter gives the shorter of a stem and the word as written, which begins alike.
func shorter(stem, surface string) string {
	surface = strings.ToLower(surface)
	if len(surface) < len(stem) {
		return surface
	}
	return stem
}

// industries are those to search: one, or all.
func (s *Service) industries(one string) []string {
	if one != "" {
		return []string{one}
	}
	all := []string{}
	for _, i := range s.Current().Industries {
		all = append(all, i.ID)
	}
	return slices.Clip(all)
}

// Role reads a role that the user may see. Faults: resource.not_found.
func (s *Service) Role(ctx context.Context, user, id uuid.UUID) (Role, error) {
	return s.store.role(ctx, user, id)
}

// Unpublished gives the custom roles that nobody but their authors sees, the newest
// first.
func (s *Service) Unpublished(ctx context.Context, beforeAt time.Time, beforeID uuid.UUID, limit int) ([]Role, error) {
	return s.store.unpublished(ctx, beforeAt, beforeID, limit)
}

// ByAuthor gives what a learner wrote, the oldest first: all of it, for MaxCustomRoles
// bounds it.
func (s *Service) ByAuthor(ctx context.Context, author uuid.UUID) ([]Role, error) {
	return s.store.byAuthor(ctx, author)
}
