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
// password and a deactivated account are not told apart. Faults:
// auth.invalid_credentials, server.overloaded, server.unavailable.
func (s *Service) LogIn(ctx context.Context, in LogInInput) (SignedIn, error) {
	user, hash, err := s.store.credentials(ctx, normalEmail(in.Email))
	if err != nil {
		return SignedIn{}, err
	}
	return s.signIn(ctx, user, hash, in.Password, in.DeviceName, in.Client)
}

// signIn opens a session for user if password fits hash; an empty hash fits none.
func (s *Service) signIn(ctx context.Context, user User, hash, password, device string, client Client) (SignedIn, error) {
	ok, err := s.hasher.matches(ctx, password, hash)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok {
		return SignedIn{}, errInvalidCredentials
	}
	session, err := s.newSession(user.ID, device, client)
	if err != nil {
		return SignedIn{}, err
	}
	tokens, err := s.tokens(user.ID, session.ID, user.Roles, newRefresh())
	if err != nil {
		return SignedIn{}, err
	}
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		if err := insertSession(ctx, tx, session, tokens.Refresh); err != nil {
			return err
		}
		return signedIn(ctx, tx, session)
	})
	if err != nil {
		return SignedIn{}, err
	}
	return SignedIn{User: user, Session: session, Tokens: tokens}, nil
}
