package realtime

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Buffers of a connection: what is larger than the reading one is read past it.
const (
	readBuffer  = 512
	writeBuffer = 512
	socketSend  = 64 << 10 // what the system may hold of what a client does not read
)

// upgrader checks the handshake. What it would write of an error we do.
var upgrader = websocket.Upgrader{
	ReadBufferSize: readBuffer, WriteBufferSize: writeBuffer, WriteBufferPool: noBuffers{}, Subprotocols: []string{Subprotocol},
	CheckOrigin: func(*http.Request) bool { return true }, // done before
	Error:       func(http.ResponseWriter, *http.Request, int, error) {},
}

// noBuffers is the pool of write buffers, which the library never needs: it does not write.
type noBuffers struct{}

// Get gives none.
func (noBuffers) Get() any { return nil }

// Put is never called.
func (noBuffers) Put(any) {}

// Connect checks a handshake and gives the answer that opens the WebSocket. Faults:
// realtime.*, auth.invalid_token, server.unavailable.
func (s *Server) Connect(ctx context.Context, r *http.Request, ticket string) (apiv2.ConnectRealtimeResponseObject, error) {
	if err := s.checkHandshake(r); err != nil {
		return nil, err
	}
	who, err := s.whoConnects(ctx, r, ticket)
	if err != nil {
		return nil, err
	}
	return &opening{server: s, ctx: ctx, request: r, who: who}, nil
}

func (s *Server) checkHandshake(r *http.Request) error {
	s.mu.Lock()
	stopped := s.stopped
	s.mu.Unlock()
	switch {
	case stopped:
		return errStopping
	case !websocket.IsWebSocketUpgrade(r):
		return errNoWebSocket
	case !slices.Contains(websocket.Subprotocols(r), Subprotocol):
		return fault.New(fault.Malformed, "realtime.subprotocol_required", "Ask for the subprotocol "+Subprotocol+" in Sec-WebSocket-Protocol.")
	case !s.allowed(r):
		return fault.New(fault.Forbidden, "realtime.forbidden_origin", "Pages of this origin may not connect.")
	}
	return nil
}

var (
	errStopping    = fault.New(fault.Unavailable, "server.unavailable", "This node is stopping; connect again.").WithRetryAfter(time.Second)
	errNoWebSocket = fault.New(fault.Malformed, "realtime.not_a_websocket", "This opens a WebSocket of version 13 (RFC 6455) over HTTP/1.1; the request does not ask for one.")
)

// allowed is the origin check of browsers: a page of this server, or of an allowed origin.
// Who sends no Origin is no browser.
func (s *Server) allowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(s.Origins, origin) {
		return true
	}
	page, err := url.Parse(origin)
	return err == nil && page.Host != "" && strings.EqualFold(page.Host, r.Host)
}

// whoConnects goes by the first proof that is there; nobody is known yet if none is.
func (s *Server) whoConnects(ctx context.Context, r *http.Request, ticket string) (web.Identity, error) {
	if r.Header.Get("Authorization") != "" {
		who := web.IdentityFrom(ctx)
		if who.UserID == uuid.Nil { // the guard lets pass who has no good token, since a token is not required
			return who, account.ErrInvalidToken
		}
		return who, nil
	}
	if ticket == "" {
		return web.Identity{}, nil
	}
	value, err := s.Tickets.Redeem(ctx, ticket)
	if err != nil {
		return web.Identity{}, v2.TicketFault(err)
	}
	proven, err := v2.ReadTicket(value, r.Header.Get("Origin"))
	if err != nil {
		return web.Identity{}, err
	}
	p, err := s.Accounts.Revisit(ctx, account.Principal{UserID: proven.UserID, SessionID: proven.SessionID, ExpiresAt: proven.ExpiresAt})
	return web.Identity{UserID: p.UserID, SessionID: p.SessionID, Roles: p.Roles, ExpiresAt: p.ExpiresAt}, err
}

// opening is the answer 101.
type opening struct {
	server  *Server
	ctx     context.Context
	request *http.Request
	who     web.Identity
}

// VisitConnectRealtimeResponse takes the connection over.
func (o *opening) VisitConnectRealtimeResponse(w http.ResponseWriter) error {
	address := web.Network(web.ClientFrom(o.ctx).Address)
	stranger := o.who.UserID == uuid.Nil
	if stranger && !o.server.countStranger(address, 1) {
		return fault.New(fault.TooMany, "realtime.too_many_connections", "Too many connections of this address have not said who they are.").
			WithRetryAfter(connectWait)
	}
	err := o.open(w)
	if err != nil && stranger {
		o.server.countStranger(address, -1)
	}
	return err
}

func (o *opening) open(w http.ResponseWriter) error {
	hijacked := &hijacker{ResponseWriter: w}
	ws, err := upgrader.Upgrade(hijacked, o.request, w.Header())
	if err != nil && hijacked.conn == nil {
		return errNoWebSocket.WithCause(err)
	}
	if err != nil {
		_ = hijacked.conn.Close()
		o.server.Logger.DebugContext(o.ctx, "websocket not opened", "request_id", web.RequestIDFrom(o.ctx), "error", err.Error())
		return nil // the connection is not the HTTP server's any more
	}
	hijacked.conn.quiet = true
	o.server.begin(ws, hijacked.conn.Conn, o)
	return nil
}

// hijacker hands the library a connection that we can silence.
type hijacker struct {
	http.ResponseWriter
	conn *muted
}

// Hijack takes the connection over.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &muted{Conn: conn}
	return h.conn, buffered, nil
}

// begin starts a connection outside of net/http, whose handler can end and give its memory
// back.
func (s *Server) begin(ws *websocket.Conn, raw net.Conn, o *opening) {
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(socketSend)
	}
	id, err := uuid.NewV7()
	client := web.ClientFrom(o.ctx)
	c := &conn{
		server: s, id: id, ws: ws, raw: raw, began: web.Detach(o.ctx), address: web.Network(client.Address), userAgent: client.UserAgent,
		pace: pace{burst: s.Limits["realtime"].Quota, interval: s.Limits["realtime"].Interval()},
	}
	c.ctx, c.stop = context.WithCancel(c.began)
	c.alive()
	if err != nil || !s.add(c) {
		c.sayClose(verdictDraining)
		_ = raw.Close()
		if o.who.UserID == uuid.Nil {
			s.countStranger(c.address, -1)
		}
		return
	}
	c.start()
	// What is deep is done here, in the goroutine that ends: the one that stays keeps the
	// stack that it has needed once.
	if o.who.UserID != uuid.Nil {
		c.enter(o.who)
	}
	go c.run()
}
