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

func (s *store) byID(ctx context.Context, id uuid.UUID) (account, error) {
	row, err := s.q.UserByID(ctx, s.pool, id)
	return found(row, err)
}

// bySubject finds the account of a tenant's user. Fault: resource.not_found.
func (s *store) bySubject(ctx context.Context, subject string) (account, error) {
	row, err := s.q.UserBySubject(ctx, s.pool, &subject)
	return found(row, err)
}

// credentials finds an account by normal email; where there is none it is zero.
func (s *store) credentials(ctx context.Context, email string) (account, error) {
	row, err := s.q.UserByEmail(ctx, s.pool, email)
	if postgres.NoRows(err) {
		return account{}, nil
	}
	return found(row, err)
}

// found translates a row that was looked for.
func found(row db.User, err error) (account, error) {
	if postgres.NoRows(err) {
		return account{}, errUserNotFound
	}
	if err != nil {
		return account{}, postgres.Translate(fmt.Errorf("read user: %w", err))
	}
	return toAccount(row), nil
}

// userForUpdate reads and locks an account.
func userForUpdate(ctx context.Context, tx postgres.Tx, id uuid.UUID) (account, error) {
	row, err := db.New().UserForUpdate(ctx, tx, id)
	return found(row, err)
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
		user = toAccount(row).User
		if _, err := tellSessions(ctx, tx, user.ID, at); err != nil {
			return err
		}
		return roleAssigned(ctx, tx, user)
	})
	return user, err
}

// insertFirstSigningKey stores a key unless there is one by now: of nodes that
// start together, one makes it for all.
func (s *store) insertFirstSigningKey(ctx context.Context, id string, sealed []byte, at time.Time) error {
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(firstKeyLock)); err != nil {
			return fmt.Errorf("signing keys: %w", err)
		}
		rows, err := s.q.SigningKeys(ctx, tx, &at)
		if err != nil {
			return fmt.Errorf("read signing keys: %w", err)
		}
		if len(rows) > 0 {
			return nil
		}
		if err := s.q.InsertSigningKey(ctx, tx, db.InsertSigningKeyParams{ID: id, Sealed: sealed, At: at, SignsAt: at}); err != nil {
			return fmt.Errorf("insert signing key: %w", err)
		}
		return nil
	})
}

// signingKeys reads the keys that have not retired, the one that signs last at the end.
func (s *store) signingKeys(ctx context.Context, at time.Time) ([]db.SigningKey, error) {
	rows, err := s.q.SigningKeys(ctx, s.pool, &at)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read signing keys: %w", err))
	}
	return rows, nil
}

// addSigningKey stores a key that others know of when it begins to sign, and says when they retire.
func addSigningKey(ctx context.Context, tx postgres.Tx, k Key, sealed []byte, retiresAt time.Time) error {
	q := db.New()
	err := q.InsertSigningKey(ctx, tx, db.InsertSigningKeyParams{ID: k.ID, Sealed: sealed, At: k.CreatedAt, SignsAt: k.SignsAt})
	if err != nil {
		return fmt.Errorf("insert signing key: %w", err)
	}
	if err := q.RetireSigningKeys(ctx, tx, db.RetireSigningKeysParams{ID: k.ID, RetiresAt: &retiresAt}); err != nil {
		return fmt.Errorf("retire signing keys: %w", err)
	}
	return nil
}

