package devstack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

// stubborn says who it is and ends for nothing but KILL (QUIT is ignored in
// what sh runs beside itself).
const stubborn = `trap '' TERM; echo $$; while :; do sleep 0.05; done`

func supervised(t *testing.T, remove, script string) *devstack.Process {
	t.Helper()
	p, err := devstack.Supervise(remove, script)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop(canceled())) })
	return p
}

func ended(t *testing.T, p *devstack.Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(soon):
		t.Fatal("it still runs")
	}
}

func said(t *testing.T, p *devstack.Process) string {
	t.Helper()
	require.Eventually(t, func() bool { return p.Log() != "" }, soon, often)
	return p.Log()
}

func TestAServerIsAskedToEndBeforeItIsMadeTo(t *testing.T) {
	t.Parallel()
	p := supervised(t, "", `trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 0.05; done`)
	said(t, p)

	require.NoError(t, p.Stop(t.Context()))

	require.Contains(t, p.Log(), "asked")
	require.ErrorContains(t, p.Err(), "exit status 3")
}

func TestAServerThatDoesNotListenIsKilled(t *testing.T) {
	t.Parallel()
	p := supervised(t, "", stubborn)
	pid := said(t, p)

	require.NoError(t, p.Stop(t.Context()))

	require.Error(t, p.Err())
	require.NoDirExists(t, "/proc/"+pid)
}

func TestAServerWhoseOwnerIsGoneEndsTooAndItsFolderWithIt(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{"willing": "echo ready; exec sleep 60", "stubborn": stubborn} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
			p := supervised(t, dir, script)
			said(t, p)

			require.NoError(t, p.Abandon())

			ended(t, p)
			require.NoDirExists(t, dir)
		})
	}
}

func TestAServerThatEndsByItselfLeavesItsFolderForTheReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := supervised(t, dir, "echo trouble >&2; exit 4")
	ended(t, p)
	require.ErrorContains(t, p.Err(), "exit status 4")
	require.Equal(t, "trouble", p.Log())
	require.DirExists(t, dir)
}

func TestTheLastLinesOfALogAreKeptWithinBounds(t *testing.T) {
	t.Parallel()
	require.Equal(t, "one\ntwo\nthree", devstack.Tail("one\nt", "wo\r\n\nth", "ree"))
	require.Equal(t, strings.Repeat("x", 500), devstack.Tail(strings.Repeat("x", 300), strings.Repeat("x", 9000)+"\n"))
	lines := strings.Split(devstack.Tail(strings.Repeat("a\n", 99)+"b\n"), "\n")
	require.Len(t, lines, 30)
	require.Equal(t, "b", lines[29])
}
