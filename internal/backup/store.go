package backup

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// backupLock is the advisory lock under which one backup is made at a time.
const backupLock int64 = 7_233_411_906

// beginMoment opens a transaction that sees one moment. Between two reads it may wait for a
// store that is slow.
const beginMoment = "begin isolation level repeatable read read only; set local idle_in_transaction_session_timeout = '10min'; set local lock_timeout = '5s'"

// lookAround takes the lock and tells the moment that a transaction sees: when it is, the oldest
// transaction that is open, and which database it is. One that goes back in time, or follows
// another primary, has another timeline. The code generator does not know pg_database.
const lookAround = `select pg_try_advisory_xact_lock($1), statement_timestamp(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
	concat_ws('/', (select system_identifier from pg_control_system()), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
		(select oid from pg_database where datname = current_database()))`

// store is this noun's part of the database: it has no table.
type store struct{ pool *pgxpool.Pool }

// moment is what a transaction sees.
type moment struct {
	At       time.Time
	Horizon  int64  // the oldest transaction that was open: what it or a later one writes is not seen
	Database string // the cluster, its timeline and the database
}

// atOneMoment does something in a transaction that sees one moment, unless another is at it.
func (s *store) atOneMoment(ctx context.Context, do func(tx postgres.Tx, at moment) error) error {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginMoment})
	if err != nil {
		return postgres.Translate(fmt.Errorf("begin backup: %w", err))
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = tx.Rollback(ctx) // it has only read
	}()
	var locked bool
	var at moment
	err = tx.QueryRow(ctx, lookAround, backupLock).Scan(&locked, &at.At, &at.Horizon, &at.Database)
	if err != nil {
		return postgres.Translate(fmt.Errorf("begin backup: %w", err))
	}
	if !locked {
		return errRunning
	}
	at.At = at.At.UTC()
	return postgres.Translate(do(tx, at))
}

// told writes the event of a restore that begins.
func (s *store) told(ctx context.Context, in RestoreInput, task *uuid.UUID, at time.Time) error {
	e := events.BackupRestoreStarted{
		BackupID: in.BackupID, Scope: events.BackupRestoreStartedScopeAll, ConversationID: in.ConversationID, UserID: in.UserID, TaskID: task,
	}
	switch {
	case in.ConversationID != nil:
		e.Scope = events.BackupRestoreStartedScopeConversation
	case in.UserID != nil:
		e.Scope = events.BackupRestoreStartedScopeUser
	}
	if in.Operator != "" {
		e.Operator = &in.Operator
	}
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error { return outbox.Write(ctx, tx, at, in.BackupID, e) })
}
