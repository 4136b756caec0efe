package main

import (
	"regexp"
	"strings"
)

// graver are the rules of oasdiff that weigh more here, and why.
var graver = map[string]level{
	"api-operation-id-removed":                breaking, // generated clients call the operation by its name
	"request-parameter-removed":               breaking, // what a client asks for by it is not heeded any more
	"request-property-removed":                breaking, // requests are closed: it is refused
	"response-media-type-name-changed":        breaking, // a client that asks for the old one gets 406
	"response-optional-property-removed":      breaking, // a client that shows it has nothing to show; an event of a stream is one too
	"optional-response-header-removed":        warning,  // a client may go by it, as by Retry-After
	"response-non-success-status-removed":     warning,  // a client may treat that error apart from others
	"request-parameter-default-value-changed": warning,  // a client that says nothing gets something else
	"request-property-default-value-changed":  warning,  // a client that says nothing gets something else
}

// milder is what oasdiff takes for breaking and is only a warning here: a
// bound of what is answered that widens. No client checks the answers against
// bounds, and a text that may be longer in a request must be in the answer too.
var milder = regexp.MustCompile(`^response-.*-(max|min)(-[a-z]+)*-(increased|decreased|unset)$`)

// severity is how grave a difference is for a client of ours.
func severity(d difference) level {
	if level, known := graver[d.ID]; known {
		return level
	}
	if milder.MatchString(d.ID) {
		return warning
	}
	return level(d.Level - 1)
}

// advice says what to do instead of a breaking change.
func advice(rule string) string {
	if strings.Contains(rule, "enum-value-added") {
		return "Clients take the values for all there are. A new major version may have more, or an enumeration that was released with x-open-enum."
	}
	if sectionOf(rule) == removed {
		return "Keep it, deprecate it with a sunset at least 90 days ahead, and remove it after that date."
	}
	return "Keep it as it was and add what is new beside it, or make it a new major version."
}
