package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// What `fluentpro dev` has in the data folder.
const (
	mailFolder   = "mail"            // every mail that was sent
	keyFile      = "key"             // the master key, made once
	identityFile = "backup-identity" // that reads backups, made once
	databaseFile = "database.url"    // there while dev runs, for commands that need a database alone
	redisFile    = "redis.url"       // the same, for those that change what readers see
)

// stopLimit bounds how long each embedded part may take to stop.
const stopLimit = 15 * time.Second

func devCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "dev",
		Short: "Start everything on this machine: PostgreSQL, Redis, a model, a mail catcher and the API",
		Long: "Dev starts what FluentPro needs, migrates, seeds and serves until Ctrl-C. Data stays in\n" +
			"FLUENTPRO_DATA_DIR (.fluentpro). A database, Redis, model or mail server whose URL is set is used instead.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, logger, err := settings()
			if err != nil {
				return err
			}
			return dev(cmd.Context(), cfg, logger, cmd.OutOrStdout())
		},
	}
}

// dev runs the whole stack until ctx ends, then stops it in reverse order.
func dev(ctx context.Context, cfg app.Config, logger *slog.Logger, out io.Writer) (err error) {
	if cfg.Env != app.Development {
		return fmt.Errorf("dev starts embedded parts, which FLUENTPRO_ENV=%s refuses; use serve", cfg.Env)
	}
	listener, err := app.Listen(ctx, cfg.HTTPAddr)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	stack := &devStack{cfg: cfg, logger: logger}
	defer func() { err = errors.Join(err, stack.stop()) }()
	if err := stack.start(ctx); err != nil {
		return err
	}
	if err := app.Migrate(ctx, stack.cfg.DatabaseURL.Reveal(), logger); err != nil {
		return err
	}
	return app.Serve(ctx, stack.cfg, listener, logger, func() { stack.greet(out, listener.Addr().String()) })
}

// devStack is what dev starts beside the API.
type devStack struct {
	cfg    app.Config // with the URLs of what was started
	logger *slog.Logger
	about  []string // what was started, for people
	stops  []func(context.Context) error
}

