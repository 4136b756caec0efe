package v2

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
)

// ListDeadLetters gives one page of what was given up, newest first.
func (s *Server) ListDeadLetters(ctx context.Context, req apiv2.ListDeadLettersRequestObject) (apiv2.ListDeadLettersResponseObject, error) {
	p := req.Params
	in := deadletter.ListInput{
		Source: string(valueOr(p.Source, "")), Kind: valueOr(p.Kind, ""), Queue: valueOr(p.Queue, ""),
		Status: deadletter.Status(valueOr(p.Status, apiv2.ListDeadLettersParamsStatus(deadletter.Open))), Limit: valueOr(p.Limit, defaultLimit),
	}
	scope := fmt.Sprintf("listDeadLetters/%s/%q/%q/%s", in.Source, in.Kind, in.Queue, in.Status)
	if p.Cursor != nil {
		in.Before = &deadletter.Place{}
		if err := s.Cursors.OpenJSON(scope, *p.Cursor, in.Before); err != nil {
			return nil, err
		}
	}
	page, more, err := s.DeadLetters.List(ctx, in)
	if err != nil {
		return nil, err
	}
	out := apiv2.ListDeadLetters200JSONResponse{Data: make([]apiv2.DeadLetter, 0, len(page)), NextCursor: nullable.NewNullNullable[string]()}
	for _, l := range page {
		letter, err := ToAPIDeadLetter(l)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, letter)
	}
	if more {
		last := page[len(page)-1]
		next, err := s.Cursors.SealJSON(scope, deadletter.Place{At: last.CreatedAt, ID: last.ID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// ReplayDeadLetter has what was given up done again.
func (s *Server) ReplayDeadLetter(ctx context.Context, req apiv2.ReplayDeadLetterRequestObject) (apiv2.ReplayDeadLetterResponseObject, error) {
	l, err := s.DeadLetters.Replay(ctx, req.DeadLetterID, web.IdentityFrom(ctx).UserID)
	if err != nil {
		return nil, err
	}
	letter, err := ToAPIDeadLetter(l)
	if err != nil {
		return nil, err
	}
	return apiv2.ReplayDeadLetter200JSONResponse(letter), nil
}

// ToAPIDeadLetter translates a letter.
func ToAPIDeadLetter(l deadletter.Letter) (apiv2.DeadLetter, error) {
	out := apiv2.DeadLetter{
		ID: l.ID, Source: apiv2.DeadLetterSource(l.Source), Kind: l.Kind, Queue: l.Queue, Subject: l.Subject,
		Attempts: l.Attempts, Errors: make([]apiv2.DeadLetterFailure, 0, len(l.Errors)), ActorID: nullable.NewNullNullable[uuid.UUID](),
		CorrelationID: l.Origin.CorrelationID, CreatedAt: l.CreatedAt, ReplayedAt: orNull(l.ReplayedAt), ReplayedBy: orNull(l.ReplayedBy),
	}
	if l.Origin.ActorID != uuid.Nil {
		out.ActorID.Set(l.Origin.ActorID)
	}
	for _, f := range l.Errors {
		out.Errors = append(out.Errors, apiv2.DeadLetterFailure{Attempt: f.Attempt, At: f.At.UTC(), Error: f.Error})
	}
	if err := json.Unmarshal(l.Payload, &out.Payload); err != nil {
		return out, fmt.Errorf("dead letter %s: payload: %w", l.ID, err)
	}
	return out, nil
}
