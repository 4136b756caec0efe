package job_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// letters gives the dead letters, the newest first.
func (b *bench) letters() []deadletter.Letter {
	b.t.Helper()
	page, _, err := deadletter.New(b.pool).List(b.t.Context(), deadletter.ListInput{Limit: 100})
	require.NoError(b.t, err)
	return page
}

// letter waits for the one dead letter.
func (b *bench) letter() deadletter.Letter {
	b.t.Helper()
	b.eventually("a dead letter is there", func() bool { return len(b.letters()) > 0 })
	require.Len(b.t, b.letters(), 1)
	return b.letters()[0]
}

// last is the error that ended it.
func last(l deadletter.Letter) string { return l.Errors[len(l.Errors)-1].Error }

func TestAPoisonJobBecomesADeadLetterAndOthersGoOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		poison func(ctx context.Context) error
		last   string
	}{
		"an error":     {func(context.Context) error { return errors.New("not today") }, "not today"},
		"a panic":      {func(context.Context) error { panic("boom") }, "job test.note panicked: boom"},
		"a timeout":    {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "context deadline exceeded"},
		"a zero byte":  {func(context.Context) error { return errors.New("a\x00b") }, "ab"},
		"a long error": {func(context.Context) error { return errors.New(strings.Repeat("é", 3000)) }, strings.Repeat("é", 1000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			runs := make(chan job.Run, 10)
			q := b.node(job.Config{}, notes(job.Spec{MaxAttempts: 1, Timeout: 200 * time.Millisecond}, runs,
				func(ctx context.Context, _ job.Run, args note) error {
					if args.Name == "bad" {
						return c.poison(ctx)
					}
					return nil
				}))
			b.insert(q, note{"bad"})
			b.insert(q, note{"good"})
			l := b.letter()
			require.Equal(t, "job", l.Source)
			require.Equal(t, "test.note", l.Kind)
			require.Equal(t, job.QueueConversation, l.Queue)
			require.Equal(t, "1", l.Subject)
			require.JSONEq(t, `{"name":"bad"}`, string(l.Payload))
			require.Equal(t, 1, l.Attempts)
			require.Len(t, l.Errors, 1)
			require.Equal(t, c.last, last(l))
			require.Equal(t, 1, b.jobs("discarded"), "together with the letter")
			b.eventually("the other is done", func() bool { return b.jobs("completed") == 1 })
			require.NoError(t, q.Stop(t.Context()))
			require.Zero(t, b.number("select count(*) from job_leases"))
			require.Len(t, runs, 2)
		})
	}
}

func TestArgumentsThatCannotBeReadArePoisonToo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs := make(chan job.Run, 10)
	register := func(r *job.Registry) {
		notes(job.Spec{MaxAttempts: 1}, runs, nil)(r)
		job.OnGivenUp(r, func(context.Context, job.Run, note, error) error { panic("there is no note to give up") })
	}
	b.insert(b.idle(job.Config{}, register), note{})
	b.exec(`update river_job set args = '{"name": 7}'`)
	b.node(job.Config{}, register)
	require.Contains(t, last(b.letter()), "read arguments: json: cannot unmarshal number")
	require.Empty(t, runs)
}

func TestWorkHasThreeRetriesAndCriticalWorkFive(t *testing.T) {
	t.Parallel()
	for spec, attempts := range map[job.Spec]int{{}: 4, {Critical: true}: 6, {Critical: true, MaxAttempts: 2}: 2} {
		b := setup(t)
		b.insert(b.idle(job.Config{}, notes(spec, nil, nil)), note{})
		require.Equal(t, attempts, b.number("select max_attempts from river_job"))
	}
}

func TestEachErrorIsInTheDeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := b.node(job.Config{}, notes(job.Spec{MaxAttempts: 2}, make(chan job.Run, 10), func(_ context.Context, run job.Run, _ note) error {
		return errors.New(map[int]string{1: "first", 2: "second"}[run.Attempt])
	}))
	b.insert(q, note{})
	l := b.letter()
	require.Equal(t, 2, l.Attempts)
	require.Len(t, l.Errors, 2)
	for i, text := range []string{"first", "second"} {
		require.Equal(t, i+1, l.Errors[i].Attempt)
		require.Equal(t, text, l.Errors[i].Error)
		require.WithinDuration(t, l.CreatedAt, l.Errors[i].At, patience)
	}
}

