package web

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// preflightSeconds is how long a browser may keep the answer to a preflight.
const preflightSeconds = 600

// cors lets pages of the allowed origins call the API with a bearer token; no
// cookies are involved. Other origins, and none at all, get no CORS headers.
// The list is exact: no patterns, and an empty one allows nobody (echo's own
// default would be everybody).
func cors(allowed []string) echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		// An OPTIONS without Origin is a question for Allow, which the router answers.
		Skipper: func(c echo.Context) bool {
			return c.Request().Method == http.MethodOptions && c.Request().Header.Get(echo.HeaderOrigin) == ""
		},
		AllowOriginFunc: func(origin string) (bool, error) { return slices.Contains(allowed, origin), nil },
		AllowHeaders: []string{
			"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID",
			"Prefer", "X-Request-ID", "traceparent", "Accept-Language",
		},
		ExposeHeaders: []string{
			"X-Request-ID", "API-Version", "ETag", "Location", "Retry-After", "Idempotency-Replayed",
			"Preference-Applied", "RateLimit", "RateLimit-Policy", "Deprecation", "Sunset", "Link",
			"WWW-Authenticate", "Content-Language", "traceparent",
		},
		MaxAge: preflightSeconds,
	})
}
