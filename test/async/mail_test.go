package async_test

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// docs:begin mail

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

// renamedMailArgs is the job that tells users that their name was changed. The
// id of the event makes it one mail for each.
type renamedMailArgs struct {
	Format  int       `json:"v"`
	EventID uuid.UUID `json:"event_id"`
	UserID  uuid.UUID `json:"user_id"`
}

// Kind names the job, for ever.
func (renamedMailArgs) Kind() string { return "card.renamed_mail" }

// renamedData is what the template may show. Take care with what a user has
// chosen, such as a name: mail programs make links of what looks like one.
type renamedData struct{ Product string }

// RegisterMails adds the mails of this package to a node. A run lasts longer than
// the mailer's own time limits, so that those decide.
func (s *Service) RegisterMails(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueAuth, Timeout: 2 * time.Minute}, s.sendRenamed)
}

// sendRenamed sends one mail for each event, never two. A mail that may be on its
// way already, or is refused for good, is given up, for an operator to look at.
func (s *Service) sendRenamed(ctx context.Context, run job.Run, args renamedMailArgs) error {
	var address string
	var native *string
	err := s.pool.QueryRow(ctx, "select email, native_language from users where id = $1", args.UserID).Scan(&address, &native)
	if postgres.NoRows(err) {
		return nil // erased meanwhile
	}
	if err != nil {
		return err
	}
	err = s.mail.Send(ctx, run.Lease, mail.Message{
		Key: args.EventID.String() + "/renamed", To: mail.Address{Address: address},
		Language: s.language(native), Template: "renamed", Data: renamedData{Product: "FluentPro"},
	})
	if errors.Is(err, mail.ErrPermanent) {
		return job.Permanent(err)
	}
	return err
}

// docs:end mail

func (n *node) mails(address string) []mailcatcher.Mail {
	n.t.Helper()
	all, err := n.catcher.To(address)
	require.NoError(n.t, err)
	return all
}

func TestAnEventLeadsToOneMail(t *testing.T) {
	t.Parallel()
	n := setup(t)
	require.NoError(t, n.Rename(t.Context(), mei, "Mei Lin"))
	n.becomes("1", "select count(*) from river_job where kind = 'card.renamed_mail' and state = 'completed'")
	event := uuid.MustParse(n.text("select event_id from outbox"))
	n.insert(renamedMailArgs{Format: 1, EventID: event, UserID: mei})        // as after a crash
	n.insert(renamedMailArgs{Format: 1, EventID: event, UserID: uuid.New()}) // erased meanwhile
	n.settled()

	all := n.mails("mei@example.com")
	require.Len(t, all, 1)
	require.Equal(t, "Your card has a new name", all[0].Subject)
	require.Contains(t, all[0].Text, "The name on your FluentPro card was changed.")
	require.Contains(t, all[0].HTML, "<p>The name on your FluentPro card was changed.</p>")
	require.Len(t, n.catcher.List(), 1)
}

func TestAMailIsWrittenInTheLanguageOfWhoReadsIt(t *testing.T) {
	t.Parallel()
	n := setup(t)
	_, err := n.pool.Exec(t.Context(), "update users set native_language = 'chinese_traditional' where id = $1", kai)
	require.NoError(t, err)
	require.NoError(t, n.Rename(t.Context(), kai, "Kai Chen"))
	n.becomes("1", "select count(*) from mails where status = 'sent' and language = 'zh-Hant'")
	require.Len(t, n.mails("kai@example.com"), 1)
	require.Contains(t, n.mails("kai@example.com")[0].Text, "姓名已變更")
}

func TestAMailOfWhichNobodyKnowsIsNotSentAgainButADeadLetter(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.catcher.Script(mailcatcher.Step{At: mailcatcher.AtEnd, Drop: true})
	require.NoError(t, n.Rename(t.Context(), mei, "Mei Lin"))
	n.becomes("1", "select count(*) from dead_letters where kind = 'card.renamed_mail'")
	page, _, err := n.letters.List(t.Context(), deadletter.ListInput{Limit: 10})
	require.NoError(t, err)
	require.Contains(t, page[0].Errors[0].Error, mail.ErrUnknown.Error())
	require.Equal(t, "unknown", n.text("select status from mails"))
	require.Len(t, n.catcher.List(), 1)
}
