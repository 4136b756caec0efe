package record

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Sources of what was made good.
const (
	FromBackup   = "backup"
	FromVersions = "versions" // the other versions, or what they tell
	FromMessages = "messages" // the rows of messages, proven by the hash of the text
)

// Plan is how a record is to be made good. It says what will be stored, whole; nothing of
// what is there now gets lost, for what it takes the place of is in Replaced.
type Plan struct {
	ConversationID uuid.UUID `json:"conversation_id"`
	Version        int64     `json:"version"` // that the conversation has now
	Target         int64     `json:"target"`  // whose content it gets; 0: the newest
	Needed         bool      `json:"needed"`  // false: all is well, and nothing is to be done
	IsComplete     bool      `json:"is_complete"`
	Findings       []Finding `json:"findings"`
	Healed         []Healed  `json:"healed"`
	Lost           []Lost    `json:"lost"`
	Notes          []string  `json:"notes"` // what else an operator should know

	Record   Record   `json:"-"` // what is to be stored; of versions, texts and snapshots only what is not there
	Known    []Known  `json:"-"` // findings that will stay
	Replaced Replaced `json:"-"`
}

// maxListed bounds each list of a brief plan.
const maxListed = 100

// Brief is the plan with lists of 100 at most: for reports that have little room.
func (p Plan) Brief() Plan {
	p.Findings, p.Healed, p.Lost, p.Notes = first(p.Findings), first(p.Healed), first(p.Lost), first(p.Notes)
	return p
}

func first[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list[:min(len(list), maxListed)]
}

// Healed is something that is whole again, and proven to be.
type Healed struct {
	Version int64  `json:"version"`
	What    string `json:"what"` // a rule
	From    string `json:"from"`
}

// Lost is something that cannot be proven any more, and what takes its place.
type Lost struct {
	Version int64  `json:"version"`
	What    string `json:"what"`
	Instead string `json:"instead"`
}

// Replaced are rows that were damaged, as they were.
type Replaced struct {
	Head     *Head     `json:"head,omitempty"`
	Versions []Version `json:"versions,omitempty"`
	Texts    []Text    `json:"texts,omitempty"`
	Messages []Message `json:"messages,omitempty"`
	Pasts    []Past    `json:"pasts,omitempty"`
}

// Mend plans how a conversation is made good from what is left of it, and of a backup of it
// (nil: there is none). With a target the conversation also gets the content of that version.
// It decides nothing by likelihood: what is proven is taken, what is not is named.
func Mend(now Record, backup *Record, target int64, at time.Time) (Plan, error) {
	if backup == nil {
		backup = &Record{}
	}
	m := &mending{now: &now, backup: backup, Plan: Plan{
		ConversationID: now.Head.ID, Version: now.Head.Version, Target: target, Findings: now.Verify(at),
		Healed: []Healed{}, Lost: []Lost{}, Notes: []string{},
	}}
	m.weave()
	m.texts()
	told := m.tell()
	if len(told.Messages) == 0 {
		return m.Plan, fmt.Errorf("nothing is left of the conversation: neither its versions nor its messages tell anything")
	}
	if target > 0 && target < told.Head.Version {
		if err := m.back(&told, target, at); err != nil {
			return m.Plan, err
		}
	}
	m.settle(told, at)
	m.IsComplete = len(m.Lost) == 0
	m.Needed = len(m.Findings) > 0 || len(m.Healed) > 0 || target > 0 && target < now.Head.Version
	return m.Plan, nil
}

// mending is a plan in the making.
type mending struct {
	Plan
	now, backup *Record
	put         Record         // versions and texts that are not there, or not as they should be
	missing     map[int64]bool // versions that nothing is left of
	heads       map[int64]Head // of versions that have a snapshot, or should
	unread      map[int64]bool // versions whose text is not proven
}

func (m *mending) heal(version int64, what, from string) {
	m.Healed = append(m.Healed, Healed{version, what, from})
}

func (m *mending) lose(version int64, what, instead string) {
	m.Lost = append(m.Lost, Lost{version, what, instead})
}

func (r *Record) version(number int64) *Version {
	i, found := slices.BinarySearchFunc(r.Versions, number, func(v Version, number int64) int { return cmp.Compare(v.Version, number) })
	if !found {
		return nil
	}
	return &r.Versions[i]
}

