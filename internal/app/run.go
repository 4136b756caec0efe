package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/migrations"
)

// Bounds against clients that are slow on purpose or by misfortune.
const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// Migrate brings the database to the newest schema and the reference data up to date.
func Migrate(ctx context.Context, databaseURL string, logger *slog.Logger) error {
	if databaseURL == "" {
		return errors.New("FLUENTPRO_DATABASE_URL must say which database to migrate")
	}
	pool, err := postgres.Open(ctx, postgres.Config{URL: databaseURL})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool, migrations.FS, logger); err != nil {
		return err
	}
	return catalogue.Seed(ctx, pool)
}

// Serve runs the service until ctx ends, then stops it in order: it says it is
// not ready and waits for balancers, ends streams with stream.closing, lets
// requests and replies finish up to the limit, and hands the rest over. It
// closes the listener. Jobs are left to workers if ServeJobs is off. ready is called once requests are answered; it may be nil.
func Serve(ctx context.Context, cfg Config, listener net.Listener, logger *slog.Logger, ready func()) error {
	defer func() { _ = listener.Close() }()
	redis.SetLogger(redisLog{logger}) // the library has one logger for the process
	a, err := New(ctx, cfg, logger, Options{})
	if err != nil {
		return err
	}
	defer a.Close()
	defer a.startMetrics(ctx, cfg.MetricsAddr)()
	if cfg.ServeJobs {
		if err := a.Start(ctx); err != nil {
			return err
		}
	}
	a.StartMonitor(ctx)
	server := newServer(a.Handler(), logger)
	failed := make(chan error, 1)
	go func() { failed <- serve(server, listener, cfg) }()
	if ready != nil {
		ready()
	}
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return errors.Join(err, shutDown(a, server, cfg))
}

// Work runs background jobs without the API until ctx ends, then takes no new
// ones, lets those that run finish up to the limit, and hands the rest over.
// ready is called once jobs are taken; it may be nil.
func Work(ctx context.Context, cfg Config, logger *slog.Logger, ready func()) error {
	if atOnce, err := cfg.concurrency(); err == nil && !slices.ContainsFunc(slices.Collect(maps.Values(atOnce)), positive) {
		return errors.New("FLUENTPRO_QUEUES leaves a worker nothing to do")
	}
	redis.SetLogger(redisLog{logger}) // the library has one logger for the process
	a, err := New(ctx, cfg, logger, Options{})
	if err != nil {
		return err
	}
	defer a.Close()
	defer a.startMetrics(ctx, cfg.MetricsAddr)()
	if err := a.Start(ctx); err != nil {
		return err
	}
	if ready != nil {
		ready()
	}
	<-ctx.Done()
	logger.Info("stopping", "limit", cfg.DrainLimit.String())
	a.Drain()
	last, cancel := context.WithTimeout(context.Background(), cfg.DrainLimit)
	defer cancel()
	return a.StopJobs(last)
}

func positive(n int) bool { return n > 0 }

// redisLog takes what the Redis library tells, such as each failed dial.
type redisLog struct{ logger *slog.Logger }

// Printf logs one line at debug level: what matters comes back as an error too.
func (l redisLog) Printf(ctx context.Context, format string, v ...any) {
	l.logger.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}

func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // by prior knowledge
	return &http.Server{
		Handler: handler, Protocols: protocols, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

func serve(server *http.Server, listener net.Listener, cfg Config) error {
	if cfg.TLSCertFile != "" {
		return server.ServeTLS(listener, cfg.TLSCertFile, cfg.TLSKeyFile)
	}
	return server.Serve(listener)
}

// Listen takes the address of the API. A port that is taken is named.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; stop it or set FLUENTPRO_HTTP_ADDR to another address", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on FLUENTPRO_HTTP_ADDR: %w", err)
	}
	return listener, nil
}

// shutDown stops what Serve started, in the order that Serve promises.
func shutDown(a *App, server *http.Server, cfg Config) error {
	a.logger.Info("stopping", "delay", cfg.DrainDelay.String(), "limit", cfg.DrainLimit.String())
	a.NotReady()
	time.Sleep(cfg.DrainDelay) // balancers look at /readyz; requests are still taken
	a.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), cfg.DrainLimit)
	defer cancel()
	jobs := make(chan error, 1)
	go func() { jobs <- a.StopJobs(ctx) }()
	err := server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop serving: %w", err), server.Close())
	}
	return errors.Join(err, a.StopStreams(ctx), <-jobs)
}
