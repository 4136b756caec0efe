package catalogue

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Hierarchy levels, from the bottom up.
const (
	LevelAssociate  = "associate"
	LevelSupervisor = "supervisor"
	LevelManager    = "manager"
	LevelDirector   = "director"
	LevelExecutive  = "executive"
)

var (
	errRoleNotFound    = fault.New(fault.NotFound, "resource.not_found", "There is no such role.")
	errUnknownIndustry = fault.New(fault.Unprocessable, "catalogue.unknown_industry", "There is no such industry.").
				WithFields(fault.Field{Pointer: "query/industry", Code: "unknown", Detail: "must be an id of listIndustries"})
)

// Words are lists of words or short phrases by BCP 47 tag.
type Words map[string][]string

// In gives the words in the language with this tag, else in English, else in the
// language that there is.
func (w Words) In(tag string) []string {
	for _, t := range fallbacks(tag) {
		if len(w[t]) > 0 {
			return w[t]
		}
	}
	return []string{}
}

// Role is a job in an industry.
type Role struct {
	ID          uuid.UUID
	IndustryID  string
	Level       *string // nil: its author did not say
	Title       Text
	Description Text // in the third person
	Keywords    Words
	Aliases     Words      // other names of the job, not shown
	AuthorID    *uuid.UUID // who wrote it, if it is a custom role whose author is there still
	Custom      bool       // a learner wrote it
	Published   bool       // everybody of the industry sees it
	CreatedAt   time.Time
	UpdatedAt   time.Time

	given    *givenText
	textHash []byte
	sorted   position
}

// givenText is what the author of a custom role wrote, word for word.
type givenText struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Level       string `json:"level,omitempty"`
}

// Given is what the author of a custom role wrote, word for word.
func (r Role) Given() (title, description string) {
	if r.given == nil {
		return "", ""
	}
	return r.given.Title, r.given.Description
}

// position is where a role stands in the list of roles.
type position struct {
	rank  int
	title string
}

// embedText is what stands for the role in the space of meanings: its names in all
// languages first, since they say most.
func (r Role) embedText() string {
	var lines []string
	for _, words := range []Words{r.titles(), r.Keywords} {
		for _, tag := range languageTags() {
			if len(words[tag]) > 0 {
				lines = append(lines, strings.Join(words[tag], ", "))
			}
		}
	}
	return strings.Join(append(lines, r.Description.In("en")), "\n")
}

// hash names the text that is embedded.
func (r Role) hash() []byte {
	sum := sha256.Sum256([]byte(r.embedText()))
	return sum[:16]
}

// titles are all names of the job.
func (r Role) titles() Words {
	all := Words{}
	for _, tag := range languageTags() {
		if t := r.Title[tag]; t != "" {
			all[tag] = append(all[tag], t)
		}
		all[tag] = append(all[tag], r.Aliases[tag]...)
	}
	return all
}

// languageTags are those that texts come in, English first.
func languageTags() []string {
	tags := make([]string, len(served))
	for i, t := range served {
		tags[i] = t.String()
	}
	return tags
}

// fallbacks are the languages in which a text is looked for: the one asked for, then
// English, then whatever there is; the two Chinese scripts before English.
func fallbacks(tag string) []string {
	order := append([]string{tag}, languageTags()...)
	if strings.HasPrefix(tag, "zh") {
		order = slices.Concat([]string{tag}, languageTags()[1:], []string{"en"})
	}
	return order
}

// byID finds the roles of a list by their ids.
func byID(roles []Role) map[uuid.UUID]Role {
	found := make(map[uuid.UUID]Role, len(roles))
	for _, r := range roles {
		found[r.ID] = r
	}
	return found
}

// compareIDs orders by id, for answers that never change their order.
func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
