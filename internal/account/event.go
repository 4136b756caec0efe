package account

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// eventGroup is the group of this package's event handlers.
const eventGroup = "account"

// HandleEvents adds what this package does about events.
func (s *Service) HandleEvents(h *outbox.Handlers) {
	outbox.On(h, eventGroup, func(ctx context.Context, tx postgres.Tx, e outbox.Event, data events.UserRegistered) error {
		if err := s.welcome(ctx, tx, e, data.UserID); err != nil {
			return err
		}
		return s.jobs.Insert(ctx, tx, codeArgs{Format: 1, CodeID: e.ID, UserID: data.UserID, Purpose: purposeVerify})
	})
}

// by makes a user the one who asks, where no token says so: at sign-up, sign-in
// and refresh.
func by(ctx context.Context, user uuid.UUID) context.Context {
	origin := telemetry.OriginFrom(ctx)
	origin.ActorID = user
	return telemetry.WithOrigin(ctx, origin)
}

// signedUp tells of a new account and its first session, in their transaction.
func signedUp(ctx context.Context, tx postgres.Tx, made SignedIn) error {
	u, session := made.User, made.Session
	ctx = by(ctx, u.ID)
	err := outbox.Write(ctx, tx, u.CreatedAt, u.ID, events.UserRegistered{UserID: u.ID, Language: u.Language, SessionID: &session.ID})
	if err != nil {
		return err
	}
	return sessionCreated(ctx, tx, session)
}

// signedIn tells of a session that a password opened, in its transaction.
func signedIn(ctx context.Context, tx postgres.Tx, session Session) error {
	ctx = by(ctx, session.UserID)
	err := outbox.Write(ctx, tx, session.CreatedAt, session.UserID, events.UserLoggedIn{UserID: session.UserID, SessionID: session.ID})
	if err != nil {
		return err
	}
	return sessionCreated(ctx, tx, session)
}

func sessionCreated(ctx context.Context, tx postgres.Tx, session Session) error {
	return outbox.Write(ctx, tx, session.CreatedAt, session.ID, events.SessionCreated{
		SessionID: session.ID, UserID: session.UserID, ExpiresAt: session.ExpiresAt,
	})
}

// refreshed tells that a session was prolonged.
func refreshed(ctx context.Context, tx postgres.Tx, user uuid.UUID, r rotation) error {
	return outbox.Write(by(ctx, user), tx, r.At, r.Session, events.SessionRefreshed{
		SessionID: r.Session, UserID: user, ExpiresAt: &r.ExpiresAt,
	})
}

// roleAssigned tells of the roles that a user has from now on.
func roleAssigned(ctx context.Context, tx postgres.Tx, u User) error {
	roles := make([]events.Role, 0, len(u.Roles))
	for _, r := range u.Roles {
		roles = append(roles, events.Role(r))
	}
	return outbox.Write(ctx, tx, u.UpdatedAt, u.ID, events.UserRoleAssigned{UserID: u.ID, Roles: roles})
}
