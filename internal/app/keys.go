package app

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Keys lists the signing keys that are published. It needs the database alone.
func Keys(ctx context.Context, cfg Config) (keys []account.Key, err error) {
	err = withPool(ctx, cfg, func(pool *pgxpool.Pool) error {
		keys, err = account.Keys(ctx, pool, time.Now())
		return err
	})
	return keys, err
}

// RotateKeys adds a signing key and retires the others. It needs the database and
// FLUENTPRO_KEY_ENCRYPTION_KEY.
func RotateKeys(ctx context.Context, cfg Config, compromised bool) (keys []account.Key, err error) {
	secret, err := cfg.derive(signingPurpose)
	if err != nil {
		return nil, fmt.Errorf("FLUENTPRO_KEY_ENCRYPTION_KEY: %w", err)
	}
	err = withPool(ctx, cfg, func(pool *pgxpool.Pool) error {
		keys, err = account.RotateKeys(ctx, pool, account.RotateInput{Secret: secret, Compromised: compromised, Now: time.Now()})
		return err
	})
	return keys, err
}

func withPool(ctx context.Context, cfg Config, do func(*pgxpool.Pool) error) error {
	pool, err := postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL.Reveal(), MaxConns: 1})
	if err != nil {
		return err
	}
	defer pool.Close()
	return do(pool)
}
