package account

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// known is the account of a credential that was proved. A tenant may know users
// that have none yet: they get one at first sight.
func (s *Service) known(ctx context.Context, found account, c Credential) (User, error) {
	if s.tenant == nil || (found.Subject != "" && found.Subject == c.Subject) {
		if !found.maySignIn() {
			return User{}, errInvalidCredentials
		}
		return found.User, nil
	}
	adopted, err := s.adopt(ctx, c.Subject)
	if err == nil && !adopted.maySignIn() {
		err = errInvalidCredentials
	}
	return adopted.User, err
}

// adopt gives the account of a tenant's user, made at first sight. An account
// with the user's email that belongs to nobody else at the tenant becomes theirs
// if the tenant has verified the email. Faults: auth.invalid_token,
// auth.invalid_credentials for an email that is another account's.
func (s *Service) adopt(ctx context.Context, subject string) (account, error) {
	found, err := s.store.bySubject(ctx, subject)
	if err == nil || !fault.Is(err, errUserNotFound.Code) {
		return found, err
	}
	p, err := s.tenant.Profile(ctx, subject)
	if err != nil {
		return account{}, err
	}
	p.Email = normalEmail(p.Email)
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error { return s.addProfile(ctx, tx, p) })
	if err != nil && !fault.Is(err, ErrEmailTaken.Code) {
		return account{}, err
	}
	if found, err = s.store.bySubject(ctx, subject); err == nil || !fault.Is(err, errUserNotFound.Code) {
		return found, err // made here, or by another request at the same time
	}
	return s.link(ctx, p)
}

// addProfile makes the account of a profile.
func (s *Service) addProfile(ctx context.Context, tx postgres.Tx, p Profile) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	u := User{
		ID: id, Email: p.Email, FullName: profileName(p), EmailVerified: p.EmailVerified, Roles: []string{RoleUser},
		Language: defaultLanguage, Active: true, CreatedAt: now, UpdatedAt: now,
	}
	if err := insertUser(ctx, tx, u, Credential{Subject: p.Subject}); err != nil {
		return err
	}
	return outbox.Write(by(ctx, id), tx, now, id, events.UserRegistered{UserID: id, Language: u.Language})
}

// link makes an account with a verified email the tenant user's.
func (s *Service) link(ctx context.Context, p Profile) (account, error) {
	found, err := s.store.credentials(ctx, p.Email)
	if err != nil {
		return account{}, err
	}
	if !p.EmailVerified || found.ID == uuid.Nil || found.Subject != "" {
		return account{}, errInvalidCredentials
	}
	found.Subject = p.Subject
	return found, s.store.linkSubject(ctx, found.ID, p.Subject, s.now())
}

// profileName is a name by the rules of full names, whatever the tenant has.
func profileName(p Profile) string {
	name := strings.TrimSpace(p.FullName)
	if checkName(name) != nil {
		name, _, _ = strings.Cut(p.Email, "@")
	}
	if checkName(name) != nil {
		name = "FluentPro learner"
	}
	return name
}

// fromTenant tells whom a tenant's token speaks for, and opens its session at
// first sight. Faults: auth.invalid_token, server.unavailable.
func (s *Service) fromTenant(ctx context.Context, token string, client Client) (Principal, error) {
	t, err := s.tenant.Verify(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	found, err := s.adopt(ctx, t.Subject)
	if fault.Is(err, errInvalidCredentials.Code) || err == nil && !found.maySignIn() {
		return Principal{}, ErrInvalidToken.WithCause(err)
	}
	if err != nil {
		return Principal{}, err
	}
	session, err := s.newSession(found.ID, "", client)
	if err != nil {
		return Principal{}, err
	}
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		opened, err := openFamily(ctx, tx, session, t)
		if err != nil || !opened.created {
			session.ID = opened.id
			return err
		}
		return signedIn(ctx, tx, session)
	})
	return Principal{UserID: found.ID, SessionID: session.ID, Roles: found.Roles, ExpiresAt: t.ExpiresAt}, err
}
