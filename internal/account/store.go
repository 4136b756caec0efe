package account

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

func insertSession(ctx context.Context, tx postgres.Tx, s Session, refresh string) error {
	q := db.New()
	err := q.InsertSession(ctx, tx, db.InsertSessionParams{
		ID: s.ID, UserID: s.UserID, Device: s.Device, Address: s.Address, Fingerprint: s.fingerprint,
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
	return t.RevokedAt == nil && t.MaySignIn && now.Before(t.ExpiresAt) && now.Before(t.EndsAt)
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

func (s *store) liveSession(ctx context.Context, id, user uuid.UUID, at time.Time) (db.LiveSessionRow, error) {
	row, err := s.q.LiveSession(ctx, s.pool, db.LiveSessionParams{ID: id, UserID: user})
	if postgres.NoRows(err) || err == nil && !at.Before(row.ExpiresAt) {
		return row, ErrInvalidToken
	}
	if err != nil {
		return row, postgres.Translate(fmt.Errorf("read session: %w", err))
	}
	return row, nil
}

func (s *store) touchSession(ctx context.Context, id uuid.UUID, at time.Time) error {
	if err := s.q.TouchSession(ctx, s.pool, db.TouchSessionParams{ID: id, At: at}); err != nil {
		return postgres.Translate(fmt.Errorf("touch session: %w", err))
	}
	return nil
}

// farFuture stands before the newest: keysets start there.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *store) sessions(ctx context.Context, user uuid.UUID, before *SessionPlace, at time.Time, limit int) ([]Session, error) {
	if before == nil {
		before = &SessionPlace{At: farFuture}
	}
	rows, err := s.q.SessionsByUser(ctx, s.pool, db.SessionsByUserParams{
		UserID: user, At: at, BeforeAt: before.At, BeforeID: before.ID, MaxRows: limit,
	})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("list sessions: %w", err))
	}
	out := make([]Session, 0, len(rows))
	for _, r := range rows {
		out = append(out, Session{
			ID: r.ID, UserID: r.UserID, Device: r.Device, Address: r.Address,
			CreatedAt: r.CreatedAt.UTC(), LastSeenAt: r.LastSeenAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(),
		})
	}
	return out, nil
}

func endSessions(ctx context.Context, tx postgres.Tx, in ending, at time.Time) ([]uuid.UUID, error) {
	ids, err := db.New().EndSessions(ctx, tx, db.EndSessionsParams{UserID: in.User, OnlyID: in.Only, ButID: in.But, At: &at})
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	return ids, nil
}

func (s *store) sessionChanges(ctx context.Context, age time.Duration) ([]change, error) {
	rows, err := s.q.SessionChanges(ctx, s.pool, age)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read ended sessions: %w", err))
	}
	out := make([]change, 0, len(rows))
	for _, r := range rows {
		out = append(out, change{sessionID: r.SessionID, userID: r.UserID, ended: r.Ended})
	}
	return out, nil
}

func (s *store) knowsDevice(ctx context.Context, user uuid.UUID, fingerprint []byte, since time.Time) (bool, error) {
	known, err := s.q.KnowsDevice(ctx, s.pool, db.KnowsDeviceParams{UserID: user, Fingerprint: fingerprint, Since: since})
	if err != nil {
		return false, postgres.Translate(fmt.Errorf("read devices: %w", err))
	}
	return known, nil
}

// endLock ends a lock whose time is up, and says when that was; nil: there is none.
func endLock(ctx context.Context, tx postgres.Tx, a attempt, at time.Time) (*time.Time, error) {
	ended, err := db.New().EndLock(ctx, tx, db.EndLockParams{EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device, At: &at})
	if postgres.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("end lock: %w", err)
	}
	return ended, nil
}

func beginAttempt(ctx context.Context, tx postgres.Tx, a attempt, at time.Time) (attempt, error) {
	row, err := db.New().BeginAttempt(ctx, tx, db.BeginAttemptParams{
		EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device, UserID: a.UserID, At: at, WindowStart: at.Add(-LockPause),
	})
	if err != nil {
		return a, fmt.Errorf("begin attempt: %w", err)
	}
	a.Failures, a.Pending, a.LockedTo = row.Failures, row.Pending, row.LockedUntil
	return a, nil
}

func failAttempt(ctx context.Context, tx postgres.Tx, a attempt, at time.Time) (attempt, error) {
	row, err := db.New().FailAttempt(ctx, tx, db.FailAttemptParams{
		EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device, UserID: a.UserID, At: at,
		Most: MaxFailures, LockEnd: at.Add(LockPause),
	})
	if err != nil {
		return a, fmt.Errorf("count attempt: %w", err)
	}
	a.Failures, a.LockedTo = row.Failures, row.LockedUntil
	return a, nil
}

func (s *store) dropAttempt(ctx context.Context, a attempt) error {
	err := s.q.DropAttempt(ctx, s.pool, db.DropAttemptParams{EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device})
	if err != nil {
		return postgres.Translate(fmt.Errorf("drop attempt: %w", err))
	}
	return nil
}

