package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Rules that a record keeps to. Each finding names the one that was broken.
const (
	RuleChainGap      = "chain.gap"      // every version from 1, or from where the history began, to the newest is there
	RuleChainChecksum = "chain.checksum" // each checksum is the SHA-256 of the one before and the version's bytes
	RuleChainEntry    = "chain.entry"    // the bytes of a version can be read and say what its columns say
	RuleChainStep     = "chain.step"     // each version can be made after the one before
	RuleText          = "text.missing"   // each version has its text
	RuleTextHash      = "text.hash"      // which is the one that was hashed
	RuleHeadVersion   = "head.version"   // the head has the number of the newest version
	RuleHeadChecksum  = "head.checksum"  // and its checksum
	RuleHeadState     = "head.state"     // and what the versions tell
	RuleTokens        = "tokens.sum"     // tokens used are the sum of what the versions used
	RuleMessage       = "message.missing"
	RuleMessageMore   = "message.unknown" // no version tells of the message
	RuleMessageText   = "message.content"
	RuleMessageState  = "message.state"
	RuleMessageOrder  = "message.order" // messages lie in the order said
	RuleSnapshot      = "snapshot.state"
	RuleDate          = "date.impossible" // no version is from before its parent, none from the future
)

// skew is by how much the clocks of two nodes may differ.
const skew = time.Minute

// Finding is a rule that does not hold. It says no text, only the hash of one.
type Finding struct {
	ConversationID uuid.UUID `json:"conversation_id"`
	Version        int64     `json:"version"` // 0: of none
	Rule           string    `json:"rule"`
	Subject        string    `json:"subject,omitempty"` // a message's id, or a member of the head
	Expected       string    `json:"expected"`
	Found          string    `json:"found"`
}

// Known is a finding that a recovery could not mend, and wrote down.
type Known struct {
	Version int64  `json:"version"`
	Rule    string `json:"rule"`
}

// Verify gives what does not hold, in the order of the rules; nothing: all is well.
func (r *Record) Verify(now time.Time) []Finding {
	c := &check{r: r, now: now, said: r.readings()}
	c.chain()
	told, err := r.tell(r.last(), c.said, c.snapshot)
	if step := (*StepError)(nil); errors.As(err, &step) {
		c.broken(step)
		return c.unknown()
	}
	c.head(told.Head)
	c.messages(told)
	return c.unknown()
}

// check collects findings about one record.
type check struct {
	r        *Record
	now      time.Time
	said     []reading // of the versions
	known    map[Known]bool
	findings []Finding
}

func (c *check) find(version int64, rule, subject string, expected, found any) {
	c.findings = append(c.findings, Finding{
		ConversationID: c.r.Head.ID, Version: version, Rule: rule, Subject: subject, Expected: fmt.Sprint(expected), Found: fmt.Sprint(found),
	})
}

// broken tells why the versions tell no whole conversation, unless the chain said so.
func (c *check) broken(step *StepError) {
	for _, f := range c.findings {
		if f.Version == step.Version {
			return
		}
	}
	c.find(step.Version, RuleChainStep, "", "a change of what was before", step.Err)
}

// unknown gives the findings that no recovery has written down.
func (c *check) unknown() []Finding {
	var out []Finding
	for _, f := range c.findings {
		if !c.known[Known{f.Version, f.Rule}] {
			out = append(out, f)
		}
	}
	return out
}

// chain walks the versions.
func (c *check) chain() {
	c.known = map[Known]bool{}
	var before *Version
	for i := range c.r.Versions {
		v := &c.r.Versions[i]
		c.place(before, v, c.said[i])
		c.bytes(v, c.said[i])
		c.date(before, v)
		c.text(v, c.said[i])
		before = v
	}
	if c.r.cut() {
		for v := c.r.last() + 1; v <= c.r.Head.Version; v++ {
			c.find(v, RuleChainGap, "", "a version", "none")
		}
	}
	switch {
	case before == nil || before.Version != c.r.Head.Version:
		c.find(0, RuleHeadVersion, "", c.r.last(), c.r.Head.Version)
	case !bytes.Equal(before.Checksum, c.r.Head.Checksum):
		c.find(0, RuleHeadChecksum, "", hex.EncodeToString(before.Checksum), hex.EncodeToString(c.r.Head.Checksum))
	}
}

// place looks whether a version comes right after the one before, and is sealed over it.
func (c *check) place(before, v *Version, e reading) {
	var sum []byte
	expected := int64(1)
	switch {
	case before != nil:
		expected, sum = before.Version+1, before.Checksum
	case e.err == nil && e.Change.Adopted: // the history begins late
		expected = v.Version
	}
	if expected < v.Version { // then its parent's checksum is not there to be held against
		for ; expected < v.Version; expected++ {
			c.find(expected, RuleChainGap, "", "a version", "none")
		}
		return
	}
	if want := Sum(sum, v.Entry); !bytes.Equal(want, v.Checksum) {
		c.find(v.Version, RuleChainChecksum, "", hex.EncodeToString(want), hex.EncodeToString(v.Checksum))
	}
}

// bytes looks whether the columns say what was hashed.
func (c *check) bytes(v *Version, e reading) {
	if e.err != nil {
		c.find(v.Version, RuleChainEntry, "", "canonical JSON", "bytes that are none")
		return
	}
	said := fmt.Sprintf("%s %d after %s by %s at %s", e.Operation, e.Version, number(e.Parent), person(e.Actor), stamp(e.At))
	have := fmt.Sprintf("%s %d after %s by %s at %s", v.Operation, v.Version, number(v.Parent), person(v.ActorID), stamp(v.At))
	if said != have || e.ConversationID != v.ConversationID {
		c.find(v.Version, RuleChainEntry, "", said, have)
	}
}

func (c *check) date(before, v *Version) {
	if before != nil && v.At.Before(before.At.Add(-skew)) {
		c.find(v.Version, RuleDate, "", "not before "+stamp(before.At), stamp(v.At))
	}
	if v.At.After(c.now.Add(skew)) {
		c.find(v.Version, RuleDate, "", "not after "+stamp(c.now), stamp(v.At))
	}
}

// text looks whether the text is the one that was hashed, and takes from it what was known.
func (c *check) text(v *Version, e reading) {
	text := c.r.text(v.Version)
	switch {
	case e.Change.Adopted:
		return // it has none
	case text == nil:
		c.find(v.Version, RuleText, "", "a text", "none")
		return
	case e.err != nil:
		return // the chain says so
	}
	if got := Digest(text.Salt, text.Body); got != e.Change.TextSHA256 {
		c.find(v.Version, RuleTextHash, "", e.Change.TextSHA256, got)
		return
	}
	if v.Operation != opRecover {
		return
	}
	var said heard
	if json.Unmarshal([]byte(text.Body), &said) == nil {
		for _, k := range said.Known {
			c.known[k] = true
		}
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func number(n *int64) string {
	if n == nil {
		return "none"
	}
	return strconv.FormatInt(*n, 10)
}

func person(id *uuid.UUID) string {
	if id == nil {
		return "the service"
	}
	return id.String()
}