func TestAPermanentErrorIsNotRetried(t *testing.T) {
	t.Parallel()
	require.NoError(t, job.Permanent(nil))
	b := setup(t)
	runs := make(chan job.Run, 10)
	mine := errors.New("it is gone")
	causes := make(chan error, 10)
	q := b.node(job.Config{}, func(r *job.Registry) {
		notes(job.Spec{}, runs, func(context.Context, job.Run, note) error { return job.Permanent(mine) })(r)
		job.OnGivenUp(r, func(_ context.Context, run job.Run, _ note, cause error) error {
			causes <- cause
			require.True(t, run.Last)
			return nil
		})
	})
	b.insert(q, note{})
	require.Equal(t, "it is gone", last(b.letter()))
	require.ErrorIs(t, within(t, causes), mine)
	require.NoError(t, q.Stop(t.Context()))
	require.Len(t, runs, 1)
	require.Equal(t, 1, b.jobs("discarded"))
}

func TestWhoeverWaitsIsToldBeforeTheDeadLetterIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type told struct {
		run     job.Run
		args    note
		letters int
		alive   error
	}
	hooks := make(chan told, 10)
	runs := make(chan job.Run, 10)
	q := b.node(job.Config{}, func(r *job.Registry) {
		notes(job.Spec{MaxAttempts: 1, Timeout: 50 * time.Millisecond}, runs, func(ctx context.Context, _ job.Run, _ note) error {
			<-ctx.Done()
			return ctx.Err()
		})(r)
		job.OnGivenUp(r, func(ctx context.Context, run job.Run, args note, cause error) error {
			require.ErrorIs(t, cause, context.DeadlineExceeded)
			hooks <- told{run, args, b.number("select count(*) from dead_letters"), ctx.Err()}
			return nil
		})
	})
	b.insert(q, note{"mine"})
	run := within(t, runs)
	require.Equal(t, told{run, note{"mine"}, 0, nil}, within(t, hooks))
	b.letter()
	require.NoError(t, q.Stop(t.Context()))
	require.Empty(t, hooks, "once")
}

func TestAFailureToTellIsKeptInTheDeadLetter(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("and nobody listens") }, "a panic": func() error { panic("and nobody listens") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			q := b.node(job.Config{}, func(r *job.Registry) {
				notes(job.Spec{MaxAttempts: 1}, make(chan job.Run, 10), func(context.Context, job.Run, note) error { return errors.New("not today") })(r)
				job.OnGivenUp(r, func(context.Context, job.Run, note, error) error { return fail() })
			})
			b.insert(q, note{})
			text := last(b.letter())
			require.Contains(t, text, "not today; on giving the job up: ")
			require.Contains(t, text, "and nobody listens")
			require.Equal(t, 1, b.jobs("discarded"))
		})
	}
}

func TestOnGivenUpComesOnceAndAfterRegister(t *testing.T) {
	t.Parallel()
	r := job.NewRegistry()
	hook := func(context.Context, job.Run, note, error) error { return nil }
	require.PanicsWithValue(t, "job: kind test.note is not registered, or has a second OnGivenUp", func() { job.OnGivenUp(r, hook) })
	notes(job.Spec{}, nil, nil)(r)
	job.OnGivenUp(r, hook)
	require.Panics(t, func() { job.OnGivenUp(r, hook) })
}

func TestANodeThatStopsWhileItGivesUpLeavesThatToAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs, given := make(chan job.Run, 10), make(chan job.Run, 10)
	register := func(do func(ctx context.Context) error) func(r *job.Registry) {
		return func(r *job.Registry) {
			notes(job.Spec{MaxAttempts: 1}, runs, func(context.Context, job.Run, note) error { return errors.New("not today") })(r)
			job.OnGivenUp(r, func(ctx context.Context, run job.Run, _ note, _ error) error {
				given <- run
				return do(ctx)
			})
		}
	}
	long := job.Config{LeaseLifetime: time.Hour} // nothing waits for a lapse
	a := b.node(long, register(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
	b.insert(a, note{})
	within(t, given)
	require.NoError(t, a.Stop(ended(t)))
	require.Empty(t, b.letters())

	b.node(long, register(func(context.Context) error { return nil }))
	within(t, given)
	b.letter()
	require.Len(t, runs, 1, "it does not run again")
}

func TestAGivingUpThatCannotBeStoredIsMadeUpForWithoutAnotherRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	runs, given := make(chan job.Run, 10), make(chan job.Run, 10)
	b.exec("alter table dead_letters rename to dead_letters_away")
	q := b.node(quick(), func(r *job.Registry) {
		notes(job.Spec{MaxAttempts: 1}, runs, func(context.Context, job.Run, note) error { return errors.New("not today") })(r)
		job.OnGivenUp(r, func(_ context.Context, run job.Run, _ note, _ error) error {
			given <- run
			return nil
		})
	})
	b.insert(q, note{})
	within(t, given)
	b.eventually("it is put off", func() bool { return b.jobs("running") == 0 })
	require.Zero(t, b.jobs("discarded"), "not without its letter")
	b.exec("alter table dead_letters_away rename to dead_letters")
	within(t, given)
	b.letter()
	require.Len(t, runs, 1)
}
