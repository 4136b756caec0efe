package fluentpro

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fluentpro/fluentpro/gen/client"
)

// subprotocol is what is spoken.
const subprotocol = "fluentpro.v2.json"

// Bounds of a connection.
const (
	writeLimit = 10 * time.Second
	mostFrame  = 16 << 20 // bytes that are read
	// A connection may send 20 commands a second. Ours are further apart, since a network
	// can push them together.
	paceBurst    = 10
	paceInterval = 60 * time.Millisecond
)

var errLost = errors.New("fluentpro: the connection was lost")

// A link is one connection. Whoever runs it reads; another goroutine writes commands.
type link struct {
	realtime *Realtime
	ws       *websocket.Conn
	token    client.Tokens
	more     chan struct{} // holds one: a command waits
	ctx      context.Context
	stop     context.CancelCauseFunc
	writing  sync.Mutex

	open    bool                // of the Realtime's mu: commands may be sent
	sent    map[string]*command // of the Realtime's mu: without a reply
	resumed []*Subscription     // of the first frame
	patient time.Duration       // silence that is not a loss
	hint    time.Duration       // what the service asks to wait
	refusal *Problem
	since   time.Time // open
}

// dial opens a connection over the transport of the client, as far as that is a usual one.
func (r *Realtime) dial(ctx context.Context) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: []string{subprotocol}, HandshakeTimeout: openLimit, Proxy: http.ProxyFromEnvironment}
	if t, ok := r.client.signer.http.Transport.(*http.Transport); ok {
		d.Proxy, d.NetDialContext, d.TLSClientConfig = t.Proxy, t.DialContext, t.TLSClientConfig
	}
	return d.DialContext(ctx, r.address, nil)
}

// connect runs one connection to its end.
func (r *Realtime) connect(token client.Tokens, fresh bool) ending {
	ws, answer, err := r.dial(r.ctx) //nolint:bodyclose // the library has read it already
	if err != nil {
		e := ending{code: codeLost, reason: err.Error()}
		if answer != nil && answer.StatusCode >= http.StatusBadRequest {
			if e.refusal = readProblem(answer); e.refusal.Status < http.StatusInternalServerError && e.refusal.Status != http.StatusTooManyRequests {
				e.final = e.refusal
			}
		}
		return e
	}
	l := &link{realtime: r, ws: ws, token: token, more: make(chan struct{}, 1), sent: map[string]*command{}, patient: openLimit}
	l.ctx, l.stop = context.WithCancelCause(r.ctx)
	defer l.stop(errLost)
	r.mu.Lock()
	r.link = l
	r.mu.Unlock()
	if r.err() != nil {
		l.leave()
	}
	var work sync.WaitGroup
	work.Go(l.write)
	l.begin(fresh)
	e := l.read()
	l.stop(errLost)
	_ = ws.Close() // it has ended
	r.retrieve(l)
	work.Wait()
	return e
}

// begin sends the first frame: who one is, and what the lost connection was subscribed to.
func (l *link) begin(fresh bool) {
	r := l.realtime
	r.mu.Lock()
	l.resumed = slices.Clone(r.order)
	resume := make([]client.RealtimeSubscribe, 0, len(l.resumed))
	for _, s := range l.resumed {
		resume = append(resume, client.RealtimeSubscribe{Topic: s.topic, After: given(s.after())})
	}
	c, err := newCommand("connect", client.RealtimeConnect{Token: &l.token.AccessToken, Resume: &resume}, drop)
	if err == nil {
		r.identifyLocked(c)
		l.sent[c.id] = c
	}
	r.mu.Unlock()
	if err != nil {
		l.lose(err.Error())
		return
	}
	c.took = func(result json.RawMessage) { l.opened(result, fresh) }
	c.refused = func(err error) { l.refusal, _ = errors.AsType[*Problem](err) }
	l.send(c)
}

// opened takes the answer to the first frame.
func (l *link) opened(result json.RawMessage, fresh bool) {
	r := l.realtime
	var in client.RealtimeConnected
	if err := json.Unmarshal(result, &in); err != nil {
		l.lose(err.Error())
		return
	}
	l.since, l.patient = time.Now(), 2*time.Duration(in.PingSeconds)*time.Second+time.Second
	for i, s := range l.resumed {
		if i >= len(in.Subscriptions) {
			break
		}
		if told := in.Subscriptions[i]; told.Error != nil {
			s.refuse(&Problem{Problem: *told.Error})
		} else {
			s.told(told)
		}
	}
	r.mu.Lock()
	l.open = true
	var late []*Subscription
	for _, s := range r.order {
		if !slices.Contains(l.resumed, s) {
			late = append(late, s)
		}
	}
	var left []string
	for _, s := range l.resumed {
		if r.subs[s.topic] == nil {
			left = append(left, s.topic)
		}
	}
	signal(l.more)
	r.mu.Unlock()
	for _, topic := range left {
		r.unsubscribe(l, topic)
	}
	for _, s := range late {
		r.subscribe(l, s)
	}
	l.watchToken(in.ExpiresAt, fresh)
	r.tell(RealtimeState{Status: "open"})
	r.once.Do(func() { close(r.opened) })
}

