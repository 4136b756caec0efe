// Package secret holds settings that must not be shown. It promises that however such a value
// is printed, logged or marshalled, alone or within another, what comes out is a mask or an
// address in memory; only Reveal gives the value. It does not keep it out of memory.
package secret

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
)

// Mask is shown instead of a secret; of one that is empty nothing is shown.
const Mask = "********"

// Text is a key, a password, or an address of which every part may be secret. The zero value
// is empty. The value lies behind a pointer, for fmt prints what is in members that are not
// exported without asking them.
type Text struct{ value *string }

// NewText makes a secret of a value.
func NewText(value string) Text { return Text{&value} }

// Reveal gives the value.
func (t Text) Reveal() string { return reveal(t.value) }

// Empty reports that there is none.
func (t Text) Empty() bool { return t.Reveal() == "" }

// String masks it.
func (t Text) String() string {
	if t.Empty() {
		return ""
	}
	return Mask
}

// Format masks it under every verb.
func (t Text) Format(out fmt.State, verb rune) { write(out, verb, t.String()) }

// LogValue masks it in logs.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText masks it in JSON and elsewhere.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText takes the value.
func (t *Text) UnmarshalText(text []byte) error {
	*t = NewText(string(text))
	return nil
}

// URL is an address that may hold a password: what is shown of it is its scheme, user, host
// and path, never the password or the query. The zero value is empty.
type URL struct{ value *string }

// NewURL makes a secret of an address.
func NewURL(value string) URL { return URL{&value} }

// Reveal gives the value.
func (u URL) Reveal() string { return reveal(u.value) }

// Empty reports that there is none.
func (u URL) Empty() bool { return u.Reveal() == "" }

// String masks what may be a secret; an address that cannot be read is all masked, since
// nobody can say where its password is.
func (u URL) String() string {
	if u.Empty() {
		return ""
	}
	parsed, err := url.Parse(u.Reveal())
	if err != nil || parsed.Opaque != "" || parsed.Scheme == "" && strings.ContainsAny(u.Reveal(), " =@") {
		return Mask
	}
	if _, has := parsed.User.Password(); has {
		parsed.User = url.UserPassword(parsed.User.Username(), "xxxxx") // as Redacted of net/url has it
	}
	if parsed.RawQuery != "" {
		parsed.RawQuery = "..."
	}
	parsed.Fragment = ""
	return parsed.String()
}

// Format masks it under every verb.
func (u URL) Format(out fmt.State, verb rune) { write(out, verb, u.String()) }

// LogValue masks it in logs.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText masks it in JSON and elsewhere.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText takes the value.
func (u *URL) UnmarshalText(text []byte) error {
	*u = NewURL(string(text))
	return nil
}

func reveal(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

func write(out io.Writer, verb rune, shown string) {
	if verb == 'q' {
		shown = strconv.Quote(shown)
	}
	_, _ = io.WriteString(out, shown) // as fmt does it
}
