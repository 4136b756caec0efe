package account_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// again signs in once more with the password of all tests.
func (b *bench) again(email string) account.SignedIn {
	b.t.Helper()
	in, err := b.logIn(email, password)
	require.NoError(b.t, err)
	return in
}

// revoke ends a session from another one of its user.
func (b *bench) revoke(in account.SignedIn) {
	b.t.Helper()
	require.NoError(b.t, b.RevokeSession(b.t.Context(), in.User.ID, in.Session.ID, uuid.Nil))
}

func (b *bench) requireLive(in account.SignedIn) {
	b.t.Helper()
	_, err := authenticate(b.t, b.Service, in.Tokens.Access)
	require.NoError(b.t, err)
}

func (b *bench) requireEnded(in account.SignedIn) {
	b.t.Helper()
	_, err := authenticate(b.t, b.Service, in.Tokens.Access)
	requireRefused(b.t, err)
	_, err = b.Refresh(b.t.Context(), in.Tokens.Refresh)
	requireNotRefreshed(b.t, err)
}

func TestSessionsAreListedInPagesTheNewestFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.join("other@example.com")
	want := []uuid.UUID{in.Session.ID}
	for i := range 5 {
		if i%2 == 0 { // two at the same moment, too
			b.clock.pass(time.Minute)
		}
		want = append([]uuid.UUID{b.again("ada@example.com").Session.ID}, want...)
	}
	ended := b.again("ada@example.com")
	b.revoke(ended)

	var got []uuid.UUID
	var before *account.SessionPlace
	for more := true; more; {
		page, next, err := b.Sessions(t.Context(), in.User.ID, before, 2)
		require.NoError(t, err)
		require.Len(t, page, 2)
		for _, one := range page {
			require.Equal(t, in.User.ID, one.UserID)
			got = append(got, one.ID)
		}
		place := page[1].Place()
		before, more = &place, next
	}
	require.Equal(t, want, got)
	page, more, err := b.Sessions(t.Context(), in.User.ID, before, 2)
	require.NoError(t, err)
	require.False(t, more)
	require.Empty(t, page)
}

func TestWhenASessionWasLastSeenIsKnownToTheSecond(t *testing.T) {
	t.Parallel()
	b := bare(t)
	b.insertKey(setup(t).newestKey())
	b.gate = gate.New(gate.Config{Client: redistest.Shared(t), Now: b.clock.Now})
	b.Service = b.service()
	in := b.join("ada@example.com")
	b.requireLive(in) // leaves a copy
	b.clock.pass(10 * time.Second)
	b.requireLive(in)
	list, _, err := b.Sessions(t.Context(), in.User.ID, nil, 10)
	require.NoError(t, err)
	require.Equal(t, start.Add(10*time.Second), list[0].LastSeenAt)
	require.Equal(t, 1, b.count("select count(*) from sessions where last_seen_at = $1", start), "the row is not written for it")
}

func TestWithRedisAwayTheRowSaysWhenASessionWasLastSeenToTheMinute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.gate = awayGate(t)
	b.Service = b.service()
	in := b.join("ada@example.com")
	for _, step := range []struct{ pass, seen time.Duration }{{59 * time.Second, 0}, {time.Second, time.Minute}, {30 * time.Second, time.Minute}} {
		b.clock.pass(step.pass)
		b.requireLive(in)
		list, _, err := b.Sessions(t.Context(), in.User.ID, nil, 10)
		require.NoError(t, err)
		require.Equal(t, start.Add(step.seen), list[0].LastSeenAt)
	}
}

func TestASessionThatIsNotOnesOwnOrNotThereCannotBeRevoked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ada, eve := b.join("ada@example.com"), b.join("eve@example.com")
	ended, over := b.again("eve@example.com"), b.again("eve@example.com")
	b.revoke(ended)
	b.exec("update sessions set expires_at = $2 where id = $1", over.Session.ID, b.clock.Now())
	events := b.count("select count(*) from outbox")
	for name, id := range map[string]uuid.UUID{
		"another's": ada.Session.ID, "ended": ended.Session.ID, "over": over.Session.ID, "unknown": newID(t), "none": uuid.Nil,
	} {
		err := b.RevokeSession(t.Context(), eve.User.ID, id, eve.Session.ID)
		require.Error(t, err, name)
		requireFault(t, err, "resource.not_found", fault.NotFound)
	}
	require.Equal(t, events, b.count("select count(*) from outbox"))
	require.Equal(t, 1, b.count("select count(*) from sessions where revoked_at is not null"))
	require.Equal(t, 1, b.count("select count(*) from session_changes"))
	b.requireLive(ada)
	b.requireLive(eve)
}

