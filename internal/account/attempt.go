package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// Wrong passwords: so many for one email from one network within the time lock
// that pair for as long.
const (
	MaxFailures = 5
	LockPause   = 15 * time.Minute
)

// deviceMemory is how long a device that was signed in stays known.
const deviceMemory = 90 * 24 * time.Hour

// attempt is one try at one email from one place.
type attempt struct {
	EmailID  uuid.UUID  // a keyed hash
	SourceID uuid.UUID  // of the network, a keyed hash
	Device   []byte     // the fingerprint of a known device, else empty: those that are not known count together
	UserID   *uuid.UUID // whose email it is, if anybody's
	Failures int
	Pending  int // attempts under way, this one included
	LockedTo *time.Time
}

// crowded reports that so many attempts are under way that more than MaxFailures could
// fail: this one has to wait until some have ended.
func (a attempt) crowded() bool { return a.Failures+a.Pending > MaxFailures }

// proven is an account whose password was given.
type proven struct {
	User       User
	Credential Credential
	attempt    attempt
}

// forget lets the failures before a right password not count, in its transaction.
func (p proven) forget(ctx context.Context, tx postgres.Tx) error {
	return forgetAttempts(ctx, tx, p.attempt)
}

// drop ends the attempt of a right password where what it was given for has failed,
// and gives the error of that.
func (s *Service) drop(ctx context.Context, p proven, failed error) error {
	if err := s.store.dropAttempt(context.WithoutCancel(ctx), p.attempt); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}

// prove looks at a password. The attempt is noted first, so that no more than
// MaxFailures passwords are tried however many come at once; the caller ends it by
// proven.forget, or by drop. An unknown email and one that may not sign in take as long as a
// wrong password, and get the same answer. Faults: auth.invalid_credentials,
// server.overloaded, server.unavailable.
func (s *Service) prove(ctx context.Context, email, password string, client Client) (proven, error) {
	found, err := s.store.credentials(ctx, email)
	if err != nil {
		return proven{}, err
	}
	a, err := s.begin(ctx, email, found.User.ID, client)
	if err != nil {
		return proven{}, err
	}
	if a.LockedTo != nil {
		return proven{}, s.refuse(ctx, a, events.AuthLoginFailedReasonLocked, client)
	}
	if a.crowded() {
		return proven{}, errors.Join(errOverloaded, s.store.dropAttempt(ctx, a))
	}
	credential, err := s.provider.Prove(ctx, Proof{Email: email, Password: password, Credential: found.usable(), Address: client.Address})
	var user User
	if err == nil {
		user, err = s.known(ctx, found, credential)
	}
	switch {
	case errors.Is(err, ErrWrongPassword), fault.Is(err, errInvalidCredentials.Code):
		return proven{}, s.refuse(ctx, a, found.reason(), client)
	case err != nil:
		return proven{}, errors.Join(err, s.store.dropAttempt(context.WithoutCancel(ctx), a))
	}
	return proven{User: user, Credential: credential, attempt: a}, nil
}

// begin notes the attempt.
func (s *Service) begin(ctx context.Context, email string, user uuid.UUID, client Client) (attempt, error) {
	a := attempt{EmailID: s.pseudonym("email", email), SourceID: s.pseudonym("source", client.network()), Device: []byte{}}
	if user != uuid.Nil {
		a.UserID = &user
	}
	fingerprint := s.fingerprint(client)
	known, err := s.store.knowsDevice(ctx, user, fingerprint, s.now().Add(-deviceMemory))
	if err != nil {
		return a, err
	}
	if known {
		a.Device = fingerprint
	}
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		ended, err := endLock(ctx, tx, a, s.now()) // one that nobody has swept yet
		if err != nil {
			return err
		}
		if ended != nil {
			if err := unlocked(ctx, tx, a, *ended); err != nil {
				return err
			}
		}
		a, err = beginAttempt(ctx, tx, a, s.now())
		return err
	})
	return a, err
}

