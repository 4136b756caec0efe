package realtime_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
)

// wire makes one frame of a client, with whatever bits (RFC 6455, section 5.2).
func wire(first byte, masked bool, payload []byte) []byte {
	out := []byte{first}
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		out = append(out, mask|byte(n))
	case n <= 0xFFFF:
		out = binary.BigEndian.AppendUint16(append(out, mask|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, mask|127), uint64(n))
	}
	if !masked {
		return append(out, payload...)
	}
	key := []byte{1, 2, 3, 4}
	out = append(out, key...)
	for i, b := range payload {
		out = append(out, b^key[i%4])
	}
	return out
}

const (
	text         = 0x81
	textGoesOn   = 0x01
	continuation = 0x00
	lastPart     = 0x80
)

// Each is the bytes that a client sends once it is connected, and how that ends.
func TestFramesThatAreNoneEndTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t)
	l := s.SignUp(t)
	big := append([]byte(`{"id":"1","echo":"`), bytes.Repeat([]byte("x"), 64<<10)...)
	for name, sent := range map[string][]byte{
		"not masked":                    wire(text, false, []byte(`{"id":"1","ping":{}}`)),
		"a reserved bit":                wire(text|0x40, true, []byte(`{"id":"1","ping":{}}`)),
		"an opcode that is reserved":    wire(0x83, true, nil),
		"binary":                        wire(0x82, true, []byte(`{"id":"1","ping":{}}`)),
		"more than 64 KiB":              wire(text, true, append(big, `"}`...)),
		"a length of exabytes":          {text, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
		"a length below zero":           {text, 0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
		"more than 64 KiB in parts":     append(wire(textGoesOn, true, big[:60<<10]), wire(lastPart, true, append(big[60<<10:], `"}`...))...),
		"a part of nothing":             wire(lastPart, true, []byte(`{}`)),
		"a text within a text":          append(wire(textGoesOn, true, []byte(`{"id":`)), wire(text, true, []byte(`"1"}`))...),
		"a ping in parts":               wire(0x09, true, []byte("x")),
		"a ping of 126 bytes":           wire(0x89, true, bytes.Repeat([]byte("x"), 126)),
		"not UTF-8":                     wire(text, true, []byte("{\"id\":\"1\",\"echo\":\"\xff\"}")),
		"half a surrogate pair":         wire(text, true, []byte(`{"id":"1","unsubscribe":{"topic":"\ud800"}}`)),
		"a character that no one keeps": wire(text, true, []byte(`{"id":"1","unsubscribe":{"topic":"\u0000"}}`)),
		"not JSON":                      wire(text, true, []byte(`{"id":"1","ping":{}`)),
		"two values":                    wire(text, true, []byte(`{"id":"1","ping":{}} {}`)),
		"a member twice":                wire(text, true, []byte(`{"id":"1","id":"2","echo":1}`)),
		"nested too deep":               wire(text, true, []byte(`{"id":"1","echo":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`}`)),
		"not an object":                 wire(text, true, []byte(`[1]`)),
		"nothing":                       wire(text, true, nil),
		"no id":                         wire(text, true, []byte(`{"ping":{}}`)),
		"an id that is no text":         wire(text, true, []byte(`{"id":1,"ping":{}}`)),
		"a close code that is reserved": wire(0x88, true, []byte{0x03, 0xed}), // 1005
	} {
		c, _, err := l.Dial(t, apitest.Dial{Quiet: true})
		require.NoError(t, err, name)
		_, err = c.Raw.NetConn().Write(sent)
		require.NoError(t, err, name)
		require.Equal(t, 4510, endOf(t, c), name)
	}
}

// endOf reads until the server closes, and gives the code.
func endOf(t *testing.T, c *apitest.Socket) int {
	t.Helper()
	require.NoError(t, c.Raw.SetReadDeadline(time.Now().Add(15*time.Second)))
	for {
		_, _, err := c.Raw.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // the library gives it as it is
			return closed.Code
		}
		if err != nil {
			t.Logf("ended with %v", err)
			return 0
		}
	}
}

func TestACommandAgainstTheContractGetsAnError(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := s.SignUp(t).Connect(t)
	for verb, argument := range map[string]any{
		"dance":          map[string]any{},
		"ping":           map[string]any{"now": true},
		"subscribe":      map[string]any{},
		"unsubscribe":    map[string]any{"topic": ""},
		"send_message":   map[string]any{"conversation_id": "x", "content": "Hello", "idempotency_key": "1"},
		"cancel_message": map[string]any{"conversation_id": "x"},
		"publish":        map[string]any{"topic": "room:abc"},
		"presence":       "room:abc",
	} {
		p := c.Refused(t, verb, argument, "request.invalid")
		require.NotNil(t, p.Errors, verb)
	}
	two, _, err := s.SignUp(t).Dial(t, apitest.Dial{Quiet: true})
	require.NoError(t, err)
	require.NoError(t, two.Raw.WriteMessage(websocket.TextMessage, []byte(`{"id":"1","ping":{},"echo":1}`)))
	_, answer, err := two.Raw.ReadMessage()
	require.NoError(t, err)
	require.Contains(t, string(answer), "request.invalid", "two verbs at once")
	c.Get(t, "echo", map[string]any{"deep": []any{1e300, "中文", nil}}, nil)
}

func TestAFrameInPartsIsOneFrame(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c, _, err := s.SignUp(t).Dial(t, apitest.Dial{Quiet: true})
	require.NoError(t, err)
	parts := wire(textGoesOn, true, []byte(`{"id":"1",`))
	parts = append(parts, wire(0x89, true, []byte("are you there"))...) // a ping may come between
	parts = append(parts, wire(continuation, true, []byte(`"echo":`))...)
	parts = append(parts, wire(lastPart, true, []byte(`"whole"}`))...)
	for _, b := range parts {
		_, err := c.Raw.NetConn().Write([]byte{b}) // and byte by byte
		require.NoError(t, err)
	}
	pong := make(chan string, 1)
	c.Raw.SetPongHandler(func(data string) error { pong <- data; return nil })
	_, got, err := c.Raw.ReadMessage()
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"1","result":"whole"}`, string(got))
	require.Equal(t, "are you there", <-pong)
}

func TestWhoSendsTooFastIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, apitest.WithConfig(func(c *app.Config) { c.RateRealtime = "20/1s" }))
	l := s.SignUp(t)
	for name, frame := range map[string][]byte{
		"commands": wire(text, true, []byte(`{"id":"1","ping":{}}`)),
		"pings":    wire(0x89, true, nil),
	} {
		c, _, err := l.Dial(t, apitest.Dial{Quiet: true})
		require.NoError(t, err)
		_, err = c.Raw.NetConn().Write(bytes.Repeat(frame, 200))
		require.NoError(t, err)
		require.Equal(t, 4029, endOf(t, c), name)
	}
}

