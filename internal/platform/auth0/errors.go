package auth0

import (
	"errors"
	"fmt"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// What the tenant says of a user or a token, for errors.Is.
var (
	ErrWrongPassword  = errors.New("wrong email or password")                              // Prove; the tenant does not say which
	ErrBlocked        = errors.New("the user is blocked")                                  // Prove
	ErrPasswordLeaked = fmt.Errorf("%w: its password is known to have leaked", ErrBlocked) // Prove; is ErrBlocked too, until the password is changed
	ErrMFARequired    = errors.New("a second factor is required")                          // Prove; the password was right
	ErrEmailTaken     = errors.New("another user has this email")                          // CreateUser, SetEmail
	ErrWeakPassword   = errors.New("the password is against the tenant's policy")          // CreateUser, SetPassword
	ErrNotFound       = errors.New("no such user")                                         // User and the Set calls; also a subject that cannot be one
	ErrInvalidToken   = errors.New("invalid token")                                        // Verify; the cause follows
)

// ErrUnreachable is in the chain of every server.unavailable that says nothing of
// the settings: the tenant was not reached, did not answer in time, answered
// 5xx, or the breaker is open. Whoever starts up may go on with a warning.
var ErrUnreachable = errors.New("the tenant cannot be reached")

// TooManyError says that the tenant wants to be left alone (429).
type TooManyError struct {
	// Locked says that brute-force protection shut this account to this address
	// (too_many_attempts). Otherwise the tenant is asked too often by all of us.
	Locked     bool
	RetryAfter time.Duration // 0: the tenant did not say
}

// Error names which of the two it is.
func (e *TooManyError) Error() string {
	if e.Locked {
		return "too many wrong passwords from this address"
	}
	return "the tenant is asked too often"
}

// Why an exchange brought no answer, or one that cannot be used.
var (
	errTimeout  = errors.New("the tenant did not answer in time")
	errOpen     = errors.New("the breaker is open")
	errLarge    = errors.New("the answer is larger than allowed")
	errRedirect = errors.New("the tenant redirects")
	errGarbled  = errors.New("the answer cannot be read")
)

// statusError is a refusal by status and code.
type statusError struct {
	status int
	code   string // a slug, or nothing
}

func (e *statusError) Error() string {
	if e.code == "" {
		return fmt.Sprintf("status %d", e.status)
	}
	return fmt.Sprintf("status %d, %s", e.status, e.code)
}

// retryShortly is what clients are told when nobody knows better.
const retryShortly = 5 * time.Second

// unavailable is what a learner is told when it is not the learner's doing.
func unavailable(cause error, after time.Duration) error {
	if after <= 0 {
		after = retryShortly
	}
	return fault.New(fault.Unavailable, "server.unavailable", "The sign-in service is not available; try again shortly.").
		WithCause(cause).WithRetryAfter(after)
}

// unreachable is unavailable for a tenant that is down.
func unreachable(cause error, after time.Duration) error {
	return unavailable(fmt.Errorf("%w: %w", ErrUnreachable, cause), after)
}
