package learning

import (
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// CallsEndAfter bounds each call of the model.
func (s *Service) CallsEndAfter(d time.Duration) { s.patience = d }

// ReadAnswer gives the plan that an answer of the model makes, or what is wrong with it.
func ReadAnswer(text string, p Profile) (Plan, []string) {
	c, wrong := read(llm.Reply{Text: text, FinishReason: "stop"}, checked(p))
	if len(wrong) > 0 {
		return Plan{}, wrong
	}
	c.rank(p)
	return Plan{Language: p.Language}.with(c), nil
}

// ByRules gives the plan made without a model.
func ByRules(p Profile) Plan {
	c := byRules(p)
	c.rank(p)
	return Plan{Language: p.Language}.with(c)
}

// Violations are the rules that a plan breaks.
func Violations(plan Plan, p Profile) []string {
	c := plan.content()
	return c.check(p)
}
