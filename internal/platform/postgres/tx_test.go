package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// setup gives a database with a table "things" to write to.
func setup(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.Open(t)
	_, err := pool.Exec(t.Context(), `
		create table things (id int primary key, thing int constraint things_thing references things deferrable initially deferred);
		insert into things values (1)`)
	require.NoError(t, err)
	return pool
}

func count(t *testing.T, pool *pgxpool.Pool) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from things").Scan(&n))
	return n
}

func insertThing(ctx context.Context, tx postgres.Tx, id int) error {
	_, err := tx.Exec(ctx, "insert into things values ($1)", id)
	return err
}

func TestATransactionCommitsWhenAllWentWell(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	require.NoError(t, postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
		return insertThing(t.Context(), tx, 2)
	}))
	require.Equal(t, 2, count(t, pool))
}

func TestATransactionWithAnErrorLeavesNothing(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	mine := errors.New("changed my mind")
	err := postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
		require.NoError(t, insertThing(t.Context(), tx, 2))
		return mine
	})
	require.Equal(t, mine, err)
	require.Equal(t, 1, count(t, pool))
	require.Zero(t, pool.Stat().AcquiredConns())
}

func TestATransactionThatPanicsLeavesNothing(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	require.PanicsWithValue(t, "boom", func() {
		_ = postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
			require.NoError(t, insertThing(t.Context(), tx, 2))
			panic("boom")
		})
	})
	require.Equal(t, 1, count(t, pool))
	require.Zero(t, pool.Stat().AcquiredConns())
}

func TestATransactionWhoseCallerLeavesLeavesNothing(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := postgres.InTx(ctx, pool, func(tx postgres.Tx) error {
		require.NoError(t, insertThing(ctx, tx, 2))
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, fault.Find(err), "nobody is there to be told that the database is away")
	require.Equal(t, 1, count(t, pool))
}

func TestAnErrorAtCommitIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	err := postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
		_, err := tx.Exec(t.Context(), "insert into things values (2, 99)") // checked at commit only
		return err
	})
	require.True(t, postgres.ForeignKeyViolation(err, "things_thing"), "%v", err)
	require.Equal(t, 1, count(t, pool))
}

func TestASwallowedErrorOfAStatementFailsTheTransaction(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	err := postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
		require.Error(t, insertThing(t.Context(), tx, 1))
		return nil
	})
	require.Error(t, err)
}

func TestALockThatIsNotHadInTimeIsToBeTriedAgain(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	holder, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback(context.Background())) }()
	_, err = holder.Exec(t.Context(), "select from things where id = 1 for update")
	require.NoError(t, err)

	var bound string
	err = postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
		require.NoError(t, tx.QueryRow(t.Context(), "show lock_timeout").Scan(&bound))
		_, err := tx.Exec(t.Context(), "set local lock_timeout = '10ms'") // rather than wait for the real one
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "select from things where id = 1 for update")
		require.True(t, postgres.LockWaitExceeded(err))
		return err
	})
	requireUnavailable(t, err)
	require.True(t, postgres.LockWaitExceeded(err), "it stays to be told from other causes")
	require.Equal(t, postgres.LockTimeout.String(), bound)
}

func TestABackendThatIsKilledUnderATransactionIsUnavailable(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	err := postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
		require.NoError(t, insertThing(t.Context(), tx, 2))
		_, err := pool.Exec(t.Context(), "select pg_terminate_backend($1, 5000)", tx.Conn().PgConn().PID())
		require.NoError(t, err)
		return insertThing(t.Context(), tx, 3)
	})
	requireUnavailable(t, err)
	require.Equal(t, 1, count(t, pool), "the pool recovers and nothing is half done")
}

func TestABackendThatIsKilledBeforeTheCommitIsUnavailable(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	err := postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
		require.NoError(t, insertThing(t.Context(), tx, 2))
		_, err := pool.Exec(t.Context(), "select pg_terminate_backend($1, 5000)", tx.Conn().PgConn().PID())
		return err
	})
	requireUnavailable(t, err)
	require.Equal(t, 1, count(t, pool))
}

func TestATransactionCannotBeginWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	cfg, err := pgxpool.ParseConfig("postgres://learner@" + closedPort(t) + "/fluentpro")
	require.NoError(t, err)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	defer pool.Close()
	requireUnavailable(t, postgres.InTx(t.Context(), pool, func(postgres.Tx) error {
		t.Error("must not run")
		return nil
	}))
}

func TestViolationsAreToldApartByTheirConstraint(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	_, unique := pool.Exec(t.Context(), "insert into things values (1)")
	_, foreign := pool.Exec(t.Context(), "insert into things values (2, 99)")
	none := pool.QueryRow(t.Context(), "select from things where id = 7").Scan()

	require.True(t, postgres.UniqueViolation(unique, "things_pkey"))
	require.False(t, postgres.UniqueViolation(unique, "another"))
	require.False(t, postgres.UniqueViolation(foreign, "things_thing"))
	require.True(t, postgres.ForeignKeyViolation(foreign, "things_thing"))
	require.False(t, postgres.ForeignKeyViolation(foreign, "another"))
	require.False(t, postgres.ForeignKeyViolation(unique, "things_pkey"))
	require.True(t, postgres.NoRows(none))
	require.False(t, postgres.NoRows(unique))
	require.False(t, postgres.LockWaitExceeded(unique))
	var server *pgconn.PgError
	require.ErrorAs(t, postgres.Translate(unique), &server)
}
