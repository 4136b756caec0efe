package journey

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Columns of the transcript.
const (
	nameWidth = 12
	lineWidth = 100
)

// transcript shows a conversation as it goes: who speaks on the left, the text
// beside it as it comes. What cannot be written is not worth an error.
type transcript struct {
	out    io.Writer
	column int // of the line begun; 0: none is
}

func newTranscript(out io.Writer) *transcript {
	if out == nil {
		out = io.Discard
	}
	return &transcript{out: out}
}

// speaker begins somebody's turn.
func (t *transcript) speaker(name string) {
	t.endLine()
	fmt.Fprintf(t.out, "\n%-*s", nameWidth, name)
	t.column = nameWidth
}

// text adds to the turn, a new line for a word that does not fit.
func (t *transcript) text(s string) {
	for _, word := range strings.SplitAfter(s, " ") {
		if t.column+utf8.RuneCountInString(word) > lineWidth {
			t.endLine()
		}
		if t.column == 0 {
			fmt.Fprintf(t.out, "%*s", nameWidth, "")
			t.column, word = nameWidth, strings.TrimLeft(word, " ")
		}
		fmt.Fprint(t.out, word)
		t.column += utf8.RuneCountInString(word)
	}
}

// note is a line of its own about what happens.
func (t *transcript) note(s string) {
	t.endLine()
	fmt.Fprintf(t.out, "%*s[%s]\n", nameWidth, "", s)
}

func (t *transcript) endLine() {
	if t.column > 0 {
		fmt.Fprintln(t.out)
	}
	t.column = 0
}

// watch gives what shows one reply: each delta as it comes, and where the
// stream broke and went on.
func (t *transcript) watch() func(*Reply, error) {
	shown := "" // of the text so far
	return func(r *Reply, ended error) {
		switch {
		case errors.Is(ended, ErrCut):
			t.note(fmt.Sprintf("connection cut on purpose after %s; resuming after event %s",
				plural(r.Deltas, "delta"), abridged(r.cursor)))
			return
		case ended != nil:
			t.note(fmt.Sprintf("connection lost: %v; resuming", ended))
			return
		case !strings.HasPrefix(r.Text, shown):
			t.note("the reply begins again")
			shown = ""
		}
		t.text(r.Text[len(shown):])
		shown = r.Text
	}
}

// abridged keeps a cursor from filling the line.
func abridged(cursor string) string {
	if len(cursor) <= 12 {
		return cursor
	}
	return cursor[:12] + "..."
}
