package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// stage is what all parts stand on: the built binary, a durable PostgreSQL with
// the schema, Redis, a mail catcher, and the model in a process of its own.
type stage struct {
	dir       string // temporary
	binary    string
	postgres  *devstack.Postgres
	database  string // of the service
	redis     string
	redisKind string
	masterKey string // of all nodes
	model     *child
	smtpURL   string // of a mail catcher
	http      *http.Client
	closers   []func() error
}

func newStage(ctx context.Context) (_ *stage, err error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the process instead
	s := &stage{masterKey: base64.StdEncoding.EncodeToString(key), http: &http.Client{Transport: &http.Transport{
		MaxIdleConns: 1000, MaxIdleConnsPerHost: 1000, ResponseHeaderTimeout: 30 * time.Second, DisableCompression: true,
	}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "fluentpro-figures-"); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(s.dir) })
	if err := os.Chmod(s.dir, 0o755); err != nil { // PostgreSQL may run as another user
		return nil, err
	}
	for _, step := range []func(context.Context) error{s.build, s.startServers, s.startModel, s.startMail, s.migrateOwn} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// close stops what was started, last first.
func (s *stage) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}

// build makes the binary as `make build` does.
func (s *stage) build(ctx context.Context) error {
	s.binary = filepath.Join(s.dir, "fluentpro")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", s.binary, "./cmd/fluentpro")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// startServers starts a PostgreSQL that writes to disk and a Redis that does as
// `fluentpro dev` has it do.
func (s *stage) startServers(ctx context.Context) error {
	cache, err := devstack.TestCache()
	if err != nil {
		return err
	}
	pg, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{DataDir: filepath.Join(s.dir, "servers"), CacheDir: cache})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { return pg.Stop(context.Background()) })
	s.postgres, s.database = pg, pg.URL("fluentpro")
	redis, err := devstack.StartRedis(ctx, devstack.RedisConfig{DataDir: filepath.Join(s.dir, "servers")})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { return redis.Stop(context.Background()) })
	s.redis, s.redisKind = redis.URL(), redis.Kind()
	return nil
}

func (s *stage) startModel(ctx context.Context) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if s.model, err = s.start(ctx, self, nil, "model"); err != nil {
		return err
	}
	return s.model.told(ctx)
}

// startMail catches the few mails of the learners that sign up.
func (s *stage) startMail(ctx context.Context) error {
	catcher, err := mailcatcher.Start(ctx, mailcatcher.Config{Dir: filepath.Join(s.dir, "mail")})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { return catcher.Stop(context.Background()) })
	s.smtpURL = catcher.SMTPURL()
	return nil
}

func (s *stage) migrateOwn(ctx context.Context) error { return s.migrate(ctx, s.database) }

// another makes a database with the schema that no node works on.
func (s *stage) another(ctx context.Context, name string) (url string, err error) {
	conn, err := pgx.Connect(ctx, s.database)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }() // it has one thing to do
	if _, err := conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	url = s.postgres.URL(name)
	return url, s.migrate(ctx, url)
}

func (s *stage) migrate(ctx context.Context, database string) error {
	c, err := s.start(ctx, s.binary, []string{"FLUENTPRO_DATABASE_URL=" + database}, "migrate")
	if err != nil {
		return err
	}
	<-c.done
	if !c.cmd.ProcessState.Success() {
		return fmt.Errorf("migrate: %s\n%s", c.cmd.ProcessState, c.tail())
	}
	return nil
}

// serve starts a node on a port of its own, with more settings than all have, and gives the time until it was ready.
func (s *stage) serve(ctx context.Context, more ...string) (*child, time.Duration, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	c, err := s.start(ctx, s.binary, append([]string{
		"FLUENTPRO_HTTP_ADDR=" + address, "FLUENTPRO_DATABASE_URL=" + s.database, "FLUENTPRO_REDIS_URL=" + s.redis,
		"FLUENTPRO_MODEL_BASE_URL=" + s.model.url + "/v1", "FLUENTPRO_MODEL_NAME=figures", "FLUENTPRO_SMTP_URL=" + s.smtpURL,
		"FLUENTPRO_TOKEN_ISSUER=http://figures.test",
		// Limits count as they do in production, and refuse nothing.
		"FLUENTPRO_RATE_AUTH=1000000/1m", "FLUENTPRO_RATE_API=1000000/1m", "FLUENTPRO_RATE_MESSAGES=1000000/1m", "FLUENTPRO_RATE_ADMIN=1000000/1m",
		"FLUENTPRO_RATE_REALTIME=1000000/1s",
		"FLUENTPRO_TOKENS_LEARNER_DAY=1000000000000", "FLUENTPRO_TOKENS_SERVICE_DAY=1000000000000",
		"FLUENTPRO_KEY_ENCRYPTION_KEY=" + s.masterKey, "FLUENTPRO_DRAIN_LIMIT=2s",
	}, more...), "serve")
	if err != nil {
		return nil, 0, err
	}
	c.url = "http://" + address
	err = c.ready(ctx)
	return c, time.Since(began), err
}

// learners are the same person signed in many times over, for as many goroutines.
func (s *stage) learners(ctx context.Context, node *child, n int) ([]*journey.Learner, error) {
	first, err := journey.New(node.url, s.http)
	if err != nil {
		return nil, err
	}
	if err := first.SignUp(ctx); err != nil {
		return nil, err
	}
	all := []*journey.Learner{first}
	for len(all) < n {
		next, err := first.At(node.url)
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	return all, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
