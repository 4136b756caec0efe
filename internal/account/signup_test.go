package account_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestSignUpMakesAnAccountAndSignsItIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in, err := b.SignUp(t.Context(), account.SignUpInput{
		Email: "  Ada.Lovelace@Example.COM ", Password: password, FullName: "  Ada Lovelace\n",
		Client: account.Client{Address: "192.0.2.7", UserAgent: "FluentPro/1.2 (iOS)"},
	})
	require.NoError(t, err)
	require.Equal(t, account.User{
		ID: in.User.ID, Email: "ada.lovelace@example.com", FullName: "Ada Lovelace", Roles: []string{"user"},
		Language: "en", Preferences: json.RawMessage("{}"), Active: true, CreatedAt: start, UpdatedAt: start,
	}, in.User)
	require.EqualValues(t, 7, in.User.ID.Version())
	requireSession(t, account.Session{
		ID: in.Session.ID, UserID: in.User.ID, Device: "FluentPro/1.2 (iOS)", Address: "192.0.2.7",
		CreatedAt: start, LastSeenAt: start, ExpiresAt: start.Add(account.SessionSliding),
	}, in.Session)
	require.False(t, in.Replayed)
	require.Equal(t, lifetime, in.Tokens.ExpiresIn)

	stored, err := b.User(t.Context(), in.User.ID)
	require.NoError(t, err)
	require.Equal(t, in.User, stored)
	who, err := authenticate(t, b.Service, in.Tokens.Access)
	require.NoError(t, err)
	require.Equal(t, account.Principal{
		UserID: in.User.ID, SessionID: in.Session.ID, Roles: []string{"user"}, ExpiresAt: who.ExpiresAt,
	}, who)
	require.WithinDuration(t, start.Add(lifetime), who.ExpiresAt, 0)
}

func TestNamesHaveTwoToAHundredCharactersOfAnyScript(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i, name := range []string{"Bo", "王芳", strings.Repeat("é", 100), "  " + strings.Repeat("x", 100) + "  "} {
		in := newcomer(email(i))
		in.FullName = name
		made, err := b.SignUp(t.Context(), in)
		require.NoError(t, err, name)
		require.Equal(t, strings.TrimSpace(name), made.User.FullName)
	}
	for name, code := range map[string]string{"": "too_short", "X": "too_short", "王": "too_short", strings.Repeat("é", 101): "too_long"} {
		in := newcomer("nobody@example.com")
		in.FullName = "  " + name + "\t"
		_, err := b.SignUp(t.Context(), in)
		f := requireFault(t, err, "request.invalid", fault.Malformed)
		require.Equal(t, "/full_name", f.Fields[0].Pointer)
		require.Equal(t, code, f.Fields[0].Code, name)
	}
	require.Equal(t, 4, b.count("select count(*) from users"))
}

func TestPasswordsMixFourKindsOfCharacters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for text, missing := range map[string][]string{
		"lower-case-7":  {"needs_upper"},
		"UPPER-CASE-7":  {"needs_lower"},
		"No-Digit-Here": {"needs_digit"},
		"NoSpecial77":   {"needs_special"},
		"No Special 77": {"needs_special"},
		"aaaaaaaa":      {"needs_upper", "needs_digit", "needs_special"},
		"密码密码密码密码":      {"needs_upper", "needs_lower", "needs_digit", "needs_special"},
	} {
		in := newcomer("nobody@example.com")
		in.Password = text
		_, err := b.SignUp(t.Context(), in)
		f := requireFault(t, err, "user.password_weak", fault.Unprocessable)
		var codes []string
		for _, field := range f.Fields {
			require.Equal(t, "/password", field.Pointer)
			codes = append(codes, field.Code)
		}
		require.Equal(t, missing, codes, text)
		require.NotContains(t, err.Error(), text)
	}
	require.Zero(t, b.count("select count(*) from users"))
	for i, text := range []string{"Aa1+aaaa", "Ünïcode-7", "Símbolo7€", "ÀÉß9…lower"} {
		in := newcomer(email(i))
		in.Password = text
		_, err := b.SignUp(t.Context(), in)
		require.NoError(t, err, text)
	}
}

