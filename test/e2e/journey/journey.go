// Package journey walks a learner's main path through a running service, as a
// good client does, and checks that nothing is lost or doubled on the way: sign
// up, log in, start a conversation, say line after line, read each reply as it
// is written, lose the connection and resume, read everything back.
//
// It promises that a journey without an error saw every stored text, word for
// word, in a stream before it saw it in the store. It keeps the one rule for
// clients: message.started replaces the text, message.delta appends to it, the
// last event carries the whole message, unknown types are ignored, and a stream
// that breaks or says stream.closing is resumed after the last id.
//
// Its limits: it talks through the generated client alone, keeps one
// conversation in memory, and gives up after ten connections without an event
// between them. It is for the demo and for tests.
package journey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"

	"github.com/google/uuid"
)

// The journey's partner and situation.
const (
	partnerID   = "suppliers"
	situationID = "negotiations"
)

// pageSize is small, so that reading a conversation back takes several pages.
const pageSize = 5

// Config says where the journey leads.
type Config struct {
	// URL is the root of the service, such as http://127.0.0.1:8080.
	URL string
	// Lines is what the learner says, one reply each.
	Lines []string
	// BreakLine is the line, from 1, in whose reply the connection is cut; 0: none.
	BreakLine int
	// BreakAfter is how many deltas come before the cut. Default: 3. A reply of
	// fewer is cut before its last event.
	BreakAfter int
	// Out takes the transcript; nil: nobody reads it.
	Out io.Writer
	// HTTP does the requests; nil: a client of its own.
	HTTP *http.Client
}

// Summary counts what happened.
type Summary struct {
	Messages int // stored, the greeting included
	Deltas   int // pieces of replies that came by stream
	Resumes  int // connections that went on where another had ended
	Checked  int // messages compared with what was said or streamed
}

// String is one line for people.
func (s Summary) String() string {
	return fmt.Sprintf("%d messages, %d deltas, %s, %d checked: all that was streamed is stored, and nothing twice",
		s.Messages, s.Deltas, plural(s.Resumes, "resume"), s.Checked)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Run makes the journey as somebody new. An error says which step failed, or
// which message is stored otherwise than it was streamed.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	l, err := New(cfg.URL, cfg.HTTP)
	if err != nil {
		return Summary{}, err
	}
	show := newTranscript(cfg.Out)
	conversation, err := begin(ctx, l, show)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Summary{}, fmt.Errorf("nothing answers at %s; start the service with `make run`", cfg.URL)
	}
	if err != nil {
		return Summary{}, err
	}
	replies, err := talk(ctx, l, conversation, cfg, show)
	if err != nil {
		return Summary{}, err
	}
	show.endLine()
	return readBack(ctx, l, conversation, replies)
}

// begin signs up, logs in and starts the conversation.
func begin(ctx context.Context, l *Learner, show *transcript) (uuid.UUID, error) {
	if err := l.SignUp(ctx); err != nil {
		return uuid.Nil, err
	}
	show.note("signed up as " + l.Email)
	if err := l.LogIn(ctx); err != nil {
		return uuid.Nil, err
	}
	show.note("logged in")
	conversation, err := l.Converse(ctx, partnerID, situationID)
	if err != nil {
		return uuid.Nil, err
	}
	show.note(fmt.Sprintf("conversation %s: %s", conversation.ID, conversation.Title))
	first, err := l.Messages(ctx, conversation.ID, 1)
	if err != nil {
		return uuid.Nil, err
	}
	for _, m := range first {
		show.speaker(partnerID)
		show.text(m.Content)
	}
	return conversation.ID, nil
}

// talk says the lines one after the other.
func talk(ctx context.Context, l *Learner, conversation uuid.UUID, cfg Config, show *transcript) ([]*Reply, error) {
	replies := make([]*Reply, 0, len(cfg.Lines))
	for i, line := range cfg.Lines {
		show.speaker("you")
		show.text(line)
		show.speaker(partnerID)
		in := SayInput{ConversationID: conversation, Line: line, Watch: show.watch()}
		if cfg.BreakLine == i+1 {
			in.BreakAfter = cmp.Or(cfg.BreakAfter, 3)
		}
		reply, err := l.Say(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		replies = append(replies, reply)
	}
	return replies, nil
}

// readBack compares the store with the streams.
func readBack(ctx context.Context, l *Learner, conversation uuid.UUID, replies []*Reply) (Summary, error) {
	stored, err := l.Messages(ctx, conversation, pageSize)
	if err != nil {
		return Summary{}, err
	}
	head, err := l.Conversation(ctx, conversation)
	if err != nil {
		return Summary{}, err
	}
	if head.MessageCount != len(stored) {
		return Summary{}, fmt.Errorf("the conversation counts %d messages, its pages hold %d", head.MessageCount, len(stored))
	}
	if err := Compare(stored, replies); err != nil {
		return Summary{}, err
	}
	s := Summary{Messages: len(stored), Checked: len(stored)}
	for _, r := range replies {
		s.Deltas += r.Deltas
		s.Resumes += r.Resumes
	}
	return s, nil
}
