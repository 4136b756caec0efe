package account

import (
	"context"
	"time"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Refresh trades a refresh token for new tokens. A used token gives the same
// successor again within RefreshGrace, so that two tabs do not disturb each
// other; after that it is taken for theft and its session ends. Roles are
// read anew. Faults: auth.invalid_refresh_token, server.unavailable.
func (s *Service) Refresh(ctx context.Context, token string) (Tokens, error) {
	now := s.now()
	next := successor(s.secrets.Refresh, token)
	var found refreshToken
	var stolen bool
	err := s.inTx(ctx, func(tx postgres.Tx, ended *endings) error {
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
				return s.endStolen(ctx, tx, found, ended)
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
		s.logAuth(ctx, "session.reuse_detected", &found.UserID, Client{}, "")
		return Tokens{}, errInvalidRefresh
	}
	return s.tokens(found.UserID, found.SessionID, found.Roles, next)
}

// endStolen ends the session of a token that came back. Nobody knows who brought it.
func (s *Service) endStolen(ctx context.Context, tx postgres.Tx, t refreshToken, ended *endings) error {
	err := outbox.Write(ctx, tx, s.now(), t.SessionID, events.SessionReuseDetected{SessionID: t.SessionID, UserID: t.UserID})
	if err != nil {
		return err
	}
	return s.endSessions(ctx, tx, ending{User: t.UserID, Only: &t.SessionID, Reason: events.SessionRevokedReasonReuseDetected}, ended)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
