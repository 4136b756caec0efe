package web

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// logging writes one line a request, when it is over, with its error already
// answered. It holds ids and no text of the client's but its User-Agent: no
// query, no header, no path but the route's pattern, for they may hold secrets.
func logging(logger *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			began := time.Now()
			cut := true // unless the handler comes back: http.ErrAbortHandler passes through here
			defer func() { logRequest(logger, c, time.Since(began), cut) }()
			if err := next(c); err != nil {
				c.Error(err)
			}
			cut = false
			return nil
		}
	}
}

func logRequest(logger *slog.Logger, c echo.Context, took time.Duration, cut bool) {
	ctx := c.Request().Context()
	status := c.Response().Status
	if !c.Response().Committed && c.IsWebSocket() {
		status = http.StatusSwitchingProtocols // the connection was taken over
	}
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	case status >= http.StatusBadRequest && status != statusClientGone:
		level = slog.LevelWarn
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	client := ClientFrom(ctx)
	attrs := make([]slog.Attr, 0, 11)
	attrs = append(attrs,
		slog.String("method", c.Request().Method),
		slog.String("route", c.Path()),
		slog.Int("status", status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", c.Response().Size),
		slog.String("request_id", RequestIDFrom(ctx)),
		slog.String("address", client.Address),
		slog.String("user_agent", client.UserAgent),
	)
	if operation := OperationFrom(ctx); operation != "" {
		attrs = append(attrs, slog.String("operation", operation))
	}
	if id := IdentityFrom(ctx).UserID; id != uuid.Nil {
		attrs = append(attrs, slog.String("user_id", id.String()))
	}
	if cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	logger.LogAttrs(ctx, level, "request", attrs...)
}
