package task_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/task"
)

func TestATaskAndItsJobExistTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	mine := errors.New("changed my mind")
	start := func(in task.StartInput, then error) (made task.Task, err error) {
		err = postgres.InTx(t.Context(), n.pool, func(tx task.Tx) error {
			if made, err = n.Start(t.Context(), tx, in); err != nil {
				return err
			}
			return then
		})
		return made, err
	}
	for in, refusal := range map[*task.StartInput]string{
		{UserID: mei, Kind: kind}:                                     "changed my mind",
		{UserID: mei, Kind: "unheard_of"}:                             "kind task.unheard_of is not registered",
		{UserID: mei, Kind: kind, Input: func() {}}:                   "unsupported type",
		{UserID: mei, Kind: kind, Input: map[string]any{"a": "\x00"}}: "unsupported Unicode",
	} {
		_, err := start(*in, mine)
		require.ErrorContains(t, err, refusal)
	}
	for _, table := range []string{"tasks", "river_job", "outbox"} {
		require.Zero(t, n.count(table), table)
	}

	made, err := start(task.StartInput{UserID: mei, Kind: kind, Input: input{Room: 7}}, nil)
	require.NoError(t, err)
	require.Equal(t, made, n.now(made))
	require.Equal(t, task.StatusQueued, made.Status)
	require.EqualValues(t, 1, made.Revision)
	require.Equal(t, "queued", n.told(made))
	var args json.RawMessage
	n.scan("select args from river_job where kind = 'task.rehearsal' and queue = 'maintenance' and max_attempts = 3", nil, &args)
	require.JSONEq(t, `{"v": 1, "task_id": "`+made.ID.String()+`"}`, string(args))
}

func TestATaskRunsToItsResult(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	run := n.begun()
	require.Equal(t, input{Room: 7}, run.input)
	running := n.now(made)
	require.Equal(t, task.StatusRunning, running.Status)
	require.EqualValues(t, 2, running.Revision)
	run.Total(4)
	run.Add(3)
	require.Equal(t, task.Tally{Done: 3, Total: ptr[int64](4)}, n.reaches(made, 3).Progress)
	run.Add(1)
	run.gives(map[string]any{"written": 4, "note": "<done>"})

	done := n.ended(made, task.StatusCompleted)
	require.JSONEq(t, `{"written": 4, "note": "<done>"}`, string(done.Result))
	require.Equal(t, task.Tally{Done: 4, Total: ptr[int64](4)}, done.Progress, "the last is written with the end")
	require.Nil(t, done.Problem)
	require.Equal(t, "queued progressed completed", n.told(made))
	require.NotZero(t, n.count(`outbox where type = 'task.progressed' and aggregate_id::text = data->>'task_id'
		and data @> '{"kind": "rehearsal", "done": 3, "total": 4, "user_id": "`+mei.String()+`"}'`))
	n.quiet()
	require.Equal(t, 1, n.count("river_job where state = 'completed' and attempt = 1"))
	require.Equal(t, 1, n.count("tasks where started_at >= created_at and finished_at = updated_at and finished_at >= started_at"))
}

func TestProgressReachesTheDatabaseTwiceASecondAtMost(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	run := n.begun()
	run.Total(1_000_000)
	began := time.Now()
	for n.now(made).Revision < 6 { // as fast as can be, for a while
		run.Add(1)
	}
	took := time.Since(began)
	run.gives(nil)
	done := n.ended(made, task.StatusCompleted)
	require.Nil(t, done.Result)
	require.Greater(t, took, 3*task.WriteEvery, "revision 3 at once, 4, 5 and 6 each half a second later")
	require.LessOrEqual(t, int(done.Revision), 4+int(time.Since(began)/task.WriteEvery))
	require.Equal(t, int(done.Revision)-2, n.count("outbox where type = 'task.progressed'"))
}

func TestWhatFailsIsTriedAgainFromTheBeginning(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	r := n.read(made, 0)
	first := n.begun()
	first.Add(3)
	r.until(3)
	first.Add(1)
	first.fails(errors.New("not today"))
	require.Equal(t, task.StatusRunning, r.until(4).Status, "what was reached is told, and no failure")
	second := n.begun()
	require.Zero(t, r.until(0).Progress.Done, "the next event says that it begins anew")
	second.Add(5)
	second.gives(map[string]any{})
	require.Equal(t, "progressed completed", kinds(r.untilEnd()))
	require.EqualValues(t, 5, n.ended(made, task.StatusCompleted).Progress.Done)
	require.Equal(t, "queued progressed completed", n.told(made))
}

