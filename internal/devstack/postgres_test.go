package devstack_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

func TestDataPasswordAndPortSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first := start(t, devstack.PostgresConfig{DataDir: dir})
	execute(t, first.URL("fluentpro"), "create table kept (word text); insert into kept values ('物流')")
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, first.Stop(t.Context()), "stopping twice is stopping once")

	second := start(t, devstack.PostgresConfig{DataDir: dir})

	require.Equal(t, first.URL("fluentpro"), second.URL("fluentpro"))
	require.Equal(t, "物流", query[string](t, second.URL("fluentpro"), "select word from kept"))
}

func TestTheRoleMayMakeDatabasesAndIsNoSuperuser(t *testing.T) {
	t.Parallel()
	p := start(t, devstack.PostgresConfig{MaxConnections: 17})

	execute(t, p.URL("fluentpro"), "create database another")
	execute(t, p.URL("another"), "create extension pg_trgm; create table mine (id int)")

	require.False(t, query[bool](t, p.URL("another"), "select rolsuper from pg_roles where rolname = current_user"))
	require.NotEqual(t, "{}", query[string](t, p.URL("another"), "select show_trgm('中文')::text"))
	require.Equal(t, "17", query[string](t, p.URL("another"), "show max_connections"))
	require.Equal(t, "off", query[string](t, p.URL("another"), "show fsync"))
}

func TestTheServerListensBelowTheSystemsOwnPortsAndWantsAPassword(t *testing.T) {
	t.Parallel()
	p := start(t, devstack.PostgresConfig{})

	u, err := url.Parse(p.URL("fluentpro"))
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	require.Less(t, port, 32768)

	for _, user := range []string{"fluentpro", "postgres"} {
		u.User = url.UserPassword(user, "wrong")
		require.ErrorContains(t, devstack.Ping(t.Context(), u.String()), "password authentication failed")
	}
	u.User = url.UserPassword("postgres", password(t, p))
	require.ErrorContains(t, devstack.Ping(t.Context(), u.String()), "password authentication failed", "the superuser cannot connect at all")
}

func password(t *testing.T, p *devstack.Postgres) string {
	t.Helper()
	file := filepath.Join(p.Folder(), "fluentpro.password")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

func TestATemporaryClusterLeavesNoFolder(t *testing.T) {
	t.Parallel()
	p := start(t, devstack.PostgresConfig{})
	require.DirExists(t, p.Folder())
	require.NoError(t, p.Stop(t.Context()))
	require.NoDirExists(t, filepath.Dir(p.Folder()))
}

func TestAStopWhoseTimeIsUpIsImmediateAndLosesNothingCommitted(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir})
	require.NoError(t, err)
	execute(t, first.URL("fluentpro"), "create table kept as select 1 as id")
	pid, err := postmaster(first.Folder())
	require.NoError(t, err)

	require.NoError(t, first.Stop(canceled()))
	require.NoError(t, first.Stop(t.Context()))

	require.False(t, devstack.Alive(pid))
	second := start(t, devstack.PostgresConfig{DataDir: dir})
	require.Equal(t, 1, query[int](t, second.URL("fluentpro"), "select id from kept"))
}

func TestAFolderInUseIsRefusedWithTheNameOfItsOwner(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	start(t, devstack.PostgresConfig{DataDir: dir})

	_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir})

	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "process "+strconv.Itoa(os.Getpid()))
}

func TestATakenPortIsNamed(t *testing.T) {
	t.Parallel()
	port := takenPort(t)

	_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{Port: port, Fast: true})

	require.ErrorContains(t, err, "port "+strconv.Itoa(port))
	require.ErrorContains(t, err, "taken")
}

func TestAPortAskedForIsTaken(t *testing.T) {
	t.Parallel()
	port, err := devstack.PortOf(0, "", "postgres")
	require.NoError(t, err)
	p := start(t, devstack.PostgresConfig{Port: port})
	require.Contains(t, p.URL("x"), "@127.0.0.1:"+strconv.Itoa(port)+"/x?")
}

