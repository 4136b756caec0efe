package fault_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// balancer hands each connection to the next of the nodes that take some.
type balancer struct {
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	nodes []string // that take connections
	next  int
	all   []net.Conn
}

func balance(t *testing.T) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{listener: listener}
	b.work.Go(b.accept)
	t.Cleanup(b.close)
	return b
}

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

func (b *balancer) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.all = append(b.all, conn)
		node := ""
		if n := len(b.nodes); n > 0 {
			node = b.nodes[b.next%n]
			b.next++
		}
		b.mu.Unlock()
		b.work.Go(func() { forward(conn, node) })
	}
}

// forward carries both ways until either side has ended.
func forward(conn net.Conn, node string) {
	defer func() { _ = conn.Close() }()
	out, err := net.Dial("tcp", node)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(out, conn)
		_ = out.Close()
	})
	_, _ = io.Copy(conn, out)
	_ = conn.Close()
	back.Wait()
}

// only lets these nodes alone take new connections; those that are stay.
func (b *balancer) only(nodes ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = nodes
}

func (b *balancer) close() {
	_ = b.listener.Close()
	b.mu.Lock()
	for _, conn := range b.all {
		_ = conn.Close()
	}
	b.mu.Unlock()
	b.work.Wait()
}
