package account

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// GrantRole adds a role to the account with this email; tokens issued from now
// on carry it. It needs no Service, so that the first admin can be made with
// nothing but the database. Fault: resource.not_found.
func GrantRole(ctx context.Context, pool *pgxpool.Pool, email, role string, now time.Time) (User, error) {
	return (&store{pool: pool}).grantRole(ctx, normalEmail(email), role, now)
}
