package auth0

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const usersPath = managementPath + "users"

// CreateUserInput is a new user of the connection. FullName may be empty.
type CreateUserInput struct {
	Email, Password, FullName string
}

// Profile is a user as the tenant has it.
type Profile struct {
	Subject       string
	Email         string
	EmailVerified bool
	FullName      string // the tenant's `name`, which is the email where none was given
	Blocked       bool
}

// user is a user in the Management API's form. Fields left out are not changed.
type user struct {
	ID            string `json:"user_id,omitempty"`
	Connection    string `json:"connection,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
	VerifyEmail   *bool  `json:"verify_email,omitempty"` // whether the tenant sends its own mail
	Password      string `json:"password,omitempty"`
	Name          string `json:"name,omitempty"`
	Blocked       *bool  `json:"blocked,omitempty"`
}

// CreateUser adds a user whose email is not verified and to whom the tenant sends
// no mail. It is not repeated when its outcome is unknown: after
// server.unavailable the user may exist, and a second call then gives
// ErrEmailTaken.
//
// Errors: ErrEmailTaken, ErrWeakPassword, server.unavailable.
func (c *Client) CreateUser(ctx context.Context, in CreateUserInput) (subject string, err error) {
	body := user{
		Connection: c.cfg.Connection, Email: in.Email, Password: in.Password, Name: in.FullName,
		EmailVerified: new(false), VerifyEmail: new(false),
	}
	a, err := c.manage(ctx, request{method: http.MethodPost, path: usersPath, body: body})
	var made user
	switch {
	case err != nil:
	case !a.ok():
		err = c.refusedUser(a)
	default:
		if err = a.read(&made); err == nil && made.ID == "" {
			err = unavailable(errGarbled, 0)
		}
	}
	if err != nil {
		return "", fmt.Errorf("auth0: create user: %w", err)
	}
	return made.ID, nil
}

// User reads a user. Errors: ErrNotFound, server.unavailable.
func (c *Client) User(ctx context.Context, subject string) (Profile, error) {
	a, err := c.one(ctx, http.MethodGet, subject, nil)
	var u user
	if err == nil {
		err = a.read(&u)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("auth0: read user: %w", err)
	}
	return Profile{
		Subject: u.ID, Email: u.Email, FullName: u.Name,
		EmailVerified: u.EmailVerified != nil && *u.EmailVerified,
		Blocked:       u.Blocked != nil && *u.Blocked,
	}, nil
}

// SetPassword changes a password without asking for the old one. Tokens and
// sessions that the tenant gave out stay. Errors: ErrNotFound, ErrWeakPassword,
// server.unavailable.
func (c *Client) SetPassword(ctx context.Context, subject, password string) error {
	return c.change(ctx, "set password", subject, user{Connection: c.cfg.Connection, Password: password})
}

// SetEmail changes the email, and says whether it was proven to be the user's;
// the tenant sends no mail about it. Errors: ErrNotFound, ErrEmailTaken,
// server.unavailable.
func (c *Client) SetEmail(ctx context.Context, subject, email string, verified bool) error {
	return c.change(ctx, "set email", subject, user{
		Connection: c.cfg.Connection, Email: email, EmailVerified: &verified, VerifyEmail: new(false),
	})
}

// SetBlocked shuts the user out of every sign-in, or lets them in again. Access
// tokens given out before stay valid until they expire. Errors: ErrNotFound,
// server.unavailable.
func (c *Client) SetBlocked(ctx context.Context, subject string, blocked bool) error {
	return c.change(ctx, "set blocked", subject, user{Blocked: &blocked})
}

// DeleteUser removes a user; one who is gone already is no error. Errors:
// ErrNotFound for a subject that cannot be a user's, server.unavailable.
func (c *Client) DeleteUser(ctx context.Context, subject string) error {
	path, err := userPath(subject)
	var a answer
	if err == nil {
		a, err = c.manage(ctx, request{method: http.MethodDelete, path: path, repeatable: true})
	}
	if err == nil && !a.ok() && a.status != http.StatusNotFound {
		err = c.odd(a)
	}
	if err != nil {
		return fmt.Errorf("auth0: delete user: %w", err)
	}
	return nil
}

func (c *Client) change(ctx context.Context, operation, subject string, to user) error {
	if _, err := c.one(ctx, http.MethodPatch, subject, to); err != nil {
		return fmt.Errorf("auth0: %s: %w", operation, err)
	}
	return nil
}

// one asks about one user. All it is used for may be repeated.
func (c *Client) one(ctx context.Context, method, subject string, body any) (answer, error) {
	path, err := userPath(subject)
	if err != nil {
		return answer{}, err
	}
	a, err := c.manage(ctx, request{method: method, path: path, body: body, repeatable: true})
	if err != nil {
		return answer{}, err
	}
	switch {
	case a.ok():
		return a, nil
	case a.status == http.StatusNotFound:
		return answer{}, ErrNotFound
	default:
		return answer{}, c.refusedUser(a)
	}
}

// userPath is where a user is. Every id of the tenant holds a bar, which keeps an
// empty one, or dots, from meaning another resource.
func userPath(subject string) (string, error) {
	if !strings.Contains(subject, "|") {
		return "", ErrNotFound
	}
	return usersPath + "/" + url.PathEscape(subject), nil
}

// refusedUser gives a refusal about a user its meaning. The Management API has
// one code for all that its user store refuses, and tells more in the text alone.
func (c *Client) refusedUser(a answer) error {
	text := a.refusal.Message
	switch {
	case a.status == http.StatusConflict, a.status == http.StatusBadRequest && strings.Contains(text, "already exists"):
		return ErrEmailTaken
	case a.status == http.StatusBadRequest && isPolicy(text):
		return ErrWeakPassword
	default:
		return c.odd(a)
	}
}

// isPolicy recognises PasswordStrengthError, PasswordDictionaryError,
// PasswordNoUserInfoError and PasswordHistoryError.
func isPolicy(text string) bool {
	name, _, _ := strings.Cut(text, ":")
	return strings.HasPrefix(name, "Password") && strings.HasSuffix(name, "Error")
}
