package fault_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	openapi_types "github.com/oapi-codegen/runtime/types"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack"
	fluentpro "github.com/fluentpro/fluentpro/sdk/go"
)

// exitLimit is how long a process that is told to stop may take.
const exitLimit = 30 * time.Second

// node is one process of the service, however often it is started again.
type node struct {
	t       *testing.T
	address string
	cmd     *exec.Cmd
	output  *bytes.Buffer
}

// start runs it and waits until it is ready.
func (n *node) start(binary string, settings []string) {
	n.t.Helper()
	n.cmd, n.output = exec.Command(binary, "serve"), &bytes.Buffer{}
	n.cmd.Env = append(append(os.Environ(), settings...), "FLUENTPRO_HTTP_ADDR="+n.address)
	n.cmd.Stdout, n.cmd.Stderr = n.output, n.output
	require.NoError(n.t, n.cmd.Start())
	require.Eventually(n.t, func() bool { return isReady("http://" + n.address) }, patience, 10*time.Millisecond, "a node is not ready")
}

// stop tells it to, and gives how long it took.
func (n *node) stop() time.Duration {
	n.t.Helper()
	began := time.Now()
	late := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() })
	defer late.Stop()
	require.NoError(n.t, n.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(n.t, n.cmd.Wait())
	return time.Since(began)
}

// TestRestart restarts one of two nodes after the other while clients talk over WebSockets:
// each must hear each event once and in order, and end with what is stored.
func TestRestart(t *testing.T) {
	t.Parallel()
	clients, rounds := 8, 1
	if *long {
		clients, rounds = 40, 5
	}
	model := httptest.NewServer(&bearer{attempts: map[string][]attempt{}})
	t.Cleanup(model.Close)
	redis, err := devstack.TestRedis()
	require.NoError(t, err)
	settings, binary := settingsOf(t, apitest.Database(t), redis, model.URL), buildService(t)
	nodes := []*node{{t: t, address: freeAddress(t)}, {t: t, address: freeAddress(t)}}
	for _, n := range nodes {
		n.start(binary, settings)
		t.Cleanup(func() {
			_ = n.cmd.Process.Kill()
			_ = n.cmd.Wait()
			if t.Failed() {
				t.Logf("the last process at %s:\n%s", n.address, n.output)
			}
		})
	}
	way := balance(t)
	talkers := make([]*talker, clients)
	done := make(chan struct{})
	var talking, flowing sync.WaitGroup
	for i := range talkers {
		way.only(nodes[i%2].address) // so that each node has half of them
		talkers[i] = newTalker(t, way.url(), i)
		flowing.Add(1)
	}
	way.only(nodes[0].address, nodes[1].address)
	for _, one := range talkers {
		talking.Go(func() { one.talk(done, sync.OnceFunc(flowing.Done)) })
	}
	flowing.Wait()
	for range rounds {
		for i, n := range nodes {
			way.only(nodes[1-i].address)
			took := n.stop()
			t.Logf("node %d has stopped after %s", i, took.Round(time.Millisecond))
			require.LessOrEqual(t, took, exitLimit)
			n.start(binary, settings)
			way.only(nodes[0].address, nodes[1].address)
		}
	}
	close(done)
	talking.Wait()
	replies, moves := 0, 0
	for _, one := range talkers {
		one.requireStored()
		replies += len(one.said)
		lost := one.losses()
		require.NotEmpty(t, lost, "client %d was never moved", one.number)
		for _, code := range lost {
			require.Equal(t, 4001, code, "a node that stops says so")
		}
		moves += len(lost)
	}
	t.Logf("%d clients, %d replies, %d connections moved", clients, replies, moves)
}

// talker is a client who talks to the partner over one Realtime, and keeps what it hears.
type talker struct {
	t            *testing.T
	number       int
	api          *fluentpro.Client
	socket       *fluentpro.Realtime
	conversation uuid.UUID
	events       *fluentpro.Subscription

	said    []string // line and reply, in turn as they were heard
	cursors map[string]bool

	mu   sync.Mutex
	lost []int // codes of the connections that are gone
}