func forgetAttempts(ctx context.Context, tx postgres.Tx, a attempt) error {
	err := db.New().ForgetAttempts(ctx, tx, db.ForgetAttemptsParams{EmailID: a.EmailID, SourceID: a.SourceID, Device: a.Device})
	if err != nil {
		return fmt.Errorf("forget attempts: %w", err)
	}
	return nil
}

// forgetEmail ends every lock and count of an email, and of a user where one is given, and
// reports whether there was a lock.
func forgetEmail(ctx context.Context, tx postgres.Tx, emailID uuid.UUID, user *uuid.UUID, at time.Time) (bool, error) {
	locked, err := db.New().ForgetEmail(ctx, tx, db.ForgetEmailParams{EmailID: emailID, UserID: user, At: at})
	if err != nil {
		return false, fmt.Errorf("forget attempts: %w", err)
	}
	return slices.Contains(locked, true), nil
}

func sweepAttempts(ctx context.Context, tx postgres.Tx, at time.Time, bite int) ([]attempt, error) {
	rows, err := db.New().SweepAttempts(ctx, tx, db.SweepAttemptsParams{At: at, WindowStart: at.Add(-LockPause), MaxRows: bite})
	if err != nil {
		return nil, fmt.Errorf("sweep attempts: %w", err)
	}
	out := make([]attempt, 0, len(rows))
	for _, r := range rows {
		out = append(out, attempt{EmailID: r.EmailID, SourceID: r.SourceID, UserID: r.UserID, LockedTo: r.LockedUntil})
	}
	return out, nil
}

// openedFamily is the session of a tenant's tokens.
type openedFamily struct {
	id      uuid.UUID
	created bool
}

// openFamily finds the session of a token's family, or opens it. Fault:
// auth.invalid_token for one that was ended and stays so.
func openFamily(ctx context.Context, tx postgres.Tx, s Session, t TenantToken) (openedFamily, error) {
	row, err := db.New().OpenFamily(ctx, tx, db.OpenFamilyParams{
		ID: s.ID, UserID: s.UserID, Device: s.Device, Address: s.Address, Fingerprint: s.fingerprint, Family: t.Family,
		At: s.CreatedAt, ExpiresAt: s.ExpiresAt, EndsAt: s.CreatedAt.Add(SessionAbsolute), Reopen: !t.Lasting, IssuedAt: t.IssuedAt,
	})
	if postgres.NoRows(err) {
		return openedFamily{}, ErrInvalidToken
	}
	if err != nil {
		return openedFamily{}, fmt.Errorf("open session: %w", err)
	}
	return openedFamily{row.ID, row.Created}, nil
}

func (s *store) linkSubject(ctx context.Context, user uuid.UUID, subject string, at time.Time) error {
	if err := s.q.LinkSubject(ctx, s.pool, db.LinkSubjectParams{ID: user, Subject: &subject, At: at}); err != nil {
		return postgres.Translate(fmt.Errorf("link user: %w", err))
	}
	return nil
}

func countCodes(ctx context.Context, tx postgres.Tx, args codeArgs, since time.Time) (int, error) {
	n, err := db.New().CountMailedCodes(ctx, tx, db.CountMailedCodesParams{
		UserID: args.UserID, Purpose: string(args.Purpose), Since: since, ID: args.CodeID,
	})
	if err != nil {
		return 0, fmt.Errorf("count codes: %w", err)
	}
	return n, nil
}

// freeEmail is the email of a code, or nothing where an account has it.
func freeEmail(ctx context.Context, tx postgres.Tx, codeID uuid.UUID) (string, error) {
	email, err := db.New().FreeEmailOfCode(ctx, tx, codeID)
	if postgres.NoRows(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read code: %w", err)
	}
	return email, nil
}

// insertCode stores a code's hash, and reports whether it was not there before.
func insertCode(ctx context.Context, tx postgres.Tx, c mailedCode, hash []byte, at time.Time) (bool, error) {
	n, err := db.New().InsertMailedCode(ctx, tx, db.InsertMailedCodeParams{
		ID: c.ID, Hash: hash, UserID: c.UserID, Purpose: string(c.Purpose), Email: c.Email, At: at, ExpiresAt: at.Add(CodeLifetime),
	})
	if err != nil {
		return false, fmt.Errorf("store code: %w", err)
	}
	return n == 1, nil
}

func codeForUpdate(ctx context.Context, tx postgres.Tx, hash []byte) (mailedCode, error) {
	row, err := db.New().MailedCodeForUpdate(ctx, tx, hash)
	return toCode(row, err)
}

// code reads a code without locking it: it may be used by another meanwhile.
func (s *store) code(ctx context.Context, hash []byte) (mailedCode, error) {
	row, err := s.q.MailedCodeByHash(ctx, s.pool, hash)
	c, err := toCode(row, err)
	return c, postgres.Translate(err)
}

func toCode(row db.MailedCode, err error) (mailedCode, error) {
	if postgres.NoRows(err) {
		return mailedCode{}, errInvalidCode
	}
	if err != nil {
		return mailedCode{}, fmt.Errorf("read code: %w", err)
	}
	return mailedCode{ID: row.ID, UserID: row.UserID, Purpose: purpose(row.Purpose), Email: row.Email, ExpiresAt: row.ExpiresAt, UsedAt: row.UsedAt}, nil
}

