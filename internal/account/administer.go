package account

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var errOwnAccount = fault.New(fault.Conflict, "user.own_account", "Another administrator has to do this to your account.")

// UserFilter chooses accounts; its zero value chooses all.
type UserFilter struct {
	Email  *string `json:"email,omitempty"` // in any case
	Role   *string `json:"role,omitempty"`
	Active *bool   `json:"is_active,omitempty"`
}

// UserPlace is where an account stands among all, the newest first.
type UserPlace struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// Place is where the account stands.
func (u User) Place() UserPlace { return UserPlace{u.CreatedAt, u.ID} }

// Users gives up to limit accounts before a place, the newest first. nil: from the newest.
func (s *Service) Users(ctx context.Context, f UserFilter, before *UserPlace, limit int) ([]User, error) {
	if f.Email != nil {
		email := normalEmail(*f.Email)
		f.Email = &email
	}
	return s.store.users(ctx, f, before, limit)
}

// SetActive lets a user in, or shuts them out and ends their sessions. by is the
// administrator, who cannot shut out themselves. Faults: resource.not_found,
// user.own_account.
func (s *Service) SetActive(ctx context.Context, by, user uuid.UUID, active bool) (User, error) {
	if by == user && !active {
		return User{}, errOwnAccount
	}
	var out User
	err := s.inTx(ctx, func(tx postgres.Tx, ended *endings) error {
		owner, err := userForUpdate(ctx, tx, user)
		if err != nil {
			return err
		}
		if out = owner.User; owner.Active == active {
			return nil
		}
		if out, err = setActive(ctx, tx, user, active, later(s.now(), owner.UpdatedAt)); err != nil {
			return err
		}
		if active {
			return outbox.Write(ctx, tx, out.UpdatedAt, user, events.UserProfileUpdated{
				UserID: user, Fields: []events.ProfileField{events.ProfileFieldIsActive},
			})
		}
		if err := outbox.Write(ctx, tx, out.UpdatedAt, user, events.UserDeactivated{UserID: user}); err != nil {
			return err
		}
		return s.endSessions(ctx, tx, ending{User: user, Reason: events.SessionRevokedReasonUserDeactivated}, ended)
	})
	return out, err
}

// SetRoles gives a user these roles and no others, within a second. by is the
// administrator, who keeps that role. Faults: resource.not_found, user.own_account.
func (s *Service) SetRoles(ctx context.Context, by, user uuid.UUID, roles []string) (User, error) {
	roles = slices.Compact(slices.Sorted(slices.Values(roles)))
	if by == user && !slices.Contains(roles, RoleAdmin) {
		return User{}, errOwnAccount
	}
	var out User
	var told []change
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		owner, err := userForUpdate(ctx, tx, user)
		if err != nil {
			return err
		}
		if out = owner.User; slices.Equal(slices.Sorted(slices.Values(owner.Roles)), roles) {
			return nil
		}
		if out, err = setRoles(ctx, tx, user, roles, later(s.now(), owner.UpdatedAt)); err != nil {
			return err
		}
		if told, err = tellSessions(ctx, tx, user, s.now()); err != nil {
			return err
		}
		return roleAssigned(ctx, tx, out)
	})
	if err == nil {
		s.changes.apply(ctx, told)
	}
	return out, err
}
