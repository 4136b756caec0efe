package account

import (
	"context"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// LogInInput is what a returning learner gives.
type LogInInput struct {
	Email      string
	Password   string
	DeviceName string // empty: the user agent names the device
	Client     Client
}

// LogIn proves a password and opens a session. An unknown email, a wrong
// password and a deactivated account are not told apart, and neither is a lock
// after MaxFailures, but by its RetryAfter. Faults: auth.invalid_credentials,
// server.overloaded, server.unavailable.
func (s *Service) LogIn(ctx context.Context, in LogInInput) (SignedIn, error) {
	p, err := s.prove(ctx, normalEmail(in.Email), in.Password, in.Client)
	if err != nil {
		return SignedIn{}, err
	}
	return s.signIn(ctx, p, in.DeviceName, in.Client)
}

// signIn opens a session for a user whose password was given.
func (s *Service) signIn(ctx context.Context, p proven, device string, client Client) (in SignedIn, err error) {
	defer func() {
		if err != nil {
			err = s.drop(ctx, p, err)
		}
	}()
	session, err := s.newSession(p.User.ID, device, client)
	if err != nil {
		return SignedIn{}, err
	}
	tokens, err := s.tokens(p.User.ID, session.ID, p.User.Roles, newRefresh())
	if err != nil {
		return SignedIn{}, err
	}
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		if err := p.forget(ctx, tx); err != nil {
			return err
		}
		if err := insertSession(ctx, tx, session, tokens.Refresh); err != nil {
			return err
		}
		return signedIn(ctx, tx, session)
	})
	if err != nil {
		return SignedIn{}, err
	}
	s.logAuth(ctx, "user.logged_in", &p.User.ID, client, "")
	return SignedIn{User: p.User, Session: session, Tokens: tokens}, nil
}
