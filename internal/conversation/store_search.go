package conversation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/words"
)

// indexRows bounds what is indexed in one statement, and read for it.
const indexRows = 50

// search gives one row more than the page, which tells whether there are more. A query
// without words finds nothing.
func (s *store) search(ctx context.Context, in ListInput, before Place) ([]db.Conversation, error) {
	asked := words.Asked(*in.Query)
	if len(asked) == 0 {
		return nil, nil
	}
	return s.q.ConversationsByWords(ctx, s.pool, db.ConversationsByWordsParams{
		UserID: in.UserID, Words: asked, Status: in.Status, Tag: in.Tag, BeforeAt: before.At, BeforeID: before.ID, MaxRows: in.Limit + 1,
	})
}

// line is the form in which words go to the database.
func line(text string) string { return strings.Join(words.Of(text), " ") }

// index makes these passages of a conversation what it is found by; where one was before,
// its old words go.
func index(ctx context.Context, tx Tx, conversation uuid.UUID, all ...passage) error {
	for some := range slices.Chunk(all, indexRows) {
		in := db.PutWordsParams{ConversationID: conversation}
		for _, p := range some {
			in.Ids, in.Words = append(in.Ids, p.id), append(in.Words, line(p.text))
		}
		if err := db.New().PutWords(ctx, tx, in); err != nil {
			return fmt.Errorf("index conversation: %w", err)
		}
	}
	return nil
}

// queueIndex adds to a batch what index does for a new message that the batch stores,
// or does not.
func queueIndex(batch *pgx.Batch, message uuid.UUID, content string) {
	batch.Queue(db.InsertWordsOfMessage, line(content), message).Exec(func(pgconn.CommandTag) error { return nil })
}

// reindex brings the words of a conversation's messages up to a rollback.
func (s *store) reindex(ctx context.Context, tx Tx, conversation uuid.UUID, version int64) error {
	err := s.q.DeleteWordsOfRollback(ctx, tx, db.DeleteWordsOfRollbackParams{ConversationID: conversation, Version: version})
	if err != nil {
		return fmt.Errorf("index conversation: %w", err)
	}
	for more := true; more && err == nil; {
		more, err = indexPage(ctx, tx, conversation)
	}
	return err
}

// indexPage indexes some messages that are to be seen and are not indexed, and says whether
// there are more. The head must be locked.
func indexPage(ctx context.Context, tx Tx, conversation uuid.UUID) (more bool, err error) {
	rows, err := db.New().MessagesWithoutWords(ctx, tx, db.MessagesWithoutWordsParams{ConversationID: conversation, MaxRows: indexRows})
	if err != nil {
		return false, fmt.Errorf("index conversation: %w", err)
	}
	all := make([]passage, len(rows))
	for i, r := range rows {
		all[i] = passage{r.ID, r.Content}
	}
	return len(rows) == indexRows, index(ctx, tx, conversation, all...)
}

// unindexed names conversations that are listed as being without words.
func (s *store) unindexed(ctx context.Context, limit int) ([]uuid.UUID, error) {
	ids, err := s.q.UnindexedConversations(ctx, s.pool, limit)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list conversations to index: %w", err))
	}
	return ids, nil
}

// indexSome indexes a page of a conversation's messages, and after the last its title; it
// says whether there is more to do.
func (s *store) indexSome(ctx context.Context, id uuid.UUID) (more bool, err error) {
	err = postgres.InTx(ctx, s.pool, func(tx Tx) error {
		head, err := s.q.ConversationForUpdate(ctx, tx, id)
		if postgres.NoRows(err) {
			return nil // deleted meanwhile, and its entry with it
		}
		if err != nil {
			return fmt.Errorf("index conversation: %w", err)
		}
		if more, err = indexPage(ctx, tx, id); err != nil || more {
			return err
		}
		if err := index(ctx, tx, id, passage{id, head.Title}); err != nil {
			return err
		}
		if err := s.q.ConversationIsIndexed(ctx, tx, id); err != nil {
			return fmt.Errorf("index conversation: %w", err)
		}
		return nil
	})
	return more, err
}
