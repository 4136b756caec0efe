package v2_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/task"
)

// errand is the work of a task that waits for what a test says.
type errand struct {
	begun chan *task.Progress
	end   chan func() (any, error)
}

func newErrand() *errand {
	return &errand{begun: make(chan *task.Progress, 10), end: make(chan func() (any, error), 10)}
}

// errands starts a service with one kind of task, "errand", and one who has it done.
func errands(t *testing.T, options ...apitest.Option) (*apitest.Server, *apitest.Learner, *errand) {
	e := newErrand()
	s := apitest.New(t, append(options, e.register())...)
	return s, s.SignUp(t), e
}

func (e *errand) register() apitest.Option {
	return apitest.WithTasks(func(tasks *task.Service, r *job.Registry) {
		task.Register(tasks, r, "errand", job.Spec{}, func(ctx context.Context, p *task.Progress, _ struct{}) (any, error) {
			e.begun <- p
			select {
			case end := <-e.end:
				return end()
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
	})
}

func (e *errand) gives(result any) { e.end <- func() (any, error) { return result, nil } }
func (e *errand) fails(err error)  { e.end <- func() (any, error) { return nil, err } }

func startErrand(t *testing.T, s *apitest.Server, l *apitest.Learner) task.Task {
	return s.StartTask(t, task.StartInput{UserID: l.User.ID, Kind: "errand", Input: struct{}{}})
}

// taskOf reads the task of an event.
func taskOf(t *testing.T, e sse.Event) map[string]any {
	t.Helper()
	return member(t, e, "task").(map[string]any)
}

func TestATaskIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	s, l, work := errands(t)
	made := startErrand(t, s, l)
	response := l.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: "/tasks/" + made.ID.String() + "/events"})
	defer func() { _ = response.Body.Close() }()
	stream := liveEvents(t, response)
	first, err := stream.Next()
	require.NoError(t, err)
	require.Equal(t, "task.progressed", first.Name)
	require.Equal(t, first.Name, member(t, first, "type"))

	p := <-work.begun
	p.Total(8)
	p.Add(2)
	cursors := []string{first.ID}
	for e := first; taskOf(t, e)["progress"].(map[string]any)["done"] != 2.0; cursors = append(cursors, e.ID) {
		e, err = stream.Next()
		require.NoError(t, err)
		require.Equal(t, "task.progressed", e.Name)
	}
	work.gives(map[string]any{"plan_id": "019a2b4e", "count": 9007199254740993})
	last := first
	for last.Name == "task.progressed" {
		last, err = stream.Next()
		require.NoError(t, err)
	}
	require.Equal(t, "task.completed", last.Name)
	require.Contains(t, string(last.Data), `"count":9007199254740993`, "numbers come as they are")
	require.Equal(t, 25.0, taskOf(t, last)["progress"].(map[string]any)["percent"])

	var stored apiv2.Task
	a := l.Get(t, "/tasks/%s", made.ID).Expect(t, http.StatusOK, &stored)
	require.Equal(t, apiv2.TaskStatusCompleted, stored.Status)
	for _, cursor := range cursors {
		rest := events(t, l.Get(t, "/tasks/%s/events?after=%s", made.ID, url.QueryEscape(cursor)).Expect(t, http.StatusOK, nil).Body)
		require.Equal(t, []sse.Event{last}, rest, "only the newest")
	}
	l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/tasks/" + made.ID.String() + "/events", Header: map[string]string{"Last-Event-ID": last.ID}}).
		Expect(t, http.StatusNoContent, nil)
	l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/tasks/" + made.ID.String(), Header: map[string]string{"If-None-Match": a.Header.Get("ETag")}}).
		Expect(t, http.StatusNotModified, nil)
	l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/tasks/" + made.ID.String(), Header: map[string]string{"If-None-Match": `"r1"`}}).
		Expect(t, http.StatusOK, nil)
}

func TestAFailedTaskSaysWhyAndNoMore(t *testing.T) {
	t.Parallel()
	s, l, work := errands(t)
	made := startErrand(t, s, l)
	work.fails(fault.New(fault.Conflict, "conversation.not_active", "It is over."))
	all := events(t, l.Get(t, "/tasks/%s/events", made.ID).Expect(t, http.StatusOK, nil).Body)
	last := all[len(all)-1]
	require.Equal(t, "task.failed", last.Name)
	want := map[string]any{"code": "conversation.not_active", "detail": "It is over."}
	require.Equal(t, want, member(t, last, "problem"))
	require.Equal(t, want, taskOf(t, last)["problem"])
}

