package account

import (
	"context"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Refresh trades a refresh token for new tokens. A used token gives the same
// successor again within RefreshGrace, so that two tabs do not disturb each
// other; after that it is taken for theft and its session ends. Roles are
// read anew. Faults: auth.invalid_refresh_token, server.unavailable.
func (s *Service) Refresh(ctx context.Context, token string) (Tokens, error) {
	now := s.now()
	next := successor(s.refresh, token)
	var found refreshToken
	var stolen bool
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		var err error
		found, err = refreshTokenForUpdate(ctx, tx, refreshHash(token))
		if err != nil {
			return err
		}
		if !found.live(now) {
			return errInvalidRefresh
		}
		if found.UsedAt != nil {
			if stolen = now.Sub(*found.UsedAt) > RefreshGrace; stolen {
				return endStolen(ctx, tx, found, now)
			}
			return nil
		}
		step := rotation{
			Session: found.SessionID, Used: refreshHash(token), Next: refreshHash(next),
			At: now, ExpiresAt: earlier(now.Add(SessionSliding), found.EndsAt),
		}
		if err := rotate(ctx, tx, step); err != nil {
			return err
		}
		return refreshed(ctx, tx, found.UserID, step)
	})
	if err != nil {
		return Tokens{}, err
	}
	if stolen {
		return Tokens{}, errInvalidRefresh
	}
	return s.tokens(found.UserID, found.SessionID, found.Roles, next)
}

// endStolen ends the session of a token that came back.
func endStolen(ctx context.Context, tx postgres.Tx, t refreshToken, now time.Time) error {
	if err := revokeSession(ctx, tx, t.SessionID, now); err != nil {
		return err
	}
	return reused(ctx, tx, t, now)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
