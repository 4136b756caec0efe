package record

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
)

// tell makes every step that can be made; for one that cannot, the rows of messages are
// believed, and the head's row for what they do not say.
func (m *mending) tell() Told {
	r := &m.Record
	r.Head, r.Messages, r.Pasts, r.Snapshots = m.now.Head, m.now.Messages, m.now.Pasts, m.now.Snapshots
	t := Told{Head: Head{ID: m.now.Head.ID, UserID: m.now.Head.UserID, CreatedAt: m.now.Head.CreatedAt, PartnerID: m.now.Head.PartnerID,
		SituationID: m.now.Head.SituationID, ParentID: m.now.Head.ParentID, ParentVersion: m.now.Head.ParentVersion}}
	until := r.last()
	for number := range m.missing {
		until = max(until, number)
	}
	gaps := false
	for _, number := range m.numbers(r.beginning(until), until) {
		v := r.version(number)
		if v != nil && !m.unread[number] {
			err := t.step(r, *v, v.reading())
			if err == nil {
				m.keepHead(t.Head, gaps)
				continue
			}
			if !errors.Is(err, errMissing) {
				m.lose(number, RuleChainStep, "what the rows of messages say of it")
			}
		}
		gaps = true
		m.believe(&t, number, v)
	}
	if gaps {
		m.believeHead(&t)
	}
	return t.sorted()
}

// keepHead remembers what a snapshot should say, if it is proven.
func (m *mending) keepHead(told Head, gaps bool) {
	if !gaps && (told.Version%snapshotEvery == 0 || slices.ContainsFunc(m.now.Snapshots, func(s Snapshot) bool { return s.Version == told.Version })) {
		m.heads[told.Version] = told
	}
}

// numbers are those of the versions to be told, from the place of the first.
func (m *mending) numbers(from int, until int64) (all []int64) {
	first := int64(1)
	if len(m.Record.Versions) > 0 {
		first = m.Record.Versions[from].Version
		if from == 0 {
			for n := range m.missing {
				first = min(first, n)
			}
		}
	}
	for n := first; n <= until; n++ {
		all = append(all, n)
	}
	return all
}

// believe takes the messages that a version has made, by their rows, as they were then.
func (m *mending) believe(t *Told, number int64, v *Version) {
	t.Head.Version = number
	if v != nil {
		t.Head.UpdatedAt, t.Head.LastActivityAt, t.Head.Checksum = v.At, v.At, v.Checksum
	}
	for _, rows := range []*Record{m.now, m.backup} {
		for _, row := range rows.Messages {
			state := row.as(number, rows.Pasts)
			told, err := t.message(row.ID)
			switch {
			case row.Added > number:
			case err != nil && row.Added == number:
				t.Messages = append(t.Messages, state)
			case err != nil:
			case state.Version == number && told.Version < number:
				*told = state
			case row.Hidden != nil && *row.Hidden == number:
				told.Hidden = row.Hidden
			}
		}
	}
	t.Head.ReplyID, t.Head.LastSeq = nil, 0
	for i := range t.Messages {
		t.Head.LastSeq = max(t.Head.LastSeq, t.Messages[i].Seq)
		if settled(t.Messages[i].Status) == "pending" && t.Messages[i].Hidden == nil {
			t.Head.ReplyID = &t.Messages[i].ID
		}
	}
}

// believeHead takes from the head's row, or else the backup's, what versions that are lost may
// have said of it.
func (m *mending) believeHead(t *Told) {
	from := m.now.Head
	if from.ID == uuid.Nil {
		from = m.backup.Head
	}
	for _, one := range members(t.Head, from) {
		if one.kept && one.name != "message_count" && one.name != "updated_at" && one.name != "last_activity_at" && !same(one.told, one.have) {
			m.Lost = append(m.Lost, Lost{0, RuleHeadState, "the " + one.name + " of the head's row"})
		}
	}
	t.Head.Title, t.Head.Tags, t.Head.Context, t.Head.Metadata = from.Title, from.Tags, from.Context, from.Metadata
	t.Head.Status, t.Head.TokenLimit, t.Head.TokensUsed = from.Status, from.TokenLimit, from.TokensUsed
}

// back gives what was told the content of an old version.
func (m *mending) back(t *Told, target int64, at time.Time) error {
	strict := m.Record
	old, err := strict.Tell(target)
	if err != nil {
		return fmt.Errorf("version %d cannot be told: %w", target, err)
	}
	t.rollBack(Version{ConversationID: m.now.Head.ID, Version: t.Head.Version + 1, At: at}, says{RestoredVersion: target, MessageCount: old.Head.MessageCount})
	t.Head.Title, t.Head.Tags, t.Head.Context, t.Head.Metadata, t.Head.TokenLimit = old.Head.Title, old.Head.Tags, old.Head.Context, old.Head.Metadata, old.Head.TokenLimit
	if t.Head.ReplyID != nil { // it is under way: going back ends it
		if reply, err := t.message(*t.Head.ReplyID); err == nil && settled(reply.Status) == "pending" {
			reply.Status, reply.FinishReason, reply.CompletedAt = "cancelled", new("cancelled"), &at
		}
		t.Head.ReplyID = nil
	}
	return nil
}

