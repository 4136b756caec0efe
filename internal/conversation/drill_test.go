package conversation_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation/drill"
)

func TestADrillSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	n := setup(t, idle)
	broken := errors.New("broken")
	good := drill.Config{
		Conversations: n.Service, Pool: n.pool, UserID: mei, PartnerID: "suppliers", SituationID: "negotiations",
		Forget: func(context.Context, uuid.UUID) error { return nil },
	}
	problems := []string{}
	run := func(change func(*drill.Config)) error {
		c := good
		change(&c)
		problems = problems[:0]
		return drill.Run(t.Context(), c, func(r drill.Result) {
			if r.Problem != "" {
				problems = append(problems, r.What)
			}
		})
	}
	require.NoError(t, run(func(*drill.Config) {}), "a stack without backups")
	require.ErrorIs(t, run(func(c *drill.Config) { c.Backup = func(context.Context) (string, error) { return "", nil } }), drill.ErrFailed)
	require.Equal(t, []string{"a backup, truncated"}, problems)
	require.ErrorIs(t, run(func(c *drill.Config) { c.Backup = func(context.Context) (string, error) { return "", broken } }), broken)
	require.ErrorIs(t, run(func(c *drill.Config) { c.Forget = func(context.Context, uuid.UUID) error { return broken } }), broken)
	require.Error(t, run(func(c *drill.Config) { c.PartnerID = "nobody" }))
	var left int
	n.scan("select count(*) from conversations where user_id = $1", []any{mei}, &left)
	require.Zero(t, left, "it leaves no conversation, however it ends")
}
