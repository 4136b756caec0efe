package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// Client is where a request comes from.
type Client struct {
	Address   string // the nearest address that is not a trusted proxy
	UserAgent string // valid UTF-8, at most 512 bytes
	Path      string // as asked for, escaped, without the query
}

const maxUserAgent = 512

// origin is what every request's context holds from the start.
type origin struct {
	requestID string
	client    Client
	head      bool
	http11    bool

	entry    entry    // logging's own
	traffic  *traffic // what counts for its operation; nil: nobody counts
	answered time.Time
	outlived bool // the request goes on when its handler has returned
}

type originKey struct{}

func originFrom(ctx context.Context) *origin {
	if o, ok := ctx.Value(originKey{}).(*origin); ok {
		return o
	}
	return &origin{}
}

// RequestIDFrom gives the id of the request under way, or "" outside of one.
func RequestIDFrom(ctx context.Context) string { return originFrom(ctx).requestID }

// ClientFrom says where the request under way comes from; all empty outside of one.
func ClientFrom(ctx context.Context) Client { return originFrom(ctx).client }

// HeadOnly reports that the request is a HEAD: what a handler writes is counted
// and thrown away, so a stream must end after its headers.
func HeadOnly(ctx context.Context) bool { return originFrom(ctx).head }

// requestID names every request: by the client's X-Request-ID if it has 1-128
// characters of A-Za-z0-9._-, else by a new UUID. The answer carries it too.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		id := req.Header.Get(echo.HeaderXRequestID)
		if !isRequestID(id) {
			made, err := uuid.NewV7()
			if err != nil {
				return err // no randomness: nothing else would work either
			}
			id = made.String()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		ctx := context.WithValue(req.Context(), originKey{}, &origin{
			requestID: id,
			head:      req.Method == http.MethodHead,
			http11:    req.ProtoMajor == 1 && req.ProtoMinor >= 1,
			client: Client{
				Address:   c.RealIP(),
				UserAgent: strings.ToValidUTF8(req.UserAgent()[:min(len(req.UserAgent()), maxUserAgent)], ""),
				Path:      req.URL.EscapedPath(),
			},
		})
		c.SetRequest(req.WithContext(ctx))
		return next(c)
	}
}

func isRequestID(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("._-", r)
	})
}
