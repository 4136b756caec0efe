package v1

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

var errNoPartner = fault.New(fault.NotFound, "resource.not_found", "There is no such communication partner.")

// SetNativeLanguageV1 chooses the native language.
func (s *Server) SetNativeLanguageV1(ctx context.Context, req apiv1.SetNativeLanguageV1RequestObject) (apiv1.SetNativeLanguageV1ResponseObject, error) {
	o, err := s.Onboarding.SetNativeLanguage(ctx, onboarding.SetNativeLanguageInput{
		UserID: me(ctx), Language: language, NativeLanguage: req.Body.NativeLanguage,
	})
	if err != nil {
		return nil, err
	}
	return apiv1.SetNativeLanguageV1200JSONResponse{
		Success: true, Message: "Your native language is saved.", NativeLanguage: *o.NativeLanguage, Data: orNull[any](nil), Timestamp: s.timestamp(),
	}, nil
}

// SetIndustryV1 chooses the industry.
func (s *Server) SetIndustryV1(ctx context.Context, req apiv1.SetIndustryV1RequestObject) (apiv1.SetIndustryV1ResponseObject, error) {
	o, err := s.Onboarding.SetIndustry(ctx, onboarding.SetIndustryInput{UserID: me(ctx), Language: language, IndustryID: req.Body.Industry})
	if err != nil {
		return nil, err
	}
	return apiv1.SetIndustryV1200JSONResponse{
		Success: true, Message: "Your industry is saved.", Industry: *o.IndustryID, Data: orNull[any](nil), Timestamp: s.timestamp(),
	}, nil
}

// SearchRolesV1 finds the roles that fit a job as it is described.
func (s *Server) SearchRolesV1(ctx context.Context, req apiv1.SearchRolesV1RequestObject) (apiv1.SearchRolesV1ResponseObject, error) {
	found, err := s.Onboarding.MatchRoles(ctx, onboarding.MatchRolesInput{
		UserID: me(ctx), Language: language, Title: req.Body.JobTitle, Description: req.Body.JobDescription,
	})
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	out := apiv1.SearchRolesV1200JSONResponse{Success: true, Message: "These roles fit your job.", Matches: []apiv1.RoleMatch{}, SearchID: id}
	if len(found.Matches) == 0 {
		out.Message = "No role fits your job; describe your own."
	}
	for _, m := range found.Matches {
		out.Matches = append(out.Matches, apiv1.RoleMatch{
			ID: m.Role.ID, Title: m.Role.Title, Description: m.Role.Description,
			IndustryName: industryName(s.Catalogue.Current(), m.Role.IndustryID), ConfidenceScore: m.Score,
		})
	}
	return out, nil
}

// SelectRoleV1 chooses a role, or makes one of the learner's own words.
func (s *Server) SelectRoleV1(ctx context.Context, req apiv1.SelectRoleV1RequestObject) (apiv1.SelectRoleV1ResponseObject, error) {
	in := onboarding.SetRoleInput{UserID: me(ctx), Language: language, RoleID: given(req.Body.RoleID)}
	title, description := given(req.Body.CustomTitle), given(req.Body.CustomDescription)
	if title != nil || description != nil {
		in.Custom = &onboarding.CustomRole{}
		if title != nil {
			in.Custom.Title = *title
		}
		if description != nil {
			in.Custom.Description = *description
		}
	}
	o, err := s.Onboarding.SetRole(ctx, in)
	if err != nil {
		return nil, err
	}
	return apiv1.SelectRoleV1200JSONResponse{Success: true, Message: "Your role is saved.", RoleID: o.Role.ID, IsCustom: o.Role.Custom}, nil
}

// ListPartnersV1 lists the communication partners.
func (s *Server) ListPartnersV1(context.Context, apiv1.ListPartnersV1RequestObject) (apiv1.ListPartnersV1ResponseObject, error) {
	out := apiv1.ListPartnersV1200JSONResponse{Success: true, Message: "These are the partners to choose from.", Partners: []apiv1.Choice{}}
	for _, p := range s.Catalogue.Current().Partners {
		out.Partners = append(out.Partners, choice(p.ID, p.Name, p.Description))
	}
	return out, nil
}

