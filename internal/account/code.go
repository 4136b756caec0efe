package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// CodeLifetime is how long a mailed code is good; it is good once.
const CodeLifetime = 30 * time.Minute

// An account gets at most maxCodes mails with a code for each purpose in codeWindow,
// whoever asks for them.
const (
	maxCodes   = 5
	codeWindow = time.Hour
)

// codeBytes is the entropy of a code: 128 bits, 26 characters.
const codeBytes = 16

// purpose is what a mailed code is for. Its values are stored.
type purpose string

const (
	purposeReset  purpose = "password_reset"
	purposeVerify purpose = "email_verification"
	purposeChange purpose = "email_change"
)

// codeArgs is the job that mails a code. It is inserted whether or not the account
// exists, so that who asks cannot tell by the time it takes.
type codeArgs struct {
	Format  int       `json:"v"` // 1
	CodeID  uuid.UUID `json:"code_id"`
	UserID  uuid.UUID `json:"user_id"` // nil UUID: no account, nothing is mailed
	Purpose purpose   `json:"purpose"`
}

// Kind names the job.
func (codeArgs) Kind() string { return "account.code_mail" }

// codeData is what the templates may show.
type codeData struct {
	Name    string
	Code    string
	Minutes int
}

// ask inserts the job that mails a code. An idempotency key that was used before
// makes it do nothing and report that.
func (s *Service) ask(ctx context.Context, user uuid.UUID, p purpose, claim *once.Claim) (replayed bool, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return false, err
	}
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		first, err := s.once.Take(ctx, tx, claim, struct{}{})
		if replayed = first != nil; err != nil || replayed {
			return err
		}
		return s.jobs.Insert(ctx, tx, codeArgs{Format: 1, CodeID: id, UserID: user, Purpose: p})
	})
	return replayed, err
}

// sendCode mails a code. The code is derived from its id, so that a run after one
// that failed mails the same; only its hash is stored.
func (s *Service) sendCode(ctx context.Context, run job.Run, args codeArgs) error {
	if args.UserID == uuid.Nil {
		return nil
	}
	text := s.code(args)
	user, email, err := s.keepCode(ctx, args, text)
	if err != nil || email == "" {
		return err
	}
	name := greetable(user.FullName)
	err = s.mail.Send(ctx, run.Lease, mail.Message{
		Key: args.CodeID.String() + "/" + string(args.Purpose), To: mail.Address{Name: name, Address: email},
		Language: s.MailLanguage(user), Template: string(args.Purpose), Data: codeData{Name: name, Code: text, Minutes: int(CodeLifetime / time.Minute)},
	})
	if errors.Is(err, mail.ErrPermanent) {
		return job.Permanent(err)
	}
	return err
}

// keepCode stores a code's hash and gives where the code is to go: nowhere, if it
// has no use or the account had its share of mails.
func (s *Service) keepCode(ctx context.Context, args codeArgs, text string) (user User, email string, err error) {
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		owner, err := userForUpdate(ctx, tx, args.UserID)
		if fault.Is(err, errUserNotFound.Code) || err == nil && !owner.maySignIn() {
			return nil
		}
		if err != nil {
			return err
		}
		to, err := s.recipient(ctx, tx, owner.User, args)
		if err != nil || to == "" {
			return err
		}
		user, email = owner.User, to
		code := mailedCode{ID: args.CodeID, UserID: user.ID, Purpose: args.Purpose, Email: email}
		fresh, err := insertCode(ctx, tx, code, codeHash(text), s.now())
		if err != nil || !fresh || args.Purpose != purposeReset {
			return err
		}
		return outbox.Write(ctx, tx, s.now(), user.ID, events.UserPasswordResetRequested{UserID: user.ID, ResetID: &args.CodeID})
	})
	return user, email, err
}

// recipient is the email that a code is to prove, or nothing.
func (s *Service) recipient(ctx context.Context, tx postgres.Tx, owner User, args codeArgs) (string, error) {
	sent, err := countCodes(ctx, tx, args, s.now().Add(-codeWindow))
	switch {
	case err != nil || sent >= maxCodes:
		return "", err
	case args.Purpose == purposeVerify && owner.EmailVerified:
		return "", nil
	case args.Purpose == purposeChange:
		return freeEmail(ctx, tx, args.CodeID)
	default:
		return owner.Email, nil
	}
}

// mailedCode is a code that was mailed, without what proves anything.
type mailedCode struct {
	ID        uuid.UUID
	UserID    uuid.UUID
	Purpose   purpose
	Email     string
	ExpiresAt time.Time
	UsedAt    *time.Time
}

// use takes a code that somebody gives, within tx; it and the others of its kind are
// used up. Fault: auth.invalid_code.
func (s *Service) use(ctx context.Context, tx postgres.Tx, given string, purposes ...purpose) (mailedCode, error) {
	code, err := codeForUpdate(ctx, tx, codeHash(plainCode(given)))
	if err != nil {
		return code, err
	}
	if !s.isGood(code, purposes...) {
		return code, errInvalidCode
	}
	return code, useCodes(ctx, tx, code, s.now())
}

// isGood reports that a code is fresh and for one of these purposes.
func (s *Service) isGood(c mailedCode, purposes ...purpose) bool {
	return c.UsedAt == nil && s.now().Before(c.ExpiresAt) && slices.Contains(purposes, c.Purpose)
}

// code derives the code of an id, in groups that people can read out.
func (s *Service) code(args codeArgs) string {
	mac := hmac.New(sha256.New, s.secrets.Codes)
	fmt.Fprintf(mac, "%s/%s", args.Purpose, args.CodeID)
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:codeBytes])
	var groups []string
	for group := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-")
}

// plainCode is a code without what people add or change when they type it.
func plainCode(given string) string {
	return strings.NewReplacer("-", "", " ", "", "\u00a0", "", "0", "O", "1", "I").Replace(strings.ToUpper(strings.TrimSpace(given)))
}

func codeHash(text string) []byte {
	sum := sha256.Sum256([]byte(plainCode(text)))
	return sum[:]
}
