package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sashabaranov/go-openai"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Codes of the faults that the clients return; all are of kind Unavailable, since to
// the learner each means that the partner cannot answer just now.
const (
	CodeUnavailable = "model.unavailable"  // refused, reset, 5xx, or the breaker is open (RetryAfter says how long)
	CodeRateLimited = "model.rate_limited" // 429; RetryAfter as the provider states it
	CodeTimeout     = "model.timeout"      // no text in time, or no vectors
	CodeInterrupted = "model.interrupted"  // broke off, went silent or turned to garbage after the first text
	CodeRefused     = "model.refused"      // 400, 401, 404 and their like: a setting of ours is wrong; logged as an error
	CodeGarbled     = "model.garbled"      // the answer is of another kind, cannot be read, or is empty
)

// failure is how an attempt ended and what follows from it.
type failure struct {
	err     error         // what the caller gets
	retry   bool          // nothing was handed over and another attempt may succeed
	broke   bool          // some text had come
	after   time.Duration // the provider's wish; 0: none
	verdict verdict
	loud    bool // an operator has to act
	quiet   bool // the caller's own doing
}

// forBackoff tells the retry loop to go on, to wait as asked, or to stop.
func (f *failure) forBackoff() error {
	switch {
	case !f.retry:
		return backoff.Permanent(f.err)
	case f.after > 0:
		// Never earlier than asked, and not all learners at the same moment.
		wait := f.after + rand.N(f.after/4+1)
		return errors.Join(f.err, &backoff.RetryAfterError{Duration: wait})
	default:
		return f.err
	}
}

// classify names the failure of an attempt. The order matters: what the caller
// did comes first, then what we cut short ourselves, then what the provider did.
func classify(a *attempt, err error, cfg Config) *failure {
	var caller callerError
	if errors.As(err, &caller) {
		return &failure{err: caller.error, verdict: neutral, quiet: true}
	}
	err, left := blame(a.ctx, err)
	if left {
		return givenUp(a.ctx)
	}
	cause := scrub(err, cfg.APIKey)
	switch {
	case a.text.Len() > 0:
		f := unavailable(CodeInterrupted, "The reply broke off.", cause, 0)
		f.broke = true
		return f
	case unsent(err, a.wire.sent):
		return refused(cause)
	default:
		return early(err, cause, cfg.MaxRetryAfter)
	}
}

// blame gives the reason for which we ended an attempt, where we did, in place
// of what that made of the exchange, and whether it was the caller who left.
func blame(ctx context.Context, err error) (reason error, left bool) {
	why := context.Cause(ctx)
	switch {
	case why == nil:
		return err, false
	case cutShort(why):
		return why, false
	default:
		return err, true
	}
}

// cutShort says whether an attempt was ended for taking too long.
func cutShort(err error) bool {
	return errors.Is(err, errNoToken) || errors.Is(err, errSilent) || errors.Is(err, errSlow) || errors.Is(err, errTotal)
}

// unsent says whether the protocol library refused to send a request at all.
func unsent(err error, sent bool) bool { return !sent && !cutShort(err) }

// early names a failure before anything came of the attempt.
func early(err, cause error, patience time.Duration) *failure {
	var (
		status  *statusError
		inBand  *openai.APIError
		network net.Error
	)
	switch {
	case errors.Is(err, errTotal):
		return unavailable(CodeTimeout, "The model did not answer in time.", cause, 0)
	case errors.Is(err, errNoToken), errors.Is(err, errSlow), errors.As(err, &network) && network.Timeout():
		return unavailable(CodeTimeout, "The model did not answer in time.", cause, 0).again(patience)
	case errors.As(err, &status):
		return refusal(status, cause, patience)
	case errors.As(err, &inBand): // an error in place of the first event
		kind := slug(inBand.Type) + " " + slug(inBand.Code)
		if strings.Contains(kind, "rate_limit") {
			return limited(cause, 0).again(patience)
		}
		return unavailable(CodeUnavailable, "The model is not available.", cause, 0).again(patience)
	case isGarbage(err):
		return unavailable(CodeGarbled, "The model's answer cannot be read.", cause, 0)
	default: // refused, reset, unknown host, cut before a word was said
		return unavailable(CodeUnavailable, "The model cannot be reached.", cause, 0).again(patience)
	}
}

// refusal names an answer with a status that is no success.
func refusal(s *statusError, cause error, patience time.Duration) *failure {
	switch {
	case s.status == 429 && s.code != "insufficient_quota": // an empty account is not cured by waiting
		return limited(cause, s.retryAfter).again(patience)
	case s.status == 408:
		return unavailable(CodeTimeout, "The model did not answer in time.", cause, s.retryAfter).again(patience)
	case s.status >= 500:
		return unavailable(CodeUnavailable, "The model is not available.", cause, s.retryAfter).again(patience)
	default:
		return refused(cause)
	}
}

func isGarbage(err error) bool {
	var (
		syntax *json.SyntaxError
		shape  *json.UnmarshalTypeError
		media  mediaError
	)
	return errors.As(err, &syntax) || errors.As(err, &shape) || errors.As(err, &media) ||
		errors.Is(err, errNotJSON) || errors.Is(err, errLarge) || errors.Is(err, errVectors) ||
		errors.Is(err, errLongLine) || errors.Is(err, errNotEvents) || errors.Is(err, errEmpty) ||
		errors.Is(err, openai.ErrTooManyEmptyStreamMessages)
}

func unavailable(code, message string, cause error, after time.Duration) *failure {
	return &failure{
		err:     fault.New(fault.Unavailable, code, message).WithCause(cause).WithRetryAfter(after),
		after:   after,
		verdict: broken,
	}
}

func limited(cause error, after time.Duration) *failure {
	f := unavailable(CodeRateLimited, "The model is asked too often.", cause, after)
	f.verdict = neutral // the provider is up; to stop asking everyone is not what it wants
	return f
}

func refused(cause error) *failure {
	f := unavailable(CodeRefused, "The model refuses our requests.", cause, 0)
	f.verdict, f.loud = neutral, true
	return f
}

func shut(wait time.Duration) *failure {
	f := unavailable(CodeUnavailable, "The model has been failing; it is tried again shortly.", errOpen, wait)
	f.quiet = true // the breaker's opening is logged once, not for every learner it turns away
	return f
}

// again marks a failure worth another attempt, unless the provider asks for more
// patience than a learner in mid-conversation has.
func (f *failure) again(patience time.Duration) *failure {
	f.retry = f.after <= patience
	return f
}

// givenUp is the caller's leaving, with the reason it gave its context.
func givenUp(ctx context.Context) *failure {
	return &failure{err: fmt.Errorf("ask model: %w", context.Cause(ctx)), verdict: neutral, quiet: true}
}

// scrub keeps the text of err for the logs, without the key and in bounded
// length. An error of the protocol library may quote the provider, who may quote
// the key or the learner; such errors keep their class alone.
func scrub(err error, key string) error {
	const most = 512
	var inBand *openai.APIError
	text := err.Error()
	if errors.As(err, &inBand) {
		text = fmt.Sprintf("error event, type %q, code %q", slug(inBand.Type), slug(inBand.Code))
	}
	if key != "" {
		text = strings.ReplaceAll(text, key, "[key]")
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return errors.New(text)
}
