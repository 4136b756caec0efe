package web_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

// bodyLimit is the time for a body in these tests, which wait for it to pass.
const bodyLimit = 150 * time.Millisecond

const head = "Host: test\r\nAuthorization: Bearer " + goodToken + "\r\nContent-Type: application/json\r\n"

// answerOn reads one answer from the connection, and its body.
func answerOn(t *testing.T, conn net.Conn) (*http.Response, string) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(body)
}

// requireClosed waits until the server has closed the connection.
func requireClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	require.Error(t, err)
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "the server kept the connection")
}

func TestABodyThatDoesNotArriveIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setupWith(t, smallContract, nil, web.StackConfig{BodyTimeout: bodyLimit})
	server := b.live(t)
	for name, test := range map[string]struct {
		request string
		want    int
	}{
		"with a length":          {"POST /api/v2/things HTTP/1.1\r\n" + head + "Content-Length: 30\r\n\r\n{", 400},
		"in chunks":              {"POST /api/v2/things HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 400},
		"of a stranger":          {"POST /api/v2/things HTTP/1.1\r\nHost: test\r\nContent-Length: 30\r\n\r\n{", 401},
		"to nowhere":             {"POST /api/v2/none HTTP/1.1\r\n" + head + "Content-Length: 30\r\n\r\n{", 404},
		"where none is taken":    {"GET " + thingPath + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n", 400},
		"of the wrong type":      {"POST /api/v2/things HTTP/1.1\r\n" + head + "Content-Encoding: br\r\nContent-Length: 30\r\n\r\n{", 415},
		"one byte at a time ago": {"POST /api/v2/open HTTP/1.1\r\n" + head + "Content-Length: 30\r\n\r\n" + strings.Repeat(" ", 29), 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, server)
			began := time.Now()
			_, err := io.WriteString(conn, test.request)
			require.NoError(t, err)
			answer, body := answerOn(t, conn)
			require.Equal(t, test.want, answer.StatusCode, body)
			requireClosed(t, conn)
			require.Less(t, time.Since(began), 10*time.Second)
		})
	}
}

func TestABodyThatIsTooLargeIsRefusedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	server := setup(t, smallContract, nil).live(t)
	conn := dial(t, server)
	_, err := fmt.Fprintf(conn, "POST /api/v2/things HTTP/1.1\r\n%sContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", head, 1<<40)
	require.NoError(t, err)
	answer, body := answerOn(t, conn)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode, body)
	requireClosed(t, conn)
}

func TestABodyInChunksIsCutAtTheSameBound(t *testing.T) {
	t.Parallel()
	server := setup(t, smallContract, nil).live(t)
	conn := dial(t, server)
	_, err := fmt.Fprintf(conn, "POST /api/v2/things HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n", head)
	require.NoError(t, err)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat(" ", 64<<10))
	for range web.MaxBody/(64<<10) + 1 {
		if _, err := io.WriteString(conn, chunk); err != nil {
			break // the server has stopped listening
		}
	}
	answer, body := answerOn(t, conn)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode, body)
}

func TestALongAnswerOutlivesTheTimeForTheBody(t *testing.T) {
	t.Parallel()
	b := setupWith(t, smallContract, map[string]echo.HandlerFunc{"createThing": func(c echo.Context) error {
		select {
		case <-c.Request().Context().Done():
			return c.Request().Context().Err()
		case <-time.After(3 * bodyLimit):
			return c.NoContent(http.StatusCreated)
		}
	}}, web.StackConfig{BodyTimeout: bodyLimit})
	server := b.live(t)
	conn := dial(t, server)
	for range 2 { // the second on the same connection
		_, err := fmt.Fprintf(conn, "POST /api/v2/things HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", head, len(lamp), lamp)
		require.NoError(t, err)
		answer, body := answerOn(t, conn)
		require.Equal(t, http.StatusCreated, answer.StatusCode, body)
	}
}

func TestAClientThatLeavesInItsBodyIsNotAnError(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	server := b.live(t)
	conn := dial(t, server)
	_, err := io.WriteString(conn, "POST /api/v2/things HTTP/1.1\r\n"+head+"Content-Length: 30\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return len(b.log.lines(t, "request")) == 1 }, 10*time.Second, 5*time.Millisecond)
	require.Less(t, b.log.lines(t, "request")[0]["status"], 500.0)
}

func TestAWebSocketIsLoggedAsOne(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(c echo.Context) error {
		conn, _, err := c.Response().Hijack()
		if err != nil {
			return err
		}
		_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		return errors.Join(err, conn.Close())
	}})
	conn := dial(t, b.live(t))
	_, err := io.WriteString(conn, "GET "+thingPath+" HTTP/1.1\r\n"+head+"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	require.NoError(t, err)
	requireClosedAfter(t, conn, "101 Switching Protocols")
	require.Eventually(t, func() bool { return len(b.log.lines(t, "request")) == 1 }, 10*time.Second, 5*time.Millisecond)
	require.EqualValues(t, 101, b.log.lines(t, "request")[0]["status"])
}

func requireClosedAfter(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(all), want)
}
