package learning

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// eraseBite is how much feedback is erased in one statement.
const eraseBite = 500

// feedback reads the newest on a user's conversation, if there is any.
func (s *store) feedback(ctx context.Context, user, conversation uuid.UUID) (Feedback, bool, error) {
	row, found, err := s.feedbackRow(ctx, s.pool, user, conversation)
	if err != nil || !found {
		return Feedback{}, false, err
	}
	f, err := toFeedback(row)
	return f, err == nil, err
}

// feedbackWritten is what a task has written before, if it has.
func (s *store) feedbackWritten(ctx context.Context, user, conversation, taskID uuid.UUID) (FeedbackWritten, bool, error) {
	row, found, err := s.feedbackRow(ctx, s.pool, user, conversation)
	if err != nil || !found || row.TaskID != taskID {
		return FeedbackWritten{}, false, err
	}
	return FeedbackWritten{FeedbackID: row.ID, Source: row.Source}, true, nil
}

func (s *store) feedbackRow(ctx context.Context, on db.DBTX, user, conversation uuid.UUID) (db.ConversationFeedback, bool, error) {
	row, err := s.q.FeedbackByConversation(ctx, on, db.FeedbackByConversationParams{ConversationID: conversation, UserID: user})
	if postgres.NoRows(err) {
		return row, false, nil
	}
	if err != nil {
		return row, false, postgres.Translate(fmt.Errorf("read feedback: %w", err))
	}
	return row, true, nil
}

// putFeedback stores feedback in place of the one before and gives what is stored: that
// of another run of the same task, where that was first. nil: the conversation is gone.
func (s *store) putFeedback(ctx context.Context, f Feedback, taskID uuid.UUID) (*FeedbackWritten, error) {
	body, err := json.Marshal(f.body())
	if err != nil {
		return nil, fmt.Errorf("write feedback: %w", err)
	}
	out := &FeedbackWritten{FeedbackID: f.ID, Source: f.Source}
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		n, err := s.q.UpsertFeedback(ctx, tx, db.UpsertFeedbackParams{
			ID: f.ID, Version: f.Version, Source: f.Source, Language: f.Language, Body: body, TaskID: taskID, At: f.CreatedAt,
			ConversationID: f.ConversationID, UserID: f.UserID,
		})
		if err != nil {
			return fmt.Errorf("write feedback: %w", err)
		}
		if n > 0 {
			return nil
		}
		row, found, err := s.feedbackRow(ctx, tx, f.UserID, f.ConversationID)
		if out = nil; found {
			out = &FeedbackWritten{FeedbackID: row.ID, Source: row.Source}
		}
		return err
	})
	if postgres.ForeignKeyViolation(err, "conversation_feedback_conversation_id_fkey") {
		return nil, nil //nolint:nilnil // deleted at this very moment
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *store) exportFeedback(ctx context.Context, user, after uuid.UUID, limit int) ([]Feedback, error) {
	rows, err := s.q.FeedbackForExport(ctx, s.pool, db.FeedbackForExportParams{UserID: user, AfterID: after, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("export feedback: %w", err))
	}
	out := make([]Feedback, 0, len(rows))
	for _, row := range rows {
		f, err := toFeedback(row)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// eraseFeedback deletes all of a user's, some at a time.
func (s *store) eraseFeedback(ctx context.Context, user uuid.UUID) (int64, error) {
	var all int64
	for {
		n, err := s.q.EraseFeedback(ctx, s.pool, db.EraseFeedbackParams{UserID: user, MaxRows: eraseBite})
		if err != nil {
			return all, postgres.Translate(fmt.Errorf("erase feedback: %w", err))
		}
		if all += n; n < eraseBite {
			return all, nil
		}
	}
}

func toFeedback(row db.ConversationFeedback) (Feedback, error) {
	var body feedbackBody
	if err := json.Unmarshal(row.Body, &body); err != nil {
		return Feedback{}, fmt.Errorf("feedback %s: %w", row.ID, err)
	}
	f := Feedback{
		ID: row.ID, UserID: row.UserID, ConversationID: row.ConversationID, Version: row.Version, Source: row.Source,
		Language: row.Language, CreatedAt: row.CreatedAt.UTC(),
	}
	return f.with(body), nil
}
