package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// database makes one that commands use, and a look of the test's own into it.
func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	url := apitest.Database(t)
	t.Setenv("FLUENTPRO_DATABASE_URL", url)
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// words are those of the line that begins with first.
func words(t *testing.T, out, first string) []string {
	t.Helper()
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == first {
			return fields
		}
	}
	require.Fail(t, "no such line", "%s in:\n%s", first, out)
	return nil
}

func TestQueuesAreListedPausedAndResumed(t *testing.T) {
	pool := database(t)
	_, err := pool.Exec(t.Context(), "insert into river_job (kind, args, queue, max_attempts, scheduled_at) values ('k', '{}', 'auth', 1, now() - interval '1 hour')")
	require.NoError(t, err)
	out, err := command(t, "queues", "pause", "conversation")
	require.NoError(t, err)
	require.Equal(t, "paused", words(t, out, "conversation")[1])

	out, err = command(t, "queues")
	require.NoError(t, err)
	require.Equal(t, []string{"QUEUE", "STATE", "AVAILABLE", "RUNNING", "SCHEDULED", "RETRYABLE", "OLDEST"}, words(t, out, "QUEUE"))
	require.Equal(t, "paused", words(t, out, "conversation")[1])
	auth := words(t, out, "auth")
	require.Equal(t, []string{"working", "1", "0", "0", "0"}, auth[1:6])
	require.Regexp(t, `^1h0m\d+s$`, auth[6])
	words(t, out, "onboarding")

	out, err = command(t, "queues", "resume", "conversation")
	require.NoError(t, err)
	require.Equal(t, "working", words(t, out, "conversation")[1])
	for _, verb := range []string{"pause", "resume"} {
		_, err = command(t, "queues", verb, "moon")
		require.ErrorContains(t, err, "queue moon: resource.not_found")
	}
}

func TestDeadLettersAreListedAndReplayed(t *testing.T) {
	pool := database(t)
	for i := range 3 {
		require.NoError(t, deadletter.Write(t.Context(), pool, deadletter.Letter{
			Source: deadletter.SourceJob, Kind: "conversation.reply", Queue: "conversation", Subject: fmt.Sprint(7 + i), Payload: []byte(`{"v": 1}`),
			Attempts: 6, Errors: []deadletter.Failure{{Attempt: 6, Error: "the worker\nwas lost"}},
		}))
	}
	out, err := command(t, "dead-letters", "--limit", "2", "--kind", "conversation.reply")
	require.NoError(t, err)
	require.Contains(t, out, `"the worker\nwas lost"`, "on one line")
	require.Contains(t, out, "...")
	require.Equal(t, 4, strings.Count(out, "\n"), "a head, two letters, and that there is more:\n%s", out)
	id := strings.Fields(strings.Split(out, "\n")[1])[0]

	out, err = command(t, "dead-letters", "replay", id)
	require.NoError(t, err)
	require.Equal(t, "job conversation.reply 9 of conversation is on its way again\n", out)
	var jobs int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from river_job where kind = 'conversation.reply' and max_attempts = 6").Scan(&jobs))
	require.Equal(t, 1, jobs)

	_, err = command(t, "dead-letters", "replay", id)
	require.ErrorContains(t, err, "dead_letter.replayed")
	_, err = command(t, "dead-letters", "replay", uuid.NewString())
	require.ErrorContains(t, err, "resource.not_found")
	_, err = command(t, "dead-letters", "replay", "seven")
	require.ErrorContains(t, err, `"seven" is no id`)
	out, err = command(t, "dead-letters", "--status", "replayed")
	require.NoError(t, err)
	words(t, out, id)
	_, err = command(t, "dead-letters", "--status", "closed")
	require.ErrorContains(t, err, "--status")
}

func TestADeskNeedsADatabase(t *testing.T) {
	t.Setenv("FLUENTPRO_DATA_DIR", t.TempDir())
	for _, args := range [][]string{{"queues"}, {"dead-letters"}, {"dead-letters", "replay", uuid.NewString()}} {
		_, err := command(t, args...)
		require.ErrorContains(t, err, "FLUENTPRO_DATABASE_URL")
	}
	t.Setenv("FLUENTPRO_DATABASE_URL", "postgres://u@127.0.0.1:1/x")
	_, err := command(t, "queues", "pause", "auth")
	require.Error(t, err)
}

func TestAWorkerDoesWhatServeLeavesAlone(t *testing.T) {
	pool := database(t)
	redis, err := devstack.TestRedis()
	require.NoError(t, err)
	addr := freeAddr(t)
	t.Setenv("FLUENTPRO_HTTP_ADDR", addr)
	t.Setenv("FLUENTPRO_REDIS_URL", redis)
	t.Setenv("FLUENTPRO_MODEL_BASE_URL", "http://127.0.0.1:1/v1")
	t.Setenv("FLUENTPRO_MODEL_NAME", "some-model")
	t.Setenv("FLUENTPRO_SMTP_URL", "smtp://127.0.0.1:1?starttls=off")
	t.Setenv("FLUENTPRO_KEY_ENCRYPTION_KEY", apitest.KeyEncryptionKey)
	t.Setenv("FLUENTPRO_SERVE_JOBS", "false")
	_, stopServe := start(t, addr, "serve")
	_, err = pool.Exec(t.Context(), "insert into river_job (kind, args, queue, max_attempts) values ('maintenance.sweep_dead_letters', '{}', 'maintenance', 4)")
	require.NoError(t, err)
	state := func() (s string) {
		require.NoError(t, pool.QueryRow(t.Context(), "select state from river_job").Scan(&s))
		return s
	}

	ctx, cancel := context.WithCancel(t.Context())
	worker := root()
	worker.SetArgs([]string{"worker"})
	done := make(chan error, 1)
	require.Equal(t, "available", state())
	go func() { done <- worker.ExecuteContext(ctx) }()
	require.Eventually(t, func() bool { return state() == "completed" }, 30*time.Second, 20*time.Millisecond, "the worker has done it")
	cancel()
	require.NoError(t, <-done)
	var by int
	require.NoError(t, pool.QueryRow(t.Context(), "select array_length(attempted_by, 1) from river_job").Scan(&by))
	require.Equal(t, 1, by)
	require.NoError(t, stopServe())
}
