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
	pool := filled(t, rows)
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
		"UserBySubject":                {db.UserBySubject, []any{text}, "users_subject_key"},
		"LiveSession":                  {db.LiveSession, []any{id, id}, "sessions_pkey"},
		"KnowsDevice":                  {db.KnowsDevice, []any{id, []byte(text), now}, "sessions_fingerprint"},
		"SessionChanges":               {db.SessionChanges, []any{time.Minute}, "session_changes_recorded"},
		"MailedCodeForUpdate":          {db.MailedCodeForUpdate, []any{[]byte(text)}, "mailed_codes_hash_key"},
		"RefreshTokenForUpdate":        {db.RefreshTokenForUpdate, []any{[]byte(text)}, "refresh_tokens_pkey"},
		"ConversationByID":             {db.ConversationByID, []any{id, id}, "conversations_pkey"},
		"ConversationForUpdate":        {db.ConversationForUpdate, []any{id}, "conversations_pkey"},
		"ConversationsByUser":          {db.ConversationsByUser, []any{id, nil, nil, now, id, 21}, "conversations_user_activity"},
		"PutWords":                     {db.PutWords, []any{[]uuid.UUID{id}, []string{text}, id}, "conversations_pkey"},
		"InsertWordsOfMessage":         {db.InsertWordsOfMessage, []any{text, id}, "messages_pkey"},
		"DeleteWordsOfRollback":        {db.DeleteWordsOfRollback, []any{id, int64(1)}, "messages_conversation_id_seq_key"},
		"MessagesWithoutWords":         {db.MessagesWithoutWords, []any{id, 50}, "messages_conversation_id_seq_key"},
		"UnindexedConversations":       {db.UnindexedConversations, []any{10}, "conversations_to_index_pkey"},
		"MessageByID":                  {db.MessageByID, []any{id, id, id, false}, "messages_pkey"},
		"MessagesByConversation":       {db.MessagesByConversation, []any{id, 0, 21}, "messages_conversation_id_seq_key"},
		"MessagesByConversationDesc":   {db.MessagesByConversationDesc, []any{id, 9, 21}, "messages_conversation_id_seq_key"},
		"WindowBefore":                 {db.WindowBefore, []any{id, 9, 200}, "messages_conversation_id_seq_key"},
		"SendMessage":                  {db.SendMessage, []any{id, now, text, id, id, int64(9), now, &id, id, text, json.RawMessage("{}"), []byte(text), text}, "conversations_pkey"},
		"AddTokens":                    {db.AddTokens, []any{now, int64(1), id}, "users_pkey"},
		"TokensOfDay":                  {db.TokensOfDay, []any{now, id}, "token_days_pkey"},
		"TokensOfService":              {db.TokensOfService, []any{now}, "token_days_pkey"},
		"EraseTokenDays":               {db.EraseTokenDays, []any{id}, "token_days_user"},
		"DeleteOldTokenDays":           {db.DeleteOldTokenDays, []any{now, 10}, "token_days_pkey"},
		"VersionsByConversation":       {db.VersionsByConversation, []any{id, id, int64(9), 21}, "conversation_versions_pkey"},
		"UpdateConversation":           {db.UpdateConversation, []any{[]byte(text), text, text, []string{}, json.RawMessage("{}"), json.RawMessage("{}"), "active", nil, 1, now, now, text, id, int64(1), "update_status"}, "conversations_pkey"},
		"AdvanceConversation":          {db.AdvanceConversation, []any{[]byte(text), text, nil, int64(1), now, text, id, int64(1), "complete_reply", nil}, "conversations_pkey"},
		"FenceConversation":            {db.FenceConversation, []any{int64(1), id, id}, "conversations_pkey"},
		"VersionByNumber":              {db.VersionByNumber, []any{id, id, int64(1)}, "conversation_versions_pkey"},
		"SnapshotAtOrBefore":           {db.SnapshotAtOrBefore, []any{id, int64(1)}, "conversation_snapshots_pkey"},
		"StepsBetween":                 {db.StepsBetween, []any{id, int64(1), int64(50)}, "conversation_versions_pkey"},
		"NewestMessage":                {db.NewestMessage, []any{id}, "messages_conversation_id_seq_key"},
		"RetryReply":                   {db.RetryReply, []any{int64(1), id}, "messages_pkey"},
		"FinishReply":                  {db.FinishReply, []any{text, "completed", nil, nil, nil, false, nil, int64(1), now, id, int64(1)}, "messages_pkey"},
		"BeginReply":                   {db.BeginReply, []any{int64(1), id}, "messages_pkey"},
		"FeedbackByConversation":       {db.FeedbackByConversation, []any{id, id}, "conversation_feedback_user"},
		"FeedbackForExport":            {db.FeedbackForExport, []any{id, id, 500}, "conversation_feedback_user"},
		"EraseFeedback":                {db.EraseFeedback, []any{id, 500}, "conversation_feedback_user"},
		"UpsertFeedback":               {db.UpsertFeedback, []any{id, int64(1), "rules", "en", json.RawMessage("{}"), id, now, id, id}, "conversations_pkey"},
		"IdempotencyKeyByName":         {db.IdempotencyKeyByName, []any{id, text, text}, "idempotency_keys_pkey"},
		"BeginMail":                    {db.BeginMail, []any{int64(1), text, now, text}, "mails_pkey"},
		"EndMail":                      {db.EndMail, []any{text, text, now, text, int64(1)}, "mails_pkey"},
		"DeadLetters":                  {db.DeadLetters, []any{now, id, nil, nil, nil, nil, 21}, "dead_letters_created"},
		"DeadLetterForUpdate":          {db.DeadLetterForUpdate, []any{id}, "dead_letters_pkey"},
		"DeleteReplayedDeadLetters":    {db.DeleteReplayedDeadLetters, []any{time.Hour, 10}, "dead_letters_replayed"},
		"JobQueueDepths":               {db.JobQueueDepths, []any{[]string{"q"}}, "river_job_prioritized_fetching_index"},
		"DiscardLeasedJob":             {db.DiscardLeasedJob, []any{1, text, int64(1)}, "job_leases_number_key"},
		"TaskByID":                     {db.TaskByID, []any{id, id}, "tasks_pkey"},
		"TaskForUpdate":                {db.TaskForUpdate, []any{id, id}, "tasks_pkey"},
		"TasksByUser":                  {db.TasksByUser, []any{id, nil, nil, now, id, 21}, "tasks_user_created"},
		"UnfinishedTask":               {db.UnfinishedTask, []any{id, text, json.RawMessage("{}")}, "tasks_user_created"},
		"BeginTask":                    {db.BeginTask, []any{int64(1), now, id}, "tasks_pkey"},
		"ProgressTask":                 {db.ProgressTask, []any{int64(1), nil, nil, false, now, id, int64(1)}, "tasks_pkey"},
		"CancelledTasks":               {db.CancelledTasks, []any{[]uuid.UUID{id}}, "tasks_pkey"},
		"DeleteFinishedTasks":          {db.DeleteFinishedTasks, []any{now, 10}, "tasks_finished"},
		"DeleteExpiredIdempotencyKeys": {db.DeleteExpiredIdempotencyKeys, []any{now, 10}, "idempotency_keys_expiry"},
		"DeleteExpiredAuditEvents":     {db.DeleteExpiredAuditEvents, []any{10}, "audit_events_time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireIndex(t, explain(t, pool, c.query, c.args), c.index)
		})
	}
}

