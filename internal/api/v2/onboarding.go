package v2

import (
	"context"
	"crypto/sha256"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/onboarding"
)

// GetOnboarding reads how far the learner has come.
func (s *Server) GetOnboarding(ctx context.Context, req apiv2.GetOnboardingRequestObject) (apiv2.GetOnboardingResponseObject, error) {
	o, err := s.Onboarding.Get(ctx, web.IdentityFrom(ctx).UserID, tag(req.Params.AcceptLanguage))
	if err != nil {
		return nil, err
	}
	etag := onboardingETag(o)
	if web.NotModified(valueOr(req.Params.IfNoneMatch, ""), etag) {
		return apiv2.GetOnboarding304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return apiv2.GetOnboarding200JSONResponse{Body: ToAPIOnboarding(o), Headers: apiv2.GetOnboarding200ResponseHeaders{ETag: etag}}, nil
}

// SetNativeLanguage chooses the native language.
func (s *Server) SetNativeLanguage(ctx context.Context, req apiv2.SetNativeLanguageRequestObject) (apiv2.SetNativeLanguageResponseObject, error) {
	o, err := s.Onboarding.SetNativeLanguage(ctx, onboarding.SetNativeLanguageInput{
		UserID: web.IdentityFrom(ctx).UserID, Language: tag(req.Params.AcceptLanguage),
		NativeLanguage: req.Body.NativeLanguage, Matches: matchesOnboarding(req.Params.IfMatch),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.SetNativeLanguage200JSONResponse{Body: ToAPIOnboarding(o), Headers: apiv2.SetNativeLanguage200ResponseHeaders{ETag: onboardingETag(o)}}, nil
}

// SetIndustry chooses the industry.
func (s *Server) SetIndustry(ctx context.Context, req apiv2.SetIndustryRequestObject) (apiv2.SetIndustryResponseObject, error) {
	o, err := s.Onboarding.SetIndustry(ctx, onboarding.SetIndustryInput{
		UserID: web.IdentityFrom(ctx).UserID, Language: tag(req.Params.AcceptLanguage),
		IndustryID: req.Body.IndustryID, Matches: matchesOnboarding(req.Params.IfMatch),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.SetIndustry200JSONResponse{Body: ToAPIOnboarding(o), Headers: apiv2.SetIndustry200ResponseHeaders{ETag: onboardingETag(o)}}, nil
}

// MatchRoles finds the roles that fit a job as it is described.
func (s *Server) MatchRoles(ctx context.Context, req apiv2.MatchRolesRequestObject) (apiv2.MatchRolesResponseObject, error) {
	found, err := s.Onboarding.MatchRoles(ctx, onboarding.MatchRolesInput{
		UserID: web.IdentityFrom(ctx).UserID, Language: tag(req.Params.AcceptLanguage),
		Title: req.Body.Title, Description: req.Body.Description,
	})
	if err != nil {
		return nil, err
	}
	out := apiv2.MatchRoles200JSONResponse{
		Matches: make([]apiv2.RoleMatch, 0, len(found.Matches)), RecommendedAction: apiv2.RecommendedAction(found.Action), Degraded: found.Degraded,
	}
	for _, m := range found.Matches {
		out.Matches = append(out.Matches, apiv2.RoleMatch{Role: toAPISelectedRole(m.Role), Score: float32(m.Score), Reasons: m.Reasons})
	}
	return out, nil
}

// SetRole chooses a role, or makes one of the learner's own words.
func (s *Server) SetRole(ctx context.Context, req apiv2.SetRoleRequestObject) (apiv2.SetRoleResponseObject, error) {
	in := onboarding.SetRoleInput{
		UserID: web.IdentityFrom(ctx).UserID, Language: tag(req.Params.AcceptLanguage),
		RoleID: req.Body.RoleID, Matches: matchesOnboarding(req.Params.IfMatch),
	}
	if c := req.Body.Custom; c != nil {
		in.Custom = &onboarding.CustomRole{Title: c.Title, Description: c.Description, Level: (*string)(c.HierarchyLevel)}
	}
	o, err := s.Onboarding.SetRole(ctx, in)
	if err != nil {
		return nil, err
	}
	return apiv2.SetRole200JSONResponse{Body: ToAPIOnboarding(o), Headers: apiv2.SetRole200ResponseHeaders{ETag: onboardingETag(o)}}, nil
}

// SetPartners chooses the communication partners.
func (s *Server) SetPartners(ctx context.Context, req apiv2.SetPartnersRequestObject) (apiv2.SetPartnersResponseObject, error) {
	o, err := s.Onboarding.SetPartners(ctx, onboarding.SetPartnersInput{
		UserID: web.IdentityFrom(ctx).UserID, Language: tag(req.Params.AcceptLanguage),
		PartnerIDs: req.Body.PartnerIds, Matches: matchesOnboarding(req.Params.IfMatch),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.SetPartners200JSONResponse{Body: ToAPIOnboarding(o), Headers: apiv2.SetPartners200ResponseHeaders{ETag: onboardingETag(o)}}, nil
}

// SetPartnerSituations chooses the situations with one partner.
func (s *Server) SetPartnerSituations(ctx context.Context, req apiv2.SetPartnerSituationsRequestObject) (apiv2.SetPartnerSituationsResponseObject, error) {
	o, err := s.Onboarding.SetPartnerSituations(ctx, onboarding.SetPartnerSituationsInput{
		UserID: web.IdentityFrom(ctx).UserID, Language: tag(req.Params.AcceptLanguage),
		PartnerID: req.PartnerID, SituationIDs: req.Body.SituationIds, Matches: matchesOnboarding(req.Params.IfMatch),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.SetPartnerSituations200JSONResponse{Body: ToAPIOnboarding(o), Headers: apiv2.SetPartnerSituations200ResponseHeaders{ETag: onboardingETag(o)}}, nil
}

// CompleteOnboarding finishes the onboarding.
func (s *Server) CompleteOnboarding(ctx context.Context, req apiv2.CompleteOnboardingRequestObject) (apiv2.CompleteOnboardingResponseObject, error) {
	o, err := s.Onboarding.Complete(ctx, onboarding.CompleteInput{
		UserID: web.IdentityFrom(ctx).UserID, Language: tag(req.Params.AcceptLanguage),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.CompleteOnboarding200JSONResponse{Onboarding: ToAPIOnboarding(o), TaskID: *o.TaskID}, nil
}

// ResetOnboarding begins anew.
func (s *Server) ResetOnboarding(ctx context.Context, req apiv2.ResetOnboardingRequestObject) (apiv2.ResetOnboardingResponseObject, error) {
	o, err := s.Onboarding.Reset(ctx, web.IdentityFrom(ctx).UserID, tag(req.Params.AcceptLanguage))
	if err != nil {
		return nil, err
	}
	return apiv2.ResetOnboarding200JSONResponse{Body: ToAPIOnboarding(o), Headers: apiv2.ResetOnboarding200ResponseHeaders{ETag: onboardingETag(o)}}, nil
}

// tag is the served language that an Accept-Language header asks for.
func tag(accept *string) string { return catalogue.Negotiate(valueOr(accept, "")) }

// matchesOnboarding checks If-Match against the onboarding as it is; nil: nothing is asked.
func matchesOnboarding(wanted *string) func(onboarding.Onboarding) error {
	if wanted == nil {
		return nil
	}
	return func(o onboarding.Onboarding) error { return web.CheckMatch(*wanted, onboardingETag(o)) }
}

func onboardingETag(o onboarding.Onboarding) string {
	sum := sha256.Sum256([]byte(o.Tag()))
	return contentETag(sum[:])
}

// ToAPIOnboarding translates an onboarding.
func ToAPIOnboarding(o onboarding.Onboarding) apiv2.Onboarding {
	out := apiv2.Onboarding{
		Status: apiv2.OnboardingStatus(o.Status), CurrentStep: apiv2.ProgressStep(o.Step),
		NextStep: nullable.NewNullNullable[apiv2.ProgressStep](), Progress: float32(o.Progress()),
		Missing: toAPIMissing(o), TaskID: orNull(o.TaskID), StartedAt: orNull(o.StartedAt), CompletedAt: orNull(o.CompletedAt), UpdatedAt: orNull(o.UpdatedAt),
		Selections: apiv2.Selections{
			NativeLanguage: orNull(o.NativeLanguage), IndustryID: orNull(o.IndustryID), Role: toAPIOptionalRole(o.Role),
			RoleInput: nullable.NewNullNullable[apiv2.RoleInput](), Partners: make([]apiv2.SelectedPartner, 0, len(o.Partners)),
		},
	}
	if next := o.Next(); next != "" {
		out.NextStep = nullable.NewNullableWithValue(apiv2.ProgressStep(next))
	}
	if in := o.RoleInput; in != nil {
		out.Selections.RoleInput = nullable.NewNullableWithValue(apiv2.RoleInput{Title: in.Title, Description: in.Description})
	}
	for _, p := range o.Partners {
		out.Selections.Partners = append(out.Selections.Partners, apiv2.SelectedPartner{PartnerID: p.ID, SituationIds: append([]string{}, p.Situations...)})
	}
	return out
}

func toAPIMissing(o onboarding.Onboarding) []apiv2.MissingPart {
	parts := []apiv2.MissingPart{}
	for _, part := range o.Missing() {
		parts = append(parts, apiv2.MissingPart(part))
	}
	return parts
}

func toAPIOptionalRole(r *onboarding.Role) nullable.Nullable[apiv2.Role] {
	if r == nil {
		return nullable.NewNullNullable[apiv2.Role]()
	}
	return nullable.NewNullableWithValue(toAPISelectedRole(*r))
}

func toAPISelectedRole(r onboarding.Role) apiv2.Role {
	return apiv2.Role{
		ID: r.ID, Title: r.Title, Description: r.Description, IndustryID: r.IndustryID,
		HierarchyLevel: orNull((*apiv2.HierarchyLevel)(r.Level)), Keywords: append([]string{}, r.Keywords...), IsCustom: r.Custom,
	}
}