// unlocked tells that the time of a lock was up.
func unlocked(ctx context.Context, tx postgres.Tx, a attempt, at time.Time) error {
	return outbox.Write(ctx, tx, at, a.subject(), events.AuthUnlocked{
		UserID: a.UserID, SourceID: &a.SourceID, Reason: events.AuthUnlockedReasonExpired,
	})
}

// refuse counts and tells of an attempt that failed, and gives the answer to it.
func (s *Service) refuse(ctx context.Context, a attempt, reason events.AuthLoginFailedReason, client Client) error {
	now := s.now()
	err := postgres.InTx(context.WithoutCancel(ctx), s.store.pool, func(tx postgres.Tx) (err error) {
		if reason != events.AuthLoginFailedReasonLocked {
			if a, err = failAttempt(ctx, tx, a, now); err != nil {
				return err
			}
		}
		err = outbox.Write(ctx, tx, now, a.subject(), events.AuthLoginFailed{UserID: a.UserID, Reason: reason, SourceID: &a.SourceID})
		if err != nil || !a.justLocked(reason) {
			return err
		}
		return outbox.Write(ctx, tx, now, a.subject(), events.AuthLocked{
			UserID: a.UserID, SourceID: &a.SourceID, Failures: a.Failures, ExpiresAt: *a.LockedTo,
		})
	})
	if err != nil {
		return err
	}
	s.logAuth(ctx, "auth.login_failed", a.UserID, client, string(reason))
	if a.LockedTo == nil {
		return errInvalidCredentials
	}
	if a.justLocked(reason) {
		s.logAuth(ctx, "auth.locked", a.UserID, client, "")
	}
	return errInvalidCredentials.WithRetryAfter(a.LockedTo.Sub(now))
}

// justLocked reports that this very failure led to the lock.
func (a attempt) justLocked(reason events.AuthLoginFailedReason) bool {
	return a.LockedTo != nil && a.Failures == MaxFailures && reason != events.AuthLoginFailedReasonLocked
}

// subject is the aggregate of events about the attempt.
func (a attempt) subject() uuid.UUID {
	if a.UserID != nil {
		return *a.UserID
	}
	return a.EmailID
}

// logAuth writes one line of the auth log: ids and the address, never what was typed.
func (s *Service) logAuth(ctx context.Context, event string, user *uuid.UUID, client Client, reason string) {
	attrs := []slog.Attr{
		slog.String("event", event), slog.String("address", client.Address),
		slog.String("request_id", telemetry.OriginFrom(ctx).CorrelationID),
	}
	if user != nil && *user != uuid.Nil {
		attrs = append(attrs, slog.String("user_id", user.String()))
	}
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "auth", attrs...)
}

// pseudonym stands for a text of a person: equal for equal texts, and read back by
// nobody without the key. It is a UUID of version 8 (RFC 9562).
func (s *Service) pseudonym(kind, text string) uuid.UUID {
	id := uuid.UUID(s.keyed(kind, text)[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}

// fingerprint says which device of a network a client is, as far as that can be told.
func (s *Service) fingerprint(c Client) []byte {
	return s.keyed("device", c.network()+"\x00"+c.UserAgent)[:16]
}

func (s *Service) keyed(kind, text string) []byte {
	mac := hmac.New(sha256.New, s.secrets.Pseudonyms)
	mac.Write([]byte(kind + "\x00" + text))
	return mac.Sum(nil)
}

// network is the address's: a /24 of IPv4, a /64 of IPv6, which one party has as
// a rule. An address that cannot be read stands for itself.
func (c Client) network() string {
	addr, err := netip.ParseAddr(c.Address)
	if err != nil {
		return c.Address
	}
	addr = addr.Unmap()
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return c.Address
	}
	return prefix.String()
}

// SweepAttempts forgets a bite of counts that are over, and tells of the locks
// among them that their time was up.
func (s *Service) SweepAttempts(ctx context.Context, bite int) (int64, error) {
	var n int64
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		ended, err := sweepAttempts(ctx, tx, s.now(), bite)
		n = int64(len(ended))
		for _, a := range ended {
			if err != nil || a.LockedTo == nil {
				continue
			}
			err = unlocked(ctx, tx, a, *a.LockedTo)
		}
		return err
	})
	return n, err
}
