package v2

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
)

// CreateEventReplay lets a group of handlers have past events again.
func (s *Server) CreateEventReplay(ctx context.Context, req apiv2.CreateEventReplayRequestObject) (apiv2.CreateEventReplayResponseObject, error) {
	user, b := web.IdentityFrom(ctx).UserID, req.Body
	var t task.Task
	id, again, err := s.Replays.Create(ctx, replay.CreateInput{
		UserID: user, IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
		Input: replay.Input{Group: b.Group, From: b.From.UTC(), To: b.To.UTC(), Types: valueOr(b.Types, nil), Again: valueOr(b.Again, false)},
	}, func(ctx context.Context, tx postgres.Tx, input replay.Input) (_ uuid.UUID, err error) {
		t, err = s.Tasks.Start(ctx, tx, task.StartInput{UserID: user, Kind: replay.Kind, Input: input})
		return t.ID, err
	})
	if err == nil && again {
		t, err = s.Tasks.Get(ctx, user, id)
	}
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t, valueOr(req.Params.Prefer, "")); done {
		return apiv2.CreateEventReplay200JSONResponse{
			Body:    ToAPITask(ended),
			Headers: apiv2.CreateEventReplay200ResponseHeaders{PreferenceApplied: applied, IdempotencyReplayed: replayed(again)},
		}, nil
	}
	return apiv2.CreateEventReplay202JSONResponse{
		Body:    ToAPITask(t),
		Headers: apiv2.CreateEventReplay202ResponseHeaders{Location: taskLocation(t), IdempotencyReplayed: replayed(again)},
	}, nil
}
