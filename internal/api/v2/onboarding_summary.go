package v2

import (
	"context"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/onboarding"
)

// GetOnboardingSummary gives what was chosen, by name.
func (s *Server) GetOnboardingSummary(ctx context.Context, req apiv2.GetOnboardingSummaryRequestObject) (apiv2.GetOnboardingSummaryResponseObject, error) {
	language := tag(req.Params.AcceptLanguage)
	o, err := s.Onboarding.Summary(ctx, web.IdentityFrom(ctx).UserID, language)
	if err != nil {
		return nil, err
	}
	return apiv2.GetOnboardingSummary200JSONResponse(toAPISummary(o, s.Catalogue.Current(), language)), nil
}

func toAPISummary(o onboarding.Onboarding, c *catalogue.Catalogue, language string) apiv2.OnboardingSummary {
	out := apiv2.OnboardingSummary{
		Status: apiv2.OnboardingStatus(o.Status), IsComplete: o.Status == onboarding.StatusCompleted, Missing: toAPIMissing(o),
		NativeLanguage: nullable.NewNullNullable[apiv2.NamedChoice](), Industry: nullable.NewNullNullable[apiv2.NamedChoice](),
		Role: toAPIOptionalRole(o.Role), Partners: []apiv2.SummaryPartner{}, TotalPartners: len(o.Partners),
	}
	for _, l := range c.Languages {
		if o.NativeLanguage != nil && l.ID == *o.NativeLanguage {
			out.NativeLanguage = nullable.NewNullableWithValue(apiv2.NamedChoice{ID: l.ID, Name: l.Name.In(language)})
		}
	}
	for _, i := range c.Industries {
		if o.IndustryID != nil && i.ID == *o.IndustryID {
			description := i.Description.In(language)
			out.Industry = nullable.NewNullableWithValue(apiv2.NamedChoice{ID: i.ID, Name: i.Name.In(language), Description: &description})
		}
	}
	for n, p := range o.Partners {
		partner := toAPISummaryPartner(p, c, language)
		partner.Priority = n + 1
		out.TotalSituations += len(partner.Situations)
		out.Partners = append(out.Partners, partner)
	}
	return out
}

// toAPISummaryPartner gives a partner and its situations by name. An entry that the
// catalogue has no more goes by its id.
func toAPISummaryPartner(p onboarding.Partner, c *catalogue.Catalogue, language string) apiv2.SummaryPartner {
	out := apiv2.SummaryPartner{ID: p.ID, Name: p.ID, Situations: []apiv2.SummarySituation{}}
	for _, known := range c.Partners {
		if known.ID == p.ID {
			out.Name, out.Description = known.Name.In(language), known.Description.In(language)
		}
	}
	for n, id := range p.Situations {
		situation := apiv2.SummarySituation{ID: id, Name: id, Priority: n + 1}
		for _, known := range c.Situations {
			if known.ID == id {
				situation.Name, situation.Description = known.Name.In(language), known.Description.In(language)
			}
		}
		out.Situations = append(out.Situations, situation)
	}
	return out
}
