package account_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// update changes a profile.
func (b *bench) update(in account.UpdateProfileInput) account.User {
	b.t.Helper()
	u, err := b.UpdateProfile(b.t.Context(), in)
	require.NoError(b.t, err)
	stored, err := b.User(b.t.Context(), in.UserID)
	require.NoError(b.t, err)
	require.Equal(b.t, stored, u)
	return u
}

func ptr[T any](v T) *T { return &v }

// The cases are those of RFC 7396, appendix A, whose documents are objects.
func TestPreferencesAreChangedByMergePatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.join("ada@example.com").User.ID
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":{"b":"c"}}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":1}`, `{"a":1}`, `{"a":1,"e":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":"b"}`, `{"a":{"c":1,"d":null}}`, `{"a":{"c":1}}`},
		{`{"a":1}`, `{"a":[1,null,{"b":null}]}`, `{"a":[1,null,{"b":null}]}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{"a":1}`, `null`, `{}`},
		{`{"a":1}`, ``, `{"a":1}`},
		{`{"a":{"x":1,"y":{"z":2}}}`, `{"a":{"y":{"z":null,"w":"界"}}}`, `{"a":{"x":1,"y":{"w":"界"}}}`},
	} {
		b.exec("update users set preferences = $1", c[0])
		u := b.update(account.UpdateProfileInput{UserID: user, Preferences: json.RawMessage(c[1])})
		require.JSONEq(t, c[2], string(u.Preferences), "%s + %s", c[0], c[1])
	}
}

func TestAChangeThatChangesNothingIsNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.join("ada@example.com").User.ID
	before := b.update(account.UpdateProfileInput{
		UserID: user, NativeLanguage: ptr(ptr("chinese_simplified")), Preferences: json.RawMessage(`{"b":{"c":1},"a":2}`),
	})
	events := b.count("select count(*) from outbox")
	b.clock.pass(time.Hour)
	for _, in := range []account.UpdateProfileInput{
		{}, {FullName: ptr(" Ada Lovelace ")}, {NativeLanguage: ptr(ptr("chinese_simplified"))},
		{Preferences: json.RawMessage(`{"a":2,"b":{"c":1}}`)}, {Preferences: json.RawMessage(`{"x":null}`)},
	} {
		in.UserID = user
		require.Equal(t, before, b.update(in))
	}
	require.Equal(t, events, b.count("select count(*) from outbox"))
}

func TestAChangeIsToldByTheNamesOfItsFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	last := in.User.UpdatedAt
	for _, c := range []struct {
		in     account.UpdateProfileInput
		fields string
	}{
		{account.UpdateProfileInput{FullName: ptr(" Ada King ")}, `["full_name"]`},
		{account.UpdateProfileInput{NativeLanguage: ptr(ptr("chinese_simplified"))}, `["native_language"]`},
		{account.UpdateProfileInput{Preferences: json.RawMessage(`{"a":1}`), NativeLanguage: ptr((*string)(nil)), FullName: ptr("Countess")},
			`["full_name", "native_language", "preferences"]`},
	} {
		c.in.UserID = in.User.ID
		u := b.update(c.in)
		require.True(t, u.UpdatedAt.After(last), "also while the clock stands still")
		last = u.UpdatedAt
		var fields string
		require.NoError(t, b.pool.QueryRow(t.Context(),
			"select data->>'fields' from outbox where type = 'user.profile_updated' order by position desc limit 1").Scan(&fields))
		require.JSONEq(t, c.fields, fields)
	}
	u, err := b.User(t.Context(), in.User.ID)
	require.NoError(t, err)
	require.Equal(t, "Countess", u.FullName)
	require.Nil(t, u.NativeLanguage)
	require.Equal(t, 3, b.count("select count(*) from outbox where type = 'user.profile_updated'"))
}

func TestAProfileIsChangedAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	stale := errors.New("the user has changed")
	full := func(n int) json.RawMessage { // n bytes of JSON
		return json.RawMessage(`{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}`)
	}
	for code, c := range map[string]account.UpdateProfileInput{
		"user.unknown_language":      {FullName: ptr("Ada King"), NativeLanguage: ptr(ptr("klingon"))},
		"request.invalid":            {FullName: ptr(" X "), Preferences: json.RawMessage(`{"a":1}`)},
		"user.preferences_too_large": {FullName: ptr("Ada King"), Preferences: full(account.MaxPreferences + 1)},
	} {
		c.UserID = in.User.ID
		_, err := b.UpdateProfile(t.Context(), c)
		require.True(t, fault.Is(err, code), "%v", err)
		require.Len(t, fault.Find(err).Fields, 1)
	}
	_, err := b.UpdateProfile(t.Context(), account.UpdateProfileInput{UserID: in.User.ID, FullName: ptr("Ada King"), Matches: func(u account.User) error {
		require.Equal(t, in.User, u)
		return stale
	}})
	require.ErrorIs(t, err, stale)
	_, err = b.UpdateProfile(t.Context(), account.UpdateProfileInput{UserID: uuid.New(), FullName: ptr("Ada King")})
	requireFault(t, err, "resource.not_found", fault.NotFound)
	u, err := b.User(t.Context(), in.User.ID)
	require.NoError(t, err)
	require.Equal(t, in.User, u)
	require.Zero(t, b.count("select count(*) from outbox where type = 'user.profile_updated'"))

	b.update(account.UpdateProfileInput{UserID: in.User.ID, Preferences: full(account.MaxPreferences)})
	_, err = b.UpdateProfile(t.Context(), account.UpdateProfileInput{UserID: in.User.ID, Preferences: json.RawMessage(`{"b":1}`)})
	requireFault(t, err, "user.preferences_too_large", fault.Unprocessable)
	b.update(account.UpdateProfileInput{UserID: in.User.ID, Preferences: json.RawMessage(`{"a":null,"b":1}`)})
}
