package account_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var update = flag.Bool("update", false, "write the golden files anew")

// journal keeps what is logged.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write takes a line.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// String is all of it.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// post is a bench whose service sends mails from a node at work.
type post struct {
	*bench
	catcher *mailcatcher.Server
	log     *journal
	jobs    *later
	mailer  *mail.Mailer
}

// later is the queue, which needs the service's work before it can be made.
type later struct{ *job.Queue }

func setupPost(t *testing.T) *post {
	t.Helper()
	catcher, err := mailcatcher.Start(t.Context(), mailcatcher.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, catcher.Stop(ctx))
	})
	p := &post{bench: setup(t), catcher: catcher, log: &journal{}}
	logger := slog.New(slog.NewJSONHandler(p.log, nil))
	mailer, err := mail.New(mail.Config{
		URL: catcher.SMTPURL(), From: "FluentPro <no-reply@fluentpro.test>", Templates: []fs.FS{account.Mails()},
		Pool: p.pool, Logger: logger, Now: p.clock.Now,
	})
	require.NoError(t, err)
	jobs, cfg := &later{}, p.config()
	p.jobs, p.mailer = jobs, mailer
	cfg.Jobs, cfg.Mail, cfg.LanguageTag = jobs, mailer, languageTag
	p.Service = p.serviceWith(cfg)
	registry := job.NewRegistry()
	p.RegisterJobs(registry)
	jobs.Queue, err = job.New(job.Config{Pool: p.pool, Registry: registry, Concurrency: map[string]int{job.QueueAuth: 10}, Logger: logger})
	require.NoError(t, err)
	require.NoError(t, jobs.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, jobs.Stop(ctx))
	})
	return p
}

// languageTag is what the catalogue knows.
func languageTag(nativeLanguage string) (string, bool) {
	tag, ok := map[string]string{"english": "en", "chinese_simplified": "zh-Hans", "chinese_traditional": "zh-Hant"}[nativeLanguage]
	return tag, ok
}

// welcome does what the handler of user.registered does.
func (p *post) welcome(event, user uuid.UUID) {
	p.t.Helper()
	require.NoError(p.t, postgres.InTx(p.t.Context(), p.pool, func(tx postgres.Tx) error {
		return p.Welcome(p.t.Context(), tx, outbox.Event{ID: event}, user)
	}))
}

// settled waits until no job is left to do.
func (p *post) settled() {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		return p.count("select count(*) from river_job where state not in ('completed', 'discarded')") == 0
	}, patience, 5*time.Millisecond)
}

// mails are those to one person.
func (p *post) mails(email string) []mailcatcher.Mail {
	p.t.Helper()
	all, err := p.catcher.To(email)
	require.NoError(p.t, err)
	return all
}

// readable is a mail as people and mail programs see it.
func readable(m mailcatcher.Mail) []byte {
	var out bytes.Buffer
	for _, h := range m.Headers {
		fmt.Fprintf(&out, "%s: %s\n", h.Name, h.Value)
	}
	fmt.Fprintf(&out, "\n%s\n%s", m.Text, m.HTML)
	return bytes.ReplaceAll(out.Bytes(), []byte("\r\n"), []byte("\n"))
}

