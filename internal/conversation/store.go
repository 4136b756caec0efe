package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Tx is a transaction in progress.
type Tx = postgres.Tx

// windowRows bounds what is read for one prompt, however long the conversation.
const windowRows = 200

// farFuture stands before the newest: the keyset starts there.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// store is this noun's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
	once *once.Keys

	budgets Budgets
}

func (s *store) conversation(ctx context.Context, userID, id uuid.UUID) (Conversation, error) {
	c, _, err := s.headAndReply(ctx, userID, id)
	return c, err
}

// headAndReply gives a conversation and the reply that is being written, or is to be; nil:
// none.
func (s *store) headAndReply(ctx context.Context, userID, id uuid.UUID) (Conversation, *uuid.UUID, error) {
	row, err := s.q.ConversationByID(ctx, s.pool, db.ConversationByIDParams{ID: id, UserID: userID})
	if postgres.NoRows(err) {
		return Conversation{}, nil, errNotFound
	}
	if err != nil {
		return Conversation{}, nil, postgres.Translate(fmt.Errorf("read conversation: %w", err))
	}
	c, err := fromHead(row)
	return c, row.ReplyID, err
}

// conversations gives one row more than the page, which tells whether there are more.
func (s *store) conversations(ctx context.Context, in ListInput) ([]Conversation, error) {
	before := Place{At: farFuture}
	if in.Before != nil {
		before = *in.Before
	}
	var rows []db.Conversation
	var err error
	if in.Query != nil {
		rows, err = s.search(ctx, in, before)
	} else {
		rows, err = s.q.ConversationsByUser(ctx, s.pool, db.ConversationsByUserParams{
			UserID: in.UserID, Status: in.Status, Tag: in.Tag, BeforeAt: before.At, BeforeID: before.ID, MaxRows: in.Limit + 1,
		})
	}
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list conversations: %w", err))
	}
	return collect(rows, fromHead)
}

// Which messages are meant: those that are to be seen, or also those that a rollback has
// hidden.
const (
	seen      = false
	hiddenToo = true
)

func (s *store) message(ctx context.Context, userID, conversationID, id uuid.UUID, which bool) (Message, error) {
	m, err := s.messageIn(ctx, s.pool, userID, conversationID, id, which)
	return m, postgres.Translate(err)
}

func (s *store) messageIn(ctx context.Context, on querier, userID, conversationID, id uuid.UUID, which bool) (Message, error) {
	row, err := s.q.MessageByID(ctx, on, db.MessageByIDParams{ID: id, ConversationID: conversationID, UserID: userID, HiddenToo: which})
	if postgres.NoRows(err) {
		return Message{}, errMessageNotFound
	}
	if err != nil {
		return Message{}, fmt.Errorf("read message: %w", err)
	}
	return fromMessage(row)
}

// messages gives one row more than the page.
func (s *store) messages(ctx context.Context, in MessagesInput) ([]Message, error) {
	var rows []db.Message
	var err error
	if in.Descending {
		before := math.MaxInt32
		if in.After != nil {
			before = *in.After
		}
		rows, err = s.q.MessagesByConversationDesc(ctx, s.pool, db.MessagesByConversationDescParams{
			ConversationID: in.ConversationID, BeforeSeq: before, MaxRows: in.Limit + 1})
	} else {
		var after int
		if in.After != nil {
			after = *in.After
		}
		rows, err = s.q.MessagesByConversation(ctx, s.pool, db.MessagesByConversationParams{
			ConversationID: in.ConversationID, AfterSeq: after, MaxRows: in.Limit + 1})
	}
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list messages: %w", err))
	}
	return collect(rows, fromMessage)
}

// sendOutcome says how far a send came.
type sendOutcome struct {
	claimed bool // the idempotency key was free (or there is none)
	stored  bool // the conversation took the message
}

