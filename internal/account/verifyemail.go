package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// RequestEmailVerification mails a code to a user's own email, unless it is verified. It
// reports whether an earlier request with the key did so. Faults: idempotency.*,
// server.unavailable.
func (s *Service) RequestEmailVerification(ctx context.Context, user uuid.UUID, idempotencyKey string) (replayed bool, err error) {
	claim, err := s.once.Claim(user, "requestEmailVerification", idempotencyKey, struct{}{})
	if err != nil {
		return false, err
	}
	return s.ask(ctx, user, purposeVerify, claim)
}

// ChangeEmailInput is a learner's wish for another email.
type ChangeEmailInput struct {
	UserID   uuid.UUID
	Email    string
	Password string // the current one
	Client   Client
}

// ChangeEmail mails a code to the new email, unless an account has it; VerifyEmail
// makes it the user's. Faults: user.wrong_password, server.*.
func (s *Service) ChangeEmail(ctx context.Context, in ChangeEmailInput) error {
	p, err := s.proveAgain(ctx, in.UserID, in.Password, in.Client)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	args := codeArgs{Format: 1, CodeID: id, UserID: in.UserID, Purpose: purposeChange}
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		if err := p.forget(ctx, tx); err != nil {
			return err
		}
		code := mailedCode{ID: id, UserID: in.UserID, Purpose: purposeChange, Email: normalEmail(in.Email)}
		if _, err := insertCode(ctx, tx, code, codeHash(s.code(args)), s.now()); err != nil {
			return err
		}
		return s.jobs.Insert(ctx, tx, args)
	})
	if err != nil {
		return s.drop(ctx, p, err)
	}
	return nil
}

// VerifyEmail takes a mailed code: the email it came by is verified, and becomes
// the user's where that was asked for. Faults: auth.invalid_code,
// user.email_taken, server.unavailable.
func (s *Service) VerifyEmail(ctx context.Context, code string, client Client) error {
	var user uuid.UUID
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		used, err := s.use(ctx, tx, code, purposeVerify, purposeChange)
		if err != nil {
			return err
		}
		owner, err := userForUpdate(ctx, tx, used.UserID)
		if err != nil {
			return err
		}
		user = owner.ID
		if !owner.maySignIn() || used.Purpose == purposeVerify && used.Email != owner.Email {
			return errInvalidCode
		}
		return s.ownEmail(by(ctx, owner.ID), tx, owner, used.Email, s.now())
	})
	if err == nil {
		s.logAuth(ctx, "user.email_verified", &user, client, "")
	}
	return err
}

// ownEmail makes a proven email that of a locked account, here and at the provider.
func (s *Service) ownEmail(ctx context.Context, tx postgres.Tx, owner account, email string, now time.Time) error {
	if err := verifyEmail(ctx, tx, owner.ID, email, later(now, owner.UpdatedAt)); err != nil {
		return err
	}
	if email != owner.Email {
		err := outbox.Write(ctx, tx, now, owner.ID, events.UserProfileUpdated{UserID: owner.ID, Fields: []events.ProfileField{events.ProfileFieldEmail}})
		if err != nil {
			return err
		}
	}
	if err := outbox.Write(ctx, tx, now, owner.ID, events.UserEmailVerified{UserID: owner.ID}); err != nil {
		return err
	}
	return s.provider.ChangeEmail(ctx, owner.Credential, email)
}
