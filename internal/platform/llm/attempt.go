package llm

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sashabaranov/go-openai"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// usageGrace is how long a finished reply waits for the provider's token counts
// and the end mark; the learner waits with it.
const usageGrace = 2 * time.Second

// drainGrace is how long a finished stream may take to let go of its connection,
// so that the next reply needs no handshake.
const drainGrace = 50 * time.Millisecond

// Why an attempt ended, as the cause of its context or the error of its loop.
var (
	errNoToken = errors.New("no text within the time allowed")
	errSilent  = errors.New("the stream went silent")
	errSlow    = errors.New("no answer within the time allowed")
	errTotal   = errors.New("the call took longer than allowed")
	errCut     = errors.New("the stream ended before the reply did")
	errEmpty   = errors.New("the reply holds no text")
	errEnough  = errors.New("the reply is as long as allowed")
	errDrained = errors.New("the finished stream did not close in time")
)

// attempt is one request to the provider and the reading of its answer. A
// watchdog cancels its context with a cause: the protocol library blocks while
// it waits for a line and knows no deadline of its own.
type attempt struct {
	cfg       Config
	ctx       context.Context
	cancel    context.CancelCauseFunc
	watchdog  *time.Timer
	wire      *wire
	library   *openai.Client
	onText    func(string) error
	firstText func()
	gaps      prometheus.Observer // of the provider's silence between two texts
	spoke     time.Time           // when the last text was dealt with

	text   strings.Builder
	finish string
	usage  *openai.Usage
}

// callerError carries an error of onText past the classification untouched.
type callerError struct{ error }

func newAttempt(ctx context.Context, c *Client, onText func(string) error, firstText func()) *attempt {
	a := &attempt{cfg: c.cfg, wire: &wire{web: c.web}, onText: onText, firstText: firstText, gaps: c.metrics.gaps}
	a.library = c.library(a.wire)
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	return a
}

// expect gives the provider d for its next sign of life.
func (a *attempt) expect(d time.Duration, why error) {
	a.rest()
	a.watchdog = time.AfterFunc(d, func() { a.cancel(why) })
}

// rest stops the watch while the time is not the provider's.
func (a *attempt) rest() {
	if a.watchdog != nil {
		a.watchdog.Stop()
	}
}

func (a *attempt) close() {
	a.rest()
	a.cancel(nil)
}

// run asks and reads until the reply is whole, which gives nil, or fails.
func (a *attempt) run(req Request) error {
	a.expect(a.cfg.FirstTokenTimeout, errNoToken)
	stream, err := a.library.CreateChatCompletionStream(a.ctx, a.cfg.protocol(req))
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // the body is done with, one way or another
	for {
		chunk, err := stream.Recv()
		if err == nil {
			err = a.take(chunk)
		}
		if err != nil {
			return a.end(err)
		}
	}
}

// take hands over what one chunk brings.
func (a *attempt) take(chunk openai.ChatCompletionStreamResponse) error {
	if chunk.Usage != nil && chunk.Usage.TotalTokens > 0 {
		a.usage = chunk.Usage
	}
	for _, choice := range chunk.Choices {
		if choice.Index != 0 {
			continue // only one is asked for
		}
		// PostgreSQL takes no NUL in a text, and a learner sees none.
		if text := strings.ReplaceAll(choice.Delta.Content, "\x00", ""); text != "" {
			if err := a.deliver(text); err != nil {
				return err
			}
		}
		if reason := finishReason(choice.FinishReason); reason != "" {
			a.finish = reason
			a.expect(min(a.cfg.IdleTimeout, usageGrace), errSilent)
		}
	}
	return nil
}

func (a *attempt) deliver(text string) error {
	a.rest()
	if a.text.Len() == 0 {
		a.firstText()
	} else {
		measure.Since(a.gaps, a.spoke)
	}
	text, enough := fit(text, a.cfg.MaxReplyBytes-a.text.Len())
	if text != "" {
		if err := a.onText(text); err != nil {
			return callerError{err}
		}
		a.text.WriteString(text)
	}
	if enough {
		return errEnough
	}
	a.spoke = time.Now()
	a.expect(a.cfg.IdleTimeout, errSilent)
	return nil
}

// fit gives the beginning of text that has room, never half a letter, and
// whether something had to be left out.
func fit(text string, room int) (string, bool) {
	if len(text) <= room {
		return text, false
	}
	for room > 0 && !utf8.RuneStart(text[room]) {
		room--
	}
	return text[:room], true
}

// end decides whether the loop's last error leaves a whole reply behind. A reply
// whose finish reason has come is whole, however its stream then breaks.
func (a *attempt) end(err error) error {
	var caller callerError
	switch {
	case errors.As(err, &caller):
		return err
	case errors.Is(err, errEnough):
		a.finish = string(openai.FinishReasonLength)
		return nil
	case a.finish == "" && errors.Is(err, io.EOF) && a.wire.done():
		a.finish = string(openai.FinishReasonStop) // the end mark alone: some providers leave the reason out
	case a.finish == "" && errors.Is(err, io.EOF):
		return errCut
	case a.finish == "":
		return err
	}
	if a.wire.done() {
		a.expect(drainGrace, errDrained)
		a.wire.drain()
	}
	if a.text.Len() == 0 && a.finish != string(openai.FinishReasonContentFilter) {
		return errEmpty
	}
	return nil
}

// reply is what the attempt brought, finished or not.
func (a *attempt) reply(req Request) Reply {
	r := Reply{Text: a.text.String(), FinishReason: a.finish}
	switch {
	case a.usage != nil:
		r.Usage = Usage{Prompt: a.usage.PromptTokens, Completion: a.usage.CompletionTokens}
	case r.Text != "" || r.FinishReason != "":
		r.Usage = EstimateUsage(req.Messages, r.Text)
	}
	return r
}
