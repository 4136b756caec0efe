package app

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/task"
)

// scenes gives conversations what they need of the catalogue.
type scenes struct{ *catalogue.Service }

// Scene finds a partner in a situation.
func (s scenes) Scene(partnerID, situationID string) (conversation.Scene, error) {
	found, err := s.Current().Scene(partnerID, situationID)
	if err != nil {
		return conversation.Scene{}, err
	}
	p, t := found.Partner, found.Situation
	return conversation.Scene{
		PartnerID: p.ID, PartnerName: p.Name.In("en"), Persona: p.Persona, Greeting: p.Greeting,
		SituationID: t.ID, SituationName: t.Name.In("en"), Brief: t.Brief, Opening: t.Opening,
	}, nil
}

// learners gives conversations what they may know of an account.
type learners struct{ *nouns }

// Learner reads what the model may know of a learner.
func (l learners) Learner(ctx context.Context, id uuid.UUID) (conversation.Learner, error) {
	user, err := l.accounts.User(ctx, id)
	if err != nil {
		return conversation.Learner{}, err
	}
	out := conversation.Learner{FullName: user.FullName}
	if user.NativeLanguage != nil {
		out.NativeLanguage = *user.NativeLanguage
	}
	return out, nil
}

// choices gives the onboarding the ids of the catalogue.
type choices struct{ *catalogue.Service }

// NativeLanguage gives the id of an available language.
func (c choices) NativeLanguage(given string) (string, bool) {
	return c.Current().NativeLanguage(given)
}

// Industry gives the id of an industry.
func (c choices) Industry(given string) (string, bool) { return c.Current().Industry(given) }

// Partner gives the id of a partner.
func (c choices) Partner(given string) (string, bool) { return c.Current().Partner(given) }

// Situation gives the id of a situation.
func (c choices) Situation(given string) (string, bool) { return c.Current().Situation(given) }

// roles gives the onboarding the roles of the catalogue.
type roles struct{ *catalogue.Service }

// Role reads a role that the learner may see.
func (r roles) Role(ctx context.Context, user, id uuid.UUID, language string) (onboarding.Role, error) {
	found, err := r.Service.Role(ctx, user, id)
	return toOnboardingRole(found, language), err
}

// Match finds roles that fit a job.
func (r roles) Match(ctx context.Context, in onboarding.MatchInput) (onboarding.Matches, error) {
	found, err := r.Service.Match(ctx, catalogue.MatchInput{
		IndustryID: in.IndustryID, Title: in.Title, Description: in.Description, Language: in.Language,
	})
	if err != nil {
		return onboarding.Matches{}, err
	}
	out := onboarding.Matches{Action: found.Action, Degraded: found.Degraded}
	for _, m := range found.Matches {
		out.Matches = append(out.Matches, onboarding.Match{Role: toOnboardingRole(m.Role, in.Language), Score: m.Score, Reasons: m.Reasons})
	}
	return out, nil
}

// Compose makes a role of a learner's own words.
func (r roles) Compose(ctx context.Context, in onboarding.ComposeInput) (onboarding.NewRole, error) {
	made, err := r.Service.Compose(ctx, catalogue.ComposeInput{
		UserID: in.UserID, IndustryID: in.IndustryID, Title: in.Title, Description: in.Description, Level: in.Level, Language: in.Language,
	})
	if err != nil {
		return onboarding.NewRole{}, err
	}
	return onboarding.NewRole{ID: made.ID, Existing: made.Existing, Insert: func(ctx context.Context, tx postgres.Tx) error {
		return r.Insert(ctx, tx, made)
	}}, nil
}

func toOnboardingRole(r catalogue.Role, language string) onboarding.Role {
	return onboarding.Role{
		ID: r.ID, IndustryID: r.IndustryID, Level: r.Level, Title: r.Title.In(language), Description: r.Description.In(language),
		Keywords: r.Keywords.In(language), Custom: r.Custom,
	}
}

// languages keeps a learner's native language in the account.
type languages struct{ *account.Service }