// filled gives a database with these rows. They may take longer than a pool gives a
// statement.
func filled(t *testing.T, rows string) *pgxpool.Pool {
	t.Helper()
	url := postgrestest.URL(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), rows)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	return postgrestest.Pool(t, url)
}

func requireIndex(t *testing.T, plan, index string) {
	t.Helper()
	require.Contains(t, plan, index+" ", plan)
	require.NotContains(t, plan, "Seq Scan", plan)
	require.NotContains(t, plan, "Sort", plan)
}

// The audit log is read by the index of whichever filter is given, in both
// directions, from where the page before ended.
func TestEachFilterOfTheAuditLogUsesItsIndex(t *testing.T) {
	t.Parallel()
	pool := filled(t, auditRows)
	var of struct {
		actor, aggregate    uuid.UUID
		kind, name, request string
	}
	require.NoError(t, pool.QueryRow(t.Context(), "select actor_id, aggregate_id, aggregate_type, type, request_id from audit_events where seq = 777").
		Scan(&of.actor, &of.aggregate, &of.kind, &of.name, &of.request))
	filters := map[string]struct {
		args  []any // actor, aggregate type, aggregate, type, request
		index string
	}{
		"none":           {[]any{nil, nil, nil, nil, nil}, "audit_events_time"},
		"actor":          {[]any{of.actor, nil, nil, nil, nil}, "audit_events_actor"},
		"aggregate type": {[]any{nil, of.kind, nil, nil, nil}, "audit_events_aggregate_type"},
		"aggregate":      {[]any{nil, nil, of.aggregate, nil, nil}, "audit_events_aggregate"},
		"both":           {[]any{nil, of.kind, of.aggregate, nil, nil}, "audit_events_aggregate"},
		"type":           {[]any{nil, nil, nil, of.name, nil}, "audit_events_type"},
		"request":        {[]any{nil, nil, nil, nil, of.request}, "audit_events_request"},
		"actor and type": {[]any{of.actor, nil, nil, of.name, nil}, "audit_events_actor"},
	}
	for name, f := range filters {
		for direction, query := range map[string]string{"newest first": db.AuditEvents, "oldest first": db.AuditEventsAscending} {
			t.Run(name+" "+direction, func(t *testing.T) {
				t.Parallel()
				bounds := []any{time.Now(), int64(5), time.Now().Add(-time.Hour)}
				if direction == "oldest first" {
					bounds = []any{time.Now().Add(-time.Hour), int64(5), time.Now()}
				}
				plan := explain(t, pool, query, append(append(bounds, f.args...), 21))
				requireIndex(t, plan, f.index)
				require.Regexp(t, `Index Cond: .*ROW\(occurred_at, seq\)`, plan)
			})
		}
	}
}

