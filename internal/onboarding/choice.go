package onboarding

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// maxChoices is how many entries a list of choices may have. It is far more than
// there are: the rest can only be unknown or repeated, and need not be named.
const maxChoices = 100

// choose gives the canonical ids of a list in its order, or names every entry that
// is wrong. pointer is the list's place in the request.
func choose(given []string, pointer string, find func(string) (string, bool)) (ids []string, wrong []fault.Field) {
	if len(given) > maxChoices {
		return nil, []fault.Field{{Pointer: pointer, Code: "too_many", Detail: fmt.Sprintf("Must have at most %d entries.", maxChoices)}}
	}
	ids = make([]string, 0, len(given))
	for i, one := range given {
		place := fmt.Sprintf("%s/%d", pointer, i)
		id, ok := find(one)
		switch {
		case !ok:
			wrong = append(wrong, fault.Field{Pointer: place, Code: "unknown", Detail: "There is no such id."})
		case slices.Contains(ids, id):
			wrong = append(wrong, fault.Field{Pointer: place, Code: "repeated", Detail: "The same id is in the list before."})
		default:
			ids = append(ids, id)
		}
	}
	return ids, wrong
}

// words trims what a learner wrote about their job and applies the rules for it;
// pointer is the object that holds both.
func words(title, description, pointer string) (RoleInput, error) {
	in := RoleInput{Title: strings.TrimSpace(title), Description: strings.TrimSpace(description)}
	fields := slices.Concat(
		length(in.Title, pointer+"/title", 2, 200),
		length(in.Description, pointer+"/description", 10, 1000))
	if fields != nil {
		return RoleInput{}, invalid(fields...)
	}
	return in, nil
}

// length applies bounds in characters (code points).
func length(text, pointer string, least, most int) []fault.Field {
	field := fault.Field{Pointer: pointer, Detail: fmt.Sprintf("must have %d to %d characters without the space around it", least, most)}
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		field.Code = "too_short"
	case n > most:
		field.Code = "too_long"
	default:
		return nil
	}
	return []fault.Field{field}
}

// invalid is for what the contract forbids, where a door let it in.
func invalid(fields ...fault.Field) error {
	return fault.New(fault.Malformed, "request.invalid", "The request does not match the contract.").WithFields(fields...)
}
