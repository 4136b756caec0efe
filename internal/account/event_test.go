package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// told gives the types of all events about a user and the user's sessions, in order.
func (b *bench) told(user uuid.UUID) string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), "select type from outbox where data->>'user_id' = $1 order by position", user.String())
	require.NoError(b.t, err)
	var types []string
	var one string
	for rows.Next() {
		require.NoError(b.t, rows.Scan(&one))
		types = append(types, one)
	}
	require.NoError(b.t, rows.Err())
	return strings.Join(types, " ")
}

func TestWhatHappensToAnAccountIsToldAsEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := telemetry.WithOrigin(t.Context(), telemetry.Origin{CorrelationID: "request-1"})
	made, err := b.SignUp(ctx, account.SignUpInput{Email: "mei@example.com", Password: password, FullName: "Mei Chen", Language: "zh-Hant"})
	require.NoError(t, err)
	require.Equal(t, "user.registered session.created", b.told(made.User.ID))

	in, err := b.LogIn(ctx, account.LogInInput{Email: "mei@example.com", Password: password})
	require.NoError(t, err)
	_, err = b.LogIn(ctx, account.LogInInput{Email: "mei@example.com", Password: "Wrong-Light-42"})
	require.Error(t, err)
	_, err = b.Refresh(ctx, in.Tokens.Refresh)
	require.NoError(t, err)
	_, err = b.Refresh(ctx, in.Tokens.Refresh) // within the grace: the same answer again, and no event
	require.NoError(t, err)
	b.clock.pass(time.Minute)
	_, err = b.Refresh(ctx, in.Tokens.Refresh)
	require.Error(t, err)
	_, err = account.GrantRole(ctx, b.pool, "mei@example.com", account.RoleAdmin, b.clock.Now())
	require.NoError(t, err)
	require.Equal(t, "user.registered session.created user.logged_in session.created auth.login_failed session.refreshed session.reuse_detected session.revoked user.role_assigned",
		b.told(made.User.ID))
	for condition, n := range map[string]int{
		"correlation_id = 'request-1'": 9,
		"actor_id = aggregate_id and aggregate_type = 'user' and type in ('user.registered', 'user.logged_in')": 2,
		"actor_id is null and type in ('session.reuse_detected', 'session.revoked', 'user.role_assigned')":      3,
		"type = 'user.registered' and data->>'language' = 'zh-Hant'":                                            1,
		"type = 'session.revoked' and data->>'reason' = 'reuse_detected'":                                       1,
		"type = 'user.role_assigned' and data->'roles' = '[\"user\", \"admin\"]'":                               1,
	} {
		require.Equal(t, n, b.count("select count(*) from outbox where "+condition), condition)
	}
}

func TestNoEventTellsOfASignUpThatWasRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := account.SignUpInput{Email: "mei@example.com", Password: password, FullName: "Mei Chen", IdempotencyKey: "once"}
	_, err := b.SignUp(t.Context(), in)
	require.NoError(t, err)
	in.IdempotencyKey = ""
	_, err = b.SignUp(t.Context(), in)
	require.ErrorContains(t, err, "user.email_taken")
	require.Equal(t, 1, b.count("select count(*) from outbox where type = 'user.registered'"))
}