// auditRows is a log of 20,000 events of the last day: of 100 actors, 5 kinds of
// things and 20 types.
const auditRows = `
insert into audit_events (event_id, type, version, aggregate_type, aggregate_id, actor_id, request_id, occurred_at, data)
select gen_random_uuid(), 't.' || n % 20, 1, 'k' || n % 5, gen_random_uuid(), md5((n % 100)::text)::uuid, 'r' || n,
    now() - n * interval '4 seconds', '{}'
from generate_series(1, 20000) n;
analyze;`

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
    message_count, last_seq, created_at, updated_at, last_activity_at, checksum)
select gen_random_uuid(), id, 'p', 's', 't', 'active', 1, '{}', '{}', '{}', 1, 1, now(), now(), now() - n * interval '1 minute', ''
from users, generate_series(1, 2000) n;
insert into conversation_versions (conversation_id, version, parent, operation, at, entry, checksum)
select id, n, n - 1, 'update_metadata', now(), '', sha256('') from conversations, generate_series(1, 4) n;
insert into messages (id, conversation_id, seq, role, content, status, metadata, version, added, created_at)
select gen_random_uuid(), id, n, 'user', 'x', 'completed', '{}', 1, 1, now() from conversations, generate_series(1, 4) n;
insert into conversation_words -- one that is in each message, and one of 800
select m.id, m.conversation_id, c.user_id, array['rate', 'w' || row_number() over (partition by c.user_id) % 800]
from messages m join conversations c on c.id = m.conversation_id;
insert into conversation_feedback select id, user_id, id, 1, 'rules', 'en', '{}', id, now() from conversations;
insert into tasks (id, user_id, kind, status, input, created_at, updated_at, finished_at)
select gen_random_uuid(), id, 'k', 'completed', '{}', now() - n * interval '1 minute', now(), now() - n * interval '1 second'
from users, generate_series(1, 2000) n;
insert into token_days select now()::date - n, id, n from users, generate_series(1, 1000) n;
insert into idempotency_keys
select gen_random_uuid(), 'o', 'k' || n, gen_random_uuid(), '', '{}', now() + n * interval '1 second' from generate_series(1, 5000) n;
insert into mails (key, message_id, template, language, status, created_at, updated_at)
select 'k' || n, 'm', 't', 'en', 'sent', now(), now() from generate_series(1, 5000) n;
insert into dead_letters (id, source, kind, queue, subject, payload, attempts, errors, correlation_id, created_at, replayed_at)
select gen_random_uuid(), 'job', 'k' || n % 3, 'q', n, '{}', 1, '[]', '', now() - n * interval '1 minute', case when n % 2 = 0 then now() end
from generate_series(1, 5000) n;
insert into river_job (kind, args, queue, max_attempts) select 'k', '{}', 'q', 4 from generate_series(1, 5000);
insert into job_leases select n, n, now() from generate_series(1, 1000) n;
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
