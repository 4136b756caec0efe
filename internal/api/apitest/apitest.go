// Package apitest starts the whole service for a test in one line: a database
// of its own, Redis, the built-in model, a mail catcher, and a client that refuses any answer
// the contract does not describe. It is for tests only.
package apitest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/devstack/tenant"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
	"github.com/fluentpro/fluentpro/internal/task"
	"github.com/fluentpro/fluentpro/migrations"
)

// stopLimit bounds how long replies may take to finish when a test ends.
const stopLimit = 2 * time.Second

// gatePatience is how long a request waits for its count, so that a busy machine lets
// none pass uncounted.
const gatePatience = 2 * time.Second

// usageEvery is how often calls of what is deprecated are written.
const usageEvery = 50 * time.Millisecond

// Server is one running service.
type Server struct {
	URL       string          // of the API's root, without a trailing slash
	Model     *partner.Server // what the partner says and how it fails
	Mail      *mailcatcher.Server
	Tenant    *tenant.Server // nil without WithTenant
	Config    app.Config
	Clock     *Clock
	App       *app.App
	Logs      *Logs
	Tasks     *task.Service
	client    *http.Client
	transport http.RoundTripper // of the client, without the check
}

// New starts a service that stops when the test ends.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	var set setting
	for _, option := range options {
		option(&set)
	}
	s := &Server{Config: defaults(), Clock: &Clock{}, Logs: &Logs{}}
	if first := set.share; first != nil {
		s.Config, s.Model, s.Mail, s.Clock, s.Tenant = first.Config, first.Model, first.Mail, first.Clock, first.Tenant
	}
	if set.clock != nil {
		s.Clock = set.clock
	}
	if set.tenant {
		s.startTenant(t)
	}
	for _, change := range set.changes {
		change(&s.Config)
	}
	if set.share == nil {
		s.prepare(t, set.model)
	}
	s.start(t, set)
	return s
}

// prepare gives the server a database, Redis, a model and a mail catcher of its own.
func (s *Server) prepare(t testing.TB, pace partner.Config) {
	if s.Config.DatabaseURL.Empty() {
		s.Config.DatabaseURL = secret.NewURL(Database(t))
	}
	if s.Config.RedisURL.Empty() {
		url, err := devstack.TestRedis()
		require.NoError(t, err)
		s.Config.RedisURL = secret.NewURL(url)
	}
	s.Model = partner.New(pace)
	model := httptest.NewServer(s.Model)
	t.Cleanup(func() { s.Model.Close(); model.Close() })
	if s.Config.ModelBaseURL == "" {
		s.Config.ModelBaseURL, s.Config.ModelName, s.Config.EmbeddingModel = model.URL+"/v1", s.Model.ModelName(), partner.EmbeddingVersion
	}
	if s.Config.BlobURL.Empty() {
		s.Config.BlobURL = secret.NewURL(t.TempDir())
		s.Config.BackupIdentityFile = filepath.Join(s.Config.BlobURL.Reveal(), "identity")
		recipient, err := backup.NewIdentity(s.Config.BackupIdentityFile)
		require.NoError(t, err)
		s.Config.BackupRecipient = recipient
	}
	s.Mail = MailCatcher(t)
	if s.Config.SMTPURL.Empty() {
		s.Config.SMTPURL = secret.NewURL(s.Mail.SMTPURL())
	}
}

// MailCatcher starts a mail server that ends with the test.
func MailCatcher(t testing.TB) *mailcatcher.Server {
	t.Helper()
	catcher, err := mailcatcher.Start(t.Context(), mailcatcher.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		require.NoError(t, catcher.Stop(ctx))
	})
	return catcher
}

func (s *Server) start(t testing.TB, set setting) {
	logger := slog.New(slog.NewJSONHandler(s.Logs, nil))
	options := app.Options{Now: s.Clock.Now, GateTimeout: gatePatience, UsageEvery: usageEvery, ConnectWait: set.connectWait, PingEvery: set.pingEvery, PresenceBeat: set.presenceBeat, MonitorTick: set.monitorTick, HashCost: account.HashCost{KiB: 64, Passes: 1}, Tasks: func(tasks *task.Service, r *job.Registry) {
		if s.Tasks = tasks; set.tasks != nil {
			set.tasks(tasks, r)
		}
	}}
	a, err := app.New(t.Context(), s.Config, logger, options)
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	web := httptest.NewServer(a.Handler())
	s.App, s.URL = a, web.URL
	s.transport = web.Client().Transport
	s.client = &http.Client{Transport: newContractTransport(t, s.transport)}
	t.Cleanup(func() {
		a.Drain()
		s.Model.Close() // an answer that a test still holds must not hold the stop up
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		if err := a.StopJobs(ctx); err != nil {
			t.Logf("stop: %v", err)
		}
		web.Close()
		a.Close()
		if t.Failed() {
			t.Logf("server log:\n%s", s.Logs)
		}
	})
}