// SelectPartnersV1 chooses the communication partners.
func (s *Server) SelectPartnersV1(ctx context.Context, req apiv1.SelectPartnersV1RequestObject) (apiv1.SelectPartnersV1ResponseObject, error) {
	o, err := s.Onboarding.SetPartners(ctx, onboarding.SetPartnersInput{UserID: me(ctx), Language: language, PartnerIDs: req.Body.PartnerIds})
	if err != nil {
		return nil, err
	}
	out := apiv1.SelectPartnersV1200JSONResponse{
		Success: true, Message: "Your partners are saved.", SelectedCount: len(o.Partners), PartnerSelections: []apiv1.PartnerSelection{},
	}
	for n, p := range o.Partners {
		out.PartnerSelections = append(out.PartnerSelections, apiv1.PartnerSelection{UserID: o.UserID, CommunicationPartnerID: p.ID, Priority: n + 1})
	}
	return out, nil
}

// ListSituationsV1 lists the situations, and those chosen with a partner.
func (s *Server) ListSituationsV1(ctx context.Context, req apiv1.ListSituationsV1RequestObject) (apiv1.ListSituationsV1ResponseObject, error) {
	now := s.Catalogue.Current()
	id, ok := now.Partner(req.PartnerID)
	if !ok {
		return nil, errNoPartner
	}
	o, err := s.Onboarding.Get(ctx, me(ctx), language)
	if err != nil {
		return nil, err
	}
	out := apiv1.ListSituationsV1200JSONResponse{
		Success: true, Message: "These are the situations to choose from.", PartnerID: id, PartnerName: partnerOf(now, id).Name,
		AvailableSituations: []apiv1.Choice{}, SelectedSituations: []string{},
	}
	for _, situation := range now.Situations {
		out.AvailableSituations = append(out.AvailableSituations, choice(situation.ID, situation.Name, situation.Description))
	}
	out.SelectedSituations = append(out.SelectedSituations, situationsWith(o, id)...)
	return out, nil
}

// SelectSituationsV1 chooses the situations with one partner.
func (s *Server) SelectSituationsV1(ctx context.Context, req apiv1.SelectSituationsV1RequestObject) (apiv1.SelectSituationsV1ResponseObject, error) {
	o, err := s.Onboarding.SetPartnerSituations(ctx, onboarding.SetPartnerSituationsInput{
		UserID: me(ctx), Language: language, PartnerID: req.Body.PartnerID, SituationIDs: req.Body.SituationIds,
	})
	if err != nil {
		return nil, err
	}
	id, _ := s.Catalogue.Current().Partner(req.Body.PartnerID)
	selected := situationsWith(o, id)
	out := apiv1.SelectSituationsV1200JSONResponse{
		Success: true, Message: "Your situations are saved.", PartnerID: id, SelectedCount: len(selected), SituationSelections: []apiv1.SituationSelection{},
	}
	for n, unit := range selected {
		out.SituationSelections = append(out.SituationSelections, apiv1.SituationSelection{
			UserID: o.UserID, CommunicationPartnerID: id, UnitID: unit, Priority: n + 1,
		})
	}
	return out, nil
}

// GetSelectionsV1 reads what was chosen in part 2.
func (s *Server) GetSelectionsV1(ctx context.Context, _ apiv1.GetSelectionsV1RequestObject) (apiv1.GetSelectionsV1ResponseObject, error) {
	o, err := s.Onboarding.Get(ctx, me(ctx), language)
	if err != nil {
		return nil, err
	}
	out := apiv1.GetSelectionsV1200JSONResponse{
		Success: true, Message: "This is what you chose.", TotalPartnersSelected: len(o.Partners), Selections: []apiv1.Selection{},
	}
	for n, p := range o.Partners {
		selection := apiv1.Selection{Partner: p.ID, Priority: n + 1, Situations: []apiv1.SelectedUnit{}}
		for m, unit := range p.Situations {
			selection.Situations = append(selection.Situations, apiv1.SelectedUnit{Unit: unit, Priority: m + 1})
		}
		out.TotalSituationsSelected += len(p.Situations)
		out.Selections = append(out.Selections, selection)
	}
	return out, nil
}

