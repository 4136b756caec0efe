package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// RequestPasswordReset mails a code if the email is that of an account, and takes
// the same steps if it is not. It reports whether an earlier request with the key did
// so. Faults: idempotency.*, server.unavailable.
func (s *Service) RequestPasswordReset(ctx context.Context, email, idempotencyKey string) (replayed bool, err error) {
	email = normalEmail(email)
	claim, err := s.once.Claim(uuid.Nil, "requestPasswordReset", idempotencyKey, email)
	if err != nil {
		return false, err
	}
	found, err := s.store.credentials(ctx, email)
	if err != nil {
		return false, err
	}
	return s.ask(ctx, found.ID, purposeReset, claim)
}

// CompletePasswordReset sets a password by a mailed code: every session of the
// account ends, and every lock on its email. A password that is refused leaves the
// code good. Faults: auth.invalid_code, user.password_weak, server.*.
func (s *Service) CompletePasswordReset(ctx context.Context, code, password string, client Client) error {
	if err := checkPassword(password, "/new_password"); err != nil {
		return err
	}
	good, err := s.store.code(ctx, codeHash(plainCode(code)))
	if err != nil {
		return err
	}
	if !s.isGood(good, purposeReset) {
		return errInvalidCode
	}
	before, err := s.store.byID(ctx, good.UserID)
	if err != nil {
		return err
	}
	next, err := s.provider.Replace(ctx, before.Credential, password) // before the transaction, which must not wait for it
	if err != nil {
		return atField(err, "/new_password")
	}
	var user uuid.UUID
	err = s.inTx(ctx, func(tx postgres.Tx, ended *endings) error {
		used, err := s.use(ctx, tx, code, purposeReset)
		if err != nil {
			return err
		}
		owner, err := userForUpdate(ctx, tx, used.UserID)
		if err != nil {
			return err
		}
		if user = owner.ID; !owner.maySignIn() || used.Email != owner.Email { // a former mailbox opens nothing
			return errInvalidCode
		}
		if err := setPassword(ctx, tx, owner.ID, next, later(s.now(), owner.UpdatedAt)); err != nil {
			return err
		}
		return s.passwordReset(by(ctx, owner.ID), tx, owner, used, ended)
	})
	if err == nil {
		s.logAuth(ctx, "user.password_reset_completed", &user, client, "")
	}
	return err
}

// passwordReset does what follows from a reset.
func (s *Service) passwordReset(ctx context.Context, tx postgres.Tx, owner account, used mailedCode, ended *endings) error {
	now := s.now()
	if !owner.EmailVerified { // the code came by it
		if err := s.ownEmail(ctx, tx, owner, owner.Email, now); err != nil {
			return err
		}
	}
	if err := s.endSessions(ctx, tx, ending{User: owner.ID, Reason: events.SessionRevokedReasonPasswordReset}, ended); err != nil {
		return err
	}
	locked, err := forgetEmail(ctx, tx, s.pseudonym("email", owner.Email), nil, now)
	if err != nil {
		return err
	}
	if locked {
		err = outbox.Write(ctx, tx, now, owner.ID, events.AuthUnlocked{UserID: &owner.ID, Reason: events.AuthUnlockedReasonPasswordReset})
		if err != nil {
			return err
		}
	}
	return outbox.Write(ctx, tx, now, owner.ID, events.UserPasswordResetCompleted{UserID: owner.ID, ResetID: &used.ID})
}

// later is now, or just after before where the clock stands still: an update must
// show in the account's ETag.
func later(now, before time.Time) time.Time {
	now = now.UTC().Truncate(time.Microsecond)
	if !now.After(before) {
		return before.Add(time.Microsecond)
	}
	return now
}
