package monitor

import (
	"context"
	"errors"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
)

// stepError says which step of a probe went wrong.
type stepError struct {
	step string
	err  error
}

// Error gives the step and the cause.
func (e stepError) Error() string { return e.step + ": " + e.err.Error() }

// Unwrap gives the cause.
func (e stepError) Unwrap() error { return e.err }

// At names the step at which a probe went wrong; nil stays nil.
func At(step string, err error) error {
	if err == nil {
		return nil
	}
	return stepError{step, err}
}

// Plainly says what kind of error it is, with nothing of its text that could be an address
// or a secret.
func Plainly(err error) string {
	what := kindOf(err)
	if at, ok := errors.AsType[stepError](err); ok {
		return at.step + ": " + what
	}
	return what
}

// Plain is an error whose text may be shown: it holds no address and no secret.
type Plain string

// Error is the text.
func (p Plain) Error() string { return string(p) }

func kindOf(err error) string {
	if said, ok := errors.AsType[Plain](err); ok {
		return string(said)
	}
	if f := fault.Find(err); f != nil {
		return f.Code
	}
	if sql, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "SQLSTATE " + sql.Code
	}
	var network net.Error
	switch {
	case errors.Is(err, eventlog.ErrUnavailable), errors.Is(err, lock.ErrUnavailable):
		return "Redis is away"
	case errors.Is(err, lock.ErrBusy):
		return "somebody else has the lock"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &network):
		return "it cannot be reached"
	}
	return "an unexpected error"
}
