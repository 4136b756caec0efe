package account

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// SignUpInput is what a new learner gives.
type SignUpInput struct {
	Email          string
	Password       string
	FullName       string
	Language       string // of mails: en, zh-Hans or zh-Hant; empty: en
	IdempotencyKey string
	Client         Client
}

// SignedIn is an account with an open session.
type SignedIn struct {
	User     User
	Session  Session
	Tokens   Tokens
	Replayed bool // an earlier request with the same key made the account
}

// signUpResult is kept with the idempotency key; it holds no secret.
type signUpResult struct {
	UserID uuid.UUID `json:"user_id"`
}

// SignUp makes an account and signs it in. A repeat with the same idempotency
// key proves the password again, so that one changed since is refused, and opens
// a session of its own. Faults: request.invalid, user.email_taken,
// user.password_weak, idempotency.*, auth.invalid_credentials, server.overloaded,
// server.unavailable.
func (s *Service) SignUp(ctx context.Context, in SignUpInput) (SignedIn, error) {
	in.Email, in.FullName = normalEmail(in.Email), strings.TrimSpace(in.FullName)
	if err := checkName(in.FullName); err != nil {
		return SignedIn{}, err
	}
	if err := checkPassword(in.Password, "/password"); err != nil {
		return SignedIn{}, err
	}
	claim, err := s.once.Claim(uuid.Nil, "signUp", in.IdempotencyKey, [3]string{in.Email, in.Password, in.FullName})
	if err != nil {
		return SignedIn{}, err
	}
	credential, err := s.provider.Create(ctx, NewPassword{Email: in.Email, Password: in.Password, FullName: in.FullName})
	if s.tenant != nil && fault.Is(err, ErrEmailTaken.Code) {
		return s.signUpAgain(ctx, in, claim, err)
	}
	if err != nil {
		return SignedIn{}, err
	}
	return s.signUp(ctx, in, claim, credential)
}

// signUp makes the account of a credential.
func (s *Service) signUp(ctx context.Context, in SignUpInput, claim *once.Claim, credential Credential) (SignedIn, error) {
	made, err := s.newUser(in)
	if err != nil {
		return SignedIn{}, err
	}
	var replay json.RawMessage
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		replay, err = s.once.Take(ctx, tx, claim, signUpResult{UserID: made.User.ID})
		if err != nil || replay != nil {
			return err
		}
		if err := insertUser(ctx, tx, made.User, credential); err != nil {
			return err
		}
		if err := insertSession(ctx, tx, made.Session, made.Tokens.Refresh); err != nil {
			return err
		}
		return signedUp(ctx, tx, made)
	})
	if err != nil {
		return SignedIn{}, err
	}
	if replay != nil {
		return s.replaySignUp(ctx, in, replay)
	}
	return made, nil
}

// newUser prepares the account and its first session; both exist once stored.
func (s *Service) newUser(in SignUpInput) (SignedIn, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return SignedIn{}, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	user := User{
		ID: id, Email: in.Email, FullName: in.FullName, Roles: []string{RoleUser}, Language: cmp.Or(in.Language, defaultLanguage),
		Preferences: json.RawMessage("{}"), Active: true,
		CreatedAt: now, UpdatedAt: now,
	}
	session, err := s.newSession(id, "", in.Client)
	if err != nil {
		return SignedIn{}, err
	}
	tokens, err := s.tokens(id, session.ID, user.Roles, newRefresh())
	return SignedIn{User: user, Session: session, Tokens: tokens}, err
}

func (s *Service) replaySignUp(ctx context.Context, in SignUpInput, replay json.RawMessage) (SignedIn, error) {
	var made signUpResult
	if err := json.Unmarshal(replay, &made); err != nil {
		return SignedIn{}, fmt.Errorf("replay sign-up: %w", err)
	}
	p, err := s.prove(ctx, in.Email, in.Password, in.Client)
	if err == nil && p.User.ID != made.UserID { // another account has this email now
		err = s.drop(ctx, p, errInvalidCredentials)
	}
	if err != nil {
		return SignedIn{}, err
	}
	out, err := s.signIn(ctx, p, "", in.Client)
	out.Replayed = err == nil
	return out, err
}

// signUpAgain goes on with a sign-up that had come as far as the tenant: of a
// password that is right there, and an account that is not here, nobody else is the
// owner. Otherwise the email is taken, or the request is a repeat.
func (s *Service) signUpAgain(ctx context.Context, in SignUpInput, claim *once.Claim, taken error) (SignedIn, error) {
	found, err := s.store.credentials(ctx, in.Email)
	if err != nil {
		return SignedIn{}, err
	}
	credential := found.Credential
	if found.ID == uuid.Nil {
		credential, err = s.provider.Prove(ctx, Proof{Email: in.Email, Password: in.Password, Address: in.Client.Address})
		if errors.Is(err, ErrWrongPassword) {
			err = taken
		}
		if err != nil {
			return SignedIn{}, err
		}
	}
	return s.signUp(ctx, in, claim, credential)
}
