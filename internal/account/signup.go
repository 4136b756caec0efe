package account

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

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
	if err := checkPassword(in.Password); err != nil {
		return SignedIn{}, err
	}
	claim, err := s.once.Claim(uuid.Nil, "signUp", in.IdempotencyKey, [3]string{in.Email, in.Password, in.FullName})
	if err != nil {
		return SignedIn{}, err
	}
	hash, err := s.hasher.hash(ctx, in.Password)
	if err != nil {
		return SignedIn{}, err
	}
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
		if err := insertUser(ctx, tx, made.User, hash); err != nil {
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
	user, hash, err := s.store.credentials(ctx, in.Email)
	if err != nil {
		return SignedIn{}, err
	}
	if user.ID != made.UserID { // the account is gone, or has another email now
		hash = ""
	}
	out, err := s.signIn(ctx, user, hash, in.Password, "", in.Client)
	out.Replayed = err == nil
	return out, err
}