func useCodes(ctx context.Context, tx postgres.Tx, c mailedCode, at time.Time) error {
	err := db.New().UseMailedCodes(ctx, tx, db.UseMailedCodesParams{UserID: c.UserID, Purpose: string(c.Purpose), At: &at})
	if err != nil {
		return fmt.Errorf("use code: %w", err)
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

func markErasing(ctx context.Context, tx postgres.Tx, user, task uuid.UUID, at time.Time) error {
	if err := db.New().MarkErasing(ctx, tx, db.MarkErasingParams{ID: user, TaskID: &task, At: &at}); err != nil {
		return fmt.Errorf("begin erasure: %w", err)
	}
	return nil
}

// receipt is that of an account that was erased.
func (s *store) receipt(ctx context.Context, user uuid.UUID) (r Receipt, err error) {
	row, err := s.q.TombstoneByUser(ctx, s.pool, user)
	if postgres.NoRows(err) {
		return nil, errUserNotFound
	}
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read tombstone: %w", err))
	}
	if err := json.Unmarshal(row.Receipt, &r); err != nil {
		return nil, fmt.Errorf("read tombstone: %w", err)
	}
	return r, nil
}

func eraseSessions(ctx context.Context, tx postgres.Tx, user uuid.UUID) (int64, error) {
	n, err := db.New().EraseSessions(ctx, tx, user)
	if err != nil {
		return 0, fmt.Errorf("erase sessions: %w", err)
	}
	return n, nil
}

// bury deletes an account and all that refers to it, and leaves its tombstone.
func bury(ctx context.Context, tx postgres.Tx, a account, task uuid.UUID, at time.Time, receipt []byte) error {
	requested := at
	if a.ErasingAt != nil {
		requested = *a.ErasingAt
	}
	q := db.New()
	err := q.InsertTombstone(ctx, tx, db.InsertTombstoneParams{UserID: a.ID, TaskID: task, RequestedAt: requested, ErasedAt: at, Receipt: receipt})
	if err != nil {
		return fmt.Errorf("write tombstone: %w", err)
	}
	if _, err := q.DeleteUser(ctx, tx, a.ID); err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

// ExportedSession is all that is kept of a session.
type ExportedSession struct {
	ID         uuid.UUID  `json:"id"`
	Device     string     `json:"device"`
	Address    string     `json:"address"`
	CreatedAt  time.Time  `json:"created_at"`
	LastSeenAt time.Time  `json:"last_seen_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
}

// ExportSessions gives up to limit of a user's sessions after an id, those that have
// ended included, in the order of their ids.
func (s *Service) ExportSessions(ctx context.Context, user, after uuid.UUID, limit int) ([]ExportedSession, error) {
	rows, err := s.store.q.SessionsForExport(ctx, s.store.pool, db.SessionsForExportParams{UserID: user, AfterID: after, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("export sessions: %w", err))
	}
	out := make([]ExportedSession, 0, len(rows))
	for _, r := range rows {
		out = append(out, ExportedSession(r))
	}
	return out, nil
}

func (s *store) sweep(ctx context.Context, before time.Time, bite int) (int64, error) {
	var most int64
	for _, one := range []func() (int64, error){
		func() (int64, error) {
			return s.q.SweepSessions(ctx, s.pool, db.SweepSessionsParams{Before: before, MaxRows: bite})
		},
		func() (int64, error) {
			return s.q.SweepMailedCodes(ctx, s.pool, db.SweepMailedCodesParams{Before: before, MaxRows: bite})
		},
		func() (int64, error) {
			return s.q.SweepSessionChanges(ctx, s.pool, db.SweepSessionChangesParams{Age: sweepAge, MaxRows: bite})
		},
		func() (int64, error) { return 0, s.q.SweepSigningKeys(ctx, s.pool, &before) },
	} {
		n, err := one()
		if err != nil {
			return most, postgres.Translate(fmt.Errorf("sweep sessions: %w", err))
		}
		most = max(most, n)
	}
	return most, nil
}

// tellSessions has every node read the sessions of a user again, whose roles changed.
func tellSessions(ctx context.Context, tx postgres.Tx, user uuid.UUID, at time.Time) ([]change, error) {
	ids, err := db.New().TellSessions(ctx, tx, db.TellSessionsParams{UserID: user, At: at})
	if err != nil {
		return nil, fmt.Errorf("tell of sessions: %w", err)
	}
	told := make([]change, 0, len(ids))
	for _, id := range ids {
		told = append(told, change{sessionID: id, userID: user})
	}
	return told, nil
}

func (s *store) users(ctx context.Context, f UserFilter, before *UserPlace, limit int) ([]User, error) {
	if before == nil {
		before = &UserPlace{At: farFuture}
	}
	rows, err := s.q.UsersByCreation(ctx, s.pool, db.UsersByCreationParams{
		Email: f.Email, Role: f.Role, IsActive: f.Active, BeforeAt: before.At, BeforeID: before.ID, MaxRows: limit,
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
