package mailcatcher_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
)

// code is that of a server's reply, 0 for a connection that ended.
func code(err error) int {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code
	}
	return 0
}

func TestItFailsAsItIsTold(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	close(open)
	for name, c := range map[string]struct {
		step mailcatcher.Step
		code int
		kept int
	}{
		"refused at MAIL":        {mailcatcher.Step{At: mailcatcher.AtMail, Code: 451}, 451, 0},
		"refused at RCPT":        {mailcatcher.Step{At: mailcatcher.AtRcpt, Code: 550}, 550, 0},
		"refused at the end":     {mailcatcher.Step{At: mailcatcher.AtEnd, Code: 554}, 554, 0},
		"cut at RCPT":            {mailcatcher.Step{At: mailcatcher.AtRcpt, Drop: true}, 0, 0},
		"cut within the message": {mailcatcher.Step{At: mailcatcher.AtData, Drop: true}, 0, 0},
		"cut after the message":  {mailcatcher.Step{At: mailcatcher.AtEnd, Drop: true}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, mailcatcher.Config{})
			s.Script(c.step, mailcatcher.Step{At: mailcatcher.AtEnd, Gate: open})
			err := send(s, plain("x")...)
			require.Error(t, err)
			require.Equal(t, c.code, code(err), "%v", err)
			require.Len(t, s.List(), c.kept)
			require.NoError(t, send(s, plain("y")...), "the next step lets it go on")
			require.NoError(t, send(s, plain("z")...))
			require.Len(t, s.List(), c.kept+2)
		})
	}
}

func TestStoppingEndsWhatHangs(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	s.Script(mailcatcher.Step{At: mailcatcher.AtEnd, Hang: true}, mailcatcher.Step{At: mailcatcher.AtEnd, Gate: make(chan struct{})})
	failed := make(chan error, 2)
	for range 2 {
		go func() { failed <- send(s, plain("x")...) }()
	}
	idle, err := net.Dial("tcp", address(s))
	require.NoError(t, err)
	defer idle.Close()
	require.Eventually(t, func() bool { return len(s.List()) == 2 }, patience, time.Millisecond)
	stop(t, s)
	for range 2 {
		select {
		case err := <-failed:
			require.Error(t, err)
		case <-time.After(patience):
			t.Fatal("a client still waits")
		}
	}
	_, err = io.Copy(io.Discard, idle)
	if err != nil {
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	_, err = http.Get(s.URL())
	require.Error(t, err)
	stop(t, s)
}