// StartTask starts a task, and does more in the same transaction.
func (s *Server) StartTask(t testing.TB, in task.StartInput, more ...func(tx postgres.Tx) error) task.Task {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: s.Config.DatabaseURL.Reveal(), MaxConns: 1})
	require.NoError(t, err)
	defer pool.Close()
	var made task.Task
	require.NoError(t, postgres.InTx(t.Context(), pool, func(tx postgres.Tx) (err error) {
		made, err = s.Tasks.Start(t.Context(), tx, in)
		for _, do := range more {
			err = errors.Join(err, do(tx))
		}
		return err
	}))
	return made
}

// templateKey names the template database; the migrations and the seed are part
// of it, so that a changed one is not taken for the old.
var templateKey = sync.OnceValue(func() string {
	sum := sha256.New()
	_ = fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := migrations.FS.ReadFile(path)
		fmt.Fprintf(sum, "%s\n%s\n", path, text)
		return err
	})
	fmt.Fprint(sum, catalogue.SeedText(), partner.EmbeddingVersion)
	return "app/" + hex.EncodeToString(sum.Sum(nil))
})

// Database makes a migrated and seeded database with an index of roles and a signing key
// sealed by the secret of Server.Config, that is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	admin, err := devstack.Cluster()
	require.NoError(t, err)
	url, drop, err := devstack.CloneDatabase(t.Context(), admin, templateKey(), func(ctx context.Context, url string) error {
		return errors.Join(app.Migrate(ctx, url, slog.New(slog.DiscardHandler)), indexRoles(ctx, url), makeKey(ctx, url))
	})
	require.NoError(t, err)
	t.Cleanup(drop)
	return url
}

// indexRoles builds the index of roles once for all databases, so that no server has to.
func indexRoles(ctx context.Context, url string) error {
	pool, err := postgres.Open(ctx, postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		return err
	}
	defer pool.Close()
	model := httptest.NewServer(partner.New(partner.Config{}))
	defer model.Close()
	embedder := llm.NewEmbedder(llm.EmbedConfig{BaseURL: model.URL + "/v1"})
	defer embedder.Close()
	roles, err := catalogue.New(ctx, catalogue.Deps{
		Pool: pool, Embedder: embedder, EmbeddingModel: partner.EmbeddingVersion, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		return err
	}
	return roles.Index(ctx)
}

// makeKey lets a service make the first signing key once for all databases: no start of
// a server then waits for a prime number.
func makeKey(ctx context.Context, url string) (err error) {
	cfg := defaults()
	cfg.DatabaseURL, cfg.SMTPURL = secret.NewURL(url), secret.NewURL("smtp://127.0.0.1:1")
	cfg.ModelBaseURL, cfg.ModelName, cfg.EmbeddingModel = "http://127.0.0.1:1/v1", "none", partner.EmbeddingVersion
	redis, err := devstack.TestRedis()
	cfg.RedisURL = secret.NewURL(redis)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, cfg, slog.New(slog.DiscardHandler), app.Options{})
	if err != nil {
		return err
	}
	a.Close()
	return nil
}

// Pool is a look of the test's own into the server's database.
func (s *Server) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: s.Config.DatabaseURL.Reveal(), MaxConns: 4})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// Clock is the service's time; it runs, and tests may move it.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the real time plus what the clock was moved by.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Logs keeps what the service has logged.
type Logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a line.
func (l *Logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String is everything logged so far.
func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// path puts arguments into an API path, such as /conversations/%s.
func (s *Server) path(format string, args ...any) string {
	p := fmt.Sprintf(format, args...)
	if strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "/api/") && !outsideVersions(p) {
		p = "/api/v2" + p
	}
	return s.URL + p
}

func outsideVersions(p string) bool {
	for _, root := range []string{"/healthz", "/readyz", "/docs", "/openapi", "/asyncapi", "/console", "/problems", "/.well-known"} {
		if strings.HasPrefix(p, root) {
			return true
		}
	}
	return false
}
