package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

// wireAccounts makes the accounts, with the identity provider that is configured.
func (a *App) wireAccounts(ctx context.Context, cfg Config, mailer *mail.Mailer, n *nouns, with nounParts) (*account.Service, error) {
	settings := account.Config{
		Pool: a.pool, Gate: a.gate, Once: with.once, Jobs: with.jobs, Mail: mailer,
		LanguageTag: func(id string) (string, bool) { return n.catalogue.Current().LanguageTag(id) },
		Language:    func(given string) (string, bool) { return n.catalogue.Current().NativeLanguage(given) },
		TokenIssuer: cfg.TokenIssuer, TokenAudience: cfg.TokenAudience, AccessLifetime: cfg.TokenLifetime,
		Secrets: account.Secrets{
			Signing: with.secrets.signing, Refresh: with.secrets.refresh, Codes: with.secrets.codes, Pseudonyms: with.secrets.pseudonyms,
		},
		HashCost: with.options.HashCost, Erasers: n.erasers(), Bury: n.buryOutside, Logger: a.logger, Now: with.options.Now,
	}
	if cfg.AuthProvider == ProviderAuth0 {
		client, err := a.openTenant(ctx, cfg, with.options.Now)
		if err != nil {
			return nil, err
		}
		settings.Tenant = tenant{client}
	}
	var err error
	if a.users, err = account.New(ctx, settings); err != nil {
		return nil, err
	}
	a.users.Start(ctx)
	return a.users, nil
}

// openTenant connects to Auth0 and checks how the tenant is set up. One that is away
// is waited for later: what its tokens need is asked for when they come.
func (a *App) openTenant(ctx context.Context, cfg Config, now func() time.Time) (*auth0.Client, error) {
	client, err := auth0.New(auth0.Config{
		Domain: cfg.Auth0Domain, ClientID: cfg.Auth0ClientID, ClientSecret: cfg.Auth0ClientSecret.Reveal(),
		Connection: cfg.Auth0Connection, Audience: cfg.Auth0Audience, Logger: a.logger, Now: now,
	})
	if err != nil {
		return nil, err
	}
	a.tenant = client
	err = client.Check(ctx)
	if errors.Is(err, auth0.ErrUnreachable) {
		a.logger.WarnContext(ctx, "the Auth0 tenant cannot be reached; its settings are not checked", "error", err.Error())
		err = nil
	}
	return client, err
}

// erasers are what the other nouns do when an account is erased.
func (n *nouns) erasers() []account.Eraser {
	return []account.Eraser{
		{Name: "feedback", Erase: func(ctx context.Context, user, _ uuid.UUID) (int64, error) {
			return n.plans.EraseFeedback(ctx, user) // before conversations, which would take it along uncounted
		}},
		{Name: "conversations", Erase: func(ctx context.Context, user, _ uuid.UUID) (int64, error) {
			return n.conversations.Erase(ctx, user)
		}},
		{Name: "learning_plans", Erase: func(ctx context.Context, user, _ uuid.UUID) (int64, error) {
			return n.plans.Erase(ctx, user)
		}},
		{Name: "onboardings", Erase: func(ctx context.Context, user, _ uuid.UUID) (int64, error) {
			return n.onboardings.Erase(ctx, user)
		}},
		{Name: "custom_roles", Erase: func(ctx context.Context, user, _ uuid.UUID) (int64, error) {
			return n.catalogue.EraseAuthor(ctx, user)
		}},
		{Name: "deprecated_calls", Erase: func(ctx context.Context, user, _ uuid.UUID) (int64, error) {
			return n.usage.Erase(ctx, user)
		}},
		{Name: "token_days", Erase: func(ctx context.Context, user, _ uuid.UUID) (int64, error) {
			return n.budgets.Erase(ctx, user)
		}},
		{Name: "tasks", Erase: n.tasks.Erase},
	}
}

// applicationSuffix ends the subject of a token that is an application's and no user's.
const applicationSuffix = "@clients"

