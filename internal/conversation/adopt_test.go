package conversation_test

import (
	"context"
	"crypto/sha256"
	"io/fs"
	"log/slog"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fluentpro/fluentpro/internal/conversation"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/migrations"
)

// A conversation from before there were versions has its history from then on.
func TestAConversationFromBeforeVersionsIsAdopted(t *testing.T) {
	t.Parallel()
	admin, err := devstack.Cluster()
	require.NoError(t, err)
	url, drop, err := devstack.CloneDatabase(t.Context(), admin, "empty", func(context.Context, string) error { return nil })
	require.NoError(t, err)
	t.Cleanup(drop)
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 4})
	require.NoError(t, err)
	defer pool.Close()
	older := fstest.MapFS{}
	names, err := fs.Glob(migrations.FS, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(migrations.FS, name)
		require.NoError(t, err)
		if name < "0021" {
			older[name] = &fstest.MapFile{Data: text}
		}
	}
	require.NoError(t, postgres.Migrate(t.Context(), pool, older, slog.New(slog.DiscardHandler)))
	require.NoError(t, catalogue.Seed(t.Context(), pool))
	_, err = pool.Exec(t.Context(), insertLearners, mei, mallet, malletName)
	require.NoError(t, err)
	id := uuid.New()
	_, err = pool.Exec(t.Context(), `insert into conversations (id, user_id, partner_id, situation_id, title, status, version, tags, context, metadata,
		message_count, last_seq, created_at, updated_at, last_activity_at)
		values ($1, $2, 'suppliers', 'negotiations', 'Old', 'active', 7, '{}', '{}', '{}', 1, 1, now(), now(), now())`, id, mei)
	require.NoError(t, err)

	_, err = pool.Exec(t.Context(), `insert into messages (id, conversation_id, seq, role, content, status, finish_reason, metadata, version, created_at, completed_at)
		values (gen_random_uuid(), $1, 1, 'assistant', 'Welcome back.', 'completed', 'stop', '{}', 1, now(), now())`, id)
	require.NoError(t, err)

	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler)))
	var toIndex uuid.UUID
	require.NoError(t, pool.QueryRow(t.Context(), "select conversation_id from conversations_to_index").Scan(&toIndex))
	require.Equal(t, id, toIndex, "it becomes searchable as well")
	var entry, checksum, head []byte
	var parent int64
	require.NoError(t, pool.QueryRow(t.Context(), `select v.entry, v.checksum, v.parent, c.checksum
		from conversations c join conversation_versions v on v.conversation_id = c.id and v.version = c.version where c.id = $1`, id).
		Scan(&entry, &checksum, &parent, &head))
	canonical, err := jcs.Transform(entry)
	require.NoError(t, err)
	require.Equal(t, string(canonical), string(entry))
	sum := sha256.Sum256(entry)
	require.Equal(t, sum[:], checksum)
	require.Equal(t, checksum, head)
	require.EqualValues(t, 6, parent)

	service := conversation.New(conversation.Deps{Pool: pool})
	in := conversation.StateInput{UserID: mei, ConversationID: id, Version: 7, Limit: 1}
	state, err := service.State(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, "Old", state.Conversation.Title)
	r, err := service.Record(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, r.Verify(time.Now()), "what was before its history is believed")
	in.Version = 6
	_, err = service.State(t.Context(), in)
	requireFault(t, err, "resource.not_found")
}
