package v2

import (
	"context"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/task"
)

const backupsScope = "listBackups"

// ListBackups gives one page of backups, the newest first.
func (s *Server) ListBackups(ctx context.Context, req apiv2.ListBackupsRequestObject) (apiv2.ListBackupsResponseObject, error) {
	var after *uuid.UUID
	if req.Params.Cursor != nil {
		after = new(uuid.UUID)
		if err := s.Cursors.OpenJSON(backupsScope, *req.Params.Cursor, after); err != nil {
			return nil, err
		}
	}
	page, more, err := s.Backups.List(ctx, after, valueOr(req.Params.Limit, defaultLimit))
	if err != nil {
		return nil, err
	}
	out := apiv2.ListBackups200JSONResponse{Data: make([]apiv2.Backup, 0, len(page)), NextCursor: nullable.NewNullNullable[string]()}
	for _, one := range page {
		out.Data = append(out.Data, toAPIBackup(one))
	}
	if more {
		next, err := s.Cursors.SealJSON(backupsScope, page[len(page)-1].ID)
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

func toAPIBackup(b backup.Listed) apiv2.Backup {
	out := apiv2.Backup{
		ID: b.ID, Kind: b.Kind, Why: b.Why, ParentID: orNull(b.ParentID), AsOf: nullUnless(b.AsOf, !b.AsOf.IsZero()), MadeAt: nullUnless(b.MadeAt, !b.MadeAt.IsZero()),
		Release: b.Release, Recipients: append([]string{}, b.Recipients...), Bytes: b.Payload.Bytes, Parts: make([]apiv2.BackupPart, 0, len(b.Parts)),
		Excluded: b.Excluded, Problem: nullUnless(b.Problem, b.Problem != ""),
	}
	for _, p := range b.Parts {
		out.Parts = append(out.Parts, apiv2.BackupPart{Name: p.Name, Contents: p.Contents, Things: p.Things, Changed: p.Changed, Counts: p.Counts})
	}
	return out
}

// nullUnless is a value, or null.
func nullUnless[T any](v T, is bool) nullable.Nullable[T] {
	if !is {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(v)
}

// CreateBackup begins to make a backup.
func (s *Server) CreateBackup(ctx context.Context, req apiv2.CreateBackupRequestObject) (apiv2.CreateBackupResponseObject, error) {
	in := backup.CreateInput{Format: 1, Full: valueOr(req.Body.Full, false)}
	t, err := s.Tasks.Create(ctx, task.CreateInput{
		StartInput: task.StartInput{UserID: web.IdentityFrom(ctx).UserID, Kind: backup.BackupKind, Input: in, About: in},
		Operation:  "createBackup", IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""), Refusal: s.Backups.MayCreate(),
	})
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t.Task, valueOr(req.Params.Prefer, "")); done {
		return apiv2.CreateBackup200JSONResponse{
			Body: ToAPITask(ended), Headers: apiv2.CreateBackup200ResponseHeaders{PreferenceApplied: applied, IdempotencyReplayed: replayed(t.Replayed)},
		}, nil
	}
	return apiv2.CreateBackup202JSONResponse{
		Body: ToAPITask(t.Task), Headers: apiv2.CreateBackup202ResponseHeaders{Location: taskLocation(t.Task), IdempotencyReplayed: replayed(t.Replayed)},
	}, nil
}

// RestoreBackup begins to bring back what a backup holds.
func (s *Server) RestoreBackup(ctx context.Context, req apiv2.RestoreBackupRequestObject) (apiv2.RestoreBackupResponseObject, error) {
	user := web.IdentityFrom(ctx).UserID
	in := backup.RestoreInput{
		Format: 1, BackupID: req.BackupID, ConversationID: req.Body.ConversationID, UserID: req.Body.UserID, Version: valueOr(req.Body.Version, 0),
		At: req.Body.At, IncludeDeleted: valueOr(req.Body.IncludeDeleted, false), Write: !valueOr(req.Body.DryRun, true), ActorID: &user,
	}
	t, err := s.Tasks.Create(ctx, task.CreateInput{
		StartInput: task.StartInput{UserID: user, Kind: backup.RestoreKind, Input: in, About: in},
		Operation:  "restoreBackup", IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""), Refusal: s.Backups.MayRestore(ctx, in),
	})
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t.Task, valueOr(req.Params.Prefer, "")); done {
		return apiv2.RestoreBackup200JSONResponse{
			Body: ToAPITask(ended), Headers: apiv2.RestoreBackup200ResponseHeaders{PreferenceApplied: applied, IdempotencyReplayed: replayed(t.Replayed)},
		}, nil
	}
	return apiv2.RestoreBackup202JSONResponse{
		Body: ToAPITask(t.Task), Headers: apiv2.RestoreBackup202ResponseHeaders{Location: taskLocation(t.Task), IdempotencyReplayed: replayed(t.Replayed)},
	}, nil
}
