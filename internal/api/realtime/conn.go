package realtime

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
)

// conn is one WebSocket. Its own goroutine reads and carries out commands; each
// subscription has one that pushes. Nothing else of it runs: a quiet connection is one
// goroutine that waits.
type conn struct {
	server    *Server
	id        uuid.UUID
	ws        *websocket.Conn // reads
	raw       net.Conn        // is written to
	began     context.Context // from where it came, and who asked by header or ticket
	address   string          // counts while nobody is known
	userAgent string

	ctx  context.Context // ends with the connection
	stop context.CancelFunc
	work sync.WaitGroup // pushing goroutines

	writing  sync.Mutex
	deadline time.Time // of writes
	mute     bool      // nothing may be written any more

	over       atomic.Bool  // a verdict has been given
	known      atomic.Bool  // it is known who it is
	active     atomic.Int64 // when the client last gave a sign of life, Unix nanoseconds
	toldActive atomic.Int64 // the same as the registry knows it

	mu        sync.Mutex
	who       web.Identity // zero: nobody yet
	release   func()       // of the session's watch
	subs      map[string]*subscription
	timer     *time.Timer
	pingAt    time.Time
	pinged    int64 // when the last ping was sent, Unix nanoseconds
	unanswers int   // pings in a row without a sign of life

	pace pace // the reading goroutine's own
	name string
}

// run reads until the connection ends, and cleans up.
func (c *conn) run() {
	defer c.server.work.Done()
	defer c.cleanUp()
	c.ws.SetReadLimit(maxFrame)
	c.ws.SetPingHandler(func(data string) error { return c.pong(data) })
	c.ws.SetPongHandler(func(string) error { c.alive(); return nil })
	c.ws.SetCloseHandler(func(int, string) error { return nil })
	for {
		kind, reader, err := c.ws.NextReader()
		if err != nil {
			c.close(endOf(err))
			return
		}
		if c.over.Load() {
			c.await()
			return
		}
		c.alive()
		if kind != websocket.TextMessage {
			c.close(verdictBadFrame)
			return
		}
		buffer := buffers.Get().(*bytes.Buffer)
		_, err = buffer.ReadFrom(reader)
		if err == nil {
			c.take(buffer.Bytes())
			if c.active.Load()-c.toldActive.Load() > int64(activeEvery) && c.identity().UserID != uuid.Nil {
				c.describe()
			}
		}
		if buffer.Cap() <= maxFrame {
			buffer.Reset()
			buffers.Put(buffer)
		}
		if err != nil {
			c.close(endOf(err))
			return
		}
		if c.over.Load() {
			c.await()
			return
		}
	}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// await reads on until the client has closed too, as RFC 6455 section 7.1.1 asks, so that
// what it was sent reaches it. What it still says counts no more.
func (c *conn) await() {
	_ = c.raw.SetReadDeadline(time.Now().Add(closeWait))
	for {
		if _, _, err := c.ws.NextReader(); err != nil {
			return
		}
	}
}

// endOf tells by a read's error how the connection ends.
func endOf(err error) verdict {
	var closed *websocket.CloseError // by the client, or by its network
	var lost net.Error
	if errors.As(err, &closed) || errors.As(err, &lost) || errors.Is(err, net.ErrClosed) {
		return verdictLeft
	}
	return verdictBadFrame // too large, or against the protocol
}

// close gives the verdict, once. What runs for the connection ends; its reading goroutine
// cleans up when the client has closed too, or shortly after.
func (c *conn) close(v verdict) {
	if !c.over.CompareAndSwap(false, true) {
		return
	}
	c.server.metrics.closed.Of(strconv.Itoa(v.code)).Inc()
	c.stop()
	c.sayClose(v)
	_ = c.raw.SetReadDeadline(time.Now().Add(closeWait))
	if v != verdictLeft {
		c.server.log(c.began, slog.LevelInfo, "websocket closed", c, slog.Int("code", v.code), slog.String("reason", v.reason))
	}
}

func (c *conn) cleanUp() {
	c.stop()
	_ = c.raw.Close()
	c.work.Wait()
	c.mu.Lock()
	c.timer.Stop()
	release, who := c.release, c.who
	c.release = nil
	c.mu.Unlock()
	if release != nil {
		release()
	}
	c.server.forget(c, who)
}

// pong answers a ping of the client's; one a command's worth.
func (c *conn) pong(data string) error {
	c.alive()
	if !c.pace.take(c.server.now()) {
		c.close(verdictTooFast)
		return nil
	}
	return c.write(frame(opPong, []byte(data)))
}

// alive notes a sign of life.
func (c *conn) alive() { c.active.Store(time.Now().UnixNano()) }

// device names what connected, as the sessions do.
func (c *conn) device() string { return account.Client{UserAgent: c.userAgent}.Device() }