func TestAServerThatDoesNotStartTellsTheLastOfItsLog(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	p := start(t, devstack.PostgresConfig{DataDir: dir})
	require.NoError(t, p.Stop(t.Context()))
	settings := filepath.Join(p.Folder(), "postgresql.auto.conf")
	require.NoError(t, os.WriteFile(settings, []byte("no_such_setting = 1\n"), 0o600))

	_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir, Fast: true})

	require.ErrorContains(t, err, "ended at once")
	require.ErrorContains(t, err, "no_such_setting")
	require.NoError(t, os.WriteFile(settings, nil, 0o600))
	start(t, devstack.PostgresConfig{DataDir: dir})
}

func TestAPidFileOfAnotherProgramDoesNotStandInTheWay(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	p := start(t, devstack.PostgresConfig{DataDir: dir})
	info, err := os.Stat(p.Folder())
	require.NoError(t, err)
	require.NoError(t, p.Stop(t.Context()))
	file := filepath.Join(p.Folder(), "postmaster.pid")

	for name, pid := range map[string]int{"alive": os.Getpid(), "gone": 1 << 22, "garbage": 0} {
		text := strconv.Itoa(pid) + "\n" + p.Folder() + "\n"
		if pid == 0 {
			text = "nonsense\n"
		}
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		owner := info.Sys().(*syscall.Stat_t)
		require.NoError(t, os.Chown(file, int(owner.Uid), int(owner.Gid)))
		again, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir, Fast: true})
		if pid == 0 {
			require.ErrorContains(t, err, "postmaster.pid", "PostgreSQL judges what is no pid")
			continue
		}
		require.NoError(t, err, name)
		require.NoError(t, again.Stop(t.Context()))
	}
}

func TestAServerThatAnotherProgramStartedInTheFolderIsNamed(t *testing.T) {
	t.Parallel()
	p := start(t, devstack.PostgresConfig{DataDir: folder(t)})
	pid, err := postmaster(p.Folder())
	require.NoError(t, err)

	err = devstack.ClearPid(t.Context(), p.Folder())

	require.ErrorContains(t, err, "process "+strconv.Itoa(pid))
	require.ErrorContains(t, err, p.Folder())
	require.FileExists(t, filepath.Join(p.Folder(), "postmaster.pid"))
}

func TestNothingOutlivesAKilledOwner(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	child, s := startChild(t, dir)
	group, err := syscall.Getpgid(s.Postgres)
	require.NoError(t, err)
	require.NotEqual(t, syscall.Getpgrp(), group, "Ctrl-C in a terminal does not reach the servers")
	_, err = devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir})
	require.ErrorContains(t, err, "process "+strconv.Itoa(child.Process.Pid))
	require.DirExists(t, s.TestFolder)
	require.NoError(t, devstack.Ping(t.Context(), s.TestURL))

	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())

	p := start(t, devstack.PostgresConfig{DataDir: dir}) // waits for the other to end
	require.Equal(t, 1, query[int](t, p.URL("fluentpro"), "select 1"))
	r, err := devstack.StartRedis(t.Context(), devstack.RedisConfig{DataDir: dir})
	require.NoError(t, err)
	require.NoError(t, r.Stop(t.Context()))
	gone(t, s.Postgres, "PostgreSQL")
	gone(t, s.TestPostgres, "the temporary PostgreSQL")
	if s.Redis != 0 {
		gone(t, s.Redis, "Redis")
	}
	require.Eventually(t, func() bool {
		_, err := os.Stat(s.TestFolder)
		return os.IsNotExist(err)
	}, soon, often, "the temporary folder stays")
}

func TestAStartThatIsGivenUpLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	_, err := devstack.StartPostgres(canceled(), devstack.PostgresConfig{DataDir: dir, Fast: true})
	require.ErrorIs(t, err, context.Canceled)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "postgres.lock"), filepath.Join(dir, "postgres.owner")}, left)
}
