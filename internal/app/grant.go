package app

import (
	"context"
	"fmt"
	"time"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// GrantAdmin gives the account with this email the role admin; it needs nothing
// but the database. Fault: resource.not_found.
func GrantAdmin(ctx context.Context, cfg Config, email string) (account.User, error) {
	pool, err := postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL.Reveal()})
	if err != nil {
		return account.User{}, err
	}
	defer pool.Close()
	user, err := account.GrantRole(ctx, pool, email, account.RoleAdmin, time.Now())
	if err != nil {
		return account.User{}, fmt.Errorf("grant %s the role %s: %w", email, account.RoleAdmin, err)
	}
	return user, nil
}
