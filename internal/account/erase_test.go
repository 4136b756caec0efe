package account_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// steps is how far an erasure has come.
type steps struct{ total, done int64 }

// Total takes how many there are.
func (s *steps) Total(n int64) { s.total = n }

// Add takes some that are done.
func (s *steps) Add(n int64) { s.done += n }

// starts gives a StartTask that counts how often it is asked.
func starts(task uuid.UUID, times *int) account.StartTask {
	return func(context.Context, postgres.Tx, account.ErasureInput) (uuid.UUID, error) {
		*times++
		return task, nil
	}
}

// deleted asks for the erasure of an account.
func (b *bench) deleted(in account.SignedIn) (task uuid.UUID) {
	b.t.Helper()
	n := 0
	task, err := b.Delete(b.t.Context(), in.User.ID, in.Session.ID, starts(newID(b.t), &n))
	require.NoError(b.t, err)
	return task
}

// erasers makes the post's service erase with these.
func (p *post) erasers(list ...account.Eraser) {
	p.t.Helper()
	cfg := p.config()
	cfg.Jobs, cfg.Mail, cfg.LanguageTag, cfg.Erasers = p.jobs, p.mailer, languageTag, list
	p.Service = p.serviceWith(cfg)
}

func TestAnAccountIsAskedToBeErasedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	task, times := newID(t), 0
	for range 2 {
		got, err := b.Delete(t.Context(), in.User.ID, in.Session.ID, starts(task, &times))
		require.NoError(t, err)
		require.Equal(t, task, got)
	}
	require.Equal(t, 1, times)
	_, err := b.Delete(t.Context(), newID(t), newID(t), starts(task, &times))
	requireFault(t, err, "resource.not_found", fault.NotFound)
}

func TestATaskThatCannotBeginLeavesTheAccountAsItWas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in, other := b.join("ada@example.com"), b.again("ada@example.com")
	failed := errors.New("no task")
	_, err := b.Delete(t.Context(), in.User.ID, in.Session.ID, func(context.Context, postgres.Tx, account.ErasureInput) (uuid.UUID, error) {
		return uuid.Nil, failed
	})
	require.ErrorIs(t, err, failed)
	b.requireLive(other)
	require.NoError(t, b.try("ada@example.com", password, home))
}

func TestWhileAnAccountIsBeingErasedNobodySignsInToIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in, other := b.join("ada@example.com"), b.again("ada@example.com")
	b.requireLive(other)
	b.deleted(in)
	b.requireEnded(other)
	b.requireLive(in) // to follow the task
	_, err := b.Refresh(t.Context(), in.Tokens.Refresh)
	requireNotRefreshed(t, err)
	requireNotSignedIn(t, b.try("ada@example.com", password, home))
	require.Equal(t, 1, b.count("select count(*) from outbox where type = 'session.revoked' and data->>'reason' = 'user_deleted'"))
	require.Zero(t, b.count("select count(*) from outbox where type = 'user.deleted'"))
	u, err := b.User(t.Context(), in.User.ID)
	require.NoError(t, err)
	require.WithinDuration(t, start, *u.ErasingAt, 0)
}