func TestAfterTheLastAttemptATaskHasFailed(t *testing.T) {
	t.Parallel()
	unavailable := fault.New(fault.Unavailable, "model.unavailable", "The model is away.")
	for name, c := range map[string]struct {
		end     func(*doing)
		problem task.Problem
	}{
		"with an error": {func(d *doing) { d.fails(errors.New("secret cause")) },
			task.Problem{Code: "server.internal", Detail: "The task could not be done."}},
		"with an internal fault": {func(d *doing) { d.fails(fault.New(fault.Internal, "server.internal", "secret cause")) },
			task.Problem{Code: "server.internal", Detail: "The task could not be done."}},
		"with a fault that might have passed": {func(d *doing) { d.fails(unavailable.WithCause(errors.New("secret cause"))) },
			task.Problem{Code: "model.unavailable", Detail: "The model is away."}},
		"with a panic": {func(d *doing) { d.panics("secret cause") },
			task.Problem{Code: "server.internal", Detail: "The task could not be done."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, attempts(2))
			made := n.start()
			c.end(n.begun())
			require.Equal(t, task.StatusRunning, n.now(made).Status)
			last := n.begun()
			last.Add(2)
			c.end(last)
			failed := n.ended(made, task.StatusFailed)
			require.Equal(t, c.problem, *failed.Problem)
			require.EqualValues(t, 2, failed.Progress.Done)
			require.Equal(t, "queued progressed failed", n.told(made))
			var code string
			n.scan("select data->>'code' from outbox where type = 'task.failed'", nil, &code)
			require.Equal(t, c.problem.Code, code)
			n.quiet()
			require.Equal(t, 1, n.count("river_job where state = 'discarded'"))
			require.Contains(t, n.journal.String(), "secret cause")
			require.Empty(t, n.runs)
		})
	}
}

func TestWhatAnotherAttemptWouldOnlyRepeatFailsAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*doing)
		code string
	}{
		"a rule":             {func(d *doing) { d.fails(fault.New(fault.Conflict, "conversation.not_active", "It is over.")) }, "conversation.not_active"},
		"a result too large": {func(d *doing) { d.gives(map[string]any{"a": strings.Repeat("x", task.MaxResult)}) }, "task.result_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			made := n.start()
			c.end(n.begun())
			failed := n.ended(made, task.StatusFailed)
			require.Equal(t, c.code, failed.Problem.Code)
			require.Nil(t, failed.Result)
			n.quiet()
			require.Equal(t, 1, n.count("river_job where state = 'completed' and attempt = 1"))
		})
	}
}

func TestAResultMayBeAsLargeAsItsBound(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	r := n.read(made, 0)
	n.begun().gives(map[string]any{"a": strings.Repeat("<", (task.MaxResult-len(`{"a":""}`))/len(`\u003c`))})
	all := r.untilEnd()
	require.Equal(t, task.EventCompleted, all[len(all)-1].Type)
	stored, err := json.Marshal(n.now(made))
	require.NoError(t, err)
	read, err := json.Marshal(all[len(all)-1].Task)
	require.NoError(t, err)
	require.True(t, string(stored) == string(read), "through the log it comes as it is stored")
}

func TestAResultThatCannotBeStoredIsAFailure(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]any{
		"no object": []int{1}, "no JSON": map[string]any{"f": func() {}}, "what PostgreSQL refuses": map[string]any{"a": "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, attempts(1))
			made := n.start()
			n.begun().gives(result)
			require.Equal(t, "server.internal", n.ended(made, task.StatusFailed).Problem.Code)
		})
	}
}

func TestAnInputThatCannotBeReadIsAFailure(t *testing.T) {
	t.Parallel()
	n := setup(t, attempts(1))
	made := n.startWith("a room")
	require.Equal(t, "server.internal", n.ended(made, task.StatusFailed).Problem.Code)
	n.quiet()
	require.Contains(t, n.journal.String(), "read input")
}

func TestATaskThatCannotEvenBeginHasFailed(t *testing.T) {
	t.Parallel()
	n := setup(t, idle, attempts(1))
	n.exec("alter table tasks add constraint never check (status <> 'running')")
	made := n.start()
	n.stage.node(attempts(1))
	require.Equal(t, "server.internal", n.ended(made, task.StatusFailed).Problem.Code)
	require.Equal(t, "queued failed", n.told(made))
	require.Empty(t, n.runs)
}

func TestARunThatIsOutOfTimeIsAFailure(t *testing.T) {
	t.Parallel()
	n := setup(t, func(s *settings) { s.spec = job.Spec{MaxAttempts: 1, Timeout: 2 * time.Second} })
	made := n.start()
	run := n.begun()
	require.Equal(t, "server.internal", n.ended(made, task.StatusFailed).Problem.Code)
	require.ErrorIs(t, context.Cause(run.ctx), context.DeadlineExceeded)
}

func TestAResultThatComesAsTheTimeEndsCounts(t *testing.T) {
	t.Parallel()
	n := setup(t, func(s *settings) { s.spec = job.Spec{MaxAttempts: 1, Timeout: 2 * time.Second} })
	made := n.startWith(input{Deaf: true})
	run := n.begun()
	<-run.ctx.Done()
	run.gives(map[string]any{})
	n.ended(made, task.StatusCompleted)
}

