package sql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/db"
)

// A search reads the words that are the learner's own and match: neither those of others
// who say the same, nor all of the learner's.
func TestASearchReadsOnlyTheLearnersOwnMatches(t *testing.T) {
	t.Parallel()
	pool := filled(t, rows)
	var id uuid.UUID
	require.NoError(t, pool.QueryRow(t.Context(), "select id from users limit 1").Scan(&id))
	for words, matches := range map[string]string{"rate": "rows=8000", "rate w7": "rows=10", "rate nobody": "rows=0"} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "set local enable_seqscan = off")
		require.NoError(t, err)
		got, err := tx.Query(t.Context(), "explain (analyze, timing off) "+db.ConversationsByWords,
			id, nil, nil, time.Now(), id, 21, strings.Fields(words))
		require.NoError(t, err)
		lines, err := pgx.CollectRows(got, pgx.RowTo[string])
		require.NoError(t, err)
		require.NoError(t, tx.Rollback(t.Context()))
		plan := strings.Join(lines, "\n")
		require.NotContains(t, plan, "Seq Scan", plan)
		require.Regexp(t, `Bitmap Index Scan on conversation_words_user_words .*actual `+matches+` loops=1`, plan)
		require.Regexp(t, `Index Cond: \(\(user_id = .*\) AND \(words @> `, plan)
	}
}
