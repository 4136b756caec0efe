package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// migrationLock is the advisory lock under which one node migrates while others wait.
const migrationLock = 7_233_411_902

// Migrate brings the database to the newest schema: our steps in files, then
// the job queue's own. Nodes that start together take turns; each step is whole
// or not at all, and may take as long as it needs. A database that is newer than
// files is left as it is. It works on connections of its own, made as pool's are.
func Migrate(ctx context.Context, pool *pgxpool.Pool, files fs.FS, logger *slog.Logger) error {
	own, err := pgxpool.NewWithConfig(ctx, unhurried(pool.Config()))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer own.Close()
	conn, err := own.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return fmt.Errorf("migrate: take the lock: %w", err)
	}
	defer unlock(conn.Conn())
	if err := migrateOurs(ctx, own, files, logger); err != nil {
		return err
	}
	return migrateQueue(ctx, own, logger)
}

// unhurried lifts the bounds that are for requests. One connection holds the
// lock while others work.
func unhurried(cfg *pgxpool.Config) *pgxpool.Config {
	cfg.MinConns, cfg.MinIdleConns, cfg.MaxConns = 0, 0, 4
	cfg.ConnConfig.Tracer = nil
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = "0"
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	return cfg
}

// unlock closes the connection: that frees the lock whatever state it is in.
func unlock(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

func migrateOurs(ctx context.Context, pool *pgxpool.Pool, files fs.FS, logger *slog.Logger) error {
	handle := stdlib.OpenDBFromPool(pool)
	defer func() { _ = handle.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, handle, files)
	if err != nil {
		return fmt.Errorf("migrate: read steps: %w", err)
	}
	done, err := provider.Up(ctx)
	partial, failed := errors.AsType[*goose.PartialError](err)
	if failed {
		done = partial.Applied
	}
	for _, r := range done {
		logger.Info("migrated", "step", r.Source.Path, "duration_ms", r.Duration.Milliseconds())
	}
	switch {
	case failed:
		return fmt.Errorf("migrate: step %s: %w", partial.Failed.Source.Path, partial.Err)
	case err != nil:
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func migrateQueue(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	result, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	if len(result.Versions) > 0 {
		logger.Info("migrated", "step", "job queue", "to", result.Versions[len(result.Versions)-1].Version)
	}
	return nil
}
