package account

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// ChangePasswordInput is a learner's wish for another password.
type ChangePasswordInput struct {
	UserID    uuid.UUID
	SessionID uuid.UUID // the one that asks and goes on; all others end
	Current   string
	New       string
	Client    Client
}

// ChangePassword proves the current password and sets a new one. Faults:
// user.wrong_password, with RetryAfter after MaxFailures; user.password_weak;
// server.*.
func (s *Service) ChangePassword(ctx context.Context, in ChangePasswordInput) error {
	if err := checkPassword(in.New, "/new_password"); err != nil {
		return err
	}
	p, err := s.proveAgain(ctx, in.UserID, in.Current, in.Client)
	if err != nil {
		return err
	}
	next, err := s.provider.Replace(ctx, p.Credential, in.New) // before the transaction, which must not wait for it
	if err != nil {
		return s.drop(ctx, p, atField(err, "/new_password"))
	}
	err = s.inTx(ctx, func(tx postgres.Tx, ended *endings) error {
		owner, err := userForUpdate(ctx, tx, in.UserID)
		if err != nil {
			return err
		}
		if owner.Credential != p.Credential { // changed meanwhile: what was proved is not the password any more
			return errWrongPassword
		}
		if err := setPassword(ctx, tx, owner.ID, next, later(s.now(), owner.UpdatedAt)); err != nil {
			return err
		}
		if err := p.forget(ctx, tx); err != nil {
			return err
		}
		if err := s.endSessions(ctx, tx, ending{User: in.UserID, But: &in.SessionID, Reason: events.SessionRevokedReasonPasswordChanged}, ended); err != nil {
			return err
		}
		return outbox.Write(ctx, tx, s.now(), in.UserID, events.UserPasswordChanged{UserID: in.UserID, SessionID: &in.SessionID})
	})
	if err != nil {
		return s.drop(ctx, p, err)
	}
	s.logAuth(ctx, "user.password_changed", &in.UserID, in.Client, "")
	return nil
}

// proveAgain asks a user who is signed in for the password. Fault:
// user.wrong_password.
func (s *Service) proveAgain(ctx context.Context, user uuid.UUID, password string, client Client) (proven, error) {
	owner, err := s.store.byID(ctx, user)
	if err != nil {
		return proven{}, err
	}
	p, err := s.prove(ctx, owner.Email, password, client)
	if refused := fault.Find(err); refused != nil && refused.Is(errInvalidCredentials) {
		return proven{}, errWrongPassword.WithRetryAfter(refused.RetryAfter)
	}
	return p, err
}

// atField makes a fault of a password one of the field that held it.
func atField(err error, pointer string) error {
	f := fault.Find(err)
	if f == nil || len(f.Fields) == 0 {
		return err
	}
	fields := make([]fault.Field, 0, len(f.Fields))
	for _, one := range f.Fields {
		one.Pointer = pointer
		fields = append(fields, one)
	}
	return f.WithFields(fields...)
}