func TestTheWorkerThatTakesOverGoesOnAndTheOldOneHasNoEffect(t *testing.T) {
	t.Parallel()
	old := setup(t, one)
	made := old.start()
	r := old.read(made, 0)
	first := old.begun()
	first.Add(3)
	r.until(3)
	heir := old.stage.node(one)
	old.lapse()
	second := heir.begun()
	require.Zero(t, r.until(0).Progress.Done)
	first.Add(1) // it does not know yet
	<-first.ctx.Done()
	require.ErrorIs(t, context.Cause(first.ctx), job.ErrLeaseLost)
	second.Add(7)
	r.until(7)
	second.gives(map[string]any{"by": "heir"})
	r.untilEnd()
	require.JSONEq(t, `{"by": "heir"}`, string(heir.ended(made, task.StatusCompleted).Result))
	require.Equal(t, "queued progressed completed", old.told(made))
}

func TestALateResultOfAnOldWorkerIsRefused(t *testing.T) {
	t.Parallel()
	n := setup(t)
	for name, end := range map[string]func(*doing){
		"a result":  func(d *doing) { d.gives(map[string]any{"by": "old"}) },
		"a rule":    func(d *doing) { d.fails(fault.New(fault.Conflict, "conversation.not_active", "It is over.")) },
		"a failure": func(d *doing) { d.fails(errors.New("not today")) },
	} {
		made := n.start()
		run := n.begun()
		n.exec("update tasks set lease_number = lease_number + 1000 where id = $1", made.ID) // another has begun
		end(run)
		n.quiet()
		now := n.now(made)
		require.Equal(t, task.StatusRunning, now.Status, name)
		require.EqualValues(t, 2, now.Revision, name)
		require.Equal(t, "queued progressed", n.told(made), name)
		n.exec("delete from river_job")
	}
}

func TestAWorkerLeavesATaskAloneThatANewerOneHas(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made := n.start()
	n.exec("update tasks set status = 'running', lease_number = 1000000 where id = $1", made.ID)
	working := n.stage.node()
	n.eventually("the run is over", func() bool { return n.count("river_job where state = 'completed'") == 1 })
	require.Empty(t, n.runs)
	require.EqualValues(t, 1, working.now(made).Revision)
}

func TestACrashBetweenTheCommitAndTheLastEventIsHealed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	n.begun().gives(map[string]any{})
	n.ended(made, task.StatusCompleted)
	n.quiet()
	entries := n.entries(made)
	keys := redistest.Keys(t, n.redis, n.prefix+":*task:*")
	require.Len(t, keys, 1)
	require.NoError(t, n.redis.XDel(t.Context(), keys[0], entries[len(entries)-1].ID.String()).Err())
	n.exec("update river_job set state = 'available', finalized_at = null, scheduled_at = now()")
	n.eventually("the log tells of the end", func() bool { return len(n.entries(made)) == len(entries) })
	require.Contains(t, string(n.entries(made)[len(entries)-1].Data), task.EventCompleted)
	require.Equal(t, "queued progressed completed", n.told(made), "it ended once")
	require.Empty(t, n.runs)
}

func TestANodeThatStopsHandsItsTaskToAnother(t *testing.T) {
	t.Parallel()
	front := setup(t, idle, attempts(1))
	made := front.start()
	stopping := front.stage.node(one, attempts(1)) // that its node stops is no failure of a run
	first := front.begun()
	heir := front.stage.node(one, attempts(1))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, stopping.queue.Stop(ctx))
	require.Error(t, first.ctx.Err())
	heir.begun().gives(map[string]any{"by": "heir"})
	require.JSONEq(t, `{"by": "heir"}`, string(heir.ended(made, task.StatusCompleted).Result))
}

func TestADeletedTaskEndsItsRun(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	run := n.begun()
	n.exec("delete from tasks where id = $1", made.ID)
	run.Add(1)
	<-run.ctx.Done()
	require.ErrorIs(t, context.Cause(run.ctx), job.ErrLeaseLost)
	n.quiet()
	require.Zero(t, n.count("tasks"))
	require.Equal(t, 1, n.count("river_job where state = 'completed'"))
}

func TestAnEndIsStoredThroughADatabaseThatBreaksConnections(t *testing.T) {
	t.Parallel()
	n := setup(t, attempts(1))
	made := n.start()
	run := n.begun()
	n.exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = current_user and pid <> pg_backend_pid()")
	run.gives(map[string]any{})
	n.eventually("it is stored", func() bool {
		got, err := n.Get(t.Context(), mei, made.ID)
		return err == nil && got.Status == task.StatusCompleted
	})
}
