package task_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/task"
)

// kind is the one kind of task of these tests.
const kind = "rehearsal"

// input is what its work is given.
type input struct {
	Room int  `json:"room"`
	Deaf bool `json:"deaf"` // to the end of its context
}

// doing is one run of the work, which the test directs.
type doing struct {
	*task.Progress
	ctx   context.Context
	input input
	end   chan func() (any, error) // what the run does at its end
}

// work waits for what the test says, or for the end of its context.
func (s *stage) work(ctx context.Context, p *task.Progress, in input) (any, error) {
	d := &doing{Progress: p, ctx: ctx, input: in, end: make(chan func() (any, error), 1)}
	s.runs <- d
	if in.Deaf {
		return (<-d.end)()
	}
	select {
	case end := <-d.end:
		return end()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *doing) gives(result any) { d.end <- func() (any, error) { return result, nil } }
func (d *doing) fails(err error)  { d.end <- func() (any, error) { return nil, err } }
func (d *doing) panics(with any)  { d.end <- func() (any, error) { panic(with) } }

// begun waits for the next run of the work.
func (s *stage) begun() *doing {
	s.t.Helper()
	return within(s.t, s.runs)
}

// start starts a task of Mei's.
func (n *node) start() task.Task {
	n.t.Helper()
	return n.startWith(input{Room: 7})
}

func (n *node) startWith(in any) task.Task {
	n.t.Helper()
	var made task.Task
	require.NoError(n.t, postgres.InTx(n.t.Context(), n.pool, func(tx task.Tx) (err error) {
		made, err = n.Start(n.t.Context(), tx, task.StartInput{UserID: mei, Kind: kind, Input: in})
		return err
	}))
	return made
}

// now reads a task of Mei's.
func (n *node) now(t task.Task) task.Task {
	n.t.Helper()
	got, err := n.Get(n.t.Context(), mei, t.ID)
	require.NoError(n.t, err)
	return got
}

// ended waits for the end of a task, in this status.
func (n *node) ended(t task.Task, status string) task.Task {
	n.t.Helper()
	n.eventually("the task ends", func() bool { return n.now(t).Ended() })
	got := n.now(t)
	require.Equal(n.t, status, got.Status)
	return got
}

// reaches waits until so much is done, as the database knows it.
func (n *node) reaches(t task.Task, done int64) task.Task {
	n.t.Helper()
	n.eventually("the progress is written", func() bool { return n.now(t).Progress.Done == done })
	return n.now(t)
}

// quiet waits until the node's job is over.
func (s *stage) quiet() {
	s.t.Helper()
	s.eventually("the run is over", func() bool {
		return s.count("job_leases where number > 0") == 0 && s.count("river_job where state = 'running'") == 0
	})
}

// lapse lets the lease of the one running job run out, as if its worker had not
// been heard of, until another worker has it.
func (s *stage) lapse() {
	s.t.Helper()
	lease := func() (number int64) {
		s.scan("select coalesce(max(number), 0) from job_leases", nil, &number)
		return number
	}
	before := lease()
	s.eventually("another worker takes the job", func() bool {
		s.exec("update job_leases set expires_at = now() - interval '1 second' where number = $1", before)
		s.exec("update river_job set attempted_at = now() - interval '1 hour' where state = 'running' and attempt = 1")
		return lease() > before
	})
}

// told gives the types of the domain events of a task, in their order, with how
// many task.progressed are in a row left out.
func (s *stage) told(t task.Task) string {
	s.t.Helper()
	var types []string
	s.scan("select coalesce(array_agg(type order by position), '{}') from outbox where aggregate_id = $1 and aggregate_type = 'task'", []any{t.ID}, &types)
	return inShort(types)
}

func inShort(types []string) string {
	var out []string
	for _, name := range types {
		name = strings.TrimPrefix(name, "task.")
		if name != "progressed" || len(out) == 0 || out[len(out)-1] != name {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

func (s *stage) eventually(what string, is func() bool) {
	s.t.Helper()
	require.Eventually(s.t, is, patience, 10*time.Millisecond, what)
}

// exec changes the database behind the service's back.
func (s *stage) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

func (s *stage) scan(sql string, args []any, into ...any) {
	s.t.Helper()
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), sql, args...).Scan(into...))
}

// count counts the rows of a table.
func (s *stage) count(table string) (n int) {
	s.t.Helper()
	s.scan("select count(*) from "+table, nil, &n)
	return n
}

// within takes the next of a channel.
func within[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		require.Fail(t, "nothing comes")
	}
	return got
}

// stream names the log of a task.
func stream(t task.Task) string { return "task:" + t.ID.String() }

// entries gives the log of a task.
func (n *node) entries(t task.Task) []eventlog.Entry {
	n.t.Helper()
	entries, err := n.log.Range(n.t.Context(), stream(t), eventlog.ID{}, 0)
	require.NoError(n.t, err)
	return entries
}

// reader is someone who follows a task.
type reader struct {
	t    *testing.T
	feed *task.Feed
	got  []task.Event
}

// read follows a task of Mei's.
func (n *node) read(t task.Task, after int64) *reader {
	n.t.Helper()
	feed, ended, err := n.Follow(n.t.Context(), mei, t.ID, after)
	require.NoError(n.t, err)
	require.False(n.t, ended)
	n.t.Cleanup(feed.Close)
	return &reader{t: n.t, feed: feed}
}

// next takes the next events, io.EOF after the last; each must be newer than the one before.
func (r *reader) next() error {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	events, err := r.feed.Next(ctx)
	if err != nil {
		return err
	}
	require.NotEmpty(r.t, events)
	for _, e := range events {
		if len(r.got) > 0 {
			require.Greater(r.t, e.Task.Revision, r.last().Task.Revision)
		}
		r.got = append(r.got, e)
	}
	return nil
}

// until reads until so much is done, and gives the task as it is then.
func (r *reader) until(done int64) task.Task {
	r.t.Helper()
	for len(r.got) == 0 || r.last().Task.Progress.Done != done {
		require.NoError(r.t, r.next())
	}
	return r.last().Task
}

// untilEnd reads to the end and gives all events.
func (r *reader) untilEnd() []task.Event {
	r.t.Helper()
	for {
		err := r.next()
		if errors.Is(err, io.EOF) {
			return r.got
		}
		require.NoError(r.t, err)
	}
}

func (r *reader) last() task.Event { return r.got[len(r.got)-1] }

// kinds gives the types of events in a line, shortened.
func kinds(events []task.Event) string {
	var types []string
	for _, e := range events {
		types = append(types, e.Type)
	}
	return inShort(types)
}

// requireFault checks for a fault of this code.
func requireFault(t *testing.T, err error, code string) {
	t.Helper()
	require.Error(t, err)
	f := fault.Find(err)
	require.NotNil(t, f, "%v", err)
	require.Equal(t, code, f.Code)
}
