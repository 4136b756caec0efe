package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Script is what is told as a person reads it, in lines: the conversation, then each message
// that is to be seen. Two scripts differ where the conversations do. What would steer a
// terminal is not in it.
func (t Told) Script() string {
	var out strings.Builder
	h := t.Head
	limit := "none"
	if h.TokenLimit != nil {
		limit = fmt.Sprint(*h.TokenLimit)
	}
	fmt.Fprintf(&out, "title: %s\nstatus: %s\ntags: %s\ntoken limit: %s, used: %d\n", h.Title, h.Status, strings.Join(h.Tags, ", "), limit, h.TokensUsed)
	fmt.Fprintf(&out, "context: %s\nmetadata: %s\n", indented(h.Context), indented(h.Metadata))
	for _, m := range t.Messages {
		if m.Hidden == nil {
			fmt.Fprintf(&out, "\n%s\n", m.Script())
		}
	}
	return Printable(out.String())
}

// Printable is a text without the characters that steer a terminal, but for ends of lines.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// Script is a message in lines: its number, who speaks, its state, and what is said.
func (m Message) Script() string {
	state := m.Status
	if m.FinishReason != nil {
		state += ", " + *m.FinishReason
	}
	if m.Attempt > 1 {
		state += fmt.Sprintf(", attempt %d", m.Attempt)
	}
	if len(m.Problem) > 0 {
		state += ", " + code(m.Problem)
	}
	return Printable(fmt.Sprintf("%d %s (%s) %s\n%s", m.Seq, m.Role, state, m.CreatedAt.UTC().Format(time.RFC3339), m.Content))
}

// indented is JSON over several lines, its members in order, so that a difference in it is one
// of a line.
func indented(text json.RawMessage) string {
	if len(text) == 0 {
		return "{}"
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil { // it is damaged
		return string(text)
	}
	out, _ := json.MarshalIndent(value, "", "  ") // it was JSON
	return string(out)
}
