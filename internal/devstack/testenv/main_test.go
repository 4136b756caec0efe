package main

import (
	"bufio"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A copy of this test binary with this variable set is testenv itself.
const selfVariable = "TESTENV_TEST_SELF"

func TestMain(m *testing.M) {
	if os.Getenv(selfVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

func testenv(arguments ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], arguments...)
	command.Env = append(os.Environ(), selfVariable+"=1")
	return command
}

func TestTheCommandGetsBothServersAndItsExitCodeIsOurs(t *testing.T) {
	t.Parallel()
	out, err := testenv("--", "sh", "-c", `echo "$FLUENTPRO_TEST_DATABASE_URL $FLUENTPRO_TEST_REDIS_URL"; cat; exit 7`).Output()

	require.ErrorContains(t, err, "exit status 7")
	addresses := strings.Fields(string(out))
	require.Len(t, addresses, 2)
	for i, scheme := range []string{"postgres", "redis"} {
		u, err := url.Parse(addresses[i])
		require.NoError(t, err)
		require.Equal(t, scheme, u.Scheme)
		_, err = net.Dial("tcp", u.Host)
		require.Error(t, err, "%s is still there", scheme)
	}
}

func TestSignalsReachTheWholeCommand(t *testing.T) {
	t.Parallel()
	for script, code := range map[string]int{
		`trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done`: 9,
		`echo ready; exec sleep 60`:                                    128 + int(syscall.SIGTERM),
	} {
		command := testenv("sh", "-c", script)
		out, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "ready\n", line)

		require.NoError(t, command.Process.Signal(syscall.SIGTERM))

		require.Error(t, command.Wait())
		require.Equal(t, code, command.ProcessState.ExitCode())
	}
}

func TestACommandThatIsNoneIsSaid(t *testing.T) {
	t.Parallel()
	out, err := testenv("--").CombinedOutput()
	require.ErrorContains(t, err, "exit status 2")
	require.Contains(t, string(out), usage)

	out, err = testenv("/no/such/program").CombinedOutput()
	require.ErrorContains(t, err, "exit status 1")
	require.Contains(t, string(out), "/no/such/program")
}
