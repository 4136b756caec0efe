package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	contracts "github.com/fluentpro/fluentpro/gen/openapi"
	"github.com/fluentpro/fluentpro/internal/api/web"
)

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

// mostPushes is how many pushes a test may leave unread.
const mostPushes = 4096

// Dial says how a WebSocket is opened.
type Dial struct {
	Header    http.Header // beside the token
	Anonymous bool        // without the token
	Query     string      // such as ticket=...
	Protocol  string      // ""  : the right one
	Quiet     bool        // nothing is read but by Raw
}

// Socket is one WebSocket of a learner. Its frames are checked against the contract.
type Socket struct {
	Raw     *websocket.Conn
	t       testing.TB
	next    int
	mu      sync.Mutex
	replies map[string]chan Reply
	pushes  chan Push
	closed  chan int // holds the close code; 0: none came
}

// Reply is the answer to a command.
type Reply struct {
	ID     string          `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *apiv2.Problem  `json:"error"`
}

// Push is what the server says by itself.
type Push struct {
	Topic  string `json:"topic"`
	Cursor string `json:"cursor"`
	Event  struct {
		Type      string              `json:"type"`
		Text      string              `json:"text"`
		MessageID string              `json:"message_id"`
		Message   *apiv2.Message      `json:"message"`
		Member    *apiv2.RoomMember   `json:"member"`
		Data      json.RawMessage     `json:"data"`
		Task      *apiv2.Task         `json:"task"`
		Reason    string              `json:"reason"`
		RetryMs   int                 `json:"retry_ms"`
		SessionID string              `json:"session_id"`
		Talk      *apiv2.Conversation `json:"conversation"`
	} `json:"event"`
}

// Connect opens a WebSocket with the learner's token in its header.
func (l *Learner) Connect(t testing.TB) *Socket {
	t.Helper()
	s, response, err := l.Dial(t, Dial{}) //nolint:bodyclose // the library gives it read
	if err != nil && response != nil {
		t.Fatalf("connect: %v: %d", err, response.StatusCode)
	}
	require.NoError(t, err)
	return s
}

// Dial opens a WebSocket; the response is that of a handshake that was refused.
func (l *Learner) Dial(t testing.TB, d Dial) (*Socket, *http.Response, error) {
	t.Helper()
	header := d.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if !d.Anonymous && l.Tokens.AccessToken != "" {
		header.Set("Authorization", "Bearer "+l.Tokens.AccessToken)
	}
	protocol := d.Protocol
	if protocol == "" {
		protocol = "fluentpro.v2.json"
	}
	dialer := websocket.Dialer{Subprotocols: []string{protocol}, HandshakeTimeout: patience}
	address := strings.Replace(l.server.path("/realtime"), "http", "ws", 1)
	if d.Query != "" {
		address += "?" + d.Query
	}
	raw, response, err := dialer.DialContext(t.Context(), address, header)
	if err != nil {
		return nil, response, err
	}
	s := &Socket{Raw: raw, t: t, replies: map[string]chan Reply{}, closed: make(chan int, 1)}
	if !d.Quiet {
		s.pushes = make(chan Push, mostPushes)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = raw.Close()
		<-done
	})
	go func() {
		defer close(done)
		if !d.Quiet {
			s.read()
		}
	}()
	return s, response, nil
}

// frames check what the server sends. That compiles a schema once, not for each frame as the
// full check does, which the fast one is held against in internal/api/web.
var frames = sync.OnceValue(func() map[string]*web.Frame {
	text, err := contracts.FS.ReadFile("v2.yaml")
	if err != nil {
		panic(err)
	}
	doc, err := web.Load(text)
	if err != nil {
		panic(err)
	}
	out := map[string]*web.Frame{}
	for _, name := range []string{"RealtimeReply", "RealtimePush"} {
		if out[name], err = doc.Frame(name); err != nil {
			panic(err)
		}
	}
	return out
})

func (s *Socket) check(schema string, text []byte) {
	value, err := frames()[schema].Decode(text)
	if err == nil {
		err = frames()[schema].Check(value)
	}
	if err != nil {
		s.t.Errorf("frame %s: %v", text, err)
	}
}

func (s *Socket) read() {
	for {
		_, text, err := s.Raw.ReadMessage()
		if err != nil {
			code := 0
			if closed, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // the library gives it as it is
				code = closed.Code
			}
			s.closed <- code
			return
		}
		var r Reply
		if json.Unmarshal(text, &r) == nil && r.ID != "" {
			s.check("RealtimeReply", text)
			s.mu.Lock()
			into := s.replies[r.ID]
			delete(s.replies, r.ID)
			s.mu.Unlock()
			if into == nil {
				s.t.Errorf("a reply that nobody waits for: %s", text)
				continue
			}
			into <- r
			continue
		}
		var p Push
		s.check("RealtimePush", text)
		if err := json.Unmarshal(text, &p); err != nil {
			s.t.Errorf("frame: %v: %s", err, text)
		}
		s.pushes <- p
	}
}

// Send sends a command and gives the place where its reply will be.
func (s *Socket) Send(t testing.TB, verb string, argument any) <-chan Reply {
	t.Helper()
	s.next++
	id := strconv.Itoa(s.next)
	into := make(chan Reply, 1)
	s.mu.Lock()
	s.replies[id] = into
	s.mu.Unlock()
	require.NoError(t, s.Raw.WriteJSON(map[string]any{"id": id, verb: argument}))
	return into
}

// Call sends a command and waits for its reply.
func (s *Socket) Call(t testing.TB, verb string, argument any) Reply {
	t.Helper()
	into := s.Send(t, verb, argument)
	select {
	case r := <-into:
		return r
	case code := <-s.closed:
		s.closed <- code
		select { // it may have come just before
		case r := <-into:
			return r
		default:
		}
		t.Fatalf("%s: closed with %d", verb, code)
	case <-time.After(patience):
		t.Fatalf("%s: no reply", verb)
	}
	return Reply{}
}

// Get is Call for a command that succeeds; the result goes into out unless that is nil.
func (s *Socket) Get(t testing.TB, verb string, argument, out any) {
	t.Helper()
	r := s.Call(t, verb, argument)
	require.Nil(t, r.Error, "%s: %+v", verb, r.Error)
	if out != nil {
		require.NoError(t, json.Unmarshal(r.Result, out), "%s", r.Result)
	}
}

// Refused is Call for a command that gets an error of this code.
func (s *Socket) Refused(t testing.TB, verb string, argument any, code string) apiv2.Problem {
	t.Helper()
	r := s.Call(t, verb, argument)
	require.NotNil(t, r.Error, "%s: %s", verb, r.Result)
	require.Equal(t, code, string(r.Error.Code))
	return *r.Error
}

// Subscribe subscribes to a topic after a cursor, if that is not empty.
func (s *Socket) Subscribe(t testing.TB, topic, after string) apiv2.RealtimeSubscribed {
	t.Helper()
	argument := map[string]any{"topic": topic}
	if after != "" {
		argument["after"] = after
	}
	var out apiv2.RealtimeSubscribed
	s.Get(t, "subscribe", argument, &out)
	return out
}

// Push waits for the next push.
func (s *Socket) Push(t testing.TB) Push {
	t.Helper()
	select {
	case p := <-s.pushes:
		return p
	case <-time.After(patience):
		t.Fatal("nothing is pushed")
	}
	return Push{}
}

// Until waits for the first push of a type and gives it with all before.
func (s *Socket) Until(t testing.TB, kind string) (last Push, all []Push) {
	t.Helper()
	for {
		p := s.Push(t)
		if all = append(all, p); p.Event.Type == kind {
			return p, all
		}
	}
}

// Pushed gives what is there without waiting.
func (s *Socket) Pushed() (all []Push) {
	for {
		select {
		case p := <-s.pushes:
			all = append(all, p)
		default:
			return all
		}
	}
}

// Closed waits for the end and gives the close code, 0 where none came.
func (s *Socket) Closed(t testing.TB) int {
	t.Helper()
	select {
	case code := <-s.closed:
		s.closed <- code
		return code
	case <-time.After(patience):
		t.Fatal("the connection is not closed")
	}
	return 0
}

// Cut ends the connection as a network does that breaks.
func (s *Socket) Cut() { _ = s.Raw.NetConn().Close() }

// TalkTopic is the topic of a conversation.
func TalkTopic(c apiv2.Conversation) string { return fmt.Sprintf("conversation:%s", c.ID) }
