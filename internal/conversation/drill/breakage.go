// Package drill breaks a conversation on purpose, in each way that a disk, a person or a
// restored database might, and looks whether verification finds it and recovery makes it good.
// It works on one conversation of its own.
package drill

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// A Breakage is one way in which the record of a conversation as Make makes it may be broken.
type Breakage struct {
	Name   string
	Break  func(r *record.Record)
	Rules  []string // that find it
	Proven bool     // it can be made good without a backup
}

// Breakages are all of them.
var Breakages = []Breakage{
	{"a bit of what was said", func(r *record.Record) { r.Messages[1].Content = "Ve need better terms." }, []string{record.RuleMessageText}, true},
	{"a bit of an earlier reply", func(r *record.Record) { r.Pasts[0].Content += "!" }, []string{record.RuleMessageText}, true},
	{"a bit of a text", func(r *record.Record) { r.Texts[1].Body = strings.ReplaceAll(r.Texts[1].Body, "better", "bitter") }, []string{record.RuleTextHash, record.RuleMessageText}, true},
	{"a text", func(r *record.Record) { r.Texts = slices.Delete(r.Texts, 5, 6) }, []string{record.RuleText}, false},
	{"a bit of a version", func(r *record.Record) { r.Versions[3].Entry[20] ^= 1 }, []string{record.RuleChainChecksum}, false},
	{"a bit of a checksum", func(r *record.Record) { r.Versions[3].Checksum[0] ^= 1 }, []string{record.RuleChainChecksum}, true},
	{"a version", func(r *record.Record) { r.Versions = slices.Delete(r.Versions, 6, 7) }, []string{record.RuleChainGap}, false},
	{"the first version", func(r *record.Record) { r.Versions = r.Versions[1:] }, []string{record.RuleChainGap}, false},
	{"the newest version", func(r *record.Record) { r.Versions = r.Versions[:len(r.Versions)-1] }, []string{record.RuleChainGap, record.RuleHeadVersion}, false},
	{"every version", func(r *record.Record) { r.Versions = nil }, []string{record.RuleChainGap}, false},
	{"two versions, swapped", func(r *record.Record) { swapVersions(r.Versions[20:22]) }, []string{record.RuleChainChecksum, record.RuleChainEntry}, false},
	{"the column of an operation", func(r *record.Record) { r.Versions[8].Operation = "update_context" }, []string{record.RuleChainEntry}, true},
	{"the date of a version", func(r *record.Record) { r.Versions[8].At = r.Versions[8].At.Add(-time.Hour) }, []string{record.RuleChainEntry, record.RuleDate}, true},
	{"a date in the future", func(r *record.Record) { r.Versions[8].At = r.Versions[8].At.Add(time.Hour) }, []string{record.RuleDate}, true},
	{"the head's number", func(r *record.Record) { r.Head.Version-- }, []string{record.RuleHeadVersion}, true},
	{"the head's checksum", func(r *record.Record) { r.Head.Checksum[0] ^= 1 }, []string{record.RuleHeadChecksum}, true},
	{"yesterday's head", func(r *record.Record) { r.Head.Version, r.Head.Title = 30, "Yesterday" }, []string{record.RuleHeadVersion, record.RuleHeadState}, true},
	{"the title", func(r *record.Record) { r.Head.Title = "Another" }, []string{record.RuleHeadState}, true},
	{"the context", func(r *record.Record) { r.Head.Context = json.RawMessage(`{"domain_context":{"budget":1}}`) }, []string{record.RuleHeadState}, true},
	{"tokens used", func(r *record.Record) { r.Head.TokensUsed += 5 }, []string{record.RuleTokens}, true},
	{"a reply that is not written", func(r *record.Record) { r.Head.ReplyID = &r.Messages[2].ID }, []string{record.RuleHeadState}, true},
	{"a message", func(r *record.Record) { r.Messages, r.Pasts = slices.Delete(r.Messages, 2, 3), nil }, []string{record.RuleMessage}, true},
	{"a message from nowhere", func(r *record.Record) {
		m := r.Messages[1]
		m.ID, m.Seq = uuid.New(), 100
		r.Messages = append(r.Messages, m)
	}, []string{record.RuleMessageMore}, true},
	{"two messages, swapped", func(r *record.Record) {
		a, b := &r.Messages[1], &r.Messages[2]
		a.Seq, b.Seq = b.Seq, a.Seq
		swap(r.Messages[1:3])
	}, []string{record.RuleMessageOrder}, true},
	{"a hidden message", func(r *record.Record) { r.Messages[3].Hidden = nil }, []string{record.RuleMessageState}, true},
	{"the status of a message", func(r *record.Record) { r.Messages[2].Status = "failed" }, []string{record.RuleMessageState}, true},
	{"an earlier state", func(r *record.Record) { r.Pasts = r.Pasts[1:] }, []string{record.RuleMessage}, true},
	{"a snapshot", func(r *record.Record) { r.Snapshots[0].State = json.RawMessage(`{"title":"x"}`) }, []string{record.RuleSnapshot}, true},
}

// swapVersions gives each of two versions the other's number.
func swapVersions(two []record.Version) {
	two[0].Version, two[1].Version = two[1].Version, two[0].Version
	swap(two)
}

func swap[T any](two []T) { two[0], two[1] = two[1], two[0] }
