package conversation_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

// entry is what a version's bytes say.
type entry struct {
	Actor          *uuid.UUID     `json:"actor"`
	At             time.Time      `json:"at"`
	Change         map[string]any `json:"change"`
	ConversationID uuid.UUID      `json:"conversation_id"`
	Operation      string         `json:"operation"`
	Parent         *int64         `json:"parent"`
	Version        int64          `json:"version"`
}

// requireChain fails unless the history of a conversation is whole: numbers without a gap,
// canonical entries that say what the columns say, checksums over all before, the hash of
// each text, and the newest checksum in the head; and unless the tables say what it tells.
// It gives the operations in order.
func (s *stage) requireChain(c conversation.Conversation) (operations []string) {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), `select v.version, v.parent, v.operation, v.actor_id, v.at, v.entry, v.checksum, t.salt, t.body
		from conversation_versions v left join conversation_texts t using (conversation_id, version)
		where conversation_id = $1 order by version`, c.ID)
	require.NoError(s.t, err)
	defer rows.Close()
	var before []byte
	var last int64
	for rows.Next() {
		var col entry
		var bytes, checksum, salt []byte
		var body *string
		require.NoError(s.t, rows.Scan(&col.Version, &col.Parent, &col.Operation, &col.Actor, &col.At, &bytes, &checksum, &salt, &body))
		var said entry
		require.NoError(s.t, json.Unmarshal(bytes, &said))
		canonical, err := jcs.Transform(bytes)
		require.NoError(s.t, err)
		require.Equal(s.t, string(canonical), string(bytes), "RFC 8785")
		require.Equal(s.t, c.ID, said.ConversationID)
		require.True(s.t, said.At.Equal(col.At))
		require.Equal(s.t, []any{said.Version, said.Parent, said.Operation, said.Actor}, []any{col.Version, col.Parent, col.Operation, col.Actor})
		require.Equal(s.t, last+1, col.Version)
		if last == 0 {
			require.Nil(s.t, col.Parent)
		} else {
			require.Equal(s.t, last, *col.Parent)
		}
		sum := sha256.Sum256(append(before, bytes...))
		require.Equal(s.t, sum[:], checksum)
		require.NotNil(s.t, body)
		text := sha256.Sum256(append(salt, *body...))
		require.Equal(s.t, hex.EncodeToString(text[:]), said.Change["text_sha256"])
		before, last, operations = checksum, col.Version, append(operations, col.Operation)
	}
	require.NoError(s.t, rows.Err())
	var head []byte
	var version int64
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), "select version, checksum from conversations where id = $1", c.ID).Scan(&version, &head))
	require.Equal(s.t, last, version)
	require.Equal(s.t, before, head)
	all, err := conversation.New(conversation.Deps{Pool: s.pool}).Record(s.t.Context(), c.ID)
	require.NoError(s.t, err)
	require.Empty(s.t, all.Verify(time.Now()))
	return operations
}
