package devstack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// What tests run against. These variables, read in this file alone, let many
// test processes share one PostgreSQL and one Redis, as testenv has them do.
const (
	TestDatabaseVariable = "FLUENTPRO_TEST_DATABASE_URL" // a role that may create databases
	TestRedisVariable    = "FLUENTPRO_TEST_REDIS_URL"
	TestRedisKind        = "FLUENTPRO_TEST_REDIS" // RedisInProcess: never redis-server; RedisClustered
)

// TestConnections is max_connections of a PostgreSQL for tests, which many test
// processes share.
const TestConnections = 400

// templateLock is the advisory lock under which templates are made, in the
// database of the admin URL.
const templateLock = 0x666c75656e74 // "fluent"

// cleanupTimeout bounds what is done after the caller's context has ended.
const cleanupTimeout = 30 * time.Second

// cloneStrategy copies the template's files as they are. Without fsync, for a
// database of 10 MB, it takes 15 ms where the default (wal_log) takes 21 ms on
// PostgreSQL 15, and 12 ms to 17 ms on 18.
const cloneStrategy = "file_copy"

// processCluster and processRedis are one for the process, since their
// supervisors end with it.
var (
	processCluster = sync.OnceValues(startTestCluster)
	processRedis   = sync.OnceValues(startTestRedis)
)

// Cluster gives the address of a PostgreSQL for tests, with a role that may
// create databases: the one in FLUENTPRO_TEST_DATABASE_URL, else one of this
// process's own in a temporary folder, started once. Nobody stops it: it ends,
// and its folder goes, when this process ends.
func Cluster() (adminURL string, err error) { return processCluster() }

func startTestCluster() (string, error) {
	if url := os.Getenv(TestDatabaseVariable); url != "" {
		return url, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	cache, err := TestCache()
	if err != nil {
		return "", err
	}
	p, err := StartPostgres(ctx, PostgresConfig{CacheDir: cache, Fast: true, MaxConnections: TestConnections})
	if err != nil {
		return "", fmt.Errorf("start a PostgreSQL for tests: %w", err)
	}
	return p.URL(role), nil
}

// TestCache is where a PostgreSQL fetched for tests is kept: it belongs to the
// user, not to a folder of data.
func TestCache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return filepath.Join(dir, "fluentpro"), nil
}

// TestRedis gives the address of a Redis for tests that keeps nothing: the one
// in FLUENTPRO_TEST_REDIS_URL, else one of this process's own, started once, of the
// kind that StartRedisForTests starts. It ends with this process. Other tests use it
// at the same time: take names of your own. A cluster's address names the first node
// and has the others in addr parameters.
func TestRedis() (url string, err error) { return processRedis() }

func startTestRedis() (string, error) {
	if url := os.Getenv(TestRedisVariable); url != "" {
		return url, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*readyLimit)
	defer cancel()
	r, err := StartRedisForTests(ctx)
	if err != nil {
		return "", fmt.Errorf("start a Redis for tests: %w", err)
	}
	return r.URL(), nil
}

// RunningRedis is a Redis or a RedisCluster.
type RunningRedis interface {
	URL() string
	Kind() string
	Stop(context.Context) error
}

// StartRedisForTests starts what FLUENTPRO_TEST_REDIS names: "in-process", "cluster"
// (three nodes), or what StartRedis finds when it is empty.
func StartRedisForTests(ctx context.Context) (RunningRedis, error) {
	kind := os.Getenv(TestRedisKind)
	if kind == RedisClustered {
		return StartRedisCluster(ctx, nil)
	}
	return StartRedis(ctx, RedisConfig{ForceInProcess: kind == RedisInProcess})
}

