package app

import (
	"context"
	"time"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// GrantAdmin gives the account with this email the role admin; it needs nothing
// but the database. Fault: resource.not_found.
func GrantAdmin(ctx context.Context, cfg Config, email string) (account.User, error) {
	pool, err := postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL})
	if err != nil {
		return account.User{}, err
	}
	defer pool.Close()
	return account.GrantRole(ctx, pool, email, account.RoleAdmin, time.Now())
}