func TestANewLearnerIsWelcomedInTheLanguageOfTheSignUp(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	for i, language := range mail.Languages() {
		in := newcomer("ada-" + strings.ToLower(language) + "@example.com")
		in.Language, in.FullName = language, []string{"Ada Lovelace", "王芳", "林美玲"}[i]
		made, err := p.SignUp(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, language, made.User.Language)
		p.welcome(uuid.MustParse(fmt.Sprintf("019a2b4e-5c00-7000-8000-00000000000%d", i)), made.User.ID)
		p.settled()
		mails := p.mails(made.User.Email)
		require.Len(t, mails, 1)
		require.Empty(t, mails[0].Problem)
		golden := filepath.Join("testdata", "welcome."+language+".txt")
		if *update {
			require.NoError(t, os.WriteFile(golden, readable(mails[0]), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(readable(mails[0])))
	}
}

func TestTheNativeLanguageGoesBeforeThatOfTheSignUp(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	made := p.join("ada@example.com")
	for native, want := range map[string]string{
		"chinese_traditional": "zh-Hant", "chinese_simplified": "zh-Hans", "english": "en", "french": "en", // not served
	} {
		p.exec("update users set native_language = $1", native)
		user, err := p.User(t.Context(), made.User.ID)
		require.NoError(t, err)
		require.Equal(t, want, p.MailLanguage(user), native)
	}
	p.exec("update users set native_language = 'chinese_traditional'")
	p.welcome(newID(t), made.User.ID)
	p.settled()
	require.Equal(t, "歡迎使用 FluentPro", p.mails("ada@example.com")[0].Subject)
}

func TestAnEventWelcomesOnce(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	made, event := p.join("ada@example.com"), newID(t)
	for range 5 { // an event is handled at least once
		p.welcome(event, made.User.ID)
	}
	require.Eventually(t, func() bool { return p.count("select count(*) from mails where status = 'sent'") == 1 }, patience, 5*time.Millisecond)
	p.settled()
	require.Len(t, p.mails("ada@example.com"), 1)
}

func TestAWelcomeExistsIfAndOnlyIfItsTransactionCommits(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	made := p.join("ada@example.com")
	tx, err := p.pool.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.Welcome(t.Context(), tx, outbox.Event{ID: newID(t)}, made.User.ID))
	require.NoError(t, tx.Rollback(t.Context()))
	require.Zero(t, p.count("select count(*) from river_job"))
}

func TestALearnerWhoIsGoneIsNotWelcomed(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	p.welcome(newID(t), newID(t))
	p.settled()
	require.Equal(t, 1, p.count("select count(*) from river_job where state = 'completed' and attempt = 1"))
	require.Empty(t, p.catcher.List())
}

func TestAWelcomeThatFailsForNowIsSentByALaterRun(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	made := p.join("ada@example.com")
	p.catcher.Script(mailcatcher.Step{At: mailcatcher.AtRcpt, Code: 451})
	p.welcome(newID(t), made.User.ID)
	require.Eventually(t, func() bool { return len(p.mails("ada@example.com")) == 1 }, patience, 10*time.Millisecond)
	p.settled()
	require.Equal(t, 1, p.count("select count(*) from river_job where state = 'completed' and attempt = 2"))
	require.Equal(t, 1, p.count("select count(*) from mails where status = 'sent' and attempts = 2"))
}

func TestAWelcomeThatTryingAgainDoesNotMendIsADeadLetter(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]mailcatcher.Step{
		"refused": {At: mailcatcher.AtRcpt, Code: 550},
		"unknown": {At: mailcatcher.AtEnd, Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := setupPost(t)
			made := p.join("ada@example.com")
			p.catcher.Script(step)
			p.welcome(newID(t), made.User.ID)
			p.settled()
			require.Equal(t, 1, p.count("select count(*) from river_job where state = 'discarded' and attempt = 1"))
			require.Equal(t, 1, p.count("select count(*) from mails where status = $1", name))
			require.Equal(t, 1, p.count("select count(*) from dead_letters where kind = 'account.welcome_mail' and payload->>'user_id' = $1", made.User.ID.String()))
			require.NotContains(t, p.log.String(), "ada@example.com")
		})
	}
}

func TestADatabaseThatIsAwayLeavesTheWelcomeForLater(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	p.welcome(newID(t), p.join("ada@example.com").User.ID)
	p.settled()
	p.exec("alter table users rename to people")
	p.welcome(newID(t), newID(t))
	require.Eventually(t, func() bool { return p.count("select count(*) from river_job where state = 'retryable'") == 1 }, patience, 5*time.Millisecond)
	require.Len(t, p.catcher.List(), 1)
}

// Whoever signs up may give the address of somebody else.
func TestNoNameCarriesALinkIntoAMail(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Ada Lovelace": "Ada Lovelace", "王芳": "王芳", "J. R. R. Tolkien": "J. R. R. Tolkien", "J.R.R. Tolkien": "J.R.R. Tolkien",
		"Ada\u00a0 Lovelace": "Ada Lovelace", "Jr.": "Jr.", "Zoë O'Brien-Łukasz": "Zoë O'Brien-Łukasz",
		"Win at http://evil.example": "", "evil.example": "", "WWW.EVIL.EXAMPLE": "", "t.co": "", "me@evil": "", `\\evil\x`: "", "мой.рф": "", "evil/x": "",
	} {
		require.Equal(t, want, account.Greetable(name), name)
	}
	p := setupPost(t)
	in := newcomer("ada@example.com")
	in.FullName = "Prizes at evil.example"
	made, err := p.SignUp(t.Context(), in)
	require.NoError(t, err)
	p.welcome(newID(t), made.User.ID)
	p.settled()
	m := p.mails("ada@example.com")[0]
	require.Contains(t, m.Text, "Hello,")
	require.NotContains(t, m.Source, "evil")
}

func TestALanguageThatIsNotServedIsNotStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := newcomer("ada@example.com")
	in.Language = "fr"
	_, err := b.SignUp(t.Context(), in)
	require.ErrorContains(t, err, "users_language_check")
}