// read takes frames until the connection ends.
func (l *link) read() ending {
	l.ws.SetReadLimit(mostFrame)
	l.ws.SetPingHandler(func(data string) error {
		l.listen()
		return l.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeLimit))
	})
	for {
		l.listen()
		_, text, err := l.ws.ReadMessage()
		if err != nil {
			return l.endedBy(err)
		}
		l.realtime.show(false, text)
		var f frame
		if json.Unmarshal(text, &f) != nil {
			l.lose("a frame that is not JSON")
			continue
		}
		l.take(f)
	}
}

// listen puts the end of patience off.
func (l *link) listen() { _ = l.ws.SetReadDeadline(time.Now().Add(l.patient)) }

func (l *link) endedBy(err error) ending {
	e := ending{code: codeLost, reason: err.Error(), hint: l.hint, refusal: l.refusal, wasOpen: !l.since.IsZero()}
	if e.wasOpen {
		e.lasted = time.Since(l.since)
	}
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		e.code, e.reason = closed.Code, closed.Text
	}
	if lost := context.Cause(l.ctx); lost != nil {
		e.code, e.reason = codeLost, lost.Error()
	}
	return e
}

func (l *link) take(f frame) {
	r := l.realtime
	r.mu.Lock()
	c, s := l.sent[f.ID], r.subs[f.Topic]
	delete(l.sent, f.ID)
	r.mu.Unlock()
	switch {
	case c != nil && f.Error != nil:
		l.fail(c, problemIn(f.Error))
	case c != nil:
		c.settle(f.Result, nil)
	case f.ID != "": // to one that nobody waits for any more
	case f.Topic == "connection":
		var closing client.StreamClosing
		if json.Unmarshal(f.Event, &closing) == nil {
			l.hint = time.Duration(closing.RetryMs) * time.Millisecond
		}
	case s != nil:
		s.take(f)
	}
}

// fail settles a refused command. One that was sent before and lost, and is not finished
// yet, is asked for again.
func (l *link) fail(c *command, p *Problem) {
	if c.kind == repeat && p.Code == client.IdempotencyInProgress {
		l.realtime.again(c, max(p.RetryAfter, 250*time.Millisecond))
		return
	}
	c.settle(nil, p)
}

// write sends the commands that wait, at the pace of the service.
func (l *link) write() {
	paid := time.Now()
	for {
		if sleep(l.ctx, time.Until(paid)-(paceBurst-1)*paceInterval) != nil {
			return
		}
		if c := l.realtime.nextCommand(l); c != nil {
			if now := time.Now(); paid.Before(now) {
				paid = now
			}
			paid = paid.Add(paceInterval)
			l.send(c)
			continue
		}
		select {
		case <-l.more:
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *link) send(c *command) {
	text := fmt.Appendf(nil, `{"id":%s,%q:%s}`, strconv.Quote(c.id), c.verb, c.text)
	if shown := text; l.realtime.options.Frame != nil {
		if c.verb == "connect" {
			shown = masked(c)
		}
		l.realtime.show(true, shown)
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	_ = l.ws.SetWriteDeadline(time.Now().Add(writeLimit))
	if err := l.ws.WriteMessage(websocket.TextMessage, text); err != nil {
		l.lose(err.Error())
	}
}

// masked is a connect without its token.
func masked(c *command) []byte {
	var argument map[string]json.RawMessage
	if json.Unmarshal(c.text, &argument) != nil {
		return nil
	}
	argument["token"] = json.RawMessage(`"***"`)
	text, _ := json.Marshal(map[string]any{"id": c.id, c.verb: argument})
	return text
}

// lose drops the connection as a broken network does.
func (l *link) lose(reason string) {
	l.stop(errors.New(reason)) //nolint:err113 // a reason, for people
	_ = l.ws.NetConn().Close()
}

// leave closes it as is proper.
func (l *link) leave() {
	text := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = l.ws.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second)) // if it does not get out it is lost
	l.lose("closed by this client")
}

// inOrder are commands as they were made.
func inOrder(all map[string]*command) []*command {
	out := make([]*command, 0, len(all))
	for _, c := range all {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *command) int { return cmp.Or(cmp.Compare(len(a.id), len(b.id)), cmp.Compare(a.id, b.id)) })
	return out
}
