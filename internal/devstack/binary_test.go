package devstack_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

// installed makes a folder that looks like PostgreSQL's: its postgres tells the
// version and then does what the script says, as does its initdb.
func installed(t *testing.T, version, postgres, initdb string) string {
	t.Helper()
	bin := filepath.Join(folder(t), "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	program(t, bin, "postgres", `[ "$1" != --version ] || { echo "postgres (PostgreSQL) `+version+`"; exit; }`+"\n"+postgres)
	program(t, bin, "initdb", initdb)
	return bin
}

func program(t *testing.T, bin, name, script string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
}

func noFetch(context.Context) (string, error) { return "", errors.New("npm is away") }

func TestTheFirstServerThatIsNewEnoughIsTaken(t *testing.T) {
	t.Parallel()
	old := installed(t, "14.9", "", "")
	client := installed(t, "17.1", "", "")
	require.NoError(t, os.Remove(filepath.Join(client, "initdb")))
	broken := installed(t, "nonsense", "", "")
	crashing := filepath.Dir(client)
	good, newer := installed(t, "16.3 (Debian 16.3-1)", "", ""), installed(t, "18beta1", "", "")
	folders := []string{"/no/such/folder", old, client, broken, crashing, good, newer}

	bin, major, err := devstack.Find(t.Context(), 0, noFetch, folders...)
	require.NoError(t, err)
	require.Equal(t, good, bin)
	require.Equal(t, 16, major)

	bin, major, err = devstack.Find(t.Context(), 18, noFetch, folders...)
	require.NoError(t, err)
	require.Equal(t, newer, bin)
	require.Equal(t, 18, major)
}

func TestPostgresIsFetchedWhereTheMachineHasNone(t *testing.T) {
	t.Parallel()
	fetched := installed(t, strconv.Itoa(devstack.FetchedMajor)+".4", "", "")
	fetch := func(context.Context) (string, error) { return fetched, nil }
	for _, major := range []int{0, devstack.FetchedMajor} {
		bin, _, err := devstack.Find(t.Context(), major, fetch, installed(t, "14.1", "", ""))
		require.NoError(t, err)
		require.Equal(t, fetched, bin)
	}

	_, _, err := devstack.Find(t.Context(), 16, fetch, installed(t, "17.2", "", ""))
	require.ErrorContains(t, err, "no PostgreSQL 16 on this machine (seen: 17 in ")
	require.ErrorContains(t, err, "install it with: ")
}

func TestWithoutAnyPostgresTheErrorSaysHowToInstallIt(t *testing.T) {
	t.Parallel()
	_, _, err := devstack.Find(t.Context(), 0, noFetch)
	require.ErrorContains(t, err, "npm is away")
	require.Regexp(t, `install it with: (sudo (apt-get|dnf|apk|pacman)|brew) .*postgresql`, err.Error())
}

func TestTheMachinesOwnFoldersAreAbsolute(t *testing.T) {
	t.Parallel()
	for _, dir := range devstack.MachineFolders(t.Context()) {
		require.True(t, filepath.IsAbs(dir), dir)
	}
}

func TestAFolderSetInTheConfigurationIsTheOnlyOneLookedAt(t *testing.T) {
	t.Parallel()
	for bin, says := range map[string]string{
		"/no/such/folder":              "has no program initdb",
		installed(t, "14.9", "", ""):   "version 14, and 15 or newer is needed",
		installed(t, "silent", "", ""): "does not tell its version",
	} {
		_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{BinDir: bin})
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "configuration")
	}
}

func TestAClusterOfAVersionThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	cluster := filepath.Join(dir, "postgres-12")
	require.NoError(t, os.Mkdir(cluster, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(cluster, "PG_VERSION"), []byte("12\n"), 0o600))
	uid := max(os.Geteuid(), 1)
	require.NoError(t, os.Chown(cluster, uid, -1))

	for _, bin := range []string{"", installed(t, "17.2", "", "")} {
		_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir, BinDir: bin})
		require.ErrorContains(t, err, cluster+" was made by PostgreSQL 12")
		require.ErrorContains(t, err, "move the folder away")
	}
}

func TestAClusterOfNoVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "postgres-15"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "postgres-15", "PG_VERSION"), []byte("many\n"), 0o644))
	_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir})
	require.ErrorContains(t, err, "does not hold a version")
}

// half is what an initdb leaves that ends in the middle.
const half = `for a; do case $a in --pgdata=*) dir=${a#--pgdata=} ;; esac; done; echo 17 >"$dir/PG_VERSION"; `

func TestAnInterruptedInitdbLeavesNoCluster(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{
		DataDir: dir, BinDir: installed(t, "17.2", "", half+"echo disk full >&2; exit 1"),
	})
	require.ErrorContains(t, err, "disk full")
	require.Empty(t, clusters(t, dir))

	ctx, cancel := context.WithCancelCause(t.Context())
	begun, given := filepath.Join(dir, "begun"), errors.New("given up")
	require.NoError(t, syscall.Mkfifo(begun, 0o666))
	require.NoError(t, os.Chmod(begun, 0o666))
	go func() {
		_, _ = os.ReadFile(begun) // returns when initdb has written to it
		cancel(given)
	}()
	bin := installed(t, "17.2", "", half+`: >"`+begun+`"; exec sleep 60`)
	_, err = devstack.StartPostgres(ctx, devstack.PostgresConfig{DataDir: dir, BinDir: bin})
	require.ErrorIs(t, err, given)
	require.Empty(t, clusters(t, dir))

	require.NoError(t, os.Mkdir(filepath.Join(dir, "init-leftover"), 0o700), "as a killed process leaves it")
	start(t, devstack.PostgresConfig{DataDir: dir})
	require.Len(t, clusters(t, dir), 1)
}

