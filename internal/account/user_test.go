package account_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestAUserThatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.User(t.Context(), newID(t))
	requireFault(t, err, "resource.not_found", fault.NotFound)
	_, err = account.GrantRole(t.Context(), b.pool, "nobody@example.com", account.RoleAdmin, start)
	requireFault(t, err, "resource.not_found", fault.NotFound)
}

func TestARoleIsGrantedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	b.clock.pass(time.Hour)
	for range 2 {
		user, err := account.GrantRole(t.Context(), b.pool, " ADA@example.com", account.RoleAdmin, start.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, []string{"user", "admin"}, user.Roles)
		require.Equal(t, in.User.ID, user.ID)
		require.Equal(t, start.Add(time.Hour), user.UpdatedAt)
	}
	again, err := b.logIn("ada@example.com", password)
	require.NoError(t, err)
	who, err := authenticate(t, b.Service, again.Tokens.Access)
	require.NoError(t, err)
	require.Equal(t, []string{"user", "admin"}, who.Roles)
}

func TestARoleThatIsNoneIsNotGranted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := b.join("ada@example.com")
	_, err := account.GrantRole(t.Context(), b.pool, "ada@example.com", "emperor", start)
	require.ErrorContains(t, err, "emperor")
	_, err = account.GrantRole(t.Context(), b.pool, "ada@example.com", "", start)
	require.Error(t, err)
	user, err := b.User(t.Context(), in.User.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"user"}, user.Roles)
}