// send claims the key and stores both messages, and sets their seq and version,
// in one round trip with the first query of insertJob. When the message is not
// stored, the transaction must not be committed: the job may be in it already.
func (s *store) send(ctx context.Context, tx Tx, in SendInput, claim *once.Claim, sent *Sent, insertJob func(Tx) error) (sendOutcome, error) {
	metadata, err := json.Marshal(sent.Message.Metadata)
	if err != nil {
		return sendOutcome{}, fmt.Errorf("send message: %w", err)
	}
	version, err := added(in, sent).seal(in.ConversationID)
	if err != nil {
		return sendOutcome{}, err
	}
	var out sendOutcome
	batch := &pgx.Batch{}
	if err := s.once.Queue(batch, claim, sendResult{MessageID: sent.Message.ID, ReplyID: sent.Reply.ID}, &out.claimed); err != nil {
		return out, err
	}
	day, budget := s.budgets.OfLearner()
	batch.Queue(db.SendMessage, sent.Reply.ID, sent.Message.CreatedAt, version.head, in.ConversationID, in.UserID, budget, day, claim.IDOrNil(),
		sent.Message.ID, in.Content, json.RawMessage(metadata), version.salt, version.body).
		QueryRow(func(row pgx.Row) error {
			var number int64
			var lastSeq int
			if err := row.Scan(&number, &lastSeq); err != nil {
				if postgres.NoRows(err) {
					return nil
				}
				return fmt.Errorf("send message: %w", err)
			}
			out.stored = true
			sent.Message.Seq, sent.Message.Version = lastSeq-1, number
			sent.Reply.Seq, sent.Reply.Version = lastSeq, number
			return nil
		})
	queueIndex(batch, sent.Message.ID, in.Content)
	if err := outbox.Queue(ctx, batch, sent.Message.CreatedAt, in.ConversationID, said(in, sent)); err != nil {
		return out, err
	}
	ride := &rider{Tx: tx, batch: batch, allowed: func() bool { return out.claimed && out.stored }}
	jobErr := insertJob(ride)
	if jobErr != nil && ride.waits() {
		return out, jobErr
	}
	if err := ride.arrive(ctx); err != nil {
		return out, once.Refusal(err)
	}
	if !ride.allowed() { // and that is why there is no job
		return out, nil
	}
	return out, jobErr
}

func headIn(ctx context.Context, tx Tx, userID, id uuid.UUID) (db.Conversation, error) {
	row, err := db.New().ConversationByID(ctx, tx, db.ConversationByIDParams{ID: id, UserID: userID})
	if postgres.NoRows(err) {
		return row, errNotFound
	}
	if err != nil {
		return row, fmt.Errorf("read conversation: %w", err)
	}
	return row, nil
}

