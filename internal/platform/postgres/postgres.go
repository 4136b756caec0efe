// Package postgres opens the database and runs transactions in it. It promises
// that a transaction is whole or not at all, that no lock is waited for longer
// than LockTimeout and nothing else for ever, and that errors which mean "the
// database is away" come back as the fault server.unavailable. It knows no table.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// LockTimeout bounds every wait for a row lock inside InTx.
const LockTimeout = 5 * time.Second

// Bounds of a connection: how long to open one, and how long a transaction may
// hold its locks while its node says nothing.
const (
	connectTimeout  = 5 * time.Second
	idleInTxTimeout = 30 * time.Second
)

// Defaults of Config.
const (
	defaultMaxConns         = 16
	defaultStatementTimeout = 15 * time.Second
	defaultAcquireTimeout   = 5 * time.Second
)

// oldestVersion is the oldest server_version_num that our SQL runs on.
const oldestVersion = 15_00_00

// beginQuery opens a transaction and bounds its waits in one round trip.
const beginQuery = "begin; set local lock_timeout = '5s'"

// errUnavailable is what callers get while the database cannot be reached.
var errUnavailable = fault.New(fault.Unavailable, "server.unavailable", "The service cannot reach its database; try again shortly.").
	WithRetryAfter(time.Second)

// Config says how to reach the database.
type Config struct {
	URL              string        // postgres://..., or the keywords and values of libpq
	MaxConns         int32         // 0: 16
	StatementTimeout time.Duration // the longest statement; 0: 15 s
	AcquireTimeout   time.Duration // the longest wait for a free connection; 0: 5 s
}

// Open makes a pool and proves it. Refused is a PostgreSQL
// older than 15, an encoding other than UTF-8, and a locale to which Chinese
// characters are no letters, as they are to locale C: trigrams of them would be
// empty. A statement ends at its timeout even when the server is silent and its
// context has no end.
func Open(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("database URL: cannot be parsed") // the cause may hold the password
	}
	pc.MaxConns = cmp.Or(cfg.MaxConns, defaultMaxConns)
	pc.MaxConnIdleTime = 5 * time.Minute
	pc.ConnConfig.ConnectTimeout = connectTimeout
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	statement := cmp.Or(cfg.StatementTimeout, defaultStatementTimeout)
	pc.ConnConfig.RuntimeParams["statement_timeout"] = milliseconds(statement)
	pc.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(idleInTxTimeout)
	pc.ConnConfig.Tracer = deadline{acquire: cmp.Or(cfg.AcquireTimeout, defaultAcquireTimeout), answer: statement + answerMargin}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := check(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

func check(ctx context.Context, pool *pgxpool.Pool) error {
	var encoding, locale string
	var version int
	err := pool.QueryRow(ctx, `select current_setting('server_encoding'), current_setting('server_version_num')::int,
		(select datctype from pg_database where datname = current_database())`).Scan(&encoding, &version, &locale)
	switch {
	case err != nil:
		return fmt.Errorf("open database: %w", err)
	case encoding != "UTF8":
		return fmt.Errorf("open database: its encoding is %s, UTF8 is needed", encoding)
	case version < oldestVersion:
		return fmt.Errorf("open database: PostgreSQL %d, %d or newer is needed", version/10000, oldestVersion/10000)
	}
	var letters bool
	if err := pool.QueryRow(ctx, "select '中' ~ '[[:alpha:]]'").Scan(&letters); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if !letters {
		return fmt.Errorf("open database: to its locale %s, Chinese characters are no letters; C.UTF-8 is needed", locale)
	}
	return nil
}

// Tx is a transaction in progress. Nouns pass it on without looking inside.
type Tx = pgx.Tx

// InTx runs fn in one transaction (read committed) and commits it if fn gives
// no error. A failed commit is an error: nothing is acknowledged before it.
func InTx(ctx context.Context, pool *pgxpool.Pool, fn func(tx Tx) error) error {
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginQuery})
	if err != nil {
		return Translate(err)
	}
	defer rollback(tx)
	if err := fn(tx); err != nil {
		return Translate(err)
	}
	return Translate(tx.Commit(ctx))
}

// rollback is harmless after a commit. It has a time of its own, since the
// request's may be over, and a connection must not go back half done.
func rollback(tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// Translate turns what means "the database is away or full" into the fault
// server.unavailable and leaves every other error as it is.
func Translate(err error) error {
	if err == nil || fault.Find(err) != nil || errors.Is(err, context.Canceled) {
		return err
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		if away(server.Code) {
			return errUnavailable.WithCause(err)
		}
		return err
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) ||
		errors.Is(err, context.DeadlineExceeded) || brokenConn(err) {
		return errUnavailable.WithCause(err)
	}
	return err
}

// away tells SQLSTATEs that pass when the same is tried again later.
func away(code string) bool {
	switch code {
	case "55P03", // lock not had in time
		"40P01", // deadlock
		"25006", // read-only: a standby, or a node that was the primary
		"25P03": // idle in a transaction for too long
		return true
	}
	// connection lost, out of resources, shutting down or out of time
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57")
}

// brokenConn sees a connection that ended under a query: pgconn wraps io errors
// without a type of its own.
func brokenConn(err error) bool {
	return pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed)
}

// LockWaitExceeded reports that a lock was not had within LockTimeout.
func LockWaitExceeded(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == "55P03"
}

// UniqueViolation reports that the named constraint refused a duplicate.
func UniqueViolation(err error, constraint string) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == "23505" && server.ConstraintName == constraint
}

// ForeignKeyViolation reports that the named constraint missed its target.
func ForeignKeyViolation(err error, constraint string) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == "23503" && server.ConstraintName == constraint
}

// NoRows reports that a query for one row found none.
func NoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
