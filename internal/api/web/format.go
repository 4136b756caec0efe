package web

import (
	"errors"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// A format is a named form of a string. A nil check means that the name only
// tells readers, tools or the generator something.
type format struct {
	name  string
	check func(string) bool
}

// formats lists every format that a contract may name: one that is not here is
// refused at startup, since nothing would check it.
func formats() map[string]format {
	return map[string]format{
		"uuid":          {"a UUID", isUUID},
		"email":         {"an email address", isEmail},
		"date-time":     {"a date and time such as 2026-11-02T09:00:00Z", isDateTime},
		"date":          {"a date such as 2026-11-02", isDate},
		"uri":           {"a URI", isURI},
		"uri-reference": {"a URI or a path", isURIReference},
		"ipv4":          {"an IPv4 address", isIPv4},
		"ipv6":          {"an IPv6 address", isIPv6},
		"cursor":        {},
		"jwt":           {},
		"opaque-token":  {},
		"password":      {},
		"sha256":        {},
		"int32":         {}, // bounds of the fast copy check these two
		"int64":         {},
		"float":         {},
		"double":        {},
	}
}

func formatName(name string) string {
	if f := formats()[name]; f.name != "" {
		return f.name
	}
	return "of the format " + name
}

var errFormat = errors.New("wrong format") // never shown: rule says it in words

// formatChecks hands the formats to kin for one document, so that nothing
// global is registered.
func formatChecks() openapi3.SchemaValidationOption {
	checks := map[string]openapi3.StringFormatValidator{}
	for name, f := range formats() {
		if f.check == nil {
			continue
		}
		checks[name] = openapi3.NewCallbackValidator(func(s string) error {
			if f.check(s) {
				return nil
			}
			return errFormat
		})
	}
	return openapi3.WithStringFormatValidators(checks)
}

// isUUID takes the 36 characters of RFC 9562 only, not the other forms that the
// library reads.
func isUUID(s string) bool {
	return len(s) == 36 && uuid.Validate(s) == nil
}

// isEmail takes a bare address whose domain has no blank or control character
// and at least one dot, and refuses what the binder would rewrite, such as
// "Name <a@b.c>".
func isEmail(s string) bool {
	address, err := mail.ParseAddress(s)
	if err != nil || address.Name != "" || address.Address != s {
		return false
	}
	domain := s[strings.LastIndexByte(s, '@')+1:]
	return strings.Contains(domain, ".") && !strings.ContainsAny(s, " \t\r\n\"")
}

// isDateTime is RFC 3339 as time.Time reads it, because the binder does, less
// what that takes beyond the RFC: one digit for the hour, a comma for the point.
func isDateTime(s string) bool {
	return new(time.Time).UnmarshalText([]byte(s)) == nil && s[len("2026-11-02T09")] == ':' && !strings.Contains(s, ",")
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func isURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs()
}

func isURIReference(s string) bool {
	_, err := url.Parse(s)
	return err == nil
}

func isIPv4(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && address.Is4()
}

func isIPv6(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && address.Is6() && address.Zone() == ""
}
