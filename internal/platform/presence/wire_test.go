package presence_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// wire is the way of one client to Redis, which can be cut.
type wire struct{ cut atomic.Bool }

var errCut = errors.New("the wire is cut")

type end struct {
	net.Conn
	wire *wire
}

func (e end) Write(p []byte) (int, error) {
	if e.wire.cut.Load() {
		return 0, errCut
	}
	return e.Conn.Write(p)
}

func (w *wire) through(o *redis.UniversalOptions) {
	o.MaxRetries = -1
	o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		if w.cut.Load() {
			return nil, errCut
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return end{conn, w}, err
	}
}
