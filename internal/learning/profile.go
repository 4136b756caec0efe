package learning

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
)

// Profile is what a plan is made from, with names and texts in Language, and
// partners and situations in the learner's order of priority. Its JSON is what
// the model gets to read.
type Profile struct {
	Language string           `json:"language"` // en, zh-Hans or zh-Hant
	Industry Named            `json:"industry"`
	Role     RoleProfile      `json:"role"`
	Partners []PartnerProfile `json:"partners"`
}

// Named is an entry of the catalogue.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// RoleProfile is the learner's job, perhaps in words of their own.
type RoleProfile struct {
	Title       string `json:"title"`
	Description string `json:"description"`
}

// PartnerProfile is somebody whom the learner speaks with, and when.
type PartnerProfile struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Situations []Named `json:"situations"`
}

// Profiles reads a learner's profile. Fault: onboarding.incomplete when there is
// nothing to plan from. Its faults reach the client as they are.
type Profiles interface {
	Profile(ctx context.Context, user uuid.UUID) (Profile, error)
}

// What of a profile is planned with, so that a prompt and a schema stay small:
// the first of each by priority, and so many characters of the role.
const (
	maxPartners        = 20
	maxSituations      = 30 // of each partner
	maxRoleTitle       = 200
	maxRoleDescription = 2000
)

var errEmptyProfile = errors.New("the profile holds no partner with a situation")

// usable keeps what a plan can be made of: a language that there are texts in,
// partners with situations, and all of it within bounds.
func (p Profile) usable() (Profile, error) {
	if _, ok := languageNames[p.Language]; !ok {
		p.Language = english
	}
	p.Role = RoleProfile{upTo(p.Role.Title, maxRoleTitle), upTo(p.Role.Description, maxRoleDescription)}
	chosen := p.Partners
	p.Partners = nil
	for _, partner := range chosen {
		if len(partner.Situations) == 0 || len(p.Partners) == maxPartners {
			continue
		}
		partner.Situations = partner.Situations[:min(len(partner.Situations), maxSituations)]
		p.Partners = append(p.Partners, partner)
	}
	if len(p.Partners) == 0 {
		return p, errEmptyProfile
	}
	return p, nil
}

// place finds what the learner has chosen: the lower, the more important.
func (p Profile) place(partnerID, situationID string) (partner, situation int, ok bool) {
	partner = slices.IndexFunc(p.Partners, func(x PartnerProfile) bool { return x.ID == partnerID })
	if partner < 0 {
		return 0, 0, false
	}
	situation = slices.IndexFunc(p.Partners[partner].Situations, func(x Named) bool { return x.ID == situationID })
	return partner, situation, situation >= 0
}

// byPriority compares two conversations by the learner's priorities.
func (p Profile) byPriority(a, b Conversation) int {
	pa, sa, _ := p.place(a.PartnerID, a.SituationID)
	pb, sb, _ := p.place(b.PartnerID, b.SituationID)
	return cmp.Or(cmp.Compare(pa, pb), cmp.Compare(sa, sb))
}

// rank puts the conversations in the learner's order and names them. Those of one
// pair keep the order in which they were written.
func (c *content) rank(p Profile) {
	slices.SortStableFunc(c.Conversations, p.byPriority)
	for i := range c.Conversations {
		one := &c.Conversations[i]
		one.Rank, one.Title = i+1, titleOf(p, one.PartnerID, one.SituationID)
	}
}