func clusters(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"postgres-*", "init-*", "secret-*"} {
		some, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		found = append(found, some...)
	}
	return found
}

// pretend is an initdb of a system without the locale C.UTF-8.
const pretend = half + `case "$*" in
*--locale=C.UTF-8*) echo 'initdb: error: invalid locale name "C.UTF-8"' >&2; exit 1 ;;
*--locale=en_US.UTF-8*--lc-collate=C*) ;;
*) exit 2 ;;
esac`

func TestASystemWithoutTheBestLocaleGetsTheNextAndATakenPortIsTriedAgain(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	tries := filepath.Join(dir, "tries")
	require.NoError(t, os.WriteFile(tries, nil, 0o666))
	require.NoError(t, os.Chmod(tries, 0o666))
	bin := installed(t, "17.2", `[ "$1" != --single ] || exit 0
echo "$*" >>`+tries+`
echo 'could not bind IPv4 address "127.0.0.1": Address already in use' >&2; exit 1`, pretend)

	_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir, BinDir: bin})

	require.ErrorContains(t, err, "Address already in use")
	text, err := os.ReadFile(tries)
	require.NoError(t, err)
	require.Len(t, strings.Split(strings.TrimSpace(string(text)), "\n"), 5)
	require.DirExists(t, filepath.Join(dir, "postgres-17"))
}

func TestABootstrapThatFailsLeavesNoCluster(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	bin := installed(t, "17.2", "echo out of memory; exit 1", half)
	_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir, BinDir: bin})
	require.ErrorContains(t, err, "out of memory")
	require.Empty(t, clusters(t, dir))
}

func TestRootKeepsItsDataWhereTheServersUserReachesIt(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root has data that PostgreSQL's user cannot reach")
	}
	closed := t.TempDir() // below a folder of mode 0700
	first := start(t, devstack.PostgresConfig{DataDir: closed})
	home := filepath.Dir(first.Folder())
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(home)) })
	require.NotEqual(t, closed, home)
	pointer, err := os.ReadFile(filepath.Join(closed, "location"))
	require.NoError(t, err)
	require.Equal(t, home+"\n", string(pointer))
	execute(t, first.URL("fluentpro"), "create table kept as select 1 as id")
	require.NoError(t, first.Stop(t.Context()))

	second := start(t, devstack.PostgresConfig{DataDir: closed})

	require.Equal(t, first.Folder(), second.Folder())
	require.Equal(t, 1, query[int](t, second.URL("fluentpro"), "select id from kept"))
	require.NoError(t, second.Stop(t.Context()))

	require.NoError(t, os.Remove(filepath.Join(closed, "location")))
	third := start(t, devstack.PostgresConfig{DataDir: closed})
	require.False(t, query[bool](t, third.URL("fluentpro"), "select to_regclass('kept') is not null"), "a new folder begins anew")
	require.DirExists(t, filepath.Join(home, "old-"+filepath.Base(third.Folder())))
	require.NoError(t, third.Stop(t.Context()))

	require.NoError(t, os.Remove(filepath.Join(closed, "location")))
	require.NoError(t, os.Chmod(home, 0o777))
	_, err = devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: closed})
	require.ErrorContains(t, err, "not a folder of ours alone", "anybody may make folders there")
}

func TestAClusterRunsAsItsOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs PostgreSQL as another")
	}
	dir := folder(t)
	first := start(t, devstack.PostgresConfig{DataDir: dir})
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, filepath.Walk(first.Folder(), func(path string, _ os.FileInfo, err error) error {
		require.NoError(t, err)
		return os.Chown(path, 4711, 4711)
	}))

	second := start(t, devstack.PostgresConfig{DataDir: dir})

	pid, err := postmaster(second.Folder())
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	require.NoError(t, err)
	require.EqualValues(t, 4711, info.Sys().(*syscall.Stat_t).Uid)
	require.NoError(t, second.Stop(t.Context()))

	require.NoError(t, os.Chown(second.Folder(), 0, 0))
	_, err = devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir})
	require.ErrorContains(t, err, "belongs to root")
}

func TestTemporaryFoldersAreInMemoryOnlyWhereThereIsPlenty(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	require.NoError(t, os.WriteFile(file, []byte("MemTotal: 8000 kB\nMemAvailable:    4096 kB\n"), 0o600))
	require.EqualValues(t, 4<<20, devstack.AvailableMemory(file))
	require.Zero(t, devstack.AvailableMemory("/no/such/file"))

	mine := t.TempDir()
	t.Setenv("TMPDIR", mine)
	require.Equal(t, mine, devstack.TemporaryParents()[0], "a folder of the user's own comes first")
}