func insertUser(ctx context.Context, tx postgres.Tx, u User, c Credential) error {
	err := db.New().InsertUser(ctx, tx, db.InsertUserParams{
		ID: u.ID, Email: u.Email, FullName: u.FullName, PasswordHash: c.Hash, Subject: orNil(c.Subject), EmailVerified: u.EmailVerified,
		Language: u.Language, At: u.CreatedAt,
	})
	if postgres.UniqueViolation(err, "users_subject_key") { // another request made it at the same time
		return ErrEmailTaken.WithCause(err)
	}
	if postgres.UniqueViolation(err, "users_email_key") {
		return ErrEmailTaken
	}
	if err != nil {
		return fmt.Errorf("insert user: %w", err)
	}
	return nil
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func toAccount(r db.User) account {
	a := account{User: User{
		ID: r.ID, Email: r.Email, FullName: r.FullName, EmailVerified: r.EmailVerified, Roles: r.Roles,
		NativeLanguage: r.NativeLanguage, Language: r.Language, Preferences: r.Preferences, Active: r.IsActive, ErasingAt: r.ErasingAt,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, Credential: Credential{Hash: r.PasswordHash}, erasureTask: r.ErasureTaskID}
	if r.Subject != nil {
		a.Subject = *r.Subject
	}
	return a
}

// farFuture stands before the newest: keysets start there.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *store) linkSubject(ctx context.Context, user uuid.UUID, subject string, at time.Time) error {
	if err := s.q.LinkSubject(ctx, s.pool, db.LinkSubjectParams{ID: user, Subject: &subject, At: at}); err != nil {
		return postgres.Translate(fmt.Errorf("link user: %w", err))
	}
	return nil
}

func setPassword(ctx context.Context, tx postgres.Tx, user uuid.UUID, c Credential, at time.Time) error {
	err := db.New().SetPassword(ctx, tx, db.SetPasswordParams{ID: user, PasswordHash: c.Hash, Subject: orNil(c.Subject), At: at})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// verifyEmail makes a proven email the account's. Fault: user.email_taken.
func verifyEmail(ctx context.Context, tx postgres.Tx, user uuid.UUID, email string, at time.Time) error {
	err := db.New().VerifyEmail(ctx, tx, db.VerifyEmailParams{ID: user, Email: email, At: at})
	if postgres.UniqueViolation(err, "users_email_key") {
		return ErrEmailTaken
	}
	if err != nil {
		return fmt.Errorf("verify email: %w", err)
	}
	return nil
}

func updateProfile(ctx context.Context, tx postgres.Tx, u User) (User, error) {
	row, err := db.New().UpdateProfile(ctx, tx, db.UpdateProfileParams{
		ID: u.ID, FullName: u.FullName, NativeLanguage: u.NativeLanguage, Preferences: u.Preferences, At: u.UpdatedAt,
	})
	if err != nil {
		return User{}, fmt.Errorf("update user: %w", err)
	}
	return toAccount(row).User, nil
}

func (s *store) users(ctx context.Context, f UserFilter, before *UserPlace, limit int) ([]User, error) {
	if before == nil {
		before = &UserPlace{At: farFuture}
	}
	rows, err := s.q.UsersByCreation(ctx, s.pool, db.UsersByCreationParams{
		Email: f.Email, Role: f.Role, IsActive: f.Active, BeforeAt: before.At, BeforeID: before.ID, Reserved: ReservedUser, MaxRows: limit,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list users: %w", err))
	}
	out := make([]User, 0, len(rows))
	for _, r := range rows {
		out = append(out, toAccount(r).User)
	}
	return out, nil
}

func setActive(ctx context.Context, tx postgres.Tx, user uuid.UUID, active bool, at time.Time) (User, error) {
	row, err := db.New().SetActive(ctx, tx, db.SetActiveParams{ID: user, IsActive: active, At: at})
	if err != nil {
		return User{}, fmt.Errorf("set active: %w", err)
	}
	return toAccount(row).User, nil
}

func setRoles(ctx context.Context, tx postgres.Tx, user uuid.UUID, roles []string, at time.Time) (User, error) {
	row, err := db.New().SetRoles(ctx, tx, db.SetRolesParams{ID: user, Roles: roles, At: at})
	if err != nil {
		return User{}, fmt.Errorf("set roles: %w", err)
	}
	return toAccount(row).User, nil
}

func (s *store) reserve(ctx context.Context, at time.Time) error {
	err := s.q.InsertReservedUser(ctx, s.pool, db.InsertReservedUserParams{ID: ReservedUser, Email: reservedEmail, FullName: "Monitor", At: at})
	if err != nil {
		return postgres.Translate(fmt.Errorf("reserve user: %w", err))
	}
	return nil
}
