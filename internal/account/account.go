// Package account holds people and how they prove who they are: users, their
// passwords, the sessions of their devices, and the tokens of those sessions.
// It promises that no secret is stored in a form that opens anything: passwords
// are Argon2id hashes, refresh tokens SHA-256 hashes, signing keys sealed.
// It does not know HTTP, SMTP, or what a learner may do beyond holding a role.
package account

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/mssola/useragent"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Roles a user may hold.
const (
	RoleUser      = "user"
	RoleModerator = "moderator"
	RoleAdmin     = "admin"
)

// Lifetimes of a session. An access token's is Config.AccessLifetime.
const (
	SessionSliding  = 30 * 24 * time.Hour // after the last refresh
	SessionAbsolute = 90 * 24 * time.Hour // after sign-in
	RefreshGrace    = 10 * time.Second    // within which a used token repeats its answer
)

// defaultLanguage is that of a learner whose client asked for none.
const defaultLanguage = "en"

// maxDevice is how many characters of a device's name are kept.
const maxDevice = 100

// Faults that a Tenant gives too.
var (
	ErrEmailTaken         = fault.New(fault.Conflict, "user.email_taken", "An account with this email exists already.").WithFields(fault.Field{Pointer: "/email", Code: "taken", Detail: "belongs to an account already"})
	errInvalidCredentials = fault.New(fault.Unauthenticated, "auth.invalid_credentials", "Email or password is wrong.")
	errInvalidRefresh     = fault.New(fault.Unauthenticated, "auth.invalid_refresh_token", "The refresh token is not valid; sign in again.")
	ErrInvalidToken       = fault.New(fault.Unauthenticated, "auth.invalid_token", "The access token is not valid or its session has ended.")
	errOverloaded         = fault.New(fault.Unavailable, "server.overloaded", "Too many sign-ins at once; try again shortly.").WithRetryAfter(2 * time.Second)
	errSessionNotFound    = fault.New(fault.NotFound, "resource.not_found", "There is no such session.")
	errInvalidCode        = fault.New(fault.Unprocessable, "auth.invalid_code", "The code is wrong, used already or too old; ask for another mail.").WithFields(fault.Field{Pointer: "/token", Code: "invalid", Detail: "is no code that is good now"})
	errWrongPassword      = fault.New(fault.Unprocessable, "user.wrong_password", "The current password is wrong.").WithFields(fault.Field{Pointer: "/current_password", Code: "wrong", Detail: "is not the account's password"})
	errUserNotFound       = fault.New(fault.NotFound, "resource.not_found", "There is no such user.")
)

// User is one account.
type User struct {
	ID             uuid.UUID
	Email          string
	FullName       string
	EmailVerified  bool
	Roles          []string
	NativeLanguage *string
	Language       string          // BCP 47 tag that the client asked for at sign-up; see Service.MailLanguage
	Preferences    json.RawMessage // an object, to which only clients give a meaning
	Active         bool            // false: an administrator shut the user out
	ErasingAt      *time.Time      // since when the account is being erased; nil: it is not
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// account is a user with what proves who they are.
type account struct {
	User
	Credential
	erasureTask *uuid.UUID
}

// maySignIn reports that the account is there and lets its user in.
func (a account) maySignIn() bool { return a.ID != uuid.Nil && a.Active && a.ErasingAt == nil }

// usable is the credential, unless nobody may sign in by it.
func (a account) usable() Credential {
	if !a.maySignIn() {
		return Credential{}
	}
	return a.Credential
}

// reason is why a password for the account did not let anybody in.
func (a account) reason() events.AuthLoginFailedReason {
	switch {
	case a.ID == uuid.Nil:
		return events.AuthLoginFailedReasonUnknownUser
	case !a.maySignIn():
		return events.AuthLoginFailedReasonDeactivated
	default:
		return events.AuthLoginFailedReasonWrongPassword
	}
}

// Session is one signed-in device.
type Session struct {
	ID         uuid.UUID
	UserID     uuid.UUID
	Device     string
	Address    string
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time

	fingerprint []byte // says whether a device comes back
}

// Tokens open a session. Both are secrets.
type Tokens struct {
	Access    string
	Refresh   string
	ExpiresIn time.Duration // of Access
}

// Client is where a request comes from, as shown to the user in the list of sessions.
type Client struct {
	Address   string
	UserAgent string
}

// device names the client for the user: the given name, or what its user agent
// says of browser and system.
func (c Client) device(name string) string {
	for _, candidate := range []string{name, agentName(c.UserAgent)} {
		text := []rune(strings.TrimSpace(strings.ToValidUTF8(candidate, "")))
		if len(text) > maxDevice {
			text = text[:maxDevice]
		}
		if len(text) > 0 {
			return strings.TrimSpace(string(text))
		}
	}
	return "unknown"
}

// Device names the client by its user agent, as the list of sessions does.
func (c Client) Device() string { return c.device("") }

// agentName makes a name people know of a User-Agent: "Chrome on Windows 10". One
// that is no browser's is its own name.
func agentName(userAgent string) string {
	agent := useragent.New(userAgent)
	name, _ := agent.Browser()
	system := agent.OSInfo()
	if name == "" || system.Name == "" || !strings.HasPrefix(userAgent, "Mozilla/") {
		return userAgent
	}
	return fmt.Sprintf("%s on %s", name, strings.TrimSpace(system.Name+" "+system.Version))
}

// normalEmail is the form in which emails are compared.
func normalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// checkName applies the rule for full names to an already trimmed one.
func checkName(name string) error {
	field := fault.Field{Pointer: "/full_name", Detail: "must have 2 to 100 characters without the space around it"}
	switch n := utf8.RuneCountInString(name); {
	case n < 2:
		field.Code = "too_short"
	case n > 100:
		field.Code = "too_long"
	default:
		return nil
	}
	return fault.New(fault.Malformed, "request.invalid", "The request does not match the contract.").WithFields(field)
}

// checkPassword applies the rules for new passwords; pointer is the field that
// holds it. Length is the contract's.
func checkPassword(password, pointer string) error {
	var upper, lower, digit, special bool
	for _, r := range password {
		upper = upper || unicode.IsUpper(r)
		lower = lower || unicode.IsLower(r)
		digit = digit || unicode.IsDigit(r)
		special = special || unicode.IsPunct(r) || unicode.IsSymbol(r)
	}
	var fields []fault.Field
	for _, rule := range []struct {
		met    bool
		code   string
		detail string
	}{
		{upper, "needs_upper", "needs an upper-case letter"},
		{lower, "needs_lower", "needs a lower-case letter"},
		{digit, "needs_digit", "needs a digit"},
		{special, "needs_special", "needs a punctuation mark or symbol"},
	} {
		if !rule.met {
			fields = append(fields, fault.Field{Pointer: pointer, Code: rule.code, Detail: rule.detail})
		}
	}
	if fields == nil && isCommon(password) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: "too_common", Detail: "is one of the passwords that are tried first"})
	}
	if fields != nil {
		return fault.New(fault.Unprocessable, "user.password_weak", "The password is too weak.").WithFields(fields...)
	}
	return nil
}
