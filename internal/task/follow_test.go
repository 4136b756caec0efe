package task_test

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/task"
)

func TestAReaderIsTheFirstToldHowTheTaskStands(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made := n.start()
	r := n.read(made, 0)
	require.NoError(t, r.next())
	require.Equal(t, []task.Event{{Type: task.EventProgressed, Task: n.now(made)}}, r.got)
}

// fourSteps runs a task through four steps that readers see, and gives its events.
func (n *node) fourSteps() (task.Task, []task.Event) {
	n.t.Helper()
	made := n.start()
	r := n.read(made, 0)
	run := n.begun()
	run.Total(4)
	for step := int64(1); step <= 4; step++ {
		run.Add(1)
		r.until(step)
	}
	run.gives(map[string]any{"steps": 4})
	return made, r.untilEnd()
}

func TestResumingFromAnyCursorGivesOnlyWhatIsNewerAndTheEnd(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made, all := n.fourSteps()
	require.Equal(t, "progressed completed", kinds(all))
	end := all[len(all)-1]
	require.GreaterOrEqual(t, end.Task.Revision, int64(6))
	for after := range end.Task.Revision {
		require.Equal(t, []task.Event{{Type: task.EventCompleted, Task: n.now(made)}}, n.read(made, after).untilEnd())
	}
	_, ended, err := n.Follow(t.Context(), mei, made.ID, end.Task.Revision)
	require.NoError(t, err)
	require.True(t, ended, "nothing follows the last event")
	require.Equal(t, "completed", kinds(n.read(made, end.Task.Revision+1).untilEnd()), "a cursor of what never was is none")
}

func TestResumingInTheMiddleGivesOnlyWhatIsNewerAsItComes(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	first := n.read(made, 0)
	run := n.begun()
	run.Add(1)
	seen := first.until(1)
	first.feed.Close()
	first.feed.Close()
	upToDate := n.read(made, seen.Revision)
	behind := n.read(made, 1)
	require.EqualValues(t, 1, behind.until(1).Progress.Done)
	require.Len(t, behind.got, 1, "the newest is enough")
	run.Add(1)
	for _, r := range []*reader{upToDate, behind} {
		r.until(2)
		require.Greater(t, r.got[0].Task.Revision, int64(1))
	}
	require.Greater(t, upToDate.got[0].Task.Revision, seen.Revision)
	run.gives(nil)
	require.Equal(t, "progressed completed", kinds(upToDate.untilEnd()))
	require.Equal(t, "progressed completed", kinds(behind.untilEnd()))
}

func TestTwoReadersOnTwoNodesSeeTheSame(t *testing.T) {
	t.Parallel()
	n := setup(t)
	far := n.stage.node(idle)
	made := n.start()
	run := n.begun()
	here, there := n.read(made, 0), far.read(made, 0)
	for step := int64(1); step <= 3; step++ {
		run.Add(1)
		require.Equal(t, here.until(step), there.until(step))
	}
	run.gives(map[string]any{"steps": 3})
	here.untilEnd()
	there.untilEnd()
	require.Equal(t, here.got[1:], there.got[1:])
}

func TestAReaderWhoLeavesChangesNothing(t *testing.T) {
	t.Parallel()
	n := setup(t)
	made := n.start()
	run := n.begun()
	r := n.read(made, 0)
	require.NoError(t, r.next())
	ctx, cancel := context.WithCancelCause(t.Context())
	goodbye := errors.New("goodbye")
	left := make(chan error, 1)
	go func() {
		_, err := r.feed.Next(ctx)
		left <- err
	}()
	cancel(goodbye)
	require.ErrorIs(t, within(t, left), goodbye)
	run.gives(nil)
	require.Equal(t, "progressed completed", kinds(r.untilEnd()))
}

// listens lets a reader, the first of its node, follow the log from here on;
// nothing must come.
func (n *node) listens(r *reader) {
	n.t.Helper()
	for n.log.Stats().Subscriptions == 0 {
		ctx, cancel := context.WithTimeout(n.t.Context(), 50*time.Millisecond)
		_, err := r.feed.Next(ctx)
		cancel()
		require.ErrorIs(n.t, err, context.DeadlineExceeded)
	}
}

// append puts an entry into the log of a task behind the service's back.
func (n *node) append(t task.Task, entry string) {
	n.t.Helper()
	_, err := n.log.Append(n.t.Context(), eventlog.AppendInput{Stream: stream(t), After: eventlog.AnyID, Entry: []byte(entry)})
	require.NoError(n.t, err)
}

func TestALogNeverBringsAnOlderStateAfterANewer(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	made := n.start()
	n.exec("update tasks set revision = 5")
	n.append(made, `{"type":"task.progressed","task":{"status":"running","revision":4}}`)
	r := n.read(made, 0)
	require.NoError(t, r.next())
	n.listens(r)
	for _, entry := range []string{
		`nonsense`,
		`{"type":"task.progressed","task":{"status":"running","revision":5}}`,
		`{"type":"task.progressed","task":{"status":"running","revision":7,"of_a_newer_release":1}}`,
		`{"type":"task.progressed","task":{"status":"running","revision":6}}`,
		`{"type":"task.failed","task":{"status":"failed","revision":9}}`,
		`{"type":"task.progressed","task":{"status":"running","revision":10}}`,
	} {
		n.append(made, entry)
	}
	var revisions []int64
	for _, e := range r.untilEnd() {
		revisions = append(revisions, e.Task.Revision)
	}
	require.Equal(t, []int64{5, 7, 9}, revisions)
	require.Contains(t, n.journal.String(), "unreadable event")
}

