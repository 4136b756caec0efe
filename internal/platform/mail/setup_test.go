package mail_test

import (
	"bytes"
	"context"
	"flag"
	"io/fs"
	"log/slog"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// patience bounds every wait of these tests; nothing takes this long unless it is broken.
const patience = 20 * time.Second

// now is far from the real time, so that a clock which is not the given one shows.
func now() time.Time { return time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC) }

// files are the templates of a note that says something to somebody.
func files() fstest.MapFS {
	all := fstest.MapFS{}
	for language, words := range map[string][2]string{"en": {"A note for", "says"}, "zh-Hans": {"留言给", "说"}, "zh-Hant": {"留言給", "說"}} {
		all["note."+language+".txt"] = &fstest.MapFile{Data: []byte("Subject: " + words[0] + " {{.Name}}\n\n{{.Name}} " + words[1] + ": {{.Text}}\n")}
		all["note."+language+".html"] = &fstest.MapFile{Data: []byte("<p lang=\"" + language + "\">{{.Name}} " + words[1] + ": <b>{{.Text}}</b></p>\n")}
	}
	return all
}

// note is the data of a note.
type note struct{ Name, Text string }

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

// bench is a mailer with a database and a server that catches.
type bench struct {
	*mail.Mailer
	t       *testing.T
	url     string // of the database
	pool    *pgxpool.Pool
	catcher *mailcatcher.Server
	log     *journal
}

func setup(t *testing.T) *bench {
	t.Helper()
	url := postgrestest.URL(t)
	catcher, err := mailcatcher.Start(t.Context(), mailcatcher.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, catcher.Stop(ctx))
	})
	b := &bench{t: t, url: url, pool: postgrestest.Pool(t, url), catcher: catcher, log: &journal{}}
	b.Mailer = b.mailer(nil)
	return b
}

// mailer is one more, with another configuration.
func (b *bench) mailer(change func(*mail.Config)) *mail.Mailer {
	b.t.Helper()
	cfg := mail.Config{
		URL: b.catcher.SMTPURL(), From: "FluentPro <no-reply@example.com>", Templates: []fs.FS{files()}, Pool: b.pool,
		Logger: slog.New(slog.NewJSONHandler(b.log, nil)), Now: now,
	}
	if change != nil {
		change(&cfg)
	}
	m, err := mail.New(cfg)
	require.NoError(b.t, err)
	return m
}

// hurried is a pool to which a table that is locked is a database that is away.
func (b *bench) hurried() *pgxpool.Pool {
	b.t.Helper()
	pool, err := postgres.Open(b.t.Context(), postgres.Config{URL: b.url, StatementTimeout: 2 * time.Second})
	require.NoError(b.t, err)
	b.t.Cleanup(pool.Close)
	return pool
}

// lock makes the table of mails unreadable until the answer is called.
func (b *bench) lock() (unlock func()) {
	b.t.Helper()
	tx, err := b.pool.Begin(b.t.Context())
	require.NoError(b.t, err)
	_, err = tx.Exec(b.t.Context(), "lock table mails in access exclusive mode")
	require.NoError(b.t, err)
	var once sync.Once
	unlock = func() { once.Do(func() { require.NoError(b.t, tx.Rollback(context.Background())) }) }
	b.t.Cleanup(unlock)
	return unlock
}

// row is what the database says of the note.
type row struct {
	status, failure, language string
	lease                     int64
	attempts                  int
}

func (b *bench) row() (r row) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), "select status, failure, language, lease_number, attempts from mails where key = 'event/note'").
		Scan(&r.status, &r.failure, &r.language, &r.lease, &r.attempts))
	return r
}

func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	require.Eventually(b.t, holds, patience, 10*time.Millisecond, what)
}

const recipient = "mei@example.com"

// message is a note in English.
func message() mail.Message {
	return mail.Message{
		Key: "event/note", To: mail.Address{Name: "Mei Chen", Address: recipient}, Language: "en", Template: "note",
		Data: note{Name: "Mei", Text: "hello"},
	}
}

// requireKeepsQuiet checks that an error or a log says nothing of a person.
func requireKeepsQuiet(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{recipient, "Mei", "hello", "hunter2", "as scripted"} {
		require.NotContains(t, text, secret)
	}
}
