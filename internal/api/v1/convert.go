package v1

import (
	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/onboarding"
)

// statuses says which status the app knows for each step.
var statuses = map[string]apiv1.OnboardingStatus{
	onboarding.StepNotStarted:            apiv1.OnboardingStatusPending,
	onboarding.StepNativeLanguage:        apiv1.OnboardingStatusWelcome,
	onboarding.StepIndustrySelection:     apiv1.OnboardingStatusBasicInfo,
	onboarding.StepRoleInput:             apiv1.OnboardingStatusBasicInfo,
	onboarding.StepRoleSelection:         apiv1.OnboardingStatusBasicInfo,
	onboarding.StepCommunicationPartners: apiv1.OnboardingStatusPersonalisation,
	onboarding.StepSituationSelection:    apiv1.OnboardingStatusPersonalisation,
	onboarding.StepSummary:               apiv1.OnboardingStatusCourseAssignment,
	onboarding.StepCompleted:             apiv1.OnboardingStatusCompleted,
}

func toAPIStatus(o onboarding.Onboarding) apiv1.OnboardingStatus { return statuses[o.Step] }

// nextStep is null when all is done.
func nextStep(o onboarding.Onboarding) nullable.Nullable[string] {
	if next := o.Next(); next != "" {
		return nullable.NewNullableWithValue(next)
	}
	return nullable.NewNullNullable[string]()
}

// roleID is nil where no role is chosen.
func roleID(o onboarding.Onboarding) *uuid.UUID {
	if o.Role == nil {
		return nil
	}
	return &o.Role.ID
}

func toAPIProgressData(o onboarding.Onboarding) apiv1.ProgressData {
	out := apiv1.ProgressData{NativeLanguage: o.NativeLanguage, IndustryID: o.IndustryID, RoleID: roleID(o)}
	if len(o.Partners) > 0 {
		ids := make([]string, 0, len(o.Partners))
		for _, p := range o.Partners {
			ids = append(ids, p.ID)
		}
		out.PartnerIds = &ids
	}
	return out
}

// situationsWith are those chosen with a partner.
func situationsWith(o onboarding.Onboarding, partner string) []string {
	for _, p := range o.Partners {
		if p.ID == partner {
			return p.Situations
		}
	}
	return nil
}

func toAPISummary(o onboarding.Onboarding, now *catalogue.Catalogue) apiv1.Summary {
	out := apiv1.Summary{
		NativeLanguage: orNull(o.NativeLanguage), IndustryID: orNull(o.IndustryID), Role: toAPIRole(o, now),
		CommunicationPartners: []apiv1.SummaryPartner{}, TotalPartners: len(o.Partners),
		OnboardingStatus: toAPIStatus(o), IsComplete: o.Status == onboarding.StatusCompleted,
	}
	if o.NativeLanguage != nil {
		out.NativeLanguageDisplay = languageName(now, *o.NativeLanguage)
	}
	if o.IndustryID != nil {
		out.IndustryName = industryName(now, *o.IndustryID)
	}
	for n, p := range o.Partners {
		known := partnerOf(now, p.ID)
		partner := apiv1.SummaryPartner{ID: p.ID, Name: known.Name, Description: known.Description, Priority: n + 1, Situations: []apiv1.SummarySituation{}}
		for m, id := range p.Situations {
			situation := situationOf(now, id)
			partner.Situations = append(partner.Situations, apiv1.SummarySituation{
				ID: id, Name: situation.Name, Description: situation.Description, Priority: m + 1,
			})
		}
		out.TotalSituations += len(p.Situations)
		out.CommunicationPartners = append(out.CommunicationPartners, partner)
	}
	return out
}

// toAPIRole is never null: the app shows what stands there.
func toAPIRole(o onboarding.Onboarding, now *catalogue.Catalogue) apiv1.SummaryRole {
	if o.Role == nil {
		return apiv1.SummaryRole{ID: orNull[uuid.UUID](nil), Title: "No role selected", Description: "Please complete role selection"}
	}
	return apiv1.SummaryRole{
		ID: orNull(&o.Role.ID), Title: o.Role.Title, Description: o.Role.Description, IsCustom: o.Role.Custom,
		IndustryName: industryName(now, o.Role.IndustryID),
	}
}

// The names of the catalogue. An entry that it has no more goes by its id.

func languageName(now *catalogue.Catalogue, id string) string {
	for _, l := range now.Languages {
		if l.ID == id {
			return l.Name.In(language)
		}
	}
	return id
}

func industryName(now *catalogue.Catalogue, id string) string {
	for _, i := range now.Industries {
		if i.ID == id {
			return i.Name.In(language)
		}
	}
	return id
}

func partnerOf(now *catalogue.Catalogue, id string) apiv1.Choice {
	for _, p := range now.Partners {
		if p.ID == id {
			return choice(id, p.Name, p.Description)
		}
	}
	return apiv1.Choice{ID: id, Identifier: id, Name: id}
}

func situationOf(now *catalogue.Catalogue, id string) apiv1.Choice {
	for _, s := range now.Situations {
		if s.ID == id {
			return choice(id, s.Name, s.Description)
		}
	}
	return apiv1.Choice{ID: id, Identifier: id, Name: id}
}
