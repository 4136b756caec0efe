package conversation_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation"
)

// mostOfAReply is what a finished reply of a few lines may hold of Redis, in bytes, until
// its log runs out: Redis gives each of the two streams some 4 KiB at once.
const mostOfAReply = 10 << 10

// Thousands of finished replies hold a bounded part of Redis, and for a bounded time.
func TestFinishedRepliesHoldLittleOfRedisAndNotForLong(t *testing.T) {
	t.Parallel()
	if sharedIsInProcess(t) {
		t.Skip("the in-process Redis tells nothing of its memory")
	}
	own := startRedis(t)
	n := setup(t, idle, own.use)
	words := strings.SplitAfter(strings.TrimSuffix("I can offer you a better rate from May on. ", " "), " ")
	before := n.redisMemory()
	const replies, writers = 4_000, 16
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range replies / writers {
				m := conversation.Message{
					ID: uuid.New(), ConversationID: uuid.New(), Seq: 3, Role: conversation.RoleAssistant, FinishReason: "stop",
					Metadata: map[string]any{}, Version: 3, Attempt: 1, CreatedAt: time.Now(),
				}
				if err := n.WriteLog(t.Context(), m, words); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	each := (n.redisMemory() - before) / replies
	t.Logf("a finished reply of %d words holds %d bytes", len(words), each)
	require.Less(t, each, mostOfAReply)

	logs := 0
	for keys := n.redis.Scan(t.Context(), 0, "*", 1000).Iterator(); keys.Next(t.Context()); {
		logs++
		left, err := n.redis.PTTL(t.Context(), keys.Val()).Result()
		require.NoError(t, err)
		require.Positive(t, left, keys.Val())
		require.LessOrEqual(t, left, time.Minute, keys.Val())
	}
	require.Equal(t, 2*replies, logs, "of each reply and of each conversation")
}

// redisMemory is what Redis holds for its data.
func (n *node) redisMemory() int {
	n.t.Helper()
	info, err := n.redis.Info(n.t.Context(), "memory").Result()
	require.NoError(n.t, err)
	_, after, found := strings.Cut(info, "used_memory:")
	require.True(n.t, found)
	bytes, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]))
	require.NoError(n.t, err)
	return bytes
}