func newTalker(t *testing.T, url string, number int) *talker {
	t.Helper()
	k := &talker{t: t, number: number, cursors: map[string]bool{}}
	var err error
	// Each request has a connection of its own: what the balancer says counts for each.
	k.api, err = fluentpro.New(fluentpro.Config{URL: url, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	require.NoError(t, err)
	made, err := k.api.SignUpWithResponse(t.Context(), nil, client.SignUpRequest{
		Email: openapi_types.Email(uuid.NewString() + "@example.com"), Password: apitest.Password, FullName: "Mei Chen",
	})
	require.NoError(t, err)
	k.api.Use(made.JSON201.Tokens)
	talk, err := k.api.CreateConversationWithResponse(t.Context(), nil, client.CreateConversationRequest{PartnerID: "suppliers", SituationID: "negotiations"})
	require.NoError(t, err)
	k.conversation = talk.JSON201.ID
	k.socket, err = k.api.Realtime(t.Context(), fluentpro.RealtimeOptions{State: k.state})
	require.NoError(t, err)
	t.Cleanup(k.socket.Close)
	k.events, err = k.socket.Subscribe(t.Context(), "conversation:"+k.conversation.String(), "")
	require.NoError(t, err)
	return k
}

func (k *talker) state(s fluentpro.RealtimeState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.Code != 0 && s.Status == "waiting" {
		k.lost = append(k.lost, s.Code)
	}
}

func (k *talker) losses() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.lost)
}

// talk says one line after the other until done, and says when the first reply flows.
func (k *talker) talk(done <-chan struct{}, flows func()) {
	defer flows() // where it fails, too
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		default:
		}
		line := fmt.Sprintf("line %d-%d", k.number, n)
		sent, err := k.socket.SendMessage(k.t.Context(), client.RealtimeSendMessage{ConversationID: k.conversation, Content: line})
		if err == nil {
			err = k.hear(line, sent.Reply.ID, flows)
		}
		if err != nil {
			k.t.Errorf("%s: %v", line, err)
			return
		}
	}
}

// exchanges are how a line and its reply may be heard: piece by piece, or, by who had no
// connection from before the reply's beginning until after its end, as the whole.
var exchanges = [][]string{
	{"message.created", "message.started", "message.delta", "message.completed"},
	{"message.created", "message.completed"},
}

// hear follows one exchange, each event once.
func (k *talker) hear(line string, reply uuid.UUID, flows func()) error {
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	var kinds []string
	text := ""
	for {
		e, err := k.events.Next(ctx)
		if err != nil {
			return fmt.Errorf("after %v: %w", kinds, err)
		}
		if k.cursors[e.Cursor] {
			return fmt.Errorf("%s came twice", e.Type)
		}
		if k.cursors[e.Cursor] = true; e.Type == "conversation.updated" {
			continue
		}
		if len(kinds) == 0 || kinds[len(kinds)-1] != e.Type || e.Type != "message.delta" {
			kinds = append(kinds, e.Type)
		}
		switch v := e.Value.(type) {
		case client.MessageCreated:
			k.said = append(k.said, v.Message.Content)
		case client.MessageStarted:
			text = v.Text
		case client.MessageDelta:
			text += v.Text
			flows()
		case client.MessageCompleted:
			if slices.Equal(kinds, exchanges[1]) {
				text = v.Message.Content
			}
			k.said = append(k.said, text)
			known := slices.ContainsFunc(exchanges, func(one []string) bool { return slices.Equal(kinds, one) })
			if v.Message.ID != reply || v.Message.Content != text || !known {
				return fmt.Errorf("%v; heard %q, the whole is %q", kinds, text, v.Message.Content)
			}
			if got := k.said[len(k.said)-2]; got != line {
				return fmt.Errorf("%q came in its place", got)
			}
			return nil
		default:
			return fmt.Errorf("%s", e.Type)
		}
	}
}

// requireStored compares what was heard with what is stored.
func (k *talker) requireStored() {
	k.t.Helper()
	var stored []string
	for after := (*string)(nil); ; {
		page, err := k.api.ListMessagesWithResponse(k.t.Context(), k.conversation, &client.ListMessagesParams{Cursor: after})
		require.NoError(k.t, err)
		for _, m := range page.JSON200.Data {
			stored = append(stored, m.Content)
		}
		next, err := page.JSON200.NextCursor.Get()
		if err != nil {
			break
		}
		after = &next
	}
	require.NotEmpty(k.t, k.said)
	require.Equal(k.t, stored[1:], k.said, "client %d; the greeting was there before", k.number)
}
