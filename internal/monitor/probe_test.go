package monitor_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// reads requires that a probe finds a level.
func reads(t *testing.T, p monitor.Probe, level string) monitor.Reading {
	t.Helper()
	r := p.Read(t.Context())
	require.Equal(t, level, r.Level, "%s: %+v", p.Name, r)
	return r
}

func TestADatabaseIsFailingWhenItDoesNotAnswerAndDegradedWhenItsPoolIsFull(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: postgrestest.URL(t), MaxConns: 10})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	p := monitor.Database(pool)
	p.Timeout = 2 * time.Second
	require.Equal(t, "0 of 10 connections in use", reads(t, p, monitor.OK).Detail)
	var taken []*pgxpool.Conn
	for range 9 {
		c, err := pool.Acquire(t.Context())
		require.NoError(t, err)
		taken = append(taken, c)
	}
	require.Equal(t, "9 of 10 connections in use", reads(t, p, monitor.Degraded).Detail)
	last, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, reads(t, p, monitor.Failing).Detail)
	last.Release()
	for _, c := range taken {
		c.Release()
	}
	reads(t, p, monitor.OK)
}

func TestWhatIsInRedisIsFailingWhileRedisIsAwayAndRecovers(t *testing.T) {
	t.Parallel()
	server := redistest.Own(t, 0)
	client := redistest.Client(t, server.URL(), func(o *redis.UniversalOptions) { o.MaxRetries = -1 })
	log, err := eventlog.New(eventlog.Config{Client: client, Block: time.Second, CallTimeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	locks, err := lock.New(lock.Config{Client: client})
	require.NoError(t, err)
	t.Cleanup(locks.Close)
	probes := []monitor.Probe{
		monitor.Redis(func(ctx context.Context) error { return client.Ping(ctx).Err() }), monitor.EventLog(log), monitor.Locks(locks),
	}
	for i := range probes {
		probes[i].Timeout = 3 * time.Second
		reads(t, probes[i], monitor.OK)
		reads(t, probes[i], monitor.OK)
	}
	require.NoError(t, server.Stop(t.Context()))
	for _, p := range probes {
		require.Contains(t, []string{"it does not answer", "look: Redis is away", "take: Redis is away"}, reads(t, p, monitor.Failing).Detail)
	}
	address, err := url.Parse(server.URL())
	require.NoError(t, err)
	port, err := strconv.Atoi(address.Port())
	require.NoError(t, err)
	redistest.Own(t, port)
	for _, p := range probes {
		require.Eventually(t, func() bool { return p.Read(t.Context()).Level == monitor.OK }, patience, 10*time.Millisecond, p.Name)
	}
}

func TestALockThatSomebodyKeepsIsFailing(t *testing.T) {
	t.Parallel()
	locks, err := lock.New(lock.Config{Client: redistest.Shared(t), Prefix: "monitor-" + strings.ToLower(rand.Text())})
	require.NoError(t, err)
	t.Cleanup(locks.Close)
	held, err := locks.Acquire(t.Context(), lock.AcquireInput{Name: "monitor"})
	require.NoError(t, err)
	require.Equal(t, "take: somebody else has the lock", reads(t, monitor.Locks(locks), monitor.Failing).Detail)
	require.NoError(t, held.Release(t.Context()))
	reads(t, monitor.Locks(locks), monitor.OK)
}

func TestABackupIsDegradedWhenItIsOldAndFailingWhenItIsBroken(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	var newest time.Time
	p := monitor.BackupAge(24*time.Hour, func(context.Context) (time.Time, error) { return newest, nil }, func() time.Time { return now })
	require.Equal(t, "there is no backup", reads(t, p, monitor.Degraded).Detail)
	for age, level := range map[time.Duration]string{time.Hour: ok, 35 * time.Hour: ok, 36 * time.Hour: deg, 71 * time.Hour: deg, 72 * time.Hour: bad} {
		newest = now.Add(-age)
		require.InDelta(t, age.Seconds(), reads(t, p, level).Value, 0.1)
	}
	var broken error
	whole := monitor.BackupWhole(func(context.Context) (int, error) { return 3, broken })
	require.InDelta(t, 3, reads(t, whole, monitor.OK).Value, 0)
	broken = monitor.Plain("its ciphertext is not what was signed")
	require.Equal(t, "its ciphertext is not what was signed", reads(t, whole, monitor.Failing).Detail)
}

func TestFindingsAreToldAndSoIsAVerificationThatDoesNotRun(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	var d monitor.Damage
	var failed error
	p := monitor.Findings(func(context.Context) (monitor.Damage, error) { return d, failed }, func() time.Time { return now })
	reads(t, p, monitor.OK)
	now = now.Add(3*time.Hour + time.Minute)
	require.Equal(t, "verification has not come to its end for 3h1m0s", reads(t, p, monitor.Degraded).Detail)
	d.VerifiedAt = &now
	reads(t, p, monitor.OK)
	d.Findings, d.Conversations = 4, 1
	require.Equal(t, "4 findings in 1 conversations", reads(t, p, monitor.Degraded).Detail)
	d.Conversations = 10
	reads(t, p, monitor.Failing)
	failed = errors.New("away")
	reads(t, p, monitor.Failing)
}

func TestWhatWaitsTooLongIsTold(t *testing.T) {
	t.Parallel()
	var b monitor.Backlog
	relay := monitor.Relay(func(context.Context) (monitor.Backlog, error) { return b, nil })
	for age, level := range map[time.Duration]string{0: ok, 29 * time.Second: ok, 30 * time.Second: deg, 5 * time.Minute: bad} {
		b = monitor.Backlog{Waiting: 7, Oldest: age, Parked: 2}
		require.Equal(t, "7 events wait, 2 are parked", reads(t, relay, level).Detail)
	}
	var all []monitor.Queue
	queues := monitor.Queues(func(context.Context) ([]monitor.Queue, error) { return all, nil })
	reads(t, queues, monitor.OK)
	all = []monitor.Queue{{Name: "mails", Oldest: 40 * time.Second, Waiting: 3}, {Name: "long", Oldest: 5 * time.Minute, Patient: true}}
	r := reads(t, queues, monitor.Degraded)
	require.Equal(t, "mails: 3 jobs wait, the oldest for 40s", r.Detail)
	require.InDelta(t, 300, r.Value, 0)
	all[1].Oldest = time.Hour
	reads(t, queues, monitor.Failing)
	all = []monitor.Queue{{Name: "mails", Paused: true}}
	require.Equal(t, "mails is paused", reads(t, queues, monitor.Degraded).Detail)
}

func TestARehearsalIsJudgedByHowItWent(t *testing.T) {
	t.Parallel()
	var failed error
	p := monitor.Conversation(func(context.Context) error { return failed })
	reads(t, p, monitor.OK)
	failed = monitor.At("read", monitor.Plain("it is not what was written"))
	require.Equal(t, "read: it is not what was written", reads(t, p, monitor.Failing).Detail)
}
