package eventlog

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ID names an entry: the millisecond at which Redis took it and a number within
// that millisecond. Within one life of a log ids only rise, whatever the clock
// does. The zero ID stands before every entry.
type ID struct {
	Ms  uint64
	Seq uint64
}

// AnyID as AppendInput.After appends whatever the log ends with. No entry has it.
var AnyID = ID{Ms: math.MaxUint64, Seq: math.MaxUint64}

// IsZero reports whether id is the place before the first entry.
func (id ID) IsZero() bool { return id == ID{} }

// Compare is negative when id comes before other, positive when after.
func (id ID) Compare(other ID) int {
	if c := cmp.Compare(id.Ms, other.Ms); c != 0 {
		return c
	}
	return cmp.Compare(id.Seq, other.Seq)
}

// String is the form of Redis, such as 1750000000000-3.
func (id ID) String() string {
	var buf [41]byte // two uint64 in decimal and the dash
	b := strconv.AppendUint(buf[:0], id.Ms, 10)
	b = append(b, '-')
	return string(strconv.AppendUint(b, id.Seq, 10))
}

// ParseID reads what String writes and nothing else: no signs, no leading
// zeros, no missing half. Whoever takes the text from outside turns the error
// into a refusal.
func ParseID(s string) (ID, error) {
	ms, seq, found := strings.Cut(s, "-")
	var id ID
	var err1, err2 error
	id.Ms, err1 = strconv.ParseUint(ms, 10, 64)
	id.Seq, err2 = strconv.ParseUint(seq, 10, 64)
	if !found || err1 != nil || err2 != nil || !canonical(ms) || !canonical(seq) {
		return ID{}, fmt.Errorf("parse entry id: %.64q is not of the form 0-0", s)
	}
	return id, nil
}

func canonical(digits string) bool { return digits == "0" || digits[0] != '0' }

// MarshalText makes an ID a string in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseID.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}