// NativeLanguage reads it; nil: not chosen.
func (l languages) NativeLanguage(ctx context.Context, user uuid.UUID) (*string, error) {
	u, err := l.User(ctx, user)
	return u.NativeLanguage, err
}

// SetNativeLanguage writes it; nil takes it away.
func (l languages) SetNativeLanguage(ctx context.Context, tx postgres.Tx, user uuid.UUID, language *string) error {
	_, err := l.UpdateProfileIn(ctx, tx, account.UpdateProfileInput{UserID: user, NativeLanguage: &language})
	return err
}

// plans starts the task that writes a learning plan.
type plans struct{ *task.Service }

// Start starts it in tx.
func (p plans) Start(ctx context.Context, tx postgres.Tx, user uuid.UUID) (uuid.UUID, error) {
	t, err := p.Service.Start(ctx, tx, task.StartInput{UserID: user, Kind: learning.PlanKind, Input: learning.PlanInput{Format: 1, UserID: user}})
	return t.ID, err
}

// profiles gives the learning plan what a learner has chosen.
type profiles struct {
	onboardings *onboarding.Service
	catalogue   *catalogue.Service
}

var errIncomplete = fault.New(fault.Conflict, "onboarding.incomplete", "A learning plan is written from a complete onboarding.")

// Profile reads it, with names in the learner's native language. Who completed without
// partners (version 1 lets them) is given those that most learners speak with.
func (p profiles) Profile(ctx context.Context, user uuid.UUID) (learning.Profile, error) {
	o, err := p.onboardings.Get(ctx, user, "en")
	if err != nil {
		return learning.Profile{}, err
	}
	if o.Status != onboarding.StatusCompleted || o.IndustryID == nil || o.Role == nil {
		return learning.Profile{}, errIncomplete.WithDetail("missing", o.Missing())
	}
	c := p.catalogue.Current()
	language := languageOf(c, o)
	role, err := p.catalogue.Role(ctx, user, o.Role.ID)
	if err != nil {
		return learning.Profile{}, err
	}
	out := learning.Profile{
		Language: language, Industry: byName(c.Industries, *o.IndustryID, language, func(i catalogue.Industry) (string, catalogue.Text) { return i.ID, i.Name }),
		Role: learning.RoleProfile{Title: role.Title.In(language), Description: role.Description.In(language)},
	}
	for _, chosen := range o.Partners {
		if len(chosen.Situations) > 0 {
			out.Partners = append(out.Partners, partnerProfile(c, chosen, language))
		}
	}
	if len(out.Partners) == 0 {
		for _, usual := range []string{"clients", "colleagues"} {
			out.Partners = append(out.Partners, partnerProfile(c, onboarding.Partner{ID: usual, Situations: []string{"meetings", "phone_calls", "status_updates"}}, language))
		}
	}
	return out, nil
}

// languageOf is the learner's native one, where there are texts in it.
func languageOf(c *catalogue.Catalogue, o onboarding.Onboarding) string {
	if o.NativeLanguage != nil {
		if tag, ok := c.LanguageTag(*o.NativeLanguage); ok {
			return tag
		}
	}
	return "en"
}

func partnerProfile(c *catalogue.Catalogue, chosen onboarding.Partner, language string) learning.PartnerProfile {
	n := byName(c.Partners, chosen.ID, language, func(x catalogue.Partner) (string, catalogue.Text) { return x.ID, x.Name })
	partner := learning.PartnerProfile{ID: n.ID, Name: n.Name}
	for _, id := range chosen.Situations {
		partner.Situations = append(partner.Situations, byName(c.Situations, id, language, func(x catalogue.Situation) (string, catalogue.Text) { return x.ID, x.Name }))
	}
	return partner
}

// byName gives an entry its name; one that the catalogue has no more goes by its id.
func byName[T any](all []T, id, language string, of func(T) (string, catalogue.Text)) learning.Named {
	i := slices.IndexFunc(all, func(one T) bool { have, _ := of(one); return have == id })
	if i < 0 {
		return learning.Named{ID: id, Name: id}
	}
	_, name := of(all[i])
	return learning.Named{ID: id, Name: name.In(language)}
}
