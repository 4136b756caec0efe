package account

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// ErasureKind is the kind of the task that erases an account.
const ErasureKind = "account_erasure"

// Eraser erases what another noun keeps of a user. It may be run again.
type Eraser struct {
	Name  string // what is counted, as the receipt calls it
	Erase func(ctx context.Context, user, task uuid.UUID) (int64, error)
}

// ErasureInput is the input of the task; nodes of neighbouring releases read it.
type ErasureInput struct {
	Format int       `json:"v"` // 1
	UserID uuid.UUID `json:"user_id"`
}

// Receipt is what came of an erasure: how much of each kind there was.
type Receipt map[string]any

// StartTask begins the task of an erasure within tx and gives its id.
type StartTask func(ctx context.Context, tx postgres.Tx, in ErasureInput) (uuid.UUID, error)

// Delete begins to erase an account: nobody signs in to it from now on, and its
// sessions end, but for the current one, which may follow the task. A second call
// gives the task of the first. Fault: server.unavailable.
func (s *Service) Delete(ctx context.Context, user, current uuid.UUID, start StartTask) (taskID uuid.UUID, err error) {
	err = s.inTx(ctx, func(tx postgres.Tx, ended *endings) error {
		owner, err := userForUpdate(ctx, tx, user)
		if err != nil {
			return err
		}
		if owner.ErasingAt != nil && owner.erasureTask != nil {
			taskID = *owner.erasureTask
			return nil
		}
		if taskID, err = start(ctx, tx, ErasureInput{Format: 1, UserID: user}); err != nil {
			return err
		}
		if err := markErasing(ctx, tx, user, taskID, s.now()); err != nil {
			return err
		}
		return s.endSessions(ctx, tx, ending{User: user, But: &current, Reason: events.SessionRevokedReasonUserDeleted}, ended)
	})
	return taskID, err
}

// Progress takes how far an erasure has come, in steps.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

// Erase does an erasure: the other nouns' parts, then the password at the provider, then
// the account itself, in one transaction with its tombstone. After a crash it begins
// again; once the account is gone it gives the receipt of the tombstone.
func (s *Service) Erase(ctx context.Context, p Progress, in ErasureInput) (Receipt, error) {
	p.Total(int64(len(s.erasers)) + 1)
	owner, err := s.store.byID(ctx, in.UserID)
	if fault.Is(err, errUserNotFound.Code) {
		return s.store.receipt(ctx, in.UserID)
	}
	if err != nil {
		return nil, err
	}
	if owner.erasureTask == nil {
		return nil, fmt.Errorf("erase user %s: nobody asked for it", in.UserID)
	}
	task, receipt := *owner.erasureTask, Receipt{"user_id": in.UserID}
	for _, e := range s.erasers {
		n, err := e.Erase(ctx, in.UserID, task)
		if err != nil {
			return nil, fmt.Errorf("erase %s: %w", e.Name, err)
		}
		receipt[e.Name] = n
		p.Add(1)
	}
	if err := s.provider.Remove(ctx, owner.Credential); err != nil {
		return nil, err
	}
	if s.bury != nil {
		if err := s.bury(ctx, in.UserID, task); err != nil {
			return nil, err
		}
	}
	if err := s.eraseAccount(ctx, owner, task, receipt); err != nil {
		return nil, err
	}
	p.Add(1)
	s.mailReceipt(ctx, owner.User, task)
	return receipt, nil
}

func (s *Service) eraseAccount(ctx context.Context, owner account, task uuid.UUID, receipt Receipt) error {
	now := s.now().UTC().Truncate(time.Microsecond)
	return s.inTx(ctx, func(tx postgres.Tx, ended *endings) error {
		if _, err := userForUpdate(ctx, tx, owner.ID); err != nil {
			return err
		}
		if err := s.endSessions(ctx, tx, ending{User: owner.ID, Reason: events.SessionRevokedReasonUserDeleted}, ended); err != nil {
			return err
		}
		if _, err := forgetEmail(ctx, tx, s.pseudonym("email", owner.Email), &owner.ID, now); err != nil {
			return err
		}
		sessions, err := eraseSessions(ctx, tx, owner.ID)
		if err != nil {
			return err
		}
		receipt["sessions"], receipt["erased_at"] = sessions, now
		text, err := json.Marshal(receipt)
		if err != nil {
			return fmt.Errorf("write receipt: %w", err)
		}
		if err := bury(ctx, tx, owner, task, now, text); err != nil {
			return err
		}
		return outbox.Write(ctx, tx, now, owner.ID, events.UserDeleted{UserID: owner.ID, TaskID: &task})
	})
}

// erasedData is what the receipt's template may show.
type erasedData struct {
	Name string
	Task string
}

// mailReceipt tells by mail that an account is gone. It is tried once: the address is
// gone with the account, and the task's result says the same.
func (s *Service) mailReceipt(ctx context.Context, u User, task uuid.UUID) {
	name := greetable(u.FullName)
	err := s.mail.Send(ctx, 1, mail.Message{
		Key: task.String() + "/erased", To: mail.Address{Name: name, Address: u.Email},
		Language: s.MailLanguage(u), Template: "account_erased", Data: erasedData{Name: name, Task: task.String()},
	})
	if err != nil {
		s.logger.WarnContext(ctx, "receipt of an erasure not mailed", "task_id", task.String(), "error", err.Error())
	}
}
