package onboarding

import "slices"

// Steps, which are done in this order.
const (
	StepNotStarted            = "not_started"
	StepNativeLanguage        = "native_language"
	StepIndustrySelection     = "industry_selection"
	StepRoleInput             = "role_input"
	StepRoleSelection         = "role_selection"
	StepCommunicationPartners = "communication_partners"
	StepSituationSelection    = "situation_selection"
	StepSummary               = "summary"
	StepCompleted             = "completed"
)

// Parts that completing needs.
const (
	PartNativeLanguage = "native_language"
	PartIndustry       = "industry"
	PartRole           = "role"
	PartPartners       = "partners"
	PartSituations     = "situations" // of at least one partner
)

// steps is their order. It does not change.
var steps = []string{StepNotStarted, StepNativeLanguage, StepIndustrySelection, StepRoleInput, StepRoleSelection,
	StepCommunicationPartners, StepSituationSelection, StepSummary, StepCompleted}

// index is the place of a step in the order.
func index(step string) int { return slices.Index(steps, step) }

// furthest is the later one of two steps.
func furthest(a, b string) string {
	if index(a) < index(b) {
		return b
	}
	return a
}

// Next is the step to do next: the first one whose choice is missing although the
// learner has come past it, else the one after Step; empty when all is done.
func (o Onboarding) Next() string {
	missing := o.Missing()
	for _, do := range []struct{ part, past, step string }{
		{PartNativeLanguage, StepNativeLanguage, StepNativeLanguage},
		{PartIndustry, StepIndustrySelection, StepIndustrySelection},
		// Whoever has just described the job chooses next. A role that was taken back
		// begins with the description again, since that was for another industry.
		{PartRole, StepRoleSelection, StepRoleInput},
		{PartPartners, StepCommunicationPartners, StepCommunicationPartners},
		{PartSituations, StepSituationSelection, StepSituationSelection},
	} {
		if slices.Contains(missing, do.part) && index(o.Step) >= index(do.past) {
			return do.step
		}
	}
	if o.Step == StepCompleted {
		return ""
	}
	return steps[index(o.Step)+1]
}

// Progress is how far Step is on the way, from 0 to 1. It goes back by Reset alone.
func (o Onboarding) Progress() float64 { return float64(index(o.Step)) / float64(len(steps)-1) }

// Missing names the parts that completing still needs, in the order of doing; never
// nil. Without partners it does not name their situations as well.
func (o Onboarding) Missing() []string {
	missing := []string{}
	if o.NativeLanguage == nil {
		missing = append(missing, PartNativeLanguage)
	}
	if o.IndustryID == nil {
		missing = append(missing, PartIndustry)
	}
	if o.Role == nil {
		missing = append(missing, PartRole)
	}
	if len(o.Partners) == 0 {
		return append(missing, PartPartners)
	}
	if !slices.ContainsFunc(o.Partners, func(p Partner) bool { return len(p.Situations) > 0 }) {
		missing = append(missing, PartSituations)
	}
	return missing
}
