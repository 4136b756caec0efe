package web

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// bodyDeadline gives every request body limit to arrive, whoever reads it:
// also one that nobody reads, because net/http reads on before it answers and
// would wait for ever. Once the body is read, a long answer has all its time.
func bodyDeadline(limit time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			req := c.Request()
			if req.ContentLength == 0 || req.Body == nil {
				return next(c)
			}
			connection := http.NewResponseController(c.Response().Writer)
			if err := connection.SetReadDeadline(time.Now().Add(limit)); err == nil {
				req.Body = &timedBody{ReadCloser: req.Body, connection: connection}
			} // else there is no connection, as in tests
			return next(c)
		}
	}
}

// A timedBody lifts the read deadline at its end. Until then the deadline must
// stay: it also bounds what net/http reads after the handler.
type timedBody struct {
	io.ReadCloser
	connection *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.connection.SetReadDeadline(time.Time{}) // it could be set, so it can be lifted
	}
	return n, err
}
