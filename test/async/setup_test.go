// Package async_test holds the examples of docs/async.md as code that runs: an
// event, a handler, a job, a task and a mail of one small noun, on a real
// PostgreSQL, Redis and mail server. The page shows the regions that comments
// mark, word for word; docs_test.go keeps the two equal.
package async_test

import (
	"context"
	"crypto/rand"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/task"
)

// patience bounds every wait of these tests; nothing takes this long unless it is broken.
const patience = time.Minute

// The learners that every database holds.
var (
	mei = uuid.MustParse("01900000-0000-7000-8000-000000000001")
	kai = uuid.MustParse("01900000-0000-7000-8000-000000000002")
)

// Service is the noun of the examples: a learner has a card that shows their name.
type Service struct {
	pool     *pgxpool.Pool
	jobs     task.Jobs
	tasks    *task.Service
	mail     *mail.Mailer
	language func(native *string) string // of mails, by BCP 47 tag
}

// laterJobs is the queue, which needs the work of the noun before it can be made.
type laterJobs struct{ *job.Queue }

// node is a process that does all the background work of the noun.
type node struct {
	*Service
	t       *testing.T
	queue   *job.Queue
	letters *deadletter.Box
	catcher *mailcatcher.Server
}

// setup gives a node at work, on a database of its own.
func setup(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, Service: &Service{pool: postgrestest.Open(t, seed), language: languageTag}}
	logger := slog.New(slog.DiscardHandler)
	client := n.openRedis()
	n.openMail(logger)
	jobs, registry, handlers := &laterJobs{}, job.NewRegistry(), outbox.NewHandlers()
	log, err := eventlog.New(eventlog.Config{Client: client, Prefix: "async-" + strings.ToLower(rand.Text())})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	n.jobs = jobs
	n.tasks = task.New(task.Deps{Pool: n.pool, Log: log, Jobs: jobs, Logger: logger, Now: time.Now})
	n.RegisterJobs(registry)
	n.RegisterMails(registry)
	n.RegisterTasks(registry)
	n.HandleEvents(handlers)
	n.startJobs(jobs, job.Config{
		Pool: n.pool, Registry: registry, Logger: logger, Concurrency: map[string]int{job.QueueAuth: 4, job.QueueMaintenance: 2},
	})
	n.startEvents(client, handlers, logger)
	return n
}

// languageTag is what account.MailLanguage makes of a native language, in short.
func languageTag(native *string) string {
	if native != nil && *native == "chinese_traditional" {
		return "zh-Hant"
	}
	return "en"
}

// seed makes the learners and the table of the noun.
func seed(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `create table cards (
		user_id uuid primary key references users on delete cascade,
		name text not null default '', style text not null default 'plain', renames integer not null default 0,
		state text not null default 'printed', lease_number bigint not null default 0)`)
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `with made as (
		insert into users (id, email, full_name, password_hash, created_at, updated_at) values
		($1, 'mei@example.com', 'Mei Chen', '', now(), now()), ($2, 'kai@example.com', 'Kai Lin', '', now(), now()) returning id)
		insert into cards (user_id) select id from made`, mei, kai)
	return err
}

func (n *node) openRedis() redis.UniversalClient {
	n.t.Helper()
	return redistest.Shared(n.t)
}

func (n *node) openMail(logger *slog.Logger) {
	n.t.Helper()
	var err error
	n.catcher, err = mailcatcher.Start(n.t.Context(), mailcatcher.Config{Dir: n.t.TempDir()})
	require.NoError(n.t, err)
	n.stopping(n.catcher.Stop)
	n.mail, err = mail.New(mail.Config{
		URL: n.catcher.SMTPURL(), From: "FluentPro <no-reply@fluentpro.test>", Templates: []fs.FS{Mails()},
		Pool: n.pool, Logger: logger, Now: time.Now,
	})
	require.NoError(n.t, err)
}

func (n *node) startJobs(jobs *laterJobs, cfg job.Config) {
	n.t.Helper()
	var err error
	n.queue, err = job.New(cfg)
	require.NoError(n.t, err)
	jobs.Queue = n.queue
	n.letters = deadletter.New(n.pool)
	n.letters.Register(deadletter.SourceJob, n.queue.Replay)
	require.NoError(n.t, n.queue.Start(n.t.Context()))
	n.stopping(n.queue.Stop)
}

// stopping stops a part of the node when the test ends.
func (n *node) stopping(stop func(context.Context) error) {
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(n.t, stop(ctx))
	})
}

func (n *node) startEvents(client redis.UniversalClient, handlers *outbox.Handlers, logger *slog.Logger) {
	n.t.Helper()
	consumers := outbox.NewConsumers(outbox.ConsumersConfig{
		Pool: n.pool, Redis: client, Handlers: handlers, RetryAfter: time.Millisecond, Logger: logger,
		Bury: func(context.Context, postgres.Tx, outbox.DeadEvent) error { return nil },
	})
	relay := outbox.NewRelay(outbox.RelayConfig{Pool: n.pool, Redis: client, Published: consumers.Wake, Logger: logger})
	require.NoError(n.t, consumers.Start(n.t.Context()))
	n.t.Cleanup(consumers.Stop)
	require.NoError(n.t, relay.Start(n.t.Context()))
	n.t.Cleanup(relay.Stop)
}

// insert adds a job in a transaction of its own.
func (n *node) insert(args job.Args) {
	n.t.Helper()
	require.NoError(n.t, postgres.InTx(n.t.Context(), n.pool, func(tx postgres.Tx) error {
		return n.jobs.Insert(n.t.Context(), tx, args)
	}))
}

// text reads one value as text.
func (n *node) text(sql string, args ...any) (value string) {
	n.t.Helper()
	require.NoError(n.t, n.pool.QueryRow(n.t.Context(), "select ("+sql+")::text", args...).Scan(&value))
	return value
}

// becomes waits until a query gives a value.
func (n *node) becomes(want, sql string, args ...any) {
	n.t.Helper()
	require.Eventually(n.t, func() bool { return n.text(sql, args...) == want }, patience, 5*time.Millisecond, "%s: want %s", sql, want)
}

// settled waits until no job is left to do.
func (n *node) settled() {
	n.t.Helper()
	n.becomes("0", "select count(*) from river_job where state not in ('completed', 'discarded')")
}
