package onboarding

import "time"

// Did makes a step done.
func Did(o Onboarding, step string) Onboarding {
	o.did(step, time.Now())
	return o
}

// Choose names a list of choices.
var Choose = choose

// Words checks what a learner wrote.
var Words = words
