package fluentpro

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/fluentpro/fluentpro/gen/client"
)

// maxProblem bounds the body of a refusal, in bytes.
const maxProblem = 1 << 20

// errUnexpected means that an answer is not one of the contract's.
var errUnexpected = errors.New("the answer is not what the contract says")

// A Problem is how the service refuses (RFC 9457). Code says why, and is stable; what
// each means is at the service under Type. Where something in between refused, such as
// a proxy, there is nothing but Status.
type Problem struct {
	client.Problem

	// RetryAfter is how long to wait before trying again, 0 if the service did not say.
	RetryAfter time.Duration
}

// Error is the detail with status, code and what to quote when asking for help.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail)
	if p.Errors != nil {
		for _, f := range *p.Errors {
			text += fmt.Sprintf("; %s (%s): %s", f.Pointer, f.Code, f.Detail)
		}
	}
	if p.RequestID != "" {
		text += " (request " + p.RequestID + ")"
	}
	return text
}

// Is reports whether err is a Problem with this code.
func Is(err error, code client.ProblemCode) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Code == code
}

// readProblem reads a refusal and closes it.
func readProblem(answer *http.Response) *Problem {
	defer func() { _ = answer.Body.Close() }() // it was only read
	p := &Problem{RetryAfter: retryAfter(answer.Header)}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	if kind != "application/problem+json" || err != nil || json.Unmarshal(body, &p.Problem) != nil {
		p.Problem = client.Problem{Title: http.StatusText(answer.StatusCode), Detail: "The answer is not one of the service's."}
	}
	p.Status = answer.StatusCode
	return p
}

// retryAfter reads seconds; the service gives no dates (RFC 9110, section 10.2.3).
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
