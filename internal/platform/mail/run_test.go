package mail_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

func TestOfManyRunsAtOnceOneSends(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var wg sync.WaitGroup
	for lease := range int64(20) {
		wg.Go(func() {
			err := b.Send(context.Background(), lease+1, message())
			if err != nil && !strings.Contains(err.Error(), "another run") && !strings.Contains(err.Error(), "cannot be known") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, b.catcher.List(), 1)
	require.Equal(t, "sent", b.row().status, "whoever sent it has the last word")
	require.Equal(t, 1, b.row().attempts)
	require.NoError(t, b.Send(t.Context(), 99, message()))
	require.Len(t, b.catcher.List(), 1)
}

// A run that was killed while it handed the mail over may have been heard.
func TestAMailOfARunThatDiedIsUnknown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `insert into mails values ('event/note', 'x@example.com', 'note', 'en', 'sending', 7, 1, '', now(), now())`)
	require.NoError(t, err)
	for _, earlier := range []int64{6, 7} {
		err := b.Send(t.Context(), earlier, message())
		require.ErrorContains(t, err, "another run is at the mail")
		require.NotErrorIs(t, err, mail.ErrPermanent)
		require.Equal(t, "sending", b.row().status, "only a later run takes over")
	}
	require.ErrorIs(t, b.Send(t.Context(), 8, message()), mail.ErrUnknown)
	require.Equal(t, row{status: "unknown", language: "en", lease: 7, attempts: 1}, b.row())
	require.ErrorIs(t, b.Send(t.Context(), 9, message()), mail.ErrUnknown)
	require.Empty(t, b.catcher.List())
}

// A run may lose its lease and yet be alive; what it learns is the truth.
func TestTheRunThatSentItCorrectsAnUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code   int
		status string
	}{"sent": {0, "sent"}, "refused": {554, "refused"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			gate := make(chan struct{})
			b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtEnd, Gate: gate, Code: c.code})
			first := make(chan error, 1)
			go func() { first <- b.Send(context.Background(), 1, message()) }()
			b.eventually("the mail is with the server", func() bool { return b.sending() })
			require.ErrorIs(t, b.Send(t.Context(), 2, message()), mail.ErrUnknown)
			require.Equal(t, "unknown", b.row().status)
			close(gate)
			if err := <-first; c.code == 0 {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, mail.ErrRefused)
			}
			require.Equal(t, c.status, b.row().status)
		})
	}
}

// sending says whether some run has claimed the note.
func (b *bench) sending() bool {
	var n int
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), "select count(*) from mails where status = 'sending'").Scan(&n))
	return n == 1
}

func TestARunThatEndsFinishesTheMailItHasBegun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gate := make(chan struct{})
	b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtRcpt, Gate: gate})
	ctx, end := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() { sent <- b.Send(ctx, 1, message()) }()
	b.eventually("the mail is with the server", b.sending)
	end()
	close(gate)
	require.NoError(t, <-sent)
	require.Equal(t, "sent", b.row().status)
	require.Len(t, b.catcher.List(), 1)

	other := message()
	other.Key = "another"
	require.ErrorIs(t, b.Send(ctx, 2, other), context.Canceled, "but begins none")
	require.Len(t, b.catcher.List(), 1)
}

func TestARunThatEndsDoesNotWaitForASilentServerForLong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.catcher.Script(mailcatcher.Step{At: mailcatcher.AtRcpt, Hang: true})
	ctx, end := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() { sent <- b.Send(ctx, 1, message()) }()
	b.eventually("the mail is with the server", b.sending)
	end()
	select {
	case err := <-sent:
		require.ErrorContains(t, err, "RCPT: no answer")
	case <-time.After(patience):
		t.Fatal("it still waits")
	}
	require.Equal(t, "pending", b.row().status)
}
