package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func state(code string) error { return fmt.Errorf("read user: %w", &pgconn.PgError{Code: code}) }

func TestWhatMeansThatTheDatabaseIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"disk full":                  state("53100"),
		"too many connections":       state("53300"),
		"shutting down":              state("57P01"),
		"crashed":                    state("57P02"),
		"starting":                   state("57P03"),
		"statement timeout":          state("57014"),
		"connection failure":         state("08006"),
		"lock not had in time":       state("55P03"),
		"deadlock":                   state("40P01"),
		"read-only":                  state("25006"),
		"idle in a transaction":      state("25P03"),
		"reset by peer":              &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		"end of stream":              fmt.Errorf("read user: %w", io.EOF),
		"end in mid-message":         fmt.Errorf("read user: %w", io.ErrUnexpectedEOF),
		"deadline":                   fmt.Errorf("read user: %w", context.DeadlineExceeded),
		"closed network":             net.ErrClosed,
		"closed by the driver":       fmt.Errorf("read user: %w", pgconn.ErrConnClosed),
		"no connection":              &pgconn.ConnectError{},
		"name that does not resolve": &net.DNSError{Err: "no such host", Name: "db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := postgres.Translate(err)
			requireUnavailable(t, got)
			require.ErrorIs(t, got, err, "the cause stays for the logs")
		})
	}
}

func TestEveryOtherErrorStaysAsItIs(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"none":               nil,
		"fault":              fault.New(fault.Conflict, "user.email_taken", "Taken."),
		"fault about a wait": fault.New(fault.Conflict, "idempotency.in_progress", "Wait.").WithCause(state("55P03")),
		"caller left":        fmt.Errorf("read user: %w", context.Canceled),
		"unique violation":   state("23505"),
		"syntax":             state("42601"),
		"no SQLSTATE":        state(""),
		"no rows":            pgx.ErrNoRows,
		"anything else":      errors.New("anything else"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, err, postgres.Translate(err))
		})
	}
}
