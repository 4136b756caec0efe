package events_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// denied are the words that no name of a field has: each says that a secret or a
// person's text would be in it.
var denied = regexp.MustCompile(`(^|_)(passwords?|passphrase|passwd|secrets?|tokens?|hash(es)?|salts?|keys?|credentials?|cookies?|` +
	`jwt|otp|pin|signature|emails?|mail|phones?|names?|birth(day)?|ip|ips|addr|address(es)?|hosts?|city|country|` +
	`device|devices|agents?|content|contents|text|texts|title|titles|descriptions?|body|message|messages|comments?|notes?|` +
	`details?|quotes?|summary|subject|query|prompt|url|uri|payload|metadata|context|tags?|value|values|raw)($|_)`)

// revealing are texts that no pattern may let through.
var revealing = []string{
	"Anna Smith", "李小龍", "anna@example.com", "My manager shouts at me.", "hello there", "Tr0ub4dor&3",
	"192.0.2.17", "2001:db8::1", "+85221234567", "4111111111111111", "https://example.com/?t=1",
	"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "Vx9k-Qm2_Lr8sT0uWz4yBc6dEf1gHi3jKl5mNo7pQr9",
	"$argon2id$v=19$m=65536,t=1,p=2$c2FsdA$aGFzaA", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

// offences names what in a schema could carry a secret or a person's text.
func offences(at string, s *openapi3.Schema) []string {
	if composed := len(s.OneOf) + len(s.AnyOf) + len(s.AllOf) + len(s.PrefixItems) + len(s.PatternProperties); composed > 0 || s.Not != nil {
		return []string{at + " is composed of others, which this check does not see through"}
	}
	switch {
	case s.Type.Is("boolean"), s.Type.Is("integer"), s.Type.Is("number"):
		return nil
	case s.Type.Is("string"):
		return offencesOfString(at, s)
	case s.Type.Is("array") && s.Items != nil:
		return offences(at+"[]", s.Items.Value)
	case s.Type.Is("object"):
		return offencesOfObject(at, s)
	}
	return []string{at + " may hold anything"}
}

func offencesOfObject(at string, s *openapi3.Schema) []string {
	var found []string
	if extra := s.AdditionalProperties; extra.Schema != nil || extra.Has != nil && *extra.Has || len(s.Properties) == 0 {
		found = append(found, at+" is a map of anything")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name].Value
		if word := denied.FindStringSubmatch(name); word != nil && !harmless(name, property) {
			found = append(found, fmt.Sprintf("%s.%s is called %s", at, name, word[2]))
		}
		found = append(found, offences(at+"."+name, property)...)
	}
	return found
}

// harmless says which names pass though a denied word is in them: the id of a
// message is no message, and a count of tokens is no token.
func harmless(name string, s *openapi3.Schema) bool {
	return name == "message_id" && s.Format == "uuid" || name == "tokens" && s.Type.Is("integer")
}

func offencesOfString(at string, s *openapi3.Schema) []string {
	switch {
	case len(s.Enum) > 0:
		slug := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
		for _, choice := range s.Enum {
			if text, ok := choice.(string); !ok || !slug.MatchString(text) {
				return []string{fmt.Sprintf("%s has the choice %v, which is no slug", at, choice)}
			}
		}
		return nil
	case s.Format == "uuid", s.Format == "date-time":
		return nil
	case s.Format != "":
		return []string{at + " has the format " + s.Format}
	case s.Pattern == "" || s.MaxLength == nil:
		return []string{at + " is free text"}
	case *s.MaxLength > 64:
		return []string{at + " is long enough for a text"}
	}
	return offencesOfPattern(at, s.Pattern)
}

func offencesOfPattern(at, pattern string) []string {
	if !strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$") {
		return []string{at + " has a pattern that bounds nothing"}
	}
	form := regexp.MustCompile(pattern)
	for _, text := range revealing {
		if form.MatchString(text) {
			return []string{fmt.Sprintf("%s lets %q through", at, text)}
		}
	}
	return nil
}

func TestNoDataCanCarryASecretOrAPersonsText(t *testing.T) {
	t.Parallel()
	for _, p := range payloads(t) {
		require.Empty(t, offences(p.Name, p.Schema))
	}
}