// CompletePartTwoV1 sends the app on to part 3.
func (s *Server) CompletePartTwoV1(context.Context, apiv1.CompletePartTwoV1RequestObject) (apiv1.CompletePartTwoV1ResponseObject, error) {
	return apiv1.CompletePartTwoV1200JSONResponse{Success: true, Message: "Part 2 is done.", NextStep: apiv1.Part3}, nil
}

// GetSummaryV1 reads the whole profile.
func (s *Server) GetSummaryV1(ctx context.Context, _ apiv1.GetSummaryV1RequestObject) (apiv1.GetSummaryV1ResponseObject, error) {
	o, err := s.Onboarding.Summary(ctx, me(ctx), language)
	if err != nil {
		return nil, err
	}
	return apiv1.GetSummaryV1200JSONResponse{
		Success: true, Message: "This is your profile.", Summary: toAPISummary(o, s.Catalogue.Current()),
	}, nil
}

// CompleteV1 finishes the onboarding; partners are not needed, as the app expects.
func (s *Server) CompleteV1(ctx context.Context, _ apiv1.CompleteV1RequestObject) (apiv1.CompleteV1ResponseObject, error) {
	o, err := s.Onboarding.Complete(ctx, onboarding.CompleteInput{UserID: me(ctx), Language: language, PartnersOptional: true})
	if err != nil {
		return nil, err
	}
	return apiv1.CompleteV1200JSONResponse{
		Success: true, Message: "Your profile is complete.", OnboardingStatus: toAPIStatus(o), NextSteps: []string{"Your learning plan is being written."},
	}, nil
}

// GetProgressV1 reads how far the learner has come.
func (s *Server) GetProgressV1(ctx context.Context, _ apiv1.GetProgressV1RequestObject) (apiv1.GetProgressV1ResponseObject, error) {
	o, err := s.Onboarding.Get(ctx, me(ctx), language)
	if err != nil {
		return nil, err
	}
	completed := o.Status == onboarding.StatusCompleted
	return apiv1.GetProgressV1200JSONResponse{
		Success: true, Message: "This is how far you have come.", CurrentStep: apiv1.Step(o.Step), NextStep: nextStep(o), Completed: completed,
		CanResume: !completed && o.StartedAt != nil, ProgressData: toAPIProgressData(o), Timestamp: s.timestamp(),
	}, nil
}

// TrackProgressV1 answers how far the learner has come. Seeing the summary is the one
// action that is not done by an operation of its own.
func (s *Server) TrackProgressV1(ctx context.Context, req apiv1.TrackProgressV1RequestObject) (apiv1.TrackProgressV1ResponseObject, error) {
	read := s.Onboarding.Get
	if req.Body.Action == apiv1.ViewSummary {
		read = s.Onboarding.Summary
	}
	o, err := read(ctx, me(ctx), language)
	if err != nil {
		return nil, err
	}
	user, err := s.Accounts.User(ctx, o.UserID)
	if err != nil {
		return nil, err
	}
	progress := apiv1.Progress{
		ID: o.UserID, UserID: o.UserID, CurrentStep: apiv1.Step(o.Step), Data: toAPIProgressData(o),
		Completed: o.Status == onboarding.StatusCompleted, CreatedAt: user.CreatedAt, UpdatedAt: user.CreatedAt,
	}
	if o.StartedAt != nil {
		progress.CreatedAt = *o.StartedAt
	}
	if o.UpdatedAt != nil {
		progress.UpdatedAt = *o.UpdatedAt
	}
	return apiv1.TrackProgressV1200JSONResponse{
		Success: true, Message: "This is how far you have come.", Progress: progress, NextStep: nextStep(o),
	}, nil
}

// ResetProgressV1 begins anew.
func (s *Server) ResetProgressV1(ctx context.Context, _ apiv1.ResetProgressV1RequestObject) (apiv1.ResetProgressV1ResponseObject, error) {
	o, err := s.Onboarding.Reset(ctx, me(ctx), language)
	if err != nil {
		return nil, err
	}
	return apiv1.ResetProgressV1200JSONResponse{Success: true, Message: "Your onboarding begins anew.", CurrentStep: apiv1.Step(o.Step)}, nil
}

func choice(id string, name, description catalogue.Text) apiv1.Choice {
	return apiv1.Choice{ID: id, Identifier: id, Name: name.In(language), Description: description.In(language)}
}
