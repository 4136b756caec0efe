package v2_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestAStreamThatLastsIsLoggedWhenItEnds(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	d := tune(t, l, "")
	const line = `"operation":"streamMyEvents"`
	require.NotContains(t, s.Logs.String(), line)
	d.close()
	require.NoError(t, s.App.StopStreams(t.Context()), "it ends when its reader has left")
	require.Equal(t, 1, strings.Count(s.Logs.String(), line))
	require.NotContains(t, s.Logs.String(), `"request failed"`)
	tune(t, l, "").close() // a node that stops serves what still comes as any other request
}

func TestStoppingWaitsUntilReadersWereToldToMove(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	d := tune(t, s.SignUp(t), "")
	s.App.Drain()
	require.NoError(t, s.App.StopStreams(t.Context()))
	event, err := d.stream.Next()
	require.NoError(t, err)
	require.Equal(t, string(apiv2.StreamClosingTypeStreamClosing), event.Name)
	_, err = d.stream.Next()
	require.ErrorIs(t, err, io.EOF)
	require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestAnOldClientReadsAStreamWithoutChunks(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /api/v2/events HTTP/1.0\r\nAuthorization: Bearer "+l.Tokens.AccessToken+"\r\n\r\n")
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Empty(t, response.TransferEncoding)
	text := bufio.NewReader(response.Body)
	for _, begin := range []string{"retry: ", "\n", "id: ", "\n"} {
		line, err := text.ReadString('\n')
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(line, begin), line)
	}
}
