package account

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// firstKeyLock is the advisory lock under which the first signing key is made.
const firstKeyLock = 7_233_411_903

// store is this noun's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

func (s *store) userByID(ctx context.Context, id uuid.UUID) (User, error) {
	row, err := s.q.UserByID(ctx, s.pool, id)
	if postgres.NoRows(err) {
		return User{}, errUserNotFound
	}
	if err != nil {
		return User{}, postgres.Translate(fmt.Errorf("read user: %w", err))
	}
	return fromRow(row), nil
}

// credentials finds a user and the password's hash by normal email; no user and
// an inactive one have an empty hash.
func (s *store) credentials(ctx context.Context, email string) (User, string, error) {
	row, err := s.q.UserByEmail(ctx, s.pool, email)
	if postgres.NoRows(err) {
		return User{}, "", nil
	}
	if err != nil {
		return User{}, "", postgres.Translate(fmt.Errorf("read user: %w", err))
	}
	if !row.IsActive {
		row.PasswordHash = ""
	}
	return fromRow(row), row.PasswordHash, nil
}

func (s *store) grantRole(ctx context.Context, email, role string, at time.Time) (user User, err error) {
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		row, err := s.q.GrantRole(ctx, tx, db.GrantRoleParams{Email: email, Role: role, At: at})
		if postgres.NoRows(err) {
			return errUserNotFound
		}
		if err != nil {
			return fmt.Errorf("grant role: %w", err)
		}
		user = fromRow(row)
		return roleAssigned(ctx, tx, user)
	})
	return user, err
}

func (s *store) sessionIsLive(ctx context.Context, id, user uuid.UUID, at time.Time) (bool, error) {
	live, err := s.q.SessionIsLive(ctx, s.pool, db.SessionIsLiveParams{ID: id, UserID: user, At: at})
	if err != nil {
		return false, postgres.Translate(fmt.Errorf("read session: %w", err))
	}
	return live, nil
}

// insertFirstSigningKey stores a key unless there is one by now: of nodes that
// start together, one makes it for all.
func (s *store) insertFirstSigningKey(ctx context.Context, id string, sealed []byte, at time.Time) error {
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(firstKeyLock)); err != nil {
			return fmt.Errorf("signing keys: %w", err)
		}
		rows, err := s.q.SigningKeys(ctx, tx)
		if err != nil {
			return fmt.Errorf("read signing keys: %w", err)
		}
		if len(rows) > 0 {
			return nil
		}
		if err := s.q.InsertSigningKey(ctx, tx, db.InsertSigningKeyParams{ID: id, Sealed: sealed, At: at}); err != nil {
			return fmt.Errorf("insert signing key: %w", err)
		}
		return nil
	})
}

func (s *store) signingKeys(ctx context.Context) ([]db.SigningKey, error) {
	rows, err := s.q.SigningKeys(ctx, s.pool)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read signing keys: %w", err))
	}
	return rows, nil
}

func insertUser(ctx context.Context, tx postgres.Tx, u User, hash string) error {
	err := db.New().InsertUser(ctx, tx, db.InsertUserParams{
		ID: u.ID, Email: u.Email, FullName: u.FullName, PasswordHash: hash, Language: u.Language, At: u.CreatedAt,
	})
	if postgres.UniqueViolation(err, "users_email_key") {
		return errEmailTaken
	}
	if err != nil {
		return fmt.Errorf("insert user: %w", err)
	}
	return nil
}

func insertSession(ctx context.Context, tx postgres.Tx, s Session, refresh string) error {
	q := db.New()
	err := q.InsertSession(ctx, tx, db.InsertSessionParams{
		ID: s.ID, UserID: s.UserID, Device: s.Device, Address: s.Address,
		At: s.CreatedAt, ExpiresAt: s.ExpiresAt, EndsAt: s.CreatedAt.Add(SessionAbsolute),
	})
	if postgres.ForeignKeyViolation(err, "sessions_user_id_fkey") { // erased since the password was compared
		return errInvalidCredentials
	}
	if err != nil {
		return fmt.Errorf("insert session: %w", err)
	}
	err = q.InsertRefreshToken(ctx, tx, db.InsertRefreshTokenParams{Hash: refreshHash(refresh), SessionID: s.ID, At: s.CreatedAt})
	if err != nil {
		return fmt.Errorf("insert refresh token: %w", err)
	}
	return nil
}

// refreshToken is a stored refresh token with its session and user.
type refreshToken struct{ db.RefreshTokenForUpdateRow }

func (t refreshToken) live(now time.Time) bool {
	return t.RevokedAt == nil && t.IsActive && now.Before(t.ExpiresAt) && now.Before(t.EndsAt)
}

func refreshTokenForUpdate(ctx context.Context, tx postgres.Tx, hash []byte) (refreshToken, error) {
	row, err := db.New().RefreshTokenForUpdate(ctx, tx, hash)
	if postgres.NoRows(err) {
		return refreshToken{}, errInvalidRefresh
	}
	if err != nil {
		return refreshToken{}, fmt.Errorf("read refresh token: %w", err)
	}
	return refreshToken{row}, nil
}

func revokeSession(ctx context.Context, tx postgres.Tx, id uuid.UUID, at time.Time) error {
	if err := db.New().RevokeSession(ctx, tx, db.RevokeSessionParams{ID: id, At: &at}); err != nil {
		return fmt.Errorf("revoke session: %w", err)
	}
	return nil
}

// rotation is the step from one refresh token to its successor.
type rotation struct {
	Session    uuid.UUID
	Used, Next []byte
	At         time.Time
	ExpiresAt  time.Time
}

func rotate(ctx context.Context, tx postgres.Tx, r rotation) error {
	q := db.New()
	if err := q.UseRefreshToken(ctx, tx, db.UseRefreshTokenParams{Hash: r.Used, At: &r.At}); err != nil {
		return fmt.Errorf("rotate refresh token: %w", err)
	}
	if err := q.InsertRefreshToken(ctx, tx, db.InsertRefreshTokenParams{Hash: r.Next, SessionID: r.Session, At: r.At}); err != nil {
		return fmt.Errorf("rotate refresh token: %w", err)
	}
	if err := q.ExtendSession(ctx, tx, db.ExtendSessionParams{ID: r.Session, At: r.At, ExpiresAt: r.ExpiresAt}); err != nil {
		return fmt.Errorf("rotate refresh token: %w", err)
	}
	return nil
}

func fromRow(r db.User) User {
	return User{
		ID: r.ID, Email: r.Email, FullName: r.FullName, EmailVerified: r.EmailVerified, Roles: r.Roles,
		NativeLanguage: r.NativeLanguage, Language: r.Language, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}
