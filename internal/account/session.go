package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// SessionPlace is where a session stands in the list of its user.
type SessionPlace struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// Place is where the session stands.
func (s Session) Place() SessionPlace { return SessionPlace{s.CreatedAt, s.ID} }

// Sessions lists a user's live sessions, the newest sign-in first, and says
// whether there are more. before is the last one of the page before; nil: none.
func (s *Service) Sessions(ctx context.Context, user uuid.UUID, before *SessionPlace, limit int) ([]Session, bool, error) {
	all, err := s.store.sessions(ctx, user, before, s.now(), limit+1)
	if err != nil {
		return nil, false, err
	}
	more := len(all) > limit
	if more {
		all = all[:limit]
	}
	ids := make([]string, 0, len(all))
	for _, one := range all {
		ids = append(ids, one.ID.String())
	}
	seen, err := s.gate.Seen(ctx, user.String(), ids)
	if err != nil {
		return all, more, nil // with Redis away the rows say when, to the minute
	}
	for i := range all {
		if at := seen[ids[i]]; at.After(all[i].LastSeenAt) {
			all[i].LastSeenAt = at.UTC().Truncate(time.Microsecond)
		}
	}
	return all, more, nil
}

// RevokeSession ends one session of a user; current is the one that asks. Fault:
// resource.not_found for one that is not the user's, or has ended.
func (s *Service) RevokeSession(ctx context.Context, user, session, current uuid.UUID) error {
	in := ending{User: user, Only: &session, Reason: events.SessionRevokedReasonRevoked}
	if session == current {
		in.Reason = events.SessionRevokedReasonLoggedOut
	}
	return s.inTx(ctx, func(tx postgres.Tx, ended *endings) error {
		if err := s.endSessions(ctx, tx, in, ended); err != nil {
			return err
		}
		if len(ended.all) == 0 {
			return errSessionNotFound
		}
		if session != current {
			return nil
		}
		return outbox.Write(ctx, tx, s.now(), user, events.UserLoggedOut{UserID: user, SessionID: session})
	})
}

// RevokeOtherSessions ends all sessions of a user but the current one.
func (s *Service) RevokeOtherSessions(ctx context.Context, user, current uuid.UUID) error {
	return s.inTx(ctx, func(tx postgres.Tx, ended *endings) error {
		return s.endSessions(ctx, tx, ending{User: user, But: &current, Reason: events.SessionRevokedReasonRevoked}, ended)
	})
}

// ending says which sessions of a user end, and why.
type ending struct {
	User   uuid.UUID
	Only   *uuid.UUID // nil: all
	But    *uuid.UUID // nil: no exception
	Reason events.SessionRevokedReason
}

// endings are the sessions that a transaction ends.
type endings struct{ all []change }

// inTx runs fn in a transaction, and once it is committed makes known which
// sessions it ended.
func (s *Service) inTx(ctx context.Context, fn func(tx postgres.Tx, ended *endings) error) error {
	var ended endings
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		ended = endings{}
		return fn(tx, &ended)
	})
	if err != nil {
		return err
	}
	s.changes.apply(ctx, ended.all)
	return nil
}

// endSessions ends sessions within tx and tells of each.
func (s *Service) endSessions(ctx context.Context, tx postgres.Tx, in ending, ended *endings) error {
	now := s.now()
	ids, err := endSessions(ctx, tx, in, now)
	if err != nil {
		return err
	}
	for _, id := range ids {
		ended.all = append(ended.all, change{sessionID: id, userID: in.User, ended: true})
		err := outbox.Write(ctx, tx, now, id, events.SessionRevoked{SessionID: id, UserID: in.User, Reason: in.Reason})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepAge is how long what is over is kept: sessions and codes for the export of
// their user's data, changes for longer than any token lives.
const sweepAge = 24 * time.Hour

// Sweep deletes a bite of sessions, codes and signing keys that are long over.
func (s *Service) Sweep(ctx context.Context, bite int) (int64, error) {
	return s.store.sweep(ctx, s.now().Add(-sweepAge), bite)
}
