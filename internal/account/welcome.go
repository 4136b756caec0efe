package account

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// mailTimeout bounds a run that sends a mail: longer than the mailer's own
// bounds, so that those decide.
const mailTimeout = 2 * time.Minute

//go:embed mails
var mailFiles embed.FS

// Mails are the templates of this package's mails, for mail.Config.
func Mails() fs.FS {
	folder, err := fs.Sub(mailFiles, "mails")
	if err != nil {
		panic(err) // the name is that of the folder above
	}
	return folder
}

// welcomeArgs is the job that greets a new learner.
type welcomeArgs struct {
	Format  int       `json:"v"`
	EventID uuid.UUID `json:"event_id"`
	UserID  uuid.UUID `json:"user_id"`
}

// Kind names the job.
func (welcomeArgs) Kind() string { return "account.welcome_mail" }

// welcomeData is what the template may show.
type welcomeData struct{ Name string }

// RegisterJobs adds the work of this package to a node.
func (s *Service) RegisterJobs(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueAuth, Timeout: mailTimeout}, s.sendWelcome)
	job.Register(r, job.Spec{Queue: job.QueueAuth, Timeout: mailTimeout, Critical: true}, s.sendCode)
}

// welcome is what user.registered leads to: a job, since a mail that is sent
// cannot be taken back when tx is not committed.
func (s *Service) welcome(ctx context.Context, tx postgres.Tx, e outbox.Event, userID uuid.UUID) error {
	return s.jobs.Insert(ctx, tx, welcomeArgs{Format: 1, EventID: e.ID, UserID: userID})
}

// sendWelcome greets a learner, once for each event. One who is gone meanwhile
// gets no mail, and nobody a second one: where the first may be on its way, or
// is refused for good, the job is given up, for an operator to look at.
func (s *Service) sendWelcome(ctx context.Context, run job.Run, args welcomeArgs) error {
	user, err := s.User(ctx, args.UserID)
	if fault.Is(err, errUserNotFound.Code) {
		return nil
	}
	if err != nil {
		return err
	}
	name := greetable(user.FullName)
	err = s.mail.Send(ctx, run.Lease, mail.Message{
		Key: args.EventID.String() + "/welcome", To: mail.Address{Name: name, Address: user.Email},
		Language: s.MailLanguage(user), Template: "welcome", Data: welcomeData{Name: name},
	})
	if errors.Is(err, mail.ErrPermanent) {
		return job.Permanent(err)
	}
	return err
}

// MailLanguage is the language of a learner's mails, by BCP 47 tag: the native
// one, or else the one asked for at sign-up.
func (s *Service) MailLanguage(u User) string {
	if u.NativeLanguage != nil {
		if tag, ok := s.tag(*u.NativeLanguage); ok {
			return tag
		}
	}
	return u.Language
}

// linkLike is what mail programs make a link of: a scheme, or a name with a dot
// in the middle.
var linkLike = regexp.MustCompile(`[/\\@:]|[\p{L}\p{N}]\.[\p{L}\p{N}]{2,}`)

// greetable is a name as it may stand in a mail, or nothing. Whoever
// signs up may give another's address: the mail must not carry their links there.
func greetable(name string) string {
	if linkLike.MatchString(name) {
		return ""
	}
	return strings.Join(strings.Fields(name), " ")
}