// Of the envelope, data is checked above, and a correlation id is the client's own.
func TestTheEnvelopeCanCarryNoneEither(t *testing.T) {
	t.Parallel()
	envelope := schemas(t)["Envelope"].Value
	require.Equal(t, uint64(128), *envelope.Properties["correlation_id"].Value.MaxLength)
	delete(envelope.Properties, "data")
	delete(envelope.Properties, "correlation_id")
	require.Empty(t, offences("Envelope", envelope))
}

func TestTheCheckSeesWhatMustNotBeThere(t *testing.T) {
	t.Parallel()
	for field, offence := range map[string]string{
		// By name, whatever the type.
		"password: {type: string, format: uuid}":                                          "Bad.password is called password",
		"reset_token: {type: string, format: uuid}":                                       "Bad.reset_token is called token",
		"message_id: {type: string, enum: [a]}":                                           "Bad.message_id is called message",
		"tokens: {type: string, enum: [a]}":                                               "Bad.tokens is called tokens",
		"client_secret: {type: boolean}":                                                  "Bad.client_secret is called secret",
		"email_hash: {type: string, format: uuid}":                                        "Bad.email_hash is called email",
		"email_id: {type: string, format: uuid}":                                          "Bad.email_id is called email",
		"full_name: {type: string, enum: [anna]}":                                         "Bad.full_name is called name",
		"ip_address: {type: integer}":                                                     "Bad.ip_address is called ip",
		"content: {type: integer}":                                                        "Bad.content is called content",
		"message: {type: string, format: uuid}":                                           "Bad.message is called message",
		"phone: {type: integer}":                                                          "Bad.phone is called phone",
		"device: {type: object, properties: {phone: {type: boolean}}}":                    "Bad.device.phone is called phone",
		"list: {type: array, items: {type: object, properties: {text: {type: boolean}}}}": "Bad.list[].text is called text",
		// By what it lets through.
		"reason: {type: string}":                                             "Bad.reason is free text",
		"reason: {type: string, maxLength: 10}":                              "Bad.reason is free text",
		"reason: {type: string, pattern: '^[a-z]+$'}":                        "Bad.reason is free text",
		"reason: {type: string, pattern: '^[a-z]+$', maxLength: 500}":        "Bad.reason is long enough for a text",
		"reason: {type: string, pattern: '[a-z]+', maxLength: 64}":           "Bad.reason has a pattern that bounds nothing",
		"reason: {type: string, pattern: '^.+$', maxLength: 64}":             `Bad.reason lets "Anna Smith" through`,
		"reason: {type: string, pattern: '^[a-z0-9.:]+$', maxLength: 64}":    `Bad.reason lets "192.0.2.17" through`,
		"reason: {type: string, pattern: '^[A-Za-z0-9_-]+$', maxLength: 64}": `Bad.reason lets "4111111111111111" through`,
		"reason: {type: string, format: password}":                           "Bad.reason has the format password",
		"reason: {type: string, format: ipv4}":                               "Bad.reason has the format ipv4",
		"reason: {type: string, enum: ['My manager shouts at me.']}":         "Bad.reason has the choice My manager shouts at me., which is no slug",
		"reasons: {type: array, items: {type: string}}":                      "Bad.reasons[] is free text",
		"reasons: {type: array}":                                             "Bad.reasons may hold anything",
		"reason: {type: object}":                                             "Bad.reason is a map of anything",
		"reason: {type: object, additionalProperties: {type: string}}":       "Bad.reason is a map of anything",
		"reason: {type: [string, 'null'], format: uuid}":                     "Bad.reason may hold anything",
		"reason: {}": "Bad.reason may hold anything",
		"reason: {oneOf: [{type: string}, {type: integer}]}": "Bad.reason is composed of others, which this check does not see through",
	} {
		bad := schemasOf(t, "    Bad: {type: object, properties: {"+field+"}}\n")["Bad"].Value
		require.Contains(t, offences("Bad", bad), offence, field)
	}
}

func TestTheCheckLetsIDsAndCountsPass(t *testing.T) {
	t.Parallel()
	good := schemasOf(t, `    Good:
      type: object
      properties:
        message_id: {type: string, format: uuid}
        tokens: {type: integer}
        reason: {type: string, enum: [wrong_password]}
        kind: {type: string, pattern: '^[a-z]+(_[a-z]+)*$', maxLength: 64}
        ids: {type: array, items: {type: string, format: uuid}}
`)["Good"].Value
	require.Empty(t, offences("Good", good))
}