func TestLoggingOutIsToldApartFromRevoking(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.join("ada@example.com")
	current, other := b.again("ada@example.com"), b.again("ada@example.com")
	reason := func(in account.SignedIn) (text string) {
		require.NoError(t, b.pool.QueryRow(t.Context(),
			"select data->>'reason' from outbox where type = 'session.revoked' and aggregate_id = $1", in.Session.ID).Scan(&text))
		return text
	}
	require.NoError(t, b.RevokeSession(t.Context(), current.User.ID, other.Session.ID, current.Session.ID))
	require.Equal(t, "revoked", reason(other))
	require.Zero(t, b.count("select count(*) from outbox where type = 'user.logged_out'"))
	b.requireLive(current)

	require.NoError(t, b.RevokeSession(t.Context(), current.User.ID, current.Session.ID, current.Session.ID))
	require.Equal(t, "logged_out", reason(current))
	require.Equal(t, 1, b.count("select count(*) from outbox where type = 'user.logged_out' and data->>'session_id' = $1", current.Session.ID.String()))
	b.requireEnded(current)
	b.requireEnded(other)
}

func TestRevokingTheOthersKeepsTheCurrentSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, eve := b.join("ada@example.com"), b.join("eve@example.com")
	current, last := b.again("ada@example.com"), b.again("ada@example.com")
	for range 2 { // the second time there is none to end
		require.NoError(t, b.RevokeOtherSessions(t.Context(), current.User.ID, current.Session.ID))
	}
	b.requireEnded(first)
	b.requireEnded(last)
	b.requireLive(current)
	b.requireLive(eve)
	require.Equal(t, 2, b.count("select count(*) from outbox where type = 'session.revoked' and data->>'reason' = 'revoked'"))
}

func TestASessionEndsByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.requireLive(in) // leaves a copy
	b.exec("update sessions set expires_at = $1", start.Add(time.Minute))
	require.NoError(t, b.gate.Forget(t.Context(), in.User.ID.String(), in.Session.ID.String()))
	b.requireLive(in)
	b.clock.pass(time.Minute)
	b.requireEnded(in)
	list, more, err := b.Sessions(t.Context(), in.User.ID, nil, 10)
	require.NoError(t, err)
	require.False(t, more)
	require.Empty(t, list)
}

func TestWhatIsLongOverIsSweptABiteAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	for range 4 {
		b.again("ada@example.com")
	}
	b.exec("insert into mailed_codes (id, hash, user_id, purpose, email, created_at, expires_at) values ($1, 'h', $2, 'password_reset', 'x', $3, $3)",
		newID(t), in.User.ID, start)
	b.exec("insert into session_changes (session_id, user_id, ended, recorded_at) values ($1, $2, true, now() - interval '25 hours'), ($1, $2, true, now() - interval '23 hours')",
		in.Session.ID, in.User.ID)
	b.exec("insert into signing_keys (id, sealed, created_at, signs_at, retires_at) values ('old', 'x', $1, $1, $1)", start)

	b.clock.pass(account.SweepAge)
	n, err := b.Sweep(t.Context(), 3)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, 1, b.count("select count(*) from session_changes"), "one that is no day old is kept")
	require.Equal(t, 1, b.count("select count(*) from mailed_codes"), "a day has not passed yet")
	require.Equal(t, 2, b.count("select count(*) from signing_keys"))
	b.clock.pass(time.Second)
	_, err = b.Sweep(t.Context(), 3)
	require.NoError(t, err)
	require.Zero(t, b.count("select count(*) from mailed_codes"))
	require.Equal(t, 1, b.count("select count(*) from signing_keys"), "the one that signs stays")
	require.Equal(t, 5, b.count("select count(*) from sessions"))

	b.clock.pass(account.SessionSliding)
	for _, left := range []int{2, 0, 0} {
		_, err = b.Sweep(t.Context(), 3)
		require.NoError(t, err)
		require.Equal(t, left, b.count("select count(*) from sessions"))
	}
	require.Zero(t, b.count("select count(*) from refresh_tokens"))
}

func TestWithRedisAndTheDatabaseAwayNobodyIsLetPass(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.gate = awayGate(t)
	node := b.hurried()
	_, err := authenticate(t, node, in.Tokens.Access)
	require.NoError(t, err, "with Redis away rows decide")
	unlock := b.lock("sessions")
	_, err = authenticate(t, node, in.Tokens.Access)
	requireAway(t, err)
	unlock()
	_, err = authenticate(t, node, in.Tokens.Access)
	require.NoError(t, err)
}