// weave takes each version from where it is proven.
func (m *mending) weave() {
	m.missing, m.heads = map[int64]bool{}, map[int64]Head{}
	slices.SortStableFunc(m.now.Versions, func(a, b Version) int { return cmp.Compare(a.Version, b.Version) })
	first, last := m.bounds()
	var before []byte // checksum of the version before
	known := true     // whether it is known
	for number := first; number <= last; number++ {
		have, kept := m.now.version(number), m.backup.version(number)
		v := m.choose(have, kept, before, known, number)
		if v == nil {
			m.missing[number], known, before = true, false, nil
			m.lose(number, RuleChainGap, "what the rows of messages say of it")
			continue
		}
		if have != nil && !equalVersions(*have, *v) {
			m.Replaced.Versions = append(m.Replaced.Versions, *have)
		}
		if have == nil || !equalVersions(*have, *v) {
			m.put.Versions = append(m.put.Versions, *v)
		}
		m.Record.Versions = append(m.Record.Versions, *v)
		before, known = v.Checksum, true
	}
}

// bounds are the first and the last version that there should be. A backup that tells
// another story than the conversation since, or is of before, adds nothing behind its end.
func (m *mending) bounds() (first, last int64) {
	first, last = 1, m.now.last()
	if m.now.cut() {
		last = max(last, m.now.Head.Version)
	}
	for _, r := range []*Record{m.now, m.backup} {
		if len(r.Versions) > 0 && r.Versions[0].adopted() {
			first = r.Versions[0].Version
		}
	}
	if diverged := m.diverged(); diverged > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("the backup tells another story from version %d on, which is left in the backup", diverged))
		m.backup = m.backup.until(diverged - 1)
		return first, last
	}
	return first, max(last, m.backup.last())
}

// maxCut bounds the versions that a tail is believed to lack.
const maxCut = 1_000

// cut reports whether the newest versions are missing: the head goes on from one that is not
// there. With the checksum of one that is, it is the head's number that is wrong.
func (r *Record) cut() bool {
	missing := r.Head.Version - r.last()
	return missing > 0 && missing <= maxCut && !slices.ContainsFunc(r.Versions, func(v Version) bool { return bytes.Equal(v.Checksum, r.Head.Checksum) })
}

// diverged is the first version that both have, whole by themselves, and not the same; 0: none.
func (m *mending) diverged() int64 {
	for _, v := range m.now.Versions {
		kept := m.backup.version(v.Version)
		if kept == nil || bytes.Equal(kept.Entry, v.Entry) {
			continue
		}
		var before []byte
		if parent := m.now.version(v.Version - 1); parent != nil {
			before = parent.Checksum
		}
		if bytes.Equal(Sum(before, v.Entry), v.Checksum) {
			return v.Version
		}
	}
	return 0
}

// until is the record without what came after a version; its messages may be newer.
func (r *Record) until(version int64) *Record {
	out := *r
	out.Versions = slices.DeleteFunc(slices.Clone(r.Versions), func(v Version) bool { return v.Version > version })
	out.Texts = slices.DeleteFunc(slices.Clone(r.Texts), func(t Text) bool { return t.Version > version })
	return &out
}

// choose gives the version that is proven: the one that is there, the backup's, or the one
// that is there with what others prove of it. Else the one that is there, named as unproven;
// nil: there is none.
func (m *mending) choose(have, kept *Version, before []byte, known bool, number int64) *Version {
	switch {
	case have != nil && m.sealed(have, before, known) && have.agrees():
		return have
	case kept != nil && m.sealed(kept, before, known) && kept.agrees():
		what := RuleChainGap
		if have != nil {
			what = RuleChainChecksum
		}
		m.heal(number, what, FromBackup)
		return kept
	case have == nil:
		return nil
	}
	if fixed, ok := m.fixed(*have, before, known); ok {
		m.heal(number, RuleChainEntry, FromVersions)
		return &fixed
	}
	rule := RuleChainChecksum
	if !have.agrees() {
		rule = RuleChainEntry
	}
	m.lose(number, rule, "the version as it is")
	return have
}

