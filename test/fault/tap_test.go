package fault_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// tap lets a service speak with PostgreSQL or Redis, and listens: at the step it waits for,
// it stops everything.
type tap struct {
	target string

	mu   sync.Mutex
	step func(seen sighting) verdict // nil: waits for nothing
}

// sighting is something that the service says to what is behind the tap.
type sighting struct {
	commits string // PostgreSQL: the statement that the transaction to be committed is known by; empty: no commit
	command []byte // Redis: what is sent
}

// verdict says what to do.
type verdict int

const (
	pass   verdict = iota // it on
	strike                // now, and pass nothing on
	answer                // pass it on, and strike when the answer comes
)

// landmarks are the statements that transactions are known by.
var landmarks = []string{"SendMessage", "FinishReply"}

// openTap listens before target, and gives the address that leads through it.
func openTap(t *testing.T, target string, serve func(*tap, net.Conn)) (*tap, string) {
	t.Helper()
	at, err := url.Parse(target)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tp := &tap{target: at.Host}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(tp, conn)
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	at.Host = listener.Addr().String()
	return tp, at.String()
}

// await sets what the tap waits for.
func (t *tap) await(step func(sighting) verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step = step
}

// judge asks what to do.
func (t *tap) judge(seen sighting) verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.step == nil {
		return pass
	}
	return t.step(seen)
}

// serveRedis passes on what one connection says.
func serveRedis(t *tap, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", t.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if t.judge(sighting{command: buffer[:n]}) == strike {
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// talk is one connection to PostgreSQL.
type talk struct {
	tap            *tap
	client, server net.Conn
	names          map[string]string // of prepared statements
	known          string            // the landmark of this transaction

	mu     sync.Mutex
	struck func() // is called when the next answer comes
}

// servePostgres passes on what one connection says, message by message.
func servePostgres(t *tap, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", t.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	c := &talk{tap: t, client: client, server: server, names: map[string]string{}}
	go c.answers()
	from := pgproto3.NewBackend(client, client)
	first, err := from.ReceiveStartupMessage()
	for err == nil {
		if _, asksForTLS := first.(*pgproto3.SSLRequest); !asksForTLS {
			break
		}
		if _, err = client.Write([]byte("N")); err == nil {
			first, err = from.ReceiveStartupMessage()
		}
	}
	if err != nil || c.send(first) != nil {
		return
	}
	for {
		message, err := from.Receive()
		if err != nil || !c.pass(message) {
			return
		}
	}
}

func (c *talk) send(m pgproto3.FrontendMessage) error {
	b, err := m.Encode(nil)
	if err != nil {
		return err
	}
	_, err = c.server.Write(b)
	return err
}

// pass passes a message on; false ends the connection.
func (c *talk) pass(message pgproto3.FrontendMessage) bool {
	switch m := message.(type) {
	case *pgproto3.Parse:
		c.names[m.Name] = landmark(m.Query)
	case *pgproto3.Bind:
		if known := c.names[m.PreparedStatement]; known != "" {
			c.known = known
		}
	case *pgproto3.Query:
		if m.String != "commit" {
			break
		}
		seen := sighting{commits: c.known}
		c.known = ""
		switch c.tap.judge(seen) {
		case strike:
			return false
		case answer:
			c.mu.Lock()
			c.struck = func() { c.tap.judge(sighting{}) }
			c.mu.Unlock()
		}
	}
	return c.send(message) == nil
}

// landmark is the name of a statement, if it is one of the landmarks.
func landmark(sql string) string {
	for _, name := range landmarks {
		if bytes.HasPrefix([]byte(sql), []byte("-- name: "+name+" ")) {
			return name
		}
	}
	return ""
}

// answers passes on what PostgreSQL says.
func (c *talk) answers() {
	defer func() { _ = c.client.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.server.Read(buffer)
		if err != nil {
			return
		}
		c.mu.Lock()
		struck := c.struck
		c.mu.Unlock()
		if struck != nil {
			struck() // and the answer is never heard
			return
		}
		if _, err := c.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
