package partner

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// errLeft ends an answer whose client has gone; errClosed one that Close ended;
// errCut one that a Step cuts by closing the connection.
var (
	errLeft   = errors.New("the client left")
	errClosed = errors.New("the server was closed")
	errCut    = errors.New("cut as scripted")
)

// exchange is a request under way: it waits no longer than there is somebody to
// answer.
type exchange struct {
	client context.Context
	server context.Context
}

func (s *Server) exchange(r *http.Request) exchange {
	return exchange{client: r.Context(), server: s.closed}
}

// wait lets time pass, unless the client leaves or the server is closed first.
func (x exchange) wait(d time.Duration) error {
	if d <= 0 {
		return x.gone()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-x.client.Done():
		return errLeft
	case <-x.server.Done():
		return errClosed
	}
}

func (x exchange) gone() error {
	switch {
	case x.client.Err() != nil:
		return errLeft
	case x.server.Err() != nil:
		return errClosed
	default:
		return nil
	}
}

// silence waits for the end of the connection.
func (x exchange) silence() error {
	select {
	case <-x.client.Done():
		return errLeft
	case <-x.server.Done():
		return errClosed
	}
}

// ended gives the outcome of an answer that ended with err. A cut is a panic
// that net/http turns into a closed connection, so its outcome is noted before.
func ended(err error, note func(outcome string)) string {
	switch {
	case err == nil:
		return OutcomeAnswered
	case errors.Is(err, errCut), errors.Is(err, errClosed):
		note(OutcomeCut)
		panic(http.ErrAbortHandler)
	default: // a write that fails has nobody to read it
		return OutcomeLeft
	}
}