func TestAnEndThatNeverReachedTheLogIsFound(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.LookEvery(50*time.Millisecond, patience)
	made := n.start()
	r := n.read(made, 0)
	require.NoError(t, r.next())
	n.exec("update tasks set status = 'completed', result = '{}', revision = 2, finished_at = now()")
	require.Equal(t, "progressed completed", kinds(r.untilEnd()))
}

func TestADeletedTaskEndsItsReaders(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.LookEvery(50*time.Millisecond, patience)
	made := n.start()
	r := n.read(made, 0)
	require.NoError(t, r.next())
	n.exec("delete from tasks")
	requireFault(t, r.next(), "resource.not_found")
}

func TestAReaderWaitsThroughAnOutageOfTheDatabase(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	n.LookEvery(20*time.Millisecond, patience)
	made := n.start()
	r := n.read(made, 0)
	require.NoError(t, r.next())
	n.exec("alter table tasks rename to elsewhere")
	got := make(chan error, 1)
	go func() { got <- r.next() }()
	n.eventually("it has looked in vain", func() bool { return len(n.journal.String()) > 0 })
	n.exec("alter table elsewhere rename to tasks")
	n.exec("update tasks set status = 'running', revision = 2")
	require.NoError(t, within(t, got))
	require.Equal(t, task.StatusRunning, r.last().Task.Status)
}

func TestAReaderThatStaysBehindIsToldSo(t *testing.T) {
	t.Parallel()
	n := setup(t, idle, func(s *settings) { s.log = func(c *eventlog.Config) { c.Buffer = 1 << 10 } })
	made := n.start()
	r := n.read(made, 0)
	require.NoError(t, r.next())
	n.listens(r)
	keepsUp := n.log.Follow(t.Context(), stream(made), eventlog.ID{})
	defer keepsUp.Close()
	for i := range 100 { // each read by the node before the next comes
		n.append(made, `{"task":{"status":"running","revision":`+strconv.Itoa(i+2)+`}}`)
		_, err := keepsUp.Next(t.Context())
		require.NoError(t, err)
	}
	require.ErrorIs(t, r.next(), eventlog.ErrTooSlow)
	require.NoError(t, n.read(made, 0).next(), "and may come back")
}

// ownRedis is a Redis of one test, which may kill it.
type ownRedis struct {
	t      *testing.T
	config devstack.RedisConfig
	server *devstack.Redis
}

// startRedis starts one of the same kind as the tests share.
func startRedis(t *testing.T) *ownRedis {
	t.Helper()
	r := &ownRedis{t: t, config: devstack.RedisConfig{ForceInProcess: sharedIsInProcess(t)}}
	r.start()
	address, err := url.Parse(r.server.URL())
	require.NoError(t, err)
	r.config.Port, err = strconv.Atoi(address.Port()) // where it comes back
	require.NoError(t, err)
	t.Cleanup(r.kill)
	return r
}

// sharedIsInProcess knows the in-process Redis by a command that it lacks.
func sharedIsInProcess(t *testing.T) bool {
	return redistest.Shared(t).ConfigGet(t.Context(), "port").Err() != nil
}

func (r *ownRedis) start() {
	r.t.Helper()
	var err error
	r.server, err = devstack.StartRedis(r.t.Context(), r.config)
	require.NoError(r.t, err)
}

func (r *ownRedis) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(r.t, r.server.Stop(ctx))
}

// use makes a node use it, and notice soon when it is away.
func (r *ownRedis) use(s *settings) {
	s.redisURL = r.server.URL()
	s.log = func(c *eventlog.Config) { c.Block, c.CallTimeout = 200*time.Millisecond, 300*time.Millisecond }
}

func TestARedisThatDiesAndComesBackEmptyCostsNoState(t *testing.T) {
	t.Parallel()
	own := startRedis(t)
	n := setup(t, own.use)
	made := n.start()
	run := n.begun()
	before := n.read(made, 0)
	run.Add(1)
	before.until(1)
	own.kill()
	during := n.read(made, 0)
	run.Add(1)
	before.until(2) // PostgreSQL knows
	during.until(2)
	own.start()
	run.Add(1)
	before.until(3)
	during.until(3)
	n.eventually("the log is filled again", func() bool {
		_, found, err := n.log.Newest(t.Context(), stream(made))
		return err == nil && found
	})
	after := n.read(made, 1)
	after.until(3)
	run.gives(map[string]any{"steps": 3})
	for _, r := range []*reader{before, during, after} {
		r.untilEnd()
		require.Equal(t, task.EventCompleted, r.last().Type)
		require.EqualValues(t, 3, r.last().Task.Progress.Done)
	}
}

func TestTasksAreDoneCancelledAndFollowedWithoutAnyRedis(t *testing.T) {
	t.Parallel()
	own := startRedis(t)
	n := setup(t, own.use)
	own.kill()
	done := n.start()
	n.begun().gives(map[string]any{"steps": 0})
	r := n.read(done, 0)
	r.untilEnd()
	require.Equal(t, task.EventCompleted, r.last().Type)

	stopped := n.start()
	n.begun()
	r = n.read(stopped, 0)
	n.cancel(stopped)
	require.Equal(t, "progressed cancelled", kinds(r.untilEnd()))
}

func TestALogThatIsLostInMidFollowIsReadOn(t *testing.T) {
	t.Parallel()
	own := startRedis(t)
	n := setup(t, own.use)
	made := n.start()
	run := n.begun()
	r := n.read(made, 0)
	run.Add(1)
	r.until(1)
	require.NoError(t, n.redis.FlushAll(t.Context()).Err())
	run.Add(1)
	r.until(2)
	run.gives(nil)
	require.Equal(t, "progressed completed", kinds(r.untilEnd()))
}