func TestAnErasureLeavesNothingButItsTombstone(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	type call struct{ user, task uuid.UUID }
	var calls []call
	erase := func(n int64) func(context.Context, uuid.UUID, uuid.UUID) (int64, error) {
		return func(_ context.Context, user, task uuid.UUID) (int64, error) {
			calls = append(calls, call{user, task})
			return n, nil
		}
	}
	p.erasers(account.Eraser{Name: "conversations", Erase: erase(7)}, account.Eraser{Name: "tasks", Erase: erase(2)})
	in, eve := p.join("ada@example.com"), p.join("eve@example.com")
	require.NoError(t, p.try("ada@example.com", password, home))
	p.refresh(in.Tokens.Refresh)
	require.NoError(t, account.MailCode(t.Context(), p.Service, 1, newID(t), in.User.ID, "password_reset"))
	p.fail(account.MaxFailures, "ada@example.com", account.Client{Address: "198.51.100.7"})
	p.fail(1, "ada@example.com", home)
	task := p.deleted(in)
	p.clock.pass(time.Minute)

	var how steps
	receipt, err := p.Erase(t.Context(), &how, account.ErasureInput{Format: 1, UserID: in.User.ID})
	require.NoError(t, err)
	require.Equal(t, account.Receipt{
		"user_id": in.User.ID, "conversations": int64(7), "tasks": int64(2), "sessions": int64(2), "erased_at": start.Add(time.Minute),
	}, receipt)
	require.Equal(t, steps{3, 3}, how)
	require.Equal(t, []call{{in.User.ID, task}, {in.User.ID, task}}, calls)
	_, err = p.User(t.Context(), in.User.ID)
	requireFault(t, err, "resource.not_found", fault.NotFound)
	p.requireEnded(in)
	p.requireLive(eve)
	p.requireNothingOf(in.User.ID)
	require.Equal(t, 1, p.count("select count(*) from tombstones where user_id = $1 and task_id = $2 and requested_at = $3 and erased_at = $4",
		in.User.ID, task, start, start.Add(time.Minute)))
	require.Equal(t, 1, p.count("select count(*) from outbox where type = 'user.deleted' and data->>'user_id' = $1 and data->>'task_id' = $2", in.User.ID.String(), task.String()))

	mails := p.mails("ada@example.com")
	require.Len(t, mails, 2)
	last := mails[0]
	if mails[1].Header("Subject") == "Your FluentPro account has been erased" {
		last = mails[1]
	}
	require.Contains(t, last.Text, "Receipt: "+task.String())

	again, err := p.Erase(t.Context(), &steps{}, account.ErasureInput{Format: 1, UserID: in.User.ID})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"user_id": in.User.ID.String(), "conversations": 7.0, "tasks": 2.0, "sessions": 2.0, "erased_at": start.Add(time.Minute).Format(time.RFC3339),
	}, map[string]any(again))
	require.Len(t, calls, 2)
	require.Len(t, p.mails("ada@example.com"), 2)
	p.join("ada@example.com") // the email is free
}

// requireNothingOf looks into every table that knows users. Session changes are swept
// after a day; until then every node needs them.
func (b *bench) requireNothingOf(user uuid.UUID) {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `select table_name::text from information_schema.columns
		where table_schema = 'public' and column_name = 'user_id' and table_name not in ('tombstones', 'session_changes')`)
	require.NoError(b.t, err)
	var tables []string
	var one string
	for rows.Next() {
		require.NoError(b.t, rows.Scan(&one))
		tables = append(tables, one)
	}
	require.NoError(b.t, rows.Err())
	require.Subset(b.t, tables, []string{"sessions", "mailed_codes", "login_attempts", "conversations", "tasks"})
	for _, table := range tables {
		require.Zero(b.t, b.count(fmt.Sprintf("select count(*) from %s where user_id = $1", table), user), table)
	}
	require.Zero(b.t, b.count("select count(*) from refresh_tokens r where not exists (select 1 from sessions s where s.id = r.session_id)"))
}

func TestAnErasureThatFailsHalfwayIsDoneAgain(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	broken, failing := errors.New("broken"), true
	first := 0
	p.erasers(
		account.Eraser{Name: "conversations", Erase: func(context.Context, uuid.UUID, uuid.UUID) (int64, error) { first++; return 1, nil }},
		account.Eraser{Name: "backups", Erase: func(context.Context, uuid.UUID, uuid.UUID) (int64, error) {
			if failing {
				return 0, broken
			}
			return 3, nil
		}},
	)
	in := p.join("ada@example.com")
	what := account.ErasureInput{Format: 1, UserID: in.User.ID}
	_, err := p.Erase(t.Context(), &steps{}, what)
	require.ErrorContains(t, err, "nobody asked for it")
	require.Zero(t, first)

	p.deleted(in)
	var how steps
	_, err = p.Erase(t.Context(), &how, what)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "backups")
	require.Equal(t, steps{3, 1}, how)
	require.Equal(t, 1, p.count("select count(*) from users"))
	require.Zero(t, p.count("select count(*) from tombstones"))
	require.Empty(t, p.mails("ada@example.com"))

	failing = false
	receipt, err := p.Erase(t.Context(), &steps{}, what)
	require.NoError(t, err)
	require.EqualValues(t, 3, receipt["backups"])
	require.Equal(t, 2, first)
	require.Len(t, p.mails("ada@example.com"), 1)
}

func TestAnAccountThatNeverWasHasNoReceipt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Erase(t.Context(), &steps{}, account.ErasureInput{Format: 1, UserID: newID(t)})
	requireFault(t, err, "resource.not_found", fault.NotFound)
}