func (d *devStack) start(ctx context.Context) error {
	if err := os.MkdirAll(d.cfg.DataDir, 0o755); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	for _, part := range []func(context.Context) error{d.startKey, d.startBackups, d.startPostgres, d.startRedis, d.startModel, d.startMail} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the parts, last started first.
func (d *devStack) stop() error {
	var errs []error
	for i := len(d.stops) - 1; i >= 0; i-- {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		errs = append(errs, d.stops[i](ctx))
		cancel()
	}
	return errors.Join(errs...)
}

// startKey reads the master key of this data folder, making it the first time.
func (d *devStack) startKey(context.Context) error {
	if !d.cfg.KeyEncryptionKey.Empty() {
		return nil
	}
	path := filepath.Join(d.cfg.DataDir, keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails: it ends the process instead
		text = []byte(base64.StdEncoding.EncodeToString(key))
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	d.cfg.KeyEncryptionKey = secret.NewText(strings.TrimSpace(string(text)))
	return nil
}

// startBackups makes an identity for backups the first time. Elsewhere it lies where the
// service cannot read it; here it lies with the data.
func (d *devStack) startBackups(context.Context) error {
	if d.cfg.BackupRecipient != "" {
		return nil
	}
	path := filepath.Join(d.cfg.DataDir, identityFile)
	recipient, err := backup.NewIdentity(path)
	if err != nil {
		return err
	}
	d.cfg.BackupRecipient, d.cfg.BackupIdentityFile = recipient, cmp.Or(d.cfg.BackupIdentityFile, path)
	return nil
}

func (d *devStack) startPostgres(ctx context.Context) error {
	if !d.cfg.DatabaseURL.Empty() {
		d.about = append(d.about, "PostgreSQL    as FLUENTPRO_DATABASE_URL says")
		return nil
	}
	pg, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{DataDir: d.cfg.DataDir, Logger: d.logger})
	if err != nil {
		return err
	}
	d.stops = append(d.stops, pg.Stop)
	d.cfg.DatabaseURL = secret.NewURL(pg.URL("fluentpro"))
	d.about = append(d.about, fmt.Sprintf(`PostgreSQL    psql "$(cat %s)"`, filepath.Join(d.cfg.DataDir, databaseFile)))
	return d.tell(databaseFile, d.cfg.DatabaseURL.Reveal())
}

// tell keeps a URL in the data folder while dev runs.
func (d *devStack) tell(file, url string) error {
	path := filepath.Join(d.cfg.DataDir, file)
	if err := os.WriteFile(path, []byte(url), 0o600); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	d.stops = append(d.stops, func(context.Context) error { return os.Remove(path) })
	return nil
}

func (d *devStack) startRedis(ctx context.Context) error {
	if !d.cfg.RedisURL.Empty() {
		d.about = append(d.about, "Redis         as FLUENTPRO_REDIS_URL says")
		return nil
	}
	r, err := devstack.StartRedis(ctx, devstack.RedisConfig{DataDir: d.cfg.DataDir, Logger: d.logger})
	if err != nil {
		return err
	}
	d.stops = append(d.stops, r.Stop)
	d.cfg.RedisURL = secret.NewURL(r.URL())
	d.about = append(d.about, fmt.Sprintf("Redis         %s (%s)", r.URL(), r.Kind()))
	return d.tell(redisFile, r.URL())
}

// startModel serves the built-in model on a port of its own: the service
// reaches it as it would reach any other.
func (d *devStack) startModel(ctx context.Context) error {
	if d.cfg.ModelBaseURL != "" {
		d.about = append(d.about, "Model         as FLUENTPRO_MODEL_BASE_URL says")
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("model server: %w", err)
	}
	model := partner.New(partner.Config{TokensPerSecond: partner.HumanPace, FirstTokenDelay: partner.HumanDelay, Logger: d.logger})
	server := &http.Server{Handler: model, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	d.stops = append(d.stops, func(context.Context) error {
		model.Close()
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			return errors.Join(err, served)
		}
		return err
	})
	base := "http://" + listener.Addr().String()
	d.cfg.ModelBaseURL, d.cfg.ModelName, d.cfg.EmbeddingModel = base+"/v1", model.ModelName(), partner.EmbeddingVersion
	d.about = append(d.about, fmt.Sprintf("Model         %s/v1 (built in; POST %s/control makes it slow or fail)", base, base))
	return nil
}

// startMail catches every mail, and shows it on a page of its own.
func (d *devStack) startMail(ctx context.Context) error {
	if !d.cfg.SMTPURL.Empty() {
		d.about = append(d.about, "Mail          as FLUENTPRO_SMTP_URL says")
		return nil
	}
	catcher, err := mailcatcher.Start(ctx, mailcatcher.Config{Dir: filepath.Join(d.cfg.DataDir, mailFolder), Logger: d.logger})
	if err != nil {
		return err
	}
	d.stops = append(d.stops, catcher.Stop)
	d.cfg.SMTPURL = secret.NewURL(catcher.SMTPURL())
	d.about = append(d.about, fmt.Sprintf("Mail          %s (every mail that is sent)", catcher.URL()))
	return nil
}

// greet tells what runs where, and how to use it by hand.
func (d *devStack) greet(out io.Writer, addr string) {
	scheme := "http://"
	if d.cfg.TLSCertFile != "" {
		scheme = "https://"
	}
	fmt.Fprintf(out, greeting, scheme+addr, strings.Join(d.about, "\n  "), d.cfg.DataDir)
}

// greeting is what a newcomer reads; %[1]s is the address of the API.
const greeting = `
FluentPro is running; Ctrl-C stops it.

  API           %[1]s/api/v2
  Swagger page  %[1]s/docs
  Console       %[1]s/console
  %[2]s
  Data          %[3]s

Talk to it, step by step:

  # 1. sign up (another time: POST /sessions with email and password)
  TOKEN=$(curl -s %[1]s/api/v2/users -H 'Content-Type: application/json' \
    -d '{"email":"'me-$RANDOM'@example.com","password":"Harbour-Light-42","full_name":"Mei Chen"}' \
    | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')

  # 2. choose a partner and a situation
  curl -s %[1]s/api/v2/partners; curl -s %[1]s/api/v2/situations

  # 3. start the conversation
  CONVERSATION=$(curl -s %[1]s/api/v2/conversations -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"partner_id":"suppliers","situation_id":"negotiations"}' | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')

  # 4. say something, and watch the reply as it is written
  curl -N %[1]s/api/v2/conversations/$CONVERSATION/messages -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"content":"Good morning. Could we talk about your price for spring?","stream":true}'

  # 5. read it back
  curl -s %[1]s/api/v2/conversations/$CONVERSATION/messages -H "Authorization: Bearer $TOKEN"
`

// devURLs gives cfg the database, and the Redis if none is set, of a running dev.
func devURLs(cfg *app.Config) error {
	text, err := os.ReadFile(filepath.Join(cfg.DataDir, databaseFile))
	if err != nil {
		return fmt.Errorf("set FLUENTPRO_DATABASE_URL, or start `fluentpro dev` first: %w", err)
	}
	cfg.DatabaseURL = secret.NewURL(string(text))
	if cfg.RedisURL.Empty() {
		text, err = os.ReadFile(filepath.Join(cfg.DataDir, redisFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("data folder: %w", err)
		}
		cfg.RedisURL = secret.NewURL(string(text))
	}
	return nil
}

// devBackups gives cfg the master key of its data folder, and the identity for backups, where
// none are set.
func devBackups(cfg *app.Config) error {
	path := filepath.Join(cfg.DataDir, identityFile)
	if _, err := os.Stat(path); err == nil && cfg.BackupRecipient == "" {
		recipient, err := backup.NewIdentity(path)
		if err != nil {
			return err
		}
		cfg.BackupRecipient, cfg.BackupIdentityFile = recipient, cmp.Or(cfg.BackupIdentityFile, path)
	}
	return devKey(cfg)
}

// devKey gives cfg the master key of its data folder, where none is set.
func devKey(cfg *app.Config) error {
	if !cfg.KeyEncryptionKey.Empty() {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(cfg.DataDir, keyFile))
	if err != nil {
		return fmt.Errorf("set FLUENTPRO_KEY_ENCRYPTION_KEY, or start `fluentpro dev` first: %w", err)
	}
	cfg.KeyEncryptionKey = secret.NewText(strings.TrimSpace(string(text)))
	return nil
}
