package presence

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Member is one who is there.
type Member struct {
	Group string
	ID    string
	Node  string // that holds it
	// Since is by Redis's clock, in microseconds; by its node's where Redis was away.
	Since time.Time
	Value []byte
}

// entry is a member as Redis has it.
type entry struct {
	Member
	holder string // node and incarnation
}

// text is the form of an entry; the scripts read it too.
func text(since int64, holder string, value []byte) string {
	return strconv.FormatInt(since, 10) + " " + holder + " " + string(value)
}

func parseEntry(group, id, text string) (entry, bool) {
	at, rest, ok1 := strings.Cut(text, " ")
	holder, value, ok2 := strings.Cut(rest, " ")
	since, err := strconv.ParseInt(at, 10, 64)
	if !ok1 || !ok2 || err != nil {
		return entry{}, false
	}
	node, _, _ := strings.Cut(holder, ".")
	return entry{Member{Group: group, ID: id, Node: node, Since: time.UnixMicro(since), Value: []byte(value)}, holder}, true
}

// parseAll reads a hash in either of the forms that a client gives it.
func parseAll(group string, answer any) ([]entry, error) {
	var entries []entry
	add := func(id, text any) {
		if e, ok := parseEntry(group, fmt.Sprint(id), fmt.Sprint(text)); ok {
			entries = append(entries, e)
		}
	}
	switch all := answer.(type) {
	case []any:
		for i := 0; i+1 < len(all); i += 2 {
			add(all[i], all[i+1])
		}
	case map[any]any:
		for id, text := range all {
			add(id, text)
		}
	default:
		return nil, fmt.Errorf("presence: a hash is %T", answer)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	return entries, nil
}

func members(entries []entry) []Member {
	all := make([]Member, len(entries))
	for i, e := range entries {
		all[i] = e.Member
	}
	return all
}

// isName also keeps the NUL for what is listed.
func isName(text string) bool {
	return text != "" && len(text) <= MaxName && !strings.Contains(text, "\x00")
}

func checkNames(group, member string) error {
	if !isName(group) || !isName(member) {
		return fmt.Errorf("%w: group %.40q, member %.40q", ErrInvalid, group, member)
	}
	return nil
}

func checkValue(value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("%w: %d bytes", ErrInvalid, len(value))
	}
	return nil
}
