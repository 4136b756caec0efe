package account

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

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
