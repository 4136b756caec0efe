package ticket_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/redistest"
	"github.com/fluentpro/fluentpro/internal/platform/ticket"
)

const patience = 20 * time.Second // for what must happen at all; the machine may be busy

func setup(t *testing.T) (*ticket.Tickets, redis.UniversalClient) {
	t.Helper()
	client := redistest.Shared(t)
	return ticket.New(ticket.Config{Client: client, Timeout: patience}), client
}

func issue(t *testing.T, tickets *ticket.Tickets, value string) string {
	t.Helper()
	text, err := tickets.Issue(t.Context(), []byte(value))
	require.NoError(t, err)
	return text
}

func TestATicketIsRedeemedOnceHoweverManyBringIt(t *testing.T) {
	t.Parallel()
	tickets, _ := setup(t)
	others := ticket.New(ticket.Config{Client: redistest.Shared(t), Timeout: patience})
	for range 5 {
		text := issue(t, tickets, "user:1")
		var given, refused atomic.Int64
		var work sync.WaitGroup
		for i := range 100 {
			node := []*ticket.Tickets{tickets, others}[i%2]
			work.Go(func() {
				value, err := node.Redeem(t.Context(), text)
				switch {
				case err == nil && string(value) == "user:1":
					given.Add(1)
				case errors.Is(err, ticket.ErrUnknown):
					refused.Add(1)
				}
			})
		}
		work.Wait()
		require.EqualValues(t, 1, given.Load())
		require.EqualValues(t, 99, refused.Load())
	}
}

func TestAValueMayBeAnyBytesUpToItsBound(t *testing.T) {
	t.Parallel()
	tickets, _ := setup(t)
	for _, value := range []string{"", "\x00\xff\r\n", strings.Repeat("x", ticket.MaxValue)} {
		got, err := tickets.Redeem(t.Context(), issue(t, tickets, value))
		require.NoError(t, err)
		require.Equal(t, value, string(got))
	}
	_, err := tickets.Issue(t.Context(), make([]byte, ticket.MaxValue+1))
	require.ErrorIs(t, err, ticket.ErrTooLarge)
}

func TestATicketExpires(t *testing.T) {
	t.Parallel()
	client := redistest.Shared(t)
	text := issue(t, ticket.New(ticket.Config{Client: client, Lifetime: 20 * time.Millisecond, Timeout: patience}), "v")
	require.Eventually(t, func() bool {
		return client.Exists(t.Context(), keyOf(t, text)).Val() == 0
	}, patience, 5*time.Millisecond)
	tickets, _ := setup(t)
	_, err := tickets.Redeem(t.Context(), text)
	require.ErrorIs(t, err, ticket.ErrUnknown)

	left := client.PTTL(t.Context(), keyOf(t, issue(t, tickets, "v"))).Val()
	require.Greater(t, left, time.Duration(0))
	require.LessOrEqual(t, left, 30*time.Second)
}

// keyOf also shows that a key holds the sum of a ticket, and so nothing to redeem.
func keyOf(t *testing.T, text string) string {
	t.Helper()
	secret, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	sum := sha256.Sum256(secret)
	return "ticket:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestWhatIsNoTicketIsUnknown(t *testing.T) {
	t.Parallel()
	tickets, _ := setup(t)
	good := issue(t, tickets, "v")
	for _, text := range []string{
		"", "x", good[:42], good + "A", good[:42] + "=", good[:42] + "\n", strings.Repeat("A", 43),
		strings.Repeat("A", 1<<20), "ticket:" + good[7:], strings.TrimPrefix(keyOf(t, good), "ticket:"),
	} {
		_, err := tickets.Redeem(t.Context(), text)
		require.ErrorIs(t, err, ticket.ErrUnknown, text[:min(len(text), 50)])
	}
	_, err := tickets.Redeem(t.Context(), good)
	require.NoError(t, err)
}

func TestARedisThatIsAwayIsUnavailableAndACallerWhoLeftIsNot(t *testing.T) {
	t.Parallel()
	away := ticket.New(ticket.Config{Client: redistest.Client(t, "redis://127.0.0.1:1")})
	_, err := away.Issue(t.Context(), nil)
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	_, err = away.Redeem(t.Context(), strings.Repeat("A", 43))
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	require.NotErrorIs(t, err, ticket.ErrUnknown)

	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the caller left")
	cancel(gone)
	_, err = away.Redeem(ctx, strings.Repeat("A", 43))
	require.ErrorIs(t, err, gone)
	require.NotErrorIs(t, err, ticket.ErrUnavailable)
}

// losing is a connection that, once told to, takes an answer and breaks.
type losing struct {
	net.Conn
	lose *atomic.Bool
}

func (c losing) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.lose.CompareAndSwap(true, false) {
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

func TestATicketWhoseAnswerIsLostIsUsedUpAndNotCalledUnknown(t *testing.T) {
	t.Parallel()
	var lose atomic.Bool
	client := redistest.Shared(t, func(o *redis.UniversalOptions) {
		o.MaxRetries = 5
		o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return losing{conn, &lose}, err
		}
	})
	tickets := ticket.New(ticket.Config{Client: client, Timeout: patience})
	text := issue(t, tickets, "v")
	require.EqualValues(t, 1, client.Exists(t.Context(), keyOf(t, text)).Val(), "the connection is there")
	lose.Store(true)
	_, err := tickets.Redeem(t.Context(), text)
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	require.False(t, lose.Load())
	_, err = tickets.Redeem(t.Context(), text)
	require.ErrorIs(t, err, ticket.ErrUnknown)
}
