package account

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// GrantRole adds a role to the account with this email. It counts within a second, for
// tokens that are out too. It needs no Service, so that the first admin can be made with
// nothing but the database. A role that is none is an error, not a fault. Faults:
// resource.not_found, server.unavailable.
func GrantRole(ctx context.Context, pool *pgxpool.Pool, email, role string, now time.Time) (User, error) {
	if !slices.Contains([]string{RoleUser, RoleModerator, RoleAdmin}, role) {
		return User{}, fmt.Errorf("grant role: there is no role %q", role)
	}
	return (&store{pool: pool}).grantRole(ctx, normalEmail(email), role, now)
}

// IDByEmail finds an account; it needs no Service either. Faults: resource.not_found,
// server.unavailable.
func IDByEmail(ctx context.Context, pool *pgxpool.Pool, email string) (uuid.UUID, error) {
	found, err := (&store{pool: pool}).credentials(ctx, normalEmail(email))
	if err == nil && found.ID == uuid.Nil {
		err = errUserNotFound
	}
	return found.ID, err
}
