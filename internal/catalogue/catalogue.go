// Package catalogue holds what learners choose from: native languages, industries,
// roles, communication partners and situations, and it finds the roles that fit a
// job as somebody describes it. It promises
//
//   - stable identifiers, and texts in English, Simplified and Traditional Chinese;
//   - reference data from memory: a Catalogue is a picture taken when it was loaded,
//     and every node takes up a change within half a second;
//   - that a description is always answered: by meaning and words, or by words alone
//     while no embedding can be had;
//   - that a custom role is seen by its author alone until it is published, and from
//     then on found by its words at once and by its meaning within a second;
//   - that an index of embeddings serves until the next one is whole.
//
// The exact search by meaning reads every vector of an industry: it is for tens of
// thousands of roles, and Index is where a larger catalogue would put another.
package catalogue

import (
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// served are the languages that names come in, the first for everybody else.
// Neither changes.
var (
	served  = []language.Tag{language.English, language.SimplifiedChinese, language.TraditionalChinese}
	matcher = language.NewMatcher(served)
)

var (
	errUnknownPartner = fault.New(fault.Unprocessable, "conversation.unknown_partner", "There is no such partner.").
				WithFields(fault.Field{Pointer: "/partner_id", Code: "unknown", Detail: "must be an id of listPartners"})
	errUnknownSituation = fault.New(fault.Unprocessable, "conversation.unknown_situation", "There is no such situation.").
				WithFields(fault.Field{Pointer: "/situation_id", Code: "unknown", Detail: "must be an id of listSituations"})
)

// Text is the same text by BCP 47 tag; "en" is always there, but for custom roles.
type Text map[string]string

// In gives the text in the language with this tag, else in English, else in the
// language that there is.
func (t Text) In(tag string) string {
	for _, one := range fallbacks(tag) {
		if t[one] != "" {
			return t[one]
		}
	}
	return ""
}

// Language is a learner's native language.
type Language struct {
	ID         string `yaml:"id"`
	Code       string `yaml:"code"`
	Available  bool   `yaml:"available"`
	NativeName string `yaml:"native_name"`
	Name       Text   `yaml:"name"`
}

// Industry is a field of business.
type Industry struct {
	ID          string `yaml:"id"`
	Name        Text   `yaml:"name"`
	Description Text   `yaml:"description"`
}

// Partner is a kind of person that learners speak with at work.
type Partner struct {
	ID          string `yaml:"id"`
	Relation    string `yaml:"relation"` // internal or external
	Name        Text   `yaml:"name"`
	Description Text   `yaml:"description"`
	Persona     string `yaml:"persona"`  // for the model: follows "You are role-playing "
	Greeting    string `yaml:"greeting"` // the partner's first words, in English
}

// Situation is an occasion on which they speak.
type Situation struct {
	ID          string `yaml:"id"`
	Name        Text   `yaml:"name"`
	Description Text   `yaml:"description"`
	Brief       string `yaml:"brief"`   // for the model: follows "The situation: "
	Opening     string `yaml:"opening"` // what the partner says after the greeting
}

// Scene is a partner in a situation.
type Scene struct {
	Partner   Partner
	Situation Situation
}

// Catalogue is the reference data in memory. Immutable; safe for concurrent use.
type Catalogue struct {
	Languages  []Language
	Industries []Industry
	Partners   []Partner
	Situations []Situation
}

// Scene finds a partner and a situation; case does not matter, hyphens count as
// underscores. Faults: conversation.unknown_partner, conversation.unknown_situation.
func (c *Catalogue) Scene(partnerID, situationID string) (Scene, error) {
	var s Scene
	if !find(c.Partners, func(p Partner) bool { return p.ID == normalID(partnerID) }, &s.Partner) {
		return Scene{}, errUnknownPartner
	}
	if !find(c.Situations, func(t Situation) bool { return t.ID == normalID(situationID) }, &s.Situation) {
		return Scene{}, errUnknownSituation
	}
	return s, nil
}

func find[T any](all []T, match func(T) bool, into *T) bool {
	for _, one := range all {
		if match(one) {
			*into = one
			return true
		}
	}
	return false
}

func normalID(id string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(id)), "-", "_")
}

// LanguageTag gives the served language (BCP 47) in which a learner with this
// native language reads best, if there is one.
func (c *Catalogue) LanguageTag(id string) (tag string, ok bool) {
	var l Language
	if !find(c.Languages, func(l Language) bool { return l.ID == id }, &l) {
		return "", false
	}
	return l.Code, slices.ContainsFunc(served, func(t language.Tag) bool { return t.String() == l.Code })
}

// NativeLanguage gives the id of an available native language, however it is
// written: in any case, and with hyphens.
func (c *Catalogue) NativeLanguage(given string) (id string, ok bool) {
	var l Language
	given = normalID(given)
	ok = find(c.Languages, func(l Language) bool { return l.ID == given && l.Available }, &l)
	return l.ID, ok
}

// Industry gives the id of an industry, however it is written.
func (c *Catalogue) Industry(given string) (id string, ok bool) {
	return canonical(c.Industries, given, func(i Industry) string { return i.ID })
}

// Partner gives the id of a partner, however it is written.
func (c *Catalogue) Partner(given string) (id string, ok bool) {
	return canonical(c.Partners, given, func(p Partner) string { return p.ID })
}

// Situation gives the id of a situation, however it is written.
func (c *Catalogue) Situation(given string) (id string, ok bool) {
	return canonical(c.Situations, given, func(s Situation) string { return s.ID })
}

func canonical[T any](all []T, given string, id func(T) string) (string, bool) {
	given = normalID(given)
	return given, slices.ContainsFunc(all, func(one T) bool { return id(one) == given })
}

// Negotiate picks the best served language for an Accept-Language header
// (RFC 9110); English when nothing fits or the header cannot be read.
func Negotiate(acceptLanguage string) string {
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return "en"
	}
	_, i, _ := matcher.Match(wanted...)
	return served[i].String()
}
