package conversation_test

import (
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation/drill"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// plant makes the tables hold a record and nothing else of its conversation.
func (s *stage) plant(r record.Record) {
	s.t.Helper()
	require.NoError(s.t, drill.Plant(s.t.Context(), s.pool, r))
}