func TestARunningTaskIsCancelledFromAnyNode(t *testing.T) {
	t.Parallel()
	s, l, work := errands(t)
	two := apitest.New(t, apitest.Beside(s))
	made := startErrand(t, s, l)
	<-work.begun
	var asked apiv2.Task
	l.On(two).Post(t, "/tasks/"+made.ID.String()+"/cancel", nil).Expect(t, http.StatusOK, &asked)
	require.Equal(t, apiv2.TaskStatusRunning, asked.Status)
	all := events(t, l.On(two).Get(t, "/tasks/%s/events", made.ID).Expect(t, http.StatusOK, nil).Body)
	require.Equal(t, "task.cancelled", all[len(all)-1].Name)
	l.Post(t, "/tasks/"+made.ID.String()+"/cancel", nil).Expect(t, http.StatusOK, &asked)
	require.Equal(t, apiv2.TaskStatusCancelled, asked.Status)
}

func TestTasksAreListedForTheirUserAlone(t *testing.T) {
	t.Parallel()
	s, l, work := errands(t)
	other := s.SignUp(t)
	ids := map[string]bool{}
	for range 3 {
		ids[startErrand(t, s, l).ID.String()] = true
		work.gives(nil)
	}
	seen, next := map[string]bool{}, ""
	for range 2 {
		var page apiv2.TaskPage
		l.Get(t, "/tasks?limit=2&kind=errand%s", next).Expect(t, http.StatusOK, &page)
		for _, one := range page.Data {
			seen[one.ID.String()] = true
		}
		if cursor, err := page.NextCursor.Get(); err == nil {
			next = "&cursor=" + url.QueryEscape(cursor)
			l.Get(t, "/tasks?limit=2%s", next).Refused(t, http.StatusBadRequest, "cursor.invalid")
		}
	}
	require.Equal(t, ids, seen)
	for _, filter := range []string{"status=failed", "kind=other"} {
		var page apiv2.TaskPage
		l.Get(t, "/tasks?%s", filter).Expect(t, http.StatusOK, &page)
		require.Empty(t, page.Data, filter)
	}
	l.Get(t, "/tasks?status=lost").Refused(t, http.StatusBadRequest, "request.invalid")

	var page apiv2.TaskPage
	other.Get(t, "/tasks").Expect(t, http.StatusOK, &page)
	require.Empty(t, page.Data)
	for id := range ids {
		other.Get(t, "/tasks/%s", id).Refused(t, http.StatusNotFound, "resource.not_found")
		other.Get(t, "/tasks/%s/events", id).Refused(t, http.StatusNotFound, "resource.not_found")
		other.Post(t, "/tasks/"+id+"/cancel", nil).Refused(t, http.StatusNotFound, "resource.not_found")
		l.Get(t, "/tasks/%s/events?after=nonsense", id).Refused(t, http.StatusBadRequest, "cursor.invalid")
	}
}

func TestADrainingNodeSendsFollowersOfTasksElsewhere(t *testing.T) {
	t.Parallel()
	s, l, work := errands(t)
	two := apitest.New(t, apitest.Beside(s), work.register())
	made := startErrand(t, s, l)
	<-work.begun
	response := l.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: "/tasks/" + made.ID.String() + "/events"})
	defer func() { _ = response.Body.Close() }()
	stream := liveEvents(t, response)
	_, err := stream.Next()
	require.NoError(t, err)
	s.App.Drain()
	e, err := stream.Next()
	for err == nil && e.Name == "task.progressed" {
		e, err = stream.Next()
	}
	require.NoError(t, err)
	require.Equal(t, "stream.closing", e.Name)
	require.Equal(t, "draining", member(t, e, "reason"))
	work.gives(nil)
	rest := l.On(two).Get(t, "/tasks/%s/events?after=%s", made.ID, url.QueryEscape(stream.LastID())).Expect(t, http.StatusOK, nil)
	all := events(t, rest.Body)
	require.Equal(t, "task.completed", all[len(all)-1].Name)
}

func TestATaskIsAwaitedAsLongAsPreferSays(t *testing.T) {
	t.Parallel()
	s, l, work := errands(t)
	server := &v2.Server{Deps: v2.Deps{Tasks: s.Tasks}}
	made := startErrand(t, s, l)
	require.Equal(t, "/api/v2/tasks/"+made.ID.String(), v2.TaskLocation(made))
	for _, prefer := range []string{"", "respond-async", "wait=0", "wait=soon", "wait=1"} {
		_, done, applied := server.AwaitTask(t.Context(), made, prefer)
		require.False(t, done, prefer)
		require.Empty(t, applied, "said only when honoured")
	}
	work.gives(map[string]any{"count": 1})
	ended, done, applied := server.AwaitTask(t.Context(), made, "respond-async, wait=100")
	require.True(t, done)
	require.Equal(t, "wait=30", applied, "clamped")
	require.Equal(t, task.StatusCompleted, ended.Status)

	gone, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	_, done, _ = server.AwaitTask(gone, made, "wait=10")
	require.False(t, done)
}