// CloneDatabase gives a new database that is a copy of a template. The template
// is made by prepare (migrations, seeds) once in the cluster for each key, even
// with many callers in many processes; a key must change when what prepare does
// changes. drop removes the copy, cutting its connections, and may be called
// when ctx has ended. An error of prepare leaves nothing behind.
func CloneDatabase(ctx context.Context, adminURL, templateKey string, prepare func(ctx context.Context, url string) error) (url string, drop func(), err error) {
	t, err := newTemplate(adminURL, templateKey)
	if err != nil {
		return "", nil, err
	}
	admin, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return "", nil, fmt.Errorf("clone a database: %w", err)
	}
	defer closeConnection(admin)
	if err := t.ensure(ctx, admin, prepare); err != nil {
		return "", nil, fmt.Errorf("make the template database %s: %w", t.name, err)
	}
	name := "fluentpro_test_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec(ctx, "create database "+name+" template "+t.name+" strategy "+cloneStrategy); err != nil {
		return "", nil, fmt.Errorf("clone the template database %s: %w", t.name, err)
	}
	return t.url(name), func() { dropDatabase(adminURL, name) }, nil
}

// template is a database that others are copied from. It is finished when
// PostgreSQL has it marked as a template.
type template struct {
	admin *url.URL
	name  string
}

func newTemplate(adminURL, key string) (template, error) {
	admin, err := url.Parse(adminURL)
	if err != nil {
		return template{}, fmt.Errorf("the address of the test cluster: %w", err)
	}
	sum := sha256.Sum256([]byte(key))
	return template{admin: admin, name: "fluentpro_tpl_" + hex.EncodeToString(sum[:8])}, nil
}

func (t template) url(database string) string {
	u := *t.admin
	u.Path = "/" + database
	return u.String()
}

// ensure makes the template unless it is there.
func (t template) ensure(ctx context.Context, admin *pgx.Conn, prepare func(context.Context, string) error) error {
	if exists, finished, err := t.state(ctx, admin); err != nil || exists && finished {
		return err
	}
	// The lock goes with the connection, so that no death leaves it behind.
	if _, err := admin.Exec(ctx, "select pg_advisory_lock($1)", int64(templateLock)); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		_, _ = admin.Exec(ctx, "select pg_advisory_unlock($1)", int64(templateLock)) // it goes with the connection anyway
	}()
	exists, finished, err := t.state(ctx, admin)
	if err != nil || exists && finished {
		return err
	}
	if exists { // its maker died
		dropDatabase(t.admin.String(), t.name)
	}
	return t.make(ctx, admin, prepare)
}

func (t template) state(ctx context.Context, admin *pgx.Conn) (exists, finished bool, err error) {
	err = admin.QueryRow(ctx, "select datistemplate from pg_database where datname = $1", t.name).Scan(&finished)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, false, nil
	}
	return err == nil, finished, err
}

// make closes the template to connections before it is copied: PostgreSQL
// copies no database that somebody is connected to.
func (t template) make(ctx context.Context, admin *pgx.Conn, prepare func(context.Context, string) error) error {
	if _, err := admin.Exec(ctx, "create database "+t.name); err != nil {
		return err
	}
	err := prepare(ctx, t.url(t.name))
	if err == nil {
		err = disconnect(ctx, admin, t.name)
	}
	if err == nil {
		_, err = admin.Exec(ctx, "alter database "+t.name+" is_template true")
	}
	if err != nil {
		dropDatabase(t.admin.String(), t.name)
	}
	return err
}

// disconnect lets nobody into a database any more and waits until all are out.
// PostgreSQL's own waits (of drop and of create) look every 100 ms only, and its
// forced drop is refused to an ordinary role while autovacuum is at work.
func disconnect(ctx context.Context, admin *pgx.Conn, name string) error {
	ctx, cancel := context.WithTimeout(ctx, cleanupTimeout)
	defer cancel()
	if _, err := admin.Exec(ctx, "alter database "+name+" allow_connections false"); err != nil {
		return err
	}
	for {
		var left int
		err := admin.QueryRow(ctx, `select count(pg_terminate_backend(pid)) from pg_stat_activity
			where datname = $1 and backend_type = 'client backend'`, name).Scan(&left)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// dropDatabase does without the caller's connection and context, which may have
// ended. What it cannot drop goes with the cluster.
func dropDatabase(adminURL, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return
	}
	defer closeConnection(conn)
	if disconnect(ctx, conn, name) == nil {
		_, _ = conn.Exec(ctx, "drop database if exists "+name)
	}
}

func closeConnection(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	_ = conn.Close(ctx) // PostgreSQL ends a connection that is gone
}
