package journey

import (
	"context"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/client"
)

// Profile is what somebody says of themselves in the onboarding.
type Profile struct {
	Accept         string // Accept-Language of their client
	NativeLanguage string
	Industry       string
	Title          string // of their job, in their own words
	Description    string
	Custom         bool     // keeps the own words as a role, whatever matches
	Partners       []string // the most important first
	Situations     []string // with each partner
}

// A Step is one thing that a learner does in the onboarding, and where it leads.
type Step struct {
	Name string
	Now  client.ProgressStep // current_step after it
	Do   func(ctx context.Context, l *Learner) error
}

// Steps are those of the onboarding, in order.
func (p *Profile) Steps() []Step {
	steps := []Step{
		{"choose the language", client.ProgressStepNativeLanguage, p.chooseLanguage},
		{"choose the industry", client.ProgressStepIndustrySelection, p.chooseIndustry},
		{"describe the job", client.ProgressStepRoleInput, p.describe},
		{"choose the role", client.ProgressStepRoleSelection, p.chooseRole},
		{"choose the partners", client.ProgressStepCommunicationPartners, p.choosePartners},
	}
	for i := range p.Partners {
		steps = append(steps, Step{"choose situations with " + p.Partners[i], client.ProgressStepSituationSelection, func(ctx context.Context, l *Learner) error {
			return p.chooseSituations(ctx, l, p.Partners[i])
		}})
	}
	return append(steps,
		Step{"read the summary", client.ProgressStepSummary, p.readSummary},
		Step{"complete", client.ProgressStepCompleted, p.complete},
	)
}

func (p *Profile) chooseLanguage(ctx context.Context, l *Learner) error {
	a, err := l.api.SetNativeLanguageWithResponse(ctx, &client.SetNativeLanguageParams{AcceptLanguage: &p.Accept},
		client.SetNativeLanguageRequest{NativeLanguage: p.NativeLanguage})
	if err != nil {
		return fmt.Errorf("setNativeLanguage: %w", err)
	}
	_, err = wanted("setNativeLanguage", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	return err
}

func (p *Profile) chooseIndustry(ctx context.Context, l *Learner) error {
	a, err := l.api.SetIndustryWithResponse(ctx, &client.SetIndustryParams{AcceptLanguage: &p.Accept},
		client.SetIndustryRequest{IndustryID: p.Industry})
	if err != nil {
		return fmt.Errorf("setIndustry: %w", err)
	}
	_, err = wanted("setIndustry", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	return err
}

func (p *Profile) describe(ctx context.Context, l *Learner) error {
	_, err := l.Match(ctx, p)
	return err
}

// Match asks which roles fit the job.
func (l *Learner) Match(ctx context.Context, p *Profile) (*client.RoleMatches, error) {
	a, err := l.api.MatchRolesWithResponse(ctx, &client.MatchRolesParams{AcceptLanguage: &p.Accept},
		client.MatchRolesRequest{Title: p.Title, Description: p.Description})
	if err != nil {
		return nil, fmt.Errorf("matchRoles: %w", err)
	}
	return wanted("matchRoles", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
}

// chooseRole takes the best match of what was described, which another client may have
// done: so it is read from the onboarding.
func (p *Profile) chooseRole(ctx context.Context, l *Learner) error {
	now, err := l.Onboarding(ctx, p.Accept)
	if err != nil {
		return err
	}
	input, err := now.Selections.RoleInput.Get()
	if err != nil {
		return fmt.Errorf("what was described is not there: %w", err)
	}
	var choice client.SetRoleRequest
	if p.Custom {
		choice.Custom = &client.CustomRole{Title: input.Title, Description: input.Description}
	} else {
		found, err := l.Match(ctx, &Profile{Accept: p.Accept, Title: input.Title, Description: input.Description})
		if err != nil {
			return err
		}
		if len(found.Matches) == 0 {
			return fmt.Errorf("no role fits %q", input.Title)
		}
		choice.RoleID = &found.Matches[0].Role.ID
	}
	a, err := l.api.SetRoleWithResponse(ctx, &client.SetRoleParams{AcceptLanguage: &p.Accept}, choice)
	if err != nil {
		return fmt.Errorf("setRole: %w", err)
	}
	_, err = wanted("setRole", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	return err
}

func (p *Profile) choosePartners(ctx context.Context, l *Learner) error {
	a, err := l.api.SetPartnersWithResponse(ctx, &client.SetPartnersParams{AcceptLanguage: &p.Accept},
		client.SetPartnersRequest{PartnerIds: p.Partners})
	if err != nil {
		return fmt.Errorf("setPartners: %w", err)
	}
	_, err = wanted("setPartners", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	return err
}

func (p *Profile) chooseSituations(ctx context.Context, l *Learner, partner string) error {
	a, err := l.api.SetPartnerSituationsWithResponse(ctx, partner, &client.SetPartnerSituationsParams{AcceptLanguage: &p.Accept},
		client.SetPartnerSituationsRequest{SituationIds: p.Situations})
	if err != nil {
		return fmt.Errorf("setPartnerSituations: %w", err)
	}
	_, err = wanted("setPartnerSituations", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	return err
}

func (p *Profile) readSummary(ctx context.Context, l *Learner) error {
	_, err := l.Summary(ctx, p.Accept)
	return err
}

func (p *Profile) complete(ctx context.Context, l *Learner) error {
	a, err := l.api.CompleteOnboardingWithResponse(ctx, &client.CompleteOnboardingParams{AcceptLanguage: &p.Accept})
	if err != nil {
		return fmt.Errorf("completeOnboarding: %w", err)
	}
	_, err = wanted("completeOnboarding", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	return err
}

// Onboarding reads how far the learner has come.
func (l *Learner) Onboarding(ctx context.Context, accept string) (*client.Onboarding, error) {
	a, err := l.api.GetOnboardingWithResponse(ctx, &client.GetOnboardingParams{AcceptLanguage: &accept})
	if err != nil {
		return nil, fmt.Errorf("getOnboarding: %w", err)
	}
	return wanted("getOnboarding", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
}

// Summary reads what was chosen, by name.
func (l *Learner) Summary(ctx context.Context, accept string) (*client.OnboardingSummary, error) {
	a, err := l.api.GetOnboardingSummaryWithResponse(ctx, &client.GetOnboardingSummaryParams{AcceptLanguage: &accept})
	if err != nil {
		return nil, fmt.Errorf("getOnboardingSummary: %w", err)
	}
	return wanted("getOnboardingSummary", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
}

// Task follows a task to its end, by its stream.
func (l *Learner) Task(ctx context.Context, id uuid.UUID) (*client.Task, error) {
	response, err := l.api.StreamTaskEvents(ctx, id, nil)
	if err != nil {
		return nil, fmt.Errorf("streamTaskEvents: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil { // it ends with the task
		return nil, fmt.Errorf("streamTaskEvents: %w", err)
	}
	a, err := l.api.GetTaskWithResponse(ctx, id, nil)
	if err != nil {
		return nil, fmt.Errorf("getTask: %w", err)
	}
	return wanted("getTask", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
}

// LearningPlan reads the newest plan.
func (l *Learner) LearningPlan(ctx context.Context) (*client.LearningPlan, error) {
	a, err := l.api.GetLearningPlanWithResponse(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("getLearningPlan: %w", err)
	}
	return wanted("getLearningPlan", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
}
