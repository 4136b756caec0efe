package v2

import (
	"context"
	"sort"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// queuesScope is that of the cursors of listQueues, which hold the last name.
const queuesScope = "listQueues"

// ListQueues tells how full the job queues are, by name.
func (s *Server) ListQueues(ctx context.Context, req apiv2.ListQueuesRequestObject) (apiv2.ListQueuesResponseObject, error) {
	var after string
	if req.Params.Cursor != nil {
		if err := s.Cursors.OpenJSON(queuesScope, *req.Params.Cursor, &after); err != nil {
			return nil, err
		}
	}
	all, err := s.Queues.Depths(ctx)
	if err != nil {
		return nil, err
	}
	all = all[sort.Search(len(all), func(i int) bool { return all[i].Queue > after }):]
	page := all[:min(len(all), valueOr(req.Params.Limit, defaultLimit))]
	out := apiv2.ListQueues200JSONResponse{Data: make([]apiv2.Queue, 0, len(page)), NextCursor: nullable.NewNullNullable[string]()}
	for _, d := range page {
		out.Data = append(out.Data, ToAPIQueue(d))
	}
	if len(page) < len(all) {
		next, err := s.Cursors.SealJSON(queuesScope, page[len(page)-1].Queue)
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// PauseQueue keeps nodes from beginning jobs of a queue.
func (s *Server) PauseQueue(ctx context.Context, req apiv2.PauseQueueRequestObject) (apiv2.PauseQueueResponseObject, error) {
	d, err := s.Queues.Pause(ctx, req.Name)
	if err != nil {
		return nil, err
	}
	return apiv2.PauseQueue200JSONResponse(ToAPIQueue(d)), nil
}

// ResumeQueue ends a pause.
func (s *Server) ResumeQueue(ctx context.Context, req apiv2.ResumeQueueRequestObject) (apiv2.ResumeQueueResponseObject, error) {
	d, err := s.Queues.Resume(ctx, req.Name)
	if err != nil {
		return nil, err
	}
	return apiv2.ResumeQueue200JSONResponse(ToAPIQueue(d)), nil
}

// ToAPIQueue translates what is known of a queue.
func ToAPIQueue(d job.Depth) apiv2.Queue {
	return apiv2.Queue{
		Name: d.Queue, Paused: d.Paused, Available: d.Available, Running: d.Running, Scheduled: d.Scheduled,
		Retryable: d.Retryable, OldestAvailableSeconds: d.OldestAge.Seconds(),
	}
}