func collect[R, T any](rows []R, convert func(R) (T, error)) ([]T, error) {
	out := make([]T, 0, len(rows))
	for _, r := range rows {
		one, err := convert(r)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func fromHead(r db.Conversation) (Conversation, error) {
	c := Conversation{
		ID: r.ID, UserID: r.UserID, PartnerID: r.PartnerID, SituationID: r.SituationID, Title: r.Title, Status: r.Status,
		Version: r.Version, Tags: r.Tags, TokenLimit: r.TokenLimit, TokensUsed: r.TokensUsed, MessageCount: r.MessageCount,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), LastActivityAt: r.LastActivityAt.UTC(),
	}
	if r.ParentID != nil {
		c.Parent = &Parent{ConversationID: *r.ParentID, Version: *r.ParentVersion}
	}
	if err := json.Unmarshal(r.Context, &c.Context); err != nil {
		return c, fmt.Errorf("conversation %s: context: %w", r.ID, err)
	}
	c.Context = c.Context.filled()
	if err := json.Unmarshal(r.Metadata, &c.Metadata); err != nil {
		return c, fmt.Errorf("conversation %s: metadata: %w", r.ID, err)
	}
	return c, nil
}

func fromMessage(r db.Message) (Message, error) {
	m := Message{
		ID: r.ID, ConversationID: r.ConversationID, Seq: r.Seq, Role: r.Role, Content: r.Content, Status: r.Status,
		Tokens: r.Tokens, Version: r.Version, Attempt: r.Attempt, CreatedAt: r.CreatedAt.UTC(),
	}
	if r.FinishReason != nil {
		m.FinishReason = *r.FinishReason
	}
	if r.CompletedAt != nil {
		at := r.CompletedAt.UTC()
		m.CompletedAt = &at
	}
	if len(r.Problem) > 0 {
		if err := json.Unmarshal(r.Problem, &m.Problem); err != nil {
			return m, fmt.Errorf("message %s: problem: %w", r.ID, err)
		}
	}
	if err := json.Unmarshal(r.Metadata, &m.Metadata); err != nil {
		return m, fmt.Errorf("message %s: metadata: %w", r.ID, err)
	}
	return m, nil
}

// beginReply makes the reply this lease's to write; pgx.ErrNoRows when it has
// ended or a newer lease has it.
func (s *store) beginReply(ctx context.Context, id uuid.UUID, lease int64) (Message, error) {
	row, err := s.q.BeginReply(ctx, s.pool, db.BeginReplyParams{ID: id, LeaseNumber: lease})
	if err != nil {
		return Message{}, postgres.Translate(fmt.Errorf("begin reply: %w", err))
	}
	return fromMessage(row)
}

func (s *store) replyByID(ctx context.Context, id uuid.UUID) (Message, error) {
	row, err := s.q.ReplyByID(ctx, s.pool, id)
	if err != nil {
		return Message{}, postgres.Translate(fmt.Errorf("read reply: %w", err))
	}
	return fromMessage(row)
}

// finishReply stores the end of a reply and frees the conversation, if the
// lease still holds; else pgx.ErrNoRows.
func (s *store) finishReply(ctx context.Context, m Message, lease int64, usage llm.Usage, at time.Time) (Message, error) {
	var problem json.RawMessage
	if m.Problem != nil {
		text, err := json.Marshal(m.Problem)
		if err != nil {
			return m, fmt.Errorf("finish reply: %w", err)
		}
		problem = text
	}
	var done Message
	err := postgres.InTx(ctx, s.pool, func(tx Tx) error {
		locked, err := s.q.ConversationForUpdate(ctx, tx, m.ConversationID)
		if err != nil {
			return fmt.Errorf("finish reply: %w", err)
		}
		// What cannot be read of a damaged head must not keep its reply from ending.
		head := Conversation{ID: locked.ID, Version: locked.Version, TokenLimit: locked.TokenLimit, TokensUsed: locked.TokensUsed}
		row, err := s.q.FinishReply(ctx, tx, db.FinishReplyParams{
			ID: m.ID, LeaseNumber: lease, Content: m.Content, Status: m.Status, FinishReason: &m.FinishReason,
			Tokens: m.Tokens, PromptTokens: &usage.Prompt, TokensEstimated: usage.Estimated, Problem: problem,
			Version: head.Version + 1, At: &at,
		})
		if err != nil {
			return fmt.Errorf("finish reply: %w", err)
		}
		if done, err = fromMessage(row); err != nil {
			return err
		}
		if err := index(ctx, tx, head.ID, passage{done.ID, done.Content}); err != nil {
			return err
		}
		used := int64(usage.Prompt + usage.Completion)
		step := advance{conversation: head.ID, version: head.Version, used: used, step: finished(head, done, nil, used, at)}
		if err := s.advance(ctx, tx, step); err != nil {
			return err
		}
		if err := s.budgets.Spend(ctx, tx, locked.UserID, used); err != nil {
			return err
		}
		return answered(ctx, tx, locked.UserID, done)
	})
	return done, err
}

// turn is one earlier message as the model sees it.
type turn struct {
	Role    string
	Content string
}

// window gives the newest finished messages before a seq, the newest first.
func (s *store) window(ctx context.Context, conversationID uuid.UUID, before int) ([]turn, error) {
	rows, err := s.q.WindowBefore(ctx, s.pool, db.WindowBeforeParams{ConversationID: conversationID, BeforeSeq: before, MaxRows: windowRows})
	if err != nil {
		return nil, fmt.Errorf("read window: %w", err)
	}
	return collect(rows, func(r db.WindowBeforeRow) (turn, error) { return turn{Role: r.Role, Content: r.Content}, nil })
}

// head reads a conversation by its id alone, for the worker.
func (s *store) head(ctx context.Context, id uuid.UUID) (Conversation, error) {
	row, err := s.q.HeadByID(ctx, s.pool, id)
	if err != nil {
		return Conversation{}, fmt.Errorf("read conversation: %w", err)
	}
	return fromHead(row)
}

func (s *store) export(ctx context.Context, user, after uuid.UUID, limit int) ([]Conversation, error) {
	rows, err := s.q.ConversationsForExport(ctx, s.pool, db.ConversationsForExportParams{UserID: user, AfterID: after, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("export conversations: %w", err))
	}
	return collect(rows, fromHead)
}

func (s *store) exportMessages(ctx context.Context, user uuid.UUID, after MessagePlace, limit int) ([]Message, error) {
	rows, err := s.q.MessagesForExport(ctx, s.pool, db.MessagesForExportParams{
		UserID: user, AfterConversation: after.ConversationID, AfterSeq: after.Seq, MaxRows: limit,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("export messages: %w", err))
	}
	return collect(rows, fromMessage)
}

func (s *store) erase(ctx context.Context, user uuid.UUID, bite int) (int64, error) {
	n, err := s.q.EraseConversations(ctx, s.pool, db.EraseConversationsParams{UserID: user, MaxRows: bite})
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("erase conversations: %w", err))
	}
	return n, nil
}