// A client that vanished without a word answers no ping; one that lives does, without
// knowing of it.
func TestAHalfOpenConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, apitest.WithPingEvery(300*time.Millisecond))
	l := s.SignUp(t)
	lives := l.Connect(t)
	dead, _, err := l.Dial(t, apitest.Dial{Quiet: true}) // reads nothing, so it answers nothing
	require.NoError(t, err)
	began := time.Now()
	require.Equal(t, 4008, endOfSilent(t, dead))
	require.Greater(t, time.Since(began), 500*time.Millisecond, "two pings are missed first")
	lives.Get(t, "echo", 1, nil)
}

// endOfSilent waits for the close frame without answering pings.
func endOfSilent(t *testing.T, c *apitest.Socket) int {
	c.Raw.SetPingHandler(func(string) error { return nil })
	return endOf(t, c)
}

// What a client does not read is held for it only so far.
func TestAReaderThatNeverReadsIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	mei, tom := s.SignUp(t), s.SignUp(t)
	topic := roomTopic()
	stalled, _, err := mei.Dial(t, apitest.Dial{Quiet: true})
	require.NoError(t, err)
	require.NoError(t, stalled.Raw.NetConn().(*net.TCPConn).SetReadBuffer(4<<10))
	require.NoError(t, stalled.Raw.WriteJSON(map[string]any{"id": "1", "subscribe": map[string]any{"topic": topic}}))
	speaker, listener := tom.Connect(t), tom.Connect(t)
	listener.Subscribe(t, topic, "")
	speaker.Subscribe(t, topic, "")
	require.Eventually(t, func() bool { return members(t, speaker, topic) == 2 }, 10*time.Second, 20*time.Millisecond)
	// More than the buffers of both systems and of the log hold.
	data := map[string]any{"a": strings.Repeat("x", 12<<10)}
	for began := time.Now(); members(t, speaker, topic) == 2 && time.Since(began) < 30*time.Second; {
		speaker.Get(t, "publish", map[string]any{"topic": topic, "data": data}, nil)
	}
	require.Equal(t, 1, members(t, speaker, topic), "the stalled one is gone")
	listener.Until(t, "presence.left")
	listener.Get(t, "echo", 1, nil)
}

func members(t *testing.T, c *apitest.Socket, topic string) int {
	t.Helper()
	var out struct{ Members []any }
	c.Get(t, "presence", map[string]any{"topic": topic}, &out)
	return len(out.Members)
}

// A handshake that comes byte by byte is cut as any request is; it holds up nobody.
func TestASlowHandshakeIsCut(t *testing.T) {
	t.Parallel()
	s := serve(t)
	l := s.SignUp(t)
	address := strings.TrimPrefix(s.URL, "http://")
	var slow []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		_, err = fmt.Fprintf(c, "GET /api/v2/realtime HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n", address)
		require.NoError(t, err)
		slow = append(slow, c)
	}
	l.Connect(t).Get(t, "echo", 1, nil)
	_, err := slow[0].Write([]byte("Connection: upgrade\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Protocol: fluentpro.v2.json\r\n\r\n"))
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(slow[0]), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	require.NoError(t, answer.Body.Close())
}
