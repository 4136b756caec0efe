// Package sql_test proves what each query in sql/queries says of itself: that
// it is read by an index, in its order, without sorting.
package sql_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

func TestHotQueriesUseTheirIndex(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Open(t)
	_, err := pool.Exec(t.Context(), rows)
	require.NoError(t, err)
	var id uuid.UUID // of a learner who has much, so that the planner does not count on little
	require.NoError(t, pool.QueryRow(t.Context(), "select id from users limit 1").Scan(&id))
	now, text := time.Now(), "x"
	for name, c := range map[string]struct {
		query string
		args  []any
		index string
	}{
		"UserByEmail":                  {db.UserByEmail, []any{text}, "users_email_key"},
		"UserByID":                     {db.UserByID, []any{id}, "users_pkey"},
		"SessionIsLive":                {db.SessionIsLive, []any{id, id, now}, "sessions_pkey"},
		"RefreshTokenForUpdate":        {db.RefreshTokenForUpdate, []any{[]byte(text)}, "refresh_tokens_pkey"},
		"ConversationByID":             {db.ConversationByID, []any{id, id}, "conversations_pkey"},
		"ConversationForUpdate":        {db.ConversationForUpdate, []any{id}, "conversations_pkey"},
		"ConversationsByUser":          {db.ConversationsByUser, []any{id, nil, nil, now, id, 21}, "conversations_user_activity"},
		"MessageByID":                  {db.MessageByID, []any{id, id, id}, "messages_pkey"},
		"MessagesByConversation":       {db.MessagesByConversation, []any{id, 0, 21}, "messages_conversation_id_seq_key"},
		"MessagesByConversationDesc":   {db.MessagesByConversationDesc, []any{id, 9, 21}, "messages_conversation_id_seq_key"},
		"WindowBefore":                 {db.WindowBefore, []any{id, 9, 200}, "messages_conversation_id_seq_key"},
		"SendMessage":                  {db.SendMessage, []any{id, now, id, id, &id, id, text, json.RawMessage("{}")}, "conversations_pkey"},
		"BeginReply":                   {db.BeginReply, []any{int64(1), id}, "messages_pkey"},
		"IdempotencyKeyByName":         {db.IdempotencyKeyByName, []any{id, text, text}, "idempotency_keys_pkey"},
		"TaskByID":                     {db.TaskByID, []any{id, id}, "tasks_pkey"},
		"TaskForUpdate":                {db.TaskForUpdate, []any{id, id}, "tasks_pkey"},
		"TasksByUser":                  {db.TasksByUser, []any{id, nil, nil, now, id, 21}, "tasks_user_created"},
		"BeginTask":                    {db.BeginTask, []any{int64(1), now, id}, "tasks_pkey"},
		"ProgressTask":                 {db.ProgressTask, []any{int64(1), nil, nil, false, now, id, int64(1)}, "tasks_pkey"},
		"CancelledTasks":               {db.CancelledTasks, []any{[]uuid.UUID{id}}, "tasks_pkey"},
		"DeleteFinishedTasks":          {db.DeleteFinishedTasks, []any{now, 10}, "tasks_finished"},
		"DeleteExpiredIdempotencyKeys": {db.DeleteExpiredIdempotencyKeys, []any{now, 10}, "idempotency_keys_expiry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := explain(t, pool, c.query, c.args)
			require.Contains(t, plan, c.index, plan)
			require.NotContains(t, plan, "Seq Scan", plan)
			require.NotContains(t, plan, "Sort", plan)
		})
	}
}

// rows is enough of everything that the planner chooses as it would in earnest:
// 5 learners with 2,000 conversations of 4 messages each, and many sessions.
const rows = `
insert into partners values ('p', 0, 'internal', '{}', '{}', '', '');
insert into situations values ('s', 0, '{}', '{}', '', '');
insert into users (id, email, full_name, password_hash, created_at, updated_at)
select gen_random_uuid(), 'u' || n || '@example.com', 'x', 'x', now(), now() from generate_series(1, 5) n;
insert into sessions (id, user_id, device, address, created_at, last_seen_at, expires_at, ends_at)
select gen_random_uuid(), id, 'd', 'a', now(), now(), now(), now() from users, generate_series(1, 400);
insert into refresh_tokens (hash, session_id, created_at)
select decode(md5(random()::text), 'hex'), id, now() from sessions;
insert into conversations (id, user_id, partner_id, situation_id, title, status, version, tags, context, metadata,
    message_count, last_seq, created_at, updated_at, last_activity_at)
select gen_random_uuid(), id, 'p', 's', 't', 'active', 1, '{}', '{}', '{}', 1, 1, now(), now(), now() - n * interval '1 minute'
from users, generate_series(1, 2000) n;
insert into messages (id, conversation_id, seq, role, content, status, metadata, version, created_at)
select gen_random_uuid(), id, n, 'user', 'x', 'completed', '{}', 1, now() from conversations, generate_series(1, 4) n;
insert into tasks (id, user_id, kind, status, input, created_at, updated_at, finished_at)
select gen_random_uuid(), id, 'k', 'completed', '{}', now() - n * interval '1 minute', now(), now() - n * interval '1 second'
from users, generate_series(1, 2000) n;
insert into idempotency_keys
select gen_random_uuid(), 'o', 'k' || n, gen_random_uuid(), '', '{}', now() + n * interval '1 second' from generate_series(1, 5000) n;
analyze;`

// explain gives the plan that PostgreSQL takes when tables and their parts are
// too large to be read whole or sorted.
func explain(t *testing.T, pool *pgxpool.Pool, query string, args []any) string {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), "set local enable_seqscan = off; set local enable_bitmapscan = off")
	require.NoError(t, err)
	rows, err := tx.Query(t.Context(), "explain "+query, args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}
