package conversation

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// Overview is a conversation in a list for operators.
type Overview struct {
	ConversationID uuid.UUID `json:"conversation_id"`
	UserID         uuid.UUID `json:"user_id"`
	Title          string    `json:"title"`
	Status         string    `json:"status"`
	Version        int64     `json:"version"`
	Messages       int       `json:"messages"`
	LastActivityAt time.Time `json:"last_activity_at"`
	Score          *int      `json:"score"`    // of its health; nil: not weighed yet
	Findings       int64     `json:"findings"` // of the last verification
}

// SurveyInput asks for conversations, whoever's they are.
type SurveyInput struct {
	UserID  *uuid.UUID
	Status  string // "": any
	Damaged bool   // only those of which verification found something
	Before  Place  // zero: from the newest
	Limit   int
}

// Survey gives up to Limit conversations, the newest activity first, and whether there are more.
func (s *Service) Survey(ctx context.Context, in SurveyInput) ([]Overview, bool, error) {
	list, err := s.store.survey(ctx, in)
	list, more := page.Cut(list, in.Limit)
	return list, more, err
}

// Bounds of a search by an operator.
const (
	minPhrase     = 3
	maxPhrase     = 200
	maxSaying     = 20 // conversations
	excerptBefore = 20 // characters
	excerptLength = 80
)

var errPhrase = fault.New(fault.Malformed, "request.invalid", "What is searched for has between 3 and 200 characters.")

// Saying is a place where something was written.
type Saying struct {
	ConversationID uuid.UUID  `json:"conversation_id"`
	Version        int64      `json:"version"` // in which it was written
	Operation      string     `json:"operation"`
	At             time.Time  `json:"at"`
	MessageID      *uuid.UUID `json:"message_id"` // nil: no message, or none that is there
	Shown          bool       `json:"shown"`      // whether the learner sees it now
	Excerpt        string     `json:"excerpt"`
}

// Sayings finds where a phrase was ever written in the conversations of a user, in whatever is
// stored: also in versions of which the tables know nothing any more. It looks at 20
// conversations at most, the newest activity first. Fault: request.invalid.
func (s *Service) Sayings(ctx context.Context, user uuid.UUID, phrase string) ([]Saying, error) {
	if n := utf8.RuneCountInString(phrase); n < minPhrase || n > maxPhrase {
		return nil, errPhrase
	}
	ids, err := s.store.thatSay(ctx, user, phrase, quoted(phrase))
	if err != nil {
		return nil, err
	}
	list := make([]wanted, len(ids))
	for i, id := range ids {
		list[i] = wanted{id: id}
	}
	records, err := s.store.snapshotOf(ctx, list)
	if err != nil {
		return nil, err
	}
	out := []Saying{}
	for i := range records {
		out = append(out, sayings(&records[i], phrase)...)
	}
	return out, nil
}

// quoted is a phrase as it stands within the JSON of a text.
func quoted(phrase string) string {
	text, _ := json.Marshal(phrase) // a string always can be
	return string(bytes.Trim(text, `"`))
}

func sayings(r *record.Record, phrase string) (out []Saying) {
	steps := map[int64]record.Step{}
	for _, st := range r.History(len(r.Versions)) {
		steps[st.Version] = st
	}
	written := map[int64]bool{}
	for _, m := range r.Messages {
		if excerpt, found := around(m.Content, phrase); found {
			written[m.Version] = true
			out = append(out, Saying{r.Head.ID, m.Version, steps[m.Version].Operation, m.CreatedAt, &m.ID, m.Hidden == nil, excerpt})
		}
	}
	needle := quoted(phrase)
	for _, t := range r.Texts {
		excerpt, found := around(t.Body, needle)
		if !found || written[t.Version] {
			continue
		}
		out = append(out, Saying{r.Head.ID, t.Version, steps[t.Version].Operation, steps[t.Version].At, nil, false, excerpt})
	}
	return out
}

// around gives the words around the first place of a phrase, whatever its case.
func around(text, phrase string) (excerpt string, found bool) {
	at := strings.Index(strings.ToLower(text), strings.ToLower(phrase))
	if at < 0 {
		return "", false
	}
	runes := []rune(text)
	from := max(0, utf8.RuneCountInString(strings.ToLower(text)[:at])-excerptBefore)
	from = min(from, len(runes))
	excerpt = string(runes[from:min(len(runes), from+excerptLength)])
	return strings.Join(strings.Fields(excerpt), " "), true
}

// Stats is how much there is, and how new it is.
type Stats struct {
	Conversations map[string]int64 `json:"conversations"` // by status
	Messages      int64            `json:"messages"`
	Versions      int64            `json:"versions"`
	Bytes         int64            `json:"bytes"` // on disk, with indexes
	Newest        *time.Time       `json:"newest_version_at"`
	Days          []Day            `json:"days"` // with versions, of the last 7, the newest first
	Damaged       int64            `json:"damaged"`
	Findings      int64            `json:"findings"`
	VerifiedAt    *time.Time       `json:"verified_at"`       // nil: never
	WholeAt       *time.Time       `json:"verified_whole_at"` // over everything
}

// Day is what happened on one day (UTC).
type Day struct {
	Day           string `json:"day"`
	Versions      int64  `json:"versions"`
	Conversations int64  `json:"conversations"`
}

// statsDays is how far back Stats looks.
const statsDays = 7

// Stats counts what is stored of conversations.
func (s *Service) Stats(ctx context.Context) (Stats, error) {
	return s.store.stats(ctx, s.clock().Add(-statsDays*24*time.Hour))
}
