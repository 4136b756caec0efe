package learning

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// Talk is the head of a conversation; names are for the model.
type Talk struct {
	Finished  bool // it is completed or archived
	Version   int64
	Partner   string
	Situation string
}

// Line is one message, as it was said.
type Line struct {
	MessageID uuid.UUID
	Seq       int
	Learner   bool   // else the partner
	Text      string // empty: a reply that never came
	BeganAt   time.Time
	EndedAt   time.Time
}

// Transcripts reads conversations; one that is absent or another's is
// resource.not_found. Its faults reach the client as they are.
type Transcripts interface {
	Talk(ctx context.Context, user, conversation uuid.UUID) (Talk, error)
	// Lines gives up to limit lines that follow a seq, in the order said, and whether
	// there are more.
	Lines(ctx context.Context, user, conversation uuid.UUID, after, limit int) ([]Line, bool, error)
}

// What of a conversation is kept to be looked at: the newest lines that fit, each
// of the learner's whole, unless it is very long.
const (
	pageOfLines    = 100
	maxLineTokens  = 6000 // of all of them
	maxLearnerLine = 4000 // characters
	maxPartnerLine = 600  // characters
)

// said is a line as the model gets it.
type said struct {
	From string `json:"from"` // fromLearner or fromPartner
	Text string `json:"text"` // as fold writes it

	id     uuid.UUID
	tokens int
}

const (
	fromLearner = "learner"
	fromPartner = "partner"
)

// heard is what is kept of a conversation: all of it counted, and its newest lines.
type heard struct {
	Talk
	counts   Counts
	lines    []said
	tokens   int // of lines
	learners int // lines of the learner's
}

// finished reads a conversation that feedback can be given on. Faults: those of
// Transcripts, feedback.conversation_not_finished.
func (s *Service) finished(ctx context.Context, user, conversation uuid.UUID) (Talk, error) {
	talk, err := s.transcripts.Talk(ctx, user, conversation)
	if err == nil && !talk.Finished {
		err = errNotFinished
	}
	return talk, err
}

// listen goes through a whole conversation page by page; what it keeps does not grow
// with it. Faults: those of finished, feedback.nothing_said.
func (s *Service) listen(ctx context.Context, user, conversation uuid.UUID) (heard, error) {
	talk, err := s.finished(ctx, user, conversation)
	if err != nil {
		return heard{}, err
	}
	h, clock := heard{Talk: talk}, stopwatch{}
	err = s.eachLine(ctx, user, conversation, func(l Line) bool {
		text := fold(l.Text)
		clock.take(l.BeganAt, l.EndedAt)
		h.counts.add(l.Learner, text)
		h.keep(l, text)
		return true
	})
	h.counts.Seconds = clock.seconds()
	if err == nil && h.counts.LearnerMessages == 0 {
		err = errNothingSaid
	}
	return h, err
}

// eachLine gives the lines of a conversation in the order said, until next wants no more.
func (s *Service) eachLine(ctx context.Context, user, conversation uuid.UUID, next func(Line) bool) error {
	for after := 0; ; {
		lines, more, err := s.transcripts.Lines(ctx, user, conversation, after, pageOfLines)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if after = l.Seq; !next(l) {
				return nil
			}
		}
		if !more || len(lines) == 0 {
			return nil
		}
	}
}

// keep takes a line and lets go of the oldest that do not fit any more, but never of
// the learner's newest: there is always something to quote.
func (h *heard) keep(l Line, text string) {
	line := said{From: fromPartner, Text: excerpt(text, maxPartnerLine), id: l.MessageID}
	if l.Learner {
		line.From, line.Text = fromLearner, excerpt(text, maxLearnerLine)
	}
	if line.Text == "" {
		return
	}
	line.tokens = llm.EstimateTokens(line.Text)
	h.lines = append(h.lines, line)
	h.weigh(line, 1)
	for h.tokens > maxLineTokens && (h.lines[0].From == fromPartner || h.learners > 1) {
		h.weigh(h.lines[0], -1)
		h.lines = h.lines[1:]
	}
	if last := len(h.lines) - 1; h.tokens > maxLineTokens && last > 0 {
		h.weigh(h.lines[last], -1)
		h.lines = h.lines[:last]
	}
}

// weigh counts a line that comes or goes.
func (h *heard) weigh(l said, sign int) {
	h.tokens += sign * l.tokens
	if l.From == fromLearner {
		h.learners += sign
	}
}
