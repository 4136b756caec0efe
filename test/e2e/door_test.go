package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

func TestHTTP2WorksByPriorKnowledge(t *testing.T) {
	t.Parallel()
	node := newStack(t, fast).serve(t)
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, ResponseHeaderTimeout: soon}
	defer transport.CloseIdleConnections()
	do := &http.Client{Transport: transport}

	response, err := do.Get(node.URL + "/healthz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 2, response.ProtoMajor)
	summary, err := journey.Run(t.Context(), journey.Config{URL: node.URL, Lines: negotiation(t)[:2], BreakLine: 1, HTTP: do})
	require.NoError(t, err)
	require.Equal(t, 1, summary.Resumes)
	require.Equal(t, 5, summary.Checked)
}

func TestSlowHeadersAreCutOffWhileOthersAreServed(t *testing.T) {
	t.Parallel()
	const attackers, promised = 200, 10 * time.Second
	node := newStack(t, partner.Config{}).serve(t)
	began := time.Now()
	var cut sync.WaitGroup
	errs := make(chan error, attackers)
	for range attackers {
		cut.Go(func() { errs <- trickle(t.Context(), strings.TrimPrefix(node.URL, "http://"), promised+margin) })
	}
	over := make(chan struct{})
	go func() {
		cut.Wait()
		close(over)
	}()
	served := 0
	for waiting := true; waiting; served++ {
		require.Equal(t, http.StatusOK, status(t.Context(), node.URL+"/api/v2/partners"), "answered in time")
		select {
		case <-over:
			waiting = false
		case <-time.After(10 * often):
		}
	}
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Less(t, time.Since(began), promised+margin)
	require.Greater(t, served, 10)
}

// trickle sends a header one byte after the other until the server closes the
// connection; an error says that it did not.
func trickle(ctx context.Context, address string, patience time.Duration) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, conn) // its end is what counts, be it a reset
		close(closed)
	}()
	if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: slow\r\nX-Slow: ")); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for deadline := time.After(patience); ; {
		select {
		case <-closed:
			return nil
		case <-deadline:
			return fmt.Errorf("the connection is open after %s", patience)
		case <-time.After(200 * time.Millisecond):
			_, _ = conn.Write([]byte("a")) // closed is what tells
		}
	}
}
