// Package fault is the one form of an error that callers may act on: a kind
// that decides behaviour (status, retry), a stable public code, and a message
// fit for the person at the other end. It promises that a fault's text never
// holds its cause; the cause is for logs, through errors.Unwrap. It knows no
// HTTP: the mapping to a status is made once, in internal/api/web.
//
// The idea of kind + operation + cause follows upspin.io/errors.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says how a fault is to be treated, whatever its code.
type Kind int

// Kinds, from the caller's mistakes to ours. The zero kind is Internal, so
// that an error nobody classified is never shown.
const (
	Internal         Kind = iota // a defect of ours; never shown, always logged
	Malformed                    // the request breaks the contract's form
	Unauthenticated              // no valid proof of who asks
	Forbidden                    // known, but not permitted
	NotFound                     // absent, or another's
	MethodNotAllowed             // the path is known, the method is not
	NotAcceptable                // no representation the client accepts
	Gone                         // was there, and will not be again
	Conflict                     // the state does not allow it now
	Precondition                 // If-Match did not match
	TooLarge                     // over a stated bound
	UnsupportedMedia             // the body's media type is not taken
	Unprocessable                // well formed, but against a rule of the domain
	TooMany                      // over a rate or a budget; see RetryAfter
	Unavailable                  // something we need is down; see RetryAfter
)

// Field names one place in the input and the rule it broke.
type Field struct {
	Pointer string `json:"pointer"` // RFC 6901 in the body, or query/x, path/x, header/x
	Code    string `json:"code"`    // the rule's slug, such as too_short
	Detail  string `json:"detail"`  // one sentence; never the value itself
}

// Error is a fault. Treat it as immutable once returned; the With methods copy.
type Error struct {
	Kind       Kind
	Code       string // stable, public, listed in docs/problems.md
	Message    string // one sentence for the client
	Fields     []Field
	Details    map[string]any // extra members of the problem, such as an id in the way
	RetryAfter time.Duration  // 0: not stated
	cause      error
}

// New makes a fault where it is first known. code must be one of docs/problems.md.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Error gives the code and message, then the cause: it is for logs.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.cause)
	}
	return e.Code + ": " + e.Message
}

// Unwrap gives the cause, which clients never see.
func (e *Error) Unwrap() error { return e.cause }

// Is reports that two faults are the same when their codes are.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// WithCause keeps err for the logs.
func (e *Error) WithCause(err error) *Error {
	c := *e
	c.cause = err
	return &c
}

// WithFields names the places in the input that are at fault.
func (e *Error) WithFields(fields ...Field) *Error {
	c := *e
	c.Fields = fields
	return &c
}

// WithDetail adds one member to the problem as the client sees it.
func (e *Error) WithDetail(name string, value any) *Error {
	c := *e
	c.Details = map[string]any{name: value}
	for k, v := range e.Details {
		c.Details[k] = v
	}
	return &c
}

// WithRetryAfter says when trying again makes sense; whole seconds reach the client.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Find returns the first fault in err's chain, or nil.
func Find(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether err carries a fault of this code.
func Is(err error, code string) bool {
	e := Find(err)
	return e != nil && e.Code == code
}
