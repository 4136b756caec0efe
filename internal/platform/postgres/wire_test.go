package postgres_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A wire carries connections to a server until it is cut. Both ends then hear
// nothing more, not even that the connection has ended.
type wire struct {
	addr   string
	target string
	listen net.Listener
	silent atomic.Bool

	mu    sync.Mutex
	ends  []net.Conn
	ended bool
	wg    sync.WaitGroup
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{addr: l.Addr().String(), target: target, listen: l}
	w.wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			w.join(near)
		}
	})
	t.Cleanup(w.end)
	return w
}

// end closes both ends of every connection.
func (w *wire) end() {
	_ = w.listen.Close()
	w.mu.Lock()
	w.ended = true
	for _, c := range w.ends {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.wg.Wait()
}

func (w *wire) cut() { w.silent.Store(true) }

func (w *wire) join(near net.Conn) {
	far, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = near.Close()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		_, _ = near.Close(), far.Close()
		return
	}
	w.ends = append(w.ends, near, far)
	w.wg.Go(func() { w.carry(near, far) })
	w.wg.Go(func() { w.carry(far, near) })
}

func (w *wire) carry(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if w.silent.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