// sealed reports whether a version's checksum is over its parent's; where that is not known,
// whether the version after it, or the head, goes on from it.
func (m *mending) sealed(v *Version, before []byte, known bool) bool {
	if known {
		return bytes.Equal(Sum(before, v.Entry), v.Checksum)
	}
	return m.goesOn(v.Version, v.Checksum)
}

// goesOn reports whether what comes after a version goes on from a checksum.
func (m *mending) goesOn(version int64, checksum []byte) bool {
	for _, r := range []*Record{m.now, m.backup} {
		if next := r.version(version + 1); next != nil && bytes.Equal(Sum(checksum, next.Entry), next.Checksum) {
			return true
		}
		if r.Head.Version == version && bytes.Equal(r.Head.Checksum, checksum) {
			return true
		}
	}
	return false
}

// fixed puts right what the bytes of a version prove: its columns, and its checksum where
// the version after it goes on from that.
func (m *mending) fixed(v Version, before []byte, known bool) (Version, bool) {
	e, err := v.read()
	if err != nil || !known {
		return v, false
	}
	sum := Sum(before, v.Entry)
	if !bytes.Equal(sum, v.Checksum) && !m.goesOn(v.Version, sum) {
		return v, false
	}
	v.Checksum, v.Parent, v.Operation, v.ActorID, v.At = sum, e.Parent, e.Operation, e.Actor, e.At
	return v, v.agrees()
}

// agrees reports whether the columns say what the bytes say.
func (v Version) agrees() bool {
	e, err := v.read()
	return err == nil && e.Version == v.Version && e.ConversationID == v.ConversationID && e.Operation == v.Operation &&
		number(e.Parent) == number(v.Parent) && person(e.Actor) == person(v.ActorID) && e.At.Equal(v.At)
}

func equalVersions(a, b Version) bool {
	return bytes.Equal(a.Entry, b.Entry) && bytes.Equal(a.Checksum, b.Checksum) && a.Operation == b.Operation && a.At.Equal(b.At) &&
		number(a.Parent) == number(b.Parent) && person(a.ActorID) == person(b.ActorID)
}

// texts takes each text from where its hash proves it.
func (m *mending) texts() {
	m.unread = map[int64]bool{}
	for _, v := range m.Record.Versions {
		e, err := v.read()
		if err != nil || e.Change.Adopted {
			continue
		}
		have, kept := m.now.text(v.Version), m.backup.text(v.Version)
		proven := func(t *Text) bool { return t != nil && Digest(t.Salt, t.Body) == e.Change.TextSHA256 }
		switch rule := missingOr(have); {
		case proven(have):
			m.Record.Texts = append(m.Record.Texts, *have)
		case proven(kept):
			m.heal(v.Version, rule, FromBackup)
			m.replaceText(have, *kept)
		case have != nil && m.written(e, have, proven) != nil:
			m.heal(v.Version, rule, FromMessages)
			m.replaceText(have, *m.written(e, have, proven))
		default:
			m.unread[v.Version] = true
			m.lose(v.Version, rule, "what the rows say")
			if have != nil {
				m.Record.Texts = append(m.Record.Texts, *have)
			}
		}
	}
}

func missingOr(t *Text) string {
	if t == nil {
		return RuleText
	}
	return RuleTextHash
}

func (m *mending) replaceText(have *Text, by Text) {
	if have != nil {
		m.Replaced.Texts = append(m.Replaced.Texts, *have)
	}
	m.Record.Texts = append(m.Record.Texts, by)
	m.put.Texts = append(m.put.Texts, by)
}

// written makes the text of what was said anew from the row of the message; nil: that is
// not what was hashed.
func (m *mending) written(e entry, have *Text, proven func(*Text) bool) *Text {
	for _, row := range m.now.Messages {
		if row.ID != e.Change.MessageID {
			continue
		}
		text := map[string]any{"content": row.Content}
		var problem struct {
			Detail string `json:"detail"`
		}
		switch {
		case e.Operation == opAddMessage:
			text["metadata"] = decoded(row.Metadata)
		case row.Version != e.Version:
			return nil
		case json.Unmarshal(row.Problem, &problem) == nil && problem.Detail != "":
			text["problem_detail"] = problem.Detail
		}
		body, err := json.Marshal(text)
		if err != nil {
			return nil
		}
		if again := (Text{have.ConversationID, have.Version, have.Salt, string(body)}); proven(&again) {
			return &again
		}
	}
	return nil
}