// tenant is an Auth0 tenant as accounts see it.
type tenant struct{ client *auth0.Client }

var _ account.Tenant = tenant{}

// Issuer is the iss claim of its tokens.
func (t tenant) Issuer() string { return t.client.Issuer() }

// Create opens the tenant's account.
func (t tenant) Create(ctx context.Context, in account.NewPassword) (account.Credential, error) {
	subject, err := t.client.CreateUser(ctx, auth0.CreateUserInput{Email: in.Email, Password: in.Password, FullName: in.FullName})
	return account.Credential{Subject: subject}, refusal(err, "/password")
}

// Prove asks the tenant for the password's owner.
func (t tenant) Prove(ctx context.Context, in account.Proof) (account.Credential, error) {
	subject, err := t.client.Prove(ctx, in.Email, in.Password, in.Address)
	return account.Credential{Subject: subject}, refusal(err, "/password")
}

// Replace sets the password at the tenant.
func (t tenant) Replace(ctx context.Context, c account.Credential, password string) (account.Credential, error) {
	return c, refusal(t.client.SetPassword(ctx, c.Subject, password), "/new_password")
}

// ChangeEmail sets a proven email at the tenant.
func (t tenant) ChangeEmail(ctx context.Context, c account.Credential, email string) error {
	return refusal(t.client.SetEmail(ctx, c.Subject, email, true), "/email")
}

// Remove deletes the tenant's account.
func (t tenant) Remove(ctx context.Context, c account.Credential) error {
	if c.Subject == "" {
		return nil
	}
	return t.client.DeleteUser(ctx, c.Subject)
}

// Verify checks one of the tenant's access tokens.
func (t tenant) Verify(ctx context.Context, token string) (account.TenantToken, error) {
	c, err := t.client.Verify(ctx, token)
	if errors.Is(err, auth0.ErrInvalidToken) || err == nil && strings.HasSuffix(c.Subject, applicationSuffix) {
		return account.TenantToken{}, account.ErrInvalidToken.WithCause(err)
	}
	return account.TenantToken{
		Subject: c.Subject, Family: c.Family, Lasting: c.Family != c.ClientID, IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt,
	}, err
}

// Profile reads a user of the tenant.
func (t tenant) Profile(ctx context.Context, subject string) (account.Profile, error) {
	p, err := t.client.User(ctx, subject)
	if errors.Is(err, auth0.ErrNotFound) || err == nil && (p.Blocked || p.Email == "") {
		return account.Profile{}, account.ErrInvalidToken.WithCause(err)
	}
	return account.Profile{Subject: p.Subject, Email: p.Email, EmailVerified: p.EmailVerified, FullName: p.FullName}, err
}

// refusal puts what the tenant says into the words of accounts. A user whom the tenant
// blocks, or asks for a second factor that we cannot pass on, is not told apart from
// one with a wrong password.
func refusal(err error, pointer string) error {
	busy, _ := errors.AsType[*auth0.TooManyError](err)
	switch {
	case busy != nil && busy.Locked:
		return errors.Join(account.ErrWrongPassword, err)
	case busy != nil:
		return fault.New(fault.Unavailable, "server.overloaded", "Too many sign-ins at once; try again shortly.").
			WithCause(err).WithRetryAfter(max(busy.RetryAfter, time.Second))
	case errors.Is(err, auth0.ErrWrongPassword), errors.Is(err, auth0.ErrBlocked), errors.Is(err, auth0.ErrMFARequired):
		return errors.Join(account.ErrWrongPassword, err)
	case errors.Is(err, auth0.ErrEmailTaken):
		return account.ErrEmailTaken.WithCause(err)
	case errors.Is(err, auth0.ErrWeakPassword):
		return fault.New(fault.Unprocessable, "user.password_weak", "The password is too weak.").WithCause(err).
			WithFields(fault.Field{Pointer: pointer, Code: "too_common", Detail: "is refused by the identity provider's rules"})
	}
	return err
}