// settle makes the rows to be stored of what was told: each message keeps what no version says of
// it, rows that no version knows stay, hidden.
func (m *mending) settle(t Told, at time.Time) {
	version := t.Head.Version + 1
	rows := map[uuid.UUID]Message{}
	for _, r := range []*Record{m.backup, m.now} {
		for _, row := range r.Messages {
			rows[row.ID] = row
		}
	}
	have := map[uuid.UUID]Message{}
	for _, row := range m.now.Messages {
		have[row.ID] = row
	}
	for i := range t.Messages {
		told := &t.Messages[i]
		if row, ok := rows[told.ID]; ok {
			told.keep(row)
		}
		if row, ok := have[told.ID]; ok && !reflect.DeepEqual(*told, row) {
			m.Replaced.Messages = append(m.Replaced.Messages, row)
		}
		delete(have, told.ID)
	}
	for _, row := range m.now.Messages {
		if _, unknown := have[row.ID]; !unknown {
			continue
		}
		m.Notes = append(m.Notes, fmt.Sprintf("no version tells of message %s; it is kept, hidden", row.ID))
		row.Seq, row.Hidden = t.Head.LastSeq+1, cmp.Or(row.Hidden, &version)
		t.Head.LastSeq++
		t.Messages = append(t.Messages, row)
	}
	t.Head.MessageCount = 0
	for _, told := range t.Messages {
		if told.Hidden == nil {
			t.Head.MessageCount++
		}
	}
	m.Replaced.Head, m.Replaced.Pasts = &m.now.Head, m.lostPasts(t)
	t.Head.Fence = m.now.Head.Fence
	m.Record.Head, m.Record.Messages, m.Record.Pasts = t.Head, t.Messages, m.pasts(t)
	if m.missing[t.Head.Version] && m.now.Head.Version == t.Head.Version {
		m.Record.Head.Checksum = m.now.Head.Checksum // the chain goes on from there
	}
	m.Known = m.stay(at)
	m.Record.Versions, m.Record.Texts, m.Record.Snapshots = m.put.Versions, m.put.Texts, m.snapshots()
}

// stay gives what will not hold of the history in spite of the recovery.
func (m *mending) stay(at time.Time) (all []Known) {
	c := &check{r: &m.Record, now: at, said: m.Record.readings()}
	c.chain()
	for _, f := range c.findings {
		if f.Version > 0 && !c.known[Known{f.Version, f.Rule}] {
			all = append(all, Known{f.Version, f.Rule})
		}
	}
	return all
}

// snapshotEvery is how many versions lie between two snapshots.
const snapshotEvery = 50

// snapshots are those that are missing, or do not say what the versions tell.
func (m *mending) snapshots() (wrong []Snapshot) {
	for version, told := range m.heads {
		i := slices.IndexFunc(m.now.Snapshots, func(s Snapshot) bool { return s.Version == version })
		var kept Head
		right := i >= 0 && json.Unmarshal(m.now.Snapshots[i].State, &kept) == nil
		state := map[string]any{}
		for _, one := range members(told, kept) {
			if one.kept {
				right = right && same(one.told, one.have)
			}
		}
		if right {
			continue
		}
		state["title"], state["status"], state["tags"], state["context"], state["metadata"] = told.Title, told.Status, told.Tags, told.Context, told.Metadata
		state["token_limit"], state["tokens_used"], state["message_count"] = told.TokenLimit, told.TokensUsed, told.MessageCount
		state["updated_at"], state["last_activity_at"] = told.UpdatedAt, told.LastActivityAt
		if text, err := json.Marshal(state); err == nil {
			wrong = append(wrong, Snapshot{m.now.Head.ID, version, text})
		}
	}
	return wrong
}

// keep takes over from a row what no version says, where both are the same state.
func (told *Message) keep(row Message) {
	told.LeaseNumber = row.LeaseNumber
	if told.Content != row.Content || told.Attempt != row.Attempt || settled(told.Status) != settled(row.Status) {
		return
	}
	if told.Tokens == nil {
		told.Tokens = row.Tokens
	}
	if told.PromptTokens == nil {
		told.PromptTokens, told.TokensEstimated = row.PromptTokens, row.TokensEstimated
	}
	if code(told.Problem) == code(row.Problem) {
		told.Problem = row.Problem
	}
	told.Status = row.Status
}

// pasts are those that were told, and those from before the telling began.
func (m *mending) pasts(t Told) []Past {
	out := slices.Clone(t.Pasts)
	for i, told := range out { // no version says how many tokens it had
		for _, p := range m.now.Pasts {
			if p.MessageID == told.MessageID && p.Since == told.Since && p.Content == told.Content && p.Attempt == told.Attempt && p.Status == told.Status {
				out[i].Tokens, out[i].Problem = p.Tokens, p.Problem
			}
		}
	}
	for _, r := range []*Record{m.now, m.backup} {
		for _, p := range r.Pasts {
			if !slices.ContainsFunc(out, func(q Past) bool { return q.MessageID == p.MessageID && q.Since == p.Since }) && p.Since < t.Since {
				out = append(out, p)
			}
		}
	}
	return out
}

// lostPasts are rows of pasts that will be others.
func (m *mending) lostPasts(t Told) (out []Past) {
	for _, p := range m.now.Pasts {
		i := slices.IndexFunc(t.Pasts, func(q Past) bool { return q.MessageID == p.MessageID && q.Since == p.Since })
		if i < 0 || t.Pasts[i].Content != p.Content {
			out = append(out, p)
		}
	}
	return out
}
