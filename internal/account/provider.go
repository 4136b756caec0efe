package account

import (
	"context"
	"errors"
	"time"
)

// ErrWrongPassword is what a Provider says of a password that does not fit, and
// of an email that it does not know.
var ErrWrongPassword = errors.New("the password is wrong")

// Credential is what an account's row keeps, so that a password can be proved.
type Credential struct {
	Hash    string // of the password, where we keep it ourselves; empty fits none
	Subject string // who the user is at the provider, where that keeps it
}

// NewPassword is what a new account is to be opened with.
type NewPassword struct {
	Email    string
	Password string
	FullName string
}

// Proof is what somebody offers to show who they are.
type Proof struct {
	Email      string
	Password   string
	Credential Credential // of the account with this email; zero: there is none, or none that may sign in
	Address    string     // where they ask from
}

// Provider keeps passwords and proves them. One that is away answers with the
// fault server.unavailable, and too many at once with server.overloaded.
type Provider interface {
	// Create keeps the password of a new account. Faults: user.email_taken,
	// user.password_weak.
	Create(ctx context.Context, in NewPassword) (Credential, error)
	// Prove gives the credential of whose password it is, else ErrWrongPassword.
	Prove(ctx context.Context, in Proof) (Credential, error)
	// Replace sets another password. Fault: user.password_weak.
	Replace(ctx context.Context, c Credential, password string) (Credential, error)
	// ChangeEmail makes a proven email the one that the password belongs to.
	// Fault: user.email_taken.
	ChangeEmail(ctx context.Context, c Credential, email string) error
	// Remove forgets the password. One that is gone already is no error.
	Remove(ctx context.Context, c Credential) error
}

// Tenant is a Provider outside, which also signs in users by itself.
type Tenant interface {
	Provider
	// Issuer is the iss claim of its tokens.
	Issuer() string
	// Verify checks everything that one of its access tokens says of itself.
	// Faults: auth.invalid_token; server.unavailable where its keys cannot be had.
	Verify(ctx context.Context, token string) (TenantToken, error)
	// Profile is what it knows of a user. Fault: auth.invalid_token for one that
	// it does not know or has blocked.
	Profile(ctx context.Context, subject string) (Profile, error)
}

// TenantToken is what an access token of a Tenant says.
type TenantToken struct {
	Subject   string
	Family    string // tokens of one sign-in have one; see Lasting
	Lasting   bool   // whether another sign-in has another family, so that one that was revoked never comes back
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Profile is what a Tenant knows of a user.
type Profile struct {
	Subject       string
	Email         string
	EmailVerified bool
	FullName      string
}

// local keeps passwords as Argon2id hashes in the accounts' rows.
type local struct{ hasher *hasher }

// Create hashes the password.
func (l local) Create(ctx context.Context, in NewPassword) (Credential, error) {
	hash, err := l.hasher.hash(ctx, in.Password)
	return Credential{Hash: hash}, err
}

// Prove compares in constant time, and as long for an account that is not there.
func (l local) Prove(ctx context.Context, in Proof) (Credential, error) {
	ok, err := l.hasher.matches(ctx, in.Password, in.Credential.Hash)
	if err == nil && !ok {
		err = ErrWrongPassword
	}
	return in.Credential, err
}

// Replace hashes the other password.
func (l local) Replace(ctx context.Context, c Credential, password string) (Credential, error) {
	hash, err := l.hasher.hash(ctx, password)
	c.Hash = hash
	return c, err
}

// ChangeEmail has nothing to do: the password belongs to the row.
func (local) ChangeEmail(context.Context, Credential, string) error { return nil }

// Remove has nothing to do: the hash goes with its row.
func (local) Remove(context.Context, Credential) error { return nil }
