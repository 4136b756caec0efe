package lock_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

// holderDatabase tells the process of TestAHolderStoppedForTwiceItsTTLCannotWrite
// where to write; in a process that has it, TestTheHolderToBeStopped is that holder.
const (
	holderDatabase = "FLUENTPRO_TEST_LOCK_HOLDER_DATABASE"
	holderRedis    = "FLUENTPRO_TEST_LOCK_HOLDER_REDIS"
)

const stoppedTTL = time.Second

func shortLived(c *lock.Config) { c.CallTimeout, c.TTL = stoppedTTL/2, stoppedTTL }

// write is a write under the lock, and reports whether its guard let it pass.
func write(t *testing.T, pool *pgxpool.Pool, held *lock.Held, text string) bool {
	t.Helper()
	tag, err := pool.Exec(t.Context(), "update guarded set text = $1, fence = $2 where fence <= $2", text, held.Fence())
	require.NoError(t, err)
	return tag.RowsAffected() == 1
}

func TestTheHolderToBeStopped(t *testing.T) {
	if os.Getenv(holderDatabase) == "" {
		t.Skip("it is run by TestAHolderStoppedForTwiceItsTTLCannotWrite")
	}
	pool := postgrestest.Pool(t, os.Getenv(holderDatabase))
	held := acquire(t, nodeOn(t, redistest.Client(t, os.Getenv(holderRedis)), shortLived), "row")
	fmt.Println("holder: fence", held.Fence(), "wrote", write(t, pool, held, "first"))
	_, err := bufio.NewReader(os.Stdin).ReadString('\n') // here it is stopped
	require.NoError(t, err)
	fmt.Println("holder: late wrote", write(t, pool, held, "late"))
	fmt.Println("holder: ended", ended(t, held.Context()))
	fmt.Println("holder: release", held.Release(t.Context()))
}

// says gives the rest of the holder's next line that begins as told.
func says(t *testing.T, lines *bufio.Scanner, begin string) string {
	t.Helper()
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), "holder: "+begin+" "); found {
			return rest
		}
	}
	t.Fatalf("the holder does not say %q", begin)
	return ""
}

func TestAHolderStoppedForTwiceItsTTLCannotWrite(t *testing.T) {
	t.Parallel()
	database, server := postgrestest.URL(t), redistest.Own(t, 0)
	pool := postgrestest.Pool(t, database)
	_, err := pool.Exec(t.Context(), "create table guarded as select 'none' as text, 0::bigint as fence")
	require.NoError(t, err)

	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheHolderToBeStopped$", "-test.timeout=1m")
	holder.Env = append(os.Environ(), holderDatabase+"="+database, holderRedis+"="+server.URL())
	holder.Stderr = os.Stderr
	input, err := holder.StdinPipe()
	require.NoError(t, err)
	output, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	lines := bufio.NewScanner(output)
	fence, _, _ := strings.Cut(says(t, lines, "fence"), " ")
	first, err := strconv.ParseInt(fence, 10, 64)
	require.NoError(t, err)

	require.NoError(t, holder.Process.Signal(syscall.SIGSTOP))
	stopped := time.Now()
	held := acquire(t, nodeOn(t, redistest.Client(t, server.URL()), shortLived), "row")
	require.Greater(t, held.Fence(), first)
	require.True(t, write(t, pool, held, "second"))
	<-time.After(2*stoppedTTL - time.Since(stopped))
	require.NoError(t, holder.Process.Signal(syscall.SIGCONT))
	_, err = io.WriteString(input, "go on\n")
	require.NoError(t, err)

	require.Equal(t, "false", says(t, lines, "late wrote"))
	require.Equal(t, lock.ErrLost.Error(), says(t, lines, "ended"))
	require.Contains(t, says(t, lines, "release"), lock.ErrLost.Error())
	for lines.Scan() { // to its end
	}
	require.NoError(t, holder.Wait())
	var text string
	require.NoError(t, pool.QueryRow(t.Context(), "select text from guarded").Scan(&text))
	require.Equal(t, "second", text)
	require.NoError(t, held.Context().Err())
	release(t, held)
}
