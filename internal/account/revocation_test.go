package account_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// awayGate is one whose Redis is away: nobody listens at its port.
func awayGate(t *testing.T) *gate.Gate {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = client.Close() })
	return gate.New(gate.Config{Client: client})
}

// copyKey is where Redis has the copy of a session.
func copyKey(in account.SignedIn) string {
	return "fp:{" + in.User.ID.String() + "}:record:" + in.Session.ID.String()
}

// putBack makes Redis what it was before a session ended, as a restored snapshot does.
func putBack(t *testing.T, in account.SignedIn, fields map[string]string) {
	t.Helper()
	client := redistest.Shared(t)
	require.NoError(t, client.Del(t.Context(), copyKey(in)).Err())
	require.NoError(t, client.HSet(t.Context(), copyKey(in), fields).Err())
	require.NoError(t, client.Expire(t.Context(), copyKey(in), time.Minute).Err())
}

func copied(t *testing.T, in account.SignedIn) map[string]string {
	t.Helper()
	fields, err := redistest.Shared(t).HGetAll(t.Context(), copyKey(in)).Result()
	require.NoError(t, err)
	require.NotEmpty(t, fields["value"])
	return fields
}

// node is one more service at work on the database.
func (b *bench) node(g *gate.Gate) *account.Service {
	b.t.Helper()
	cfg := b.config()
	cfg.Gate = g
	s := b.serviceWith(cfg)
	s.Start(b.t.Context())
	b.t.Cleanup(s.Stop)
	return s
}

func requireSoonRefused(t *testing.T, s *account.Service, in account.SignedIn) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, _, err := s.Authenticate(context.Background(), account.AuthenticateInput{Token: in.Tokens.Access})
		return err != nil
	}, patience, 5*time.Millisecond)
	_, err := authenticate(t, s, in.Tokens.Access)
	requireRefused(t, err)
}

func TestARevokedSessionIsRefusedAtOnceWhereItWasRevoked(t *testing.T) {
	t.Parallel()
	for name, g := range map[string]func(*testing.T) *gate.Gate{
		"with Redis":    func(t *testing.T) *gate.Gate { return gate.New(gate.Config{Client: redistest.Shared(t)}) },
		"without Redis": awayGate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.gate = g(t)
			b.Service = b.service()
			cold, warm := b.join("ada@example.com"), b.again("ada@example.com")
			b.requireLive(warm)
			b.revoke(cold)
			b.revoke(warm)
			b.requireEnded(cold)
			b.requireEnded(warm)
		})
	}
}

func TestARevokedSessionIsRefusedOnEveryNodeSoon(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(t *testing.T, in account.SignedIn, before map[string]string){
		"as it is": func(*testing.T, account.SignedIn, map[string]string) {},
		"Redis has forgotten": func(t *testing.T, in account.SignedIn, _ map[string]string) {
			redistest.Shared(t).Del(t.Context(), copyKey(in))
		},
		"Redis was restored": putBack,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			in := b.join("ada@example.com")
			nodes := []*account.Service{b.node(b.gate), b.node(gate.New(gate.Config{Client: redistest.Shared(t)})), b.node(awayGate(t))}
			for _, one := range nodes[1:] { // the first has never seen the token
				for range 2 {
					_, err := authenticate(t, one, in.Tokens.Access)
					require.NoError(t, err)
				}
			}
			before := copied(t, in)
			b.revoke(in)
			then(t, in, before)
			for _, one := range nodes {
				requireSoonRefused(t, one, in)
			}
			b.requireEnded(in)
		})
	}
}

func TestANodeWithoutRedisTellsThoseWithItWhatItRevoked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.requireLive(in)
	other := b.node(b.gate)
	cfg := b.config()
	cfg.Gate = awayGate(t)
	require.NoError(t, b.serviceWith(cfg).RevokeSession(t.Context(), in.User.ID, in.Session.ID, in.Session.ID))
	requireSoonRefused(t, other, in)
}

func TestAServiceThatIsMadeLaterKnowsWhatWasRevoked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.requireLive(in)
	before := copied(t, in)
	b.revoke(in)
	putBack(t, in, before)
	later := b.service()
	account.KnowsChanges(later, 0)
	_, err := authenticate(t, later, in.Tokens.Access)
	requireRefused(t, err)
}

func TestACopyIsBelievedWhileTheNodeKnowsWhatHasEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.requireLive(in)
	b.exec("update sessions set revoked_at = created_at") // and nobody is told
	account.KnowsChanges(b.Service, 0)
	b.requireLive(in)
	account.KnowsChanges(b.Service, account.ChangesFresh)
	_, err := authenticate(t, b.Service, in.Tokens.Access)
	requireRefused(t, err)
}

func TestCopiesExpireWithTheirSessionOrAfterAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ttl := func(in account.SignedIn) time.Duration {
		left, err := redistest.Shared(t).PTTL(t.Context(), copyKey(in)).Result()
		require.NoError(t, err)
		return left
	}
	in := b.join("ada@example.com")
	b.requireLive(in)
	require.InDelta(t, account.CopyLifetime, ttl(in), float64(time.Minute))
	require.LessOrEqual(t, ttl(in), account.CopyLifetime)

	short := b.again("ada@example.com")
	b.exec("update sessions set expires_at = $2 where id = $1", short.Session.ID, start.Add(time.Minute))
	b.requireLive(short)
	require.Positive(t, ttl(short))
	require.LessOrEqual(t, ttl(short), time.Minute)

	b.revoke(in)
	require.Greater(t, ttl(in), lifetime, "a copy that is shut outlives every token of its session")
}

func TestWhoeverWatchesASessionLearnsThatItEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	node := b.node(b.gate)
	in, other := b.join("ada@example.com"), b.again("ada@example.com")
	var channels []<-chan struct{}
	for _, s := range []*account.Service{b.Service, b.Service, node} {
		ended, release := s.WatchSession(in.Session.ID)
		defer release()
		channels = append(channels, ended)
	}
	released, release := b.WatchSession(in.Session.ID)
	release()
	release() // harmless
	goes, releaseOther := node.WatchSession(other.Session.ID)
	defer releaseOther()
	for _, c := range channels {
		requireOpen(t, c)
	}
	b.revoke(in)
	for _, c := range channels {
		requireClosed(t, c)
	}
	requireClosed(t, released) // others watched it still
	requireOpen(t, goes)
	late, releaseLate := node.WatchSession(in.Session.ID)
	defer releaseLate()
	requireClosed(t, late)
}

func requireOpen(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
		t.Fatal("the session goes on, but its watchers are told that it ended")
	default:
	}
}

func requireClosed(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("nobody told that the session ended")
	}
}
