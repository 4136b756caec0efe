package v2

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/task"
)

// ListTasks gives one page, the newest first.
func (s *Server) ListTasks(ctx context.Context, req apiv2.ListTasksRequestObject) (apiv2.ListTasksResponseObject, error) {
	in := task.ListInput{UserID: web.IdentityFrom(ctx).UserID, Kind: req.Params.Kind, Limit: valueOr(req.Params.Limit, defaultLimit)}
	if req.Params.Status != nil {
		status := string(*req.Params.Status)
		in.Status = &status
	}
	scope := fmt.Sprintf("listTasks/%s/%s/%q", in.UserID, valueOr(in.Status, "*"), valueOr(in.Kind, ""))
	if req.Params.Cursor != nil {
		in.Before = &task.Place{}
		if err := s.Cursors.OpenJSON(scope, *req.Params.Cursor, in.Before); err != nil {
			return nil, err
		}
	}
	page, more, err := s.Tasks.List(ctx, in)
	if err != nil {
		return nil, err
	}
	out := apiv2.ListTasks200JSONResponse{Data: make([]apiv2.Task, 0, len(page)), NextCursor: nullable.NewNullNullable[string]()}
	for _, t := range page {
		out.Data = append(out.Data, ToAPITask(t))
	}
	if more {
		last := page[len(page)-1]
		next, err := s.Cursors.SealJSON(scope, task.Place{At: last.CreatedAt, ID: last.ID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// GetTask reads one task.
func (s *Server) GetTask(ctx context.Context, req apiv2.GetTaskRequestObject) (apiv2.GetTaskResponseObject, error) {
	t, err := s.Tasks.Get(ctx, web.IdentityFrom(ctx).UserID, req.TaskID)
	if err != nil {
		return nil, err
	}
	etag := taskETag(t)
	if web.NotModified(valueOr(req.Params.IfNoneMatch, ""), etag) {
		return apiv2.GetTask304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return apiv2.GetTask200JSONResponse{Body: ToAPITask(t), Headers: apiv2.GetTask200ResponseHeaders{ETag: etag}}, nil
}

// CancelTask stops one task, or asks its worker to.
func (s *Server) CancelTask(ctx context.Context, req apiv2.CancelTaskRequestObject) (apiv2.CancelTaskResponseObject, error) {
	t, err := s.Tasks.Cancel(ctx, web.IdentityFrom(ctx).UserID, req.TaskID)
	if err != nil {
		return nil, err
	}
	return apiv2.CancelTask200JSONResponse(ToAPITask(t)), nil
}

// StreamTaskEvents follows a task from what the reader has seen.
func (s *Server) StreamTaskEvents(ctx context.Context, req apiv2.StreamTaskEventsRequestObject) (_ apiv2.StreamTaskEventsResponseObject, err error) {
	var after int64
	if token := valueOr(req.Params.LastEventID, valueOr(req.Params.After, "")); token != "" {
		if after, err = s.OpenTaskPosition(req.TaskID, token); err != nil {
			return nil, err
		}
	}
	feed, ended, err := s.Tasks.Follow(ctx, web.IdentityFrom(ctx).UserID, req.TaskID, after)
	if err != nil {
		return nil, err
	}
	if ended {
		return apiv2.StreamTaskEvents204Response{}, nil
	}
	return &taskStream{server: s, ctx: ctx, feed: feed}, nil
}

// taskStream is the answer that follows one task.
type taskStream struct {
	server *Server
	ctx    context.Context
	feed   *task.Feed
}

// VisitStreamTaskEventsResponse streams until the task or the reader ends.
func (r *taskStream) VisitStreamTaskEventsResponse(w http.ResponseWriter) error {
	defer r.feed.Close()
	return r.server.serveStream(r.ctx, w, r.next)
}

func (r *taskStream) next(ctx context.Context) ([]sse.Event, error) {
	events, err := r.feed.Next(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]sse.Event, 0, len(events))
	for _, e := range events {
		data, err := json.Marshal(ToAPITaskEvent(e))
		if err != nil {
			return nil, fmt.Errorf("encode event: %w", err)
		}
		id, err := r.server.SealTaskPosition(e.Task.ID, e.Task.Revision)
		if err != nil {
			return nil, err
		}
		out = append(out, sse.Event{Name: e.Type, ID: id, Data: data})
	}
	return out, nil
}

// awaitTask waits for the end of a task that was just started, as long as Prefer
// asks for. done: it has ended, the answer is 200 with it, and applied is its
// Preference-Applied; else the answer is 202 with taskLocation.
func (s *Server) awaitTask(ctx context.Context, t task.Task, prefer string) (_ task.Task, done bool, applied string) {
	wait := preferredWait(prefer)
	if wait == 0 {
		return t, false, ""
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	feed, _, err := s.Tasks.Follow(ctx, t.UserID, t.ID, 0)
	if err != nil {
		return t, false, "" // it is stored either way
	}
	defer feed.Close()
	for !t.Ended() {
		events, err := feed.Next(ctx)
		if err != nil {
			return t, false, "" // not done in time
		}
		t = events[len(events)-1].Task
	}
	return t, true, preferenceApplied(wait)
}

// taskLocation is where a task is read.
func taskLocation(t task.Task) string { return fmt.Sprintf("%s/tasks/%s", BasePath, t.ID) }

// ToAPITaskEvent translates one event of a task.
func ToAPITaskEvent(e task.Event) any {
	t := ToAPITask(e.Task)
	switch e.Type {
	case task.EventCompleted:
		return apiv2.TaskCompleted{Type: apiv2.TaskCompletedTypeTaskCompleted, Task: t}
	case task.EventFailed:
		return apiv2.TaskFailed{Type: apiv2.TaskFailedTypeTaskFailed, Task: t, Problem: t.Problem}
	case task.EventCancelled:
		return apiv2.TaskCancelled{Type: apiv2.TaskCancelledTypeTaskCancelled, Task: t}
	default:
		return apiv2.TaskProgressed{Type: apiv2.TaskProgressedTypeTaskProgressed, Task: t}
	}
}

// ToAPITask translates one task.
func ToAPITask(t task.Task) apiv2.Task {
	out := apiv2.Task{
		ID: t.ID, Kind: t.Kind, Status: apiv2.TaskStatus(t.Status), CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
		Progress: apiv2.TaskProgress{Done: t.Progress.Done, Total: orNull(t.Progress.Total), Percent: orNull(t.Progress.Percent()),
			RatePerSecond: orNull(t.Progress.Rate), EtaSeconds: orNull(t.Progress.ETA())},
		Result: toAPIResult(t.Result),
	}
	if t.Problem != nil {
		out.Problem = &apiv2.TaskProblem{Code: apiv2.ProblemCode(t.Problem.Code), Detail: t.Problem.Detail}
	}
	return out
}

// toAPIResult keeps numbers as they are written.
func toAPIResult(text json.RawMessage) *map[string]any {
	var result map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&result) != nil { // none: it is an object if it is anything
		return nil
	}
	return &result
}

func taskETag(t task.Task) string { return fmt.Sprintf(`"r%d"`, t.Revision) }