func TestAnEmailIsTakenInAnyCase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	_, err := b.SignUp(t.Context(), newcomer("ADA@Example.com"))
	f := requireFault(t, err, "user.email_taken", fault.Conflict)
	require.Equal(t, "/email", f.Fields[0].Pointer)
	require.Equal(t, 1, b.count("select count(*) from sessions"))
}

func TestASignUpThatFailsFreesItsKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	in := newcomer("ada@example.com")
	in.IdempotencyKey = "k"
	_, err := b.SignUp(t.Context(), in)
	requireFault(t, err, "user.email_taken", fault.Conflict)
	in.Email = "grace@example.com"
	made, err := b.SignUp(t.Context(), in)
	require.NoError(t, err)
	require.False(t, made.Replayed)
}

func TestARepeatedSignUpGivesTheSameAccountAndASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := newcomer("ada@example.com")
	in.IdempotencyKey = "k"
	first, err := b.SignUp(t.Context(), in)
	require.NoError(t, err)
	in.Email = " ADA@example.com" // the same email
	again, err := b.SignUp(t.Context(), in)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, first.User, again.User)
	require.NotEqual(t, first.Session.ID, again.Session.ID)
	for _, tokens := range []account.Tokens{first.Tokens, again.Tokens} {
		_, err := authenticate(t, b.Service, tokens.Access)
		require.NoError(t, err)
	}
	require.Equal(t, 1, b.count("select count(*) from users"))
}

func TestARepeatedSignUpWithAnotherPasswordIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := newcomer("ada@example.com")
	in.IdempotencyKey = "k"
	_, err := b.SignUp(t.Context(), in)
	require.NoError(t, err)
	in.Password = "Another-Horse-7"
	_, err = b.SignUp(t.Context(), in)
	requireFault(t, err, "idempotency.key_reused", fault.Unprocessable)
}

// The key alone opens nothing: what the request says must still be true.
func TestARepeatedSignUpProvesThePasswordAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b *bench, id uuid.UUID){
		"password changed": func(b *bench, id uuid.UUID) {
			in := newcomer("other@example.com")
			in.Password = "Another-Horse-7"
			_, err := b.SignUp(b.t.Context(), in)
			require.NoError(b.t, err)
			b.exec("update users set password_hash = (select password_hash from users where email = 'other@example.com') where id = $1", id)
		},
		"account deactivated": func(b *bench, id uuid.UUID) { b.exec("update users set is_active = false where id = $1", id) },
		"account gone":        func(b *bench, id uuid.UUID) { b.exec("delete from users where id = $1", id) },
		"email with another account now": func(b *bench, id uuid.UUID) {
			b.exec("delete from users where id = $1", id)
			b.join("ada@example.com")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			in := newcomer("ada@example.com")
			in.IdempotencyKey = "k"
			first, err := b.SignUp(t.Context(), in)
			require.NoError(t, err)
			change(b, first.User.ID)
			again, err := b.SignUp(t.Context(), in)
			requireFault(t, err, "auth.invalid_credentials", fault.Unauthenticated)
			require.Zero(t, again)
		})
	}
}

func TestTheSameSignUpSentAtOnceMakesOneAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := newcomer("ada@example.com")
	in.IdempotencyKey = "k"
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := b.SignUp(context.Background(), in); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, b.count("select count(*) from users"))
	require.Equal(t, 4, b.count("select count(*) from sessions"))
}

func TestNoSecretIsStoredInAFormThatOpensAnything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := newcomer("ada@example.com")
	in.IdempotencyKey = "k"
	cfg := b.config()
	cfg.HashCost = account.HashCost{} // that of production
	made, err := b.serviceWith(cfg).SignUp(t.Context(), in)
	require.NoError(t, err)
	for _, table := range []string{"users", "sessions", "refresh_tokens", "idempotency_keys"} {
		var rows string
		require.NoError(t, b.pool.QueryRow(t.Context(), "select string_agg(x::text, ' ') from "+table+" x").Scan(&rows))
		require.NotEmpty(t, rows)
		for _, text := range []string{password, made.Tokens.Refresh, made.Tokens.Access} {
			require.NotContains(t, rows, text, table)
		}
	}
	var hash string
	require.NoError(t, b.pool.QueryRow(t.Context(), "select password_hash from users").Scan(&hash))
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
}
