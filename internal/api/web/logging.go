package web

import (
	"context"
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
			from := originFrom(c.Request().Context())
			from.entry = entry{logger: logger, method: c.Request().Method, route: c.Path(), began: time.Now()}
			cut := true // unless the handler comes back: http.ErrAbortHandler passes through here
			defer func() {
				if !from.outlived {
					from.entry.write(c.Request().Context(), outcomeOf(c, cut))
				}
			}()
			if err := next(c); err != nil {
				c.Error(err)
			}
			cut = false
			return nil
		}
	}
}

// entry is what the log knows of a request from its beginning.
type entry struct {
	logger        *slog.Logger
	method, route string
	began         time.Time
}

// outcome is how a request ended.
type outcome struct {
	status int
	bytes  int64
	cut    bool
}

func outcomeOf(c echo.Context, cut bool) outcome {
	status := c.Response().Status
	if !c.Response().Committed && c.IsWebSocket() {
		status = http.StatusSwitchingProtocols // the connection was taken over
	}
	return outcome{status: status, bytes: c.Response().Size, cut: cut}
}

// write writes the line. ctx knows who asked for what.
func (e *entry) write(ctx context.Context, end outcome) {
	level := slog.LevelInfo
	switch {
	case end.status >= http.StatusInternalServerError:
		level = slog.LevelError
	case end.status >= http.StatusBadRequest && end.status != statusClientGone:
		level = slog.LevelWarn
	}
	if !e.logger.Enabled(ctx, level) {
		return
	}
	client := ClientFrom(ctx)
	attrs := make([]slog.Attr, 0, 11)
	attrs = append(attrs,
		slog.String("method", e.method),
		slog.String("route", e.route),
		slog.Int("status", end.status),
		slog.Float64("duration_ms", float64(time.Since(e.began).Microseconds())/1000),
		slog.Int64("bytes", end.bytes),
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
	if end.cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	e.logger.LogAttrs(ctx, level, "request", attrs...)
}
