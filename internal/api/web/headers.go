package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// apiPrefix begins every path of a version of the API.
const apiPrefix = "/api/v"

// securityHeaders sets what every answer carries. Pages that need more than
// nothing set their own Content-Security-Policy. An answer of the API that says
// nothing of caching is not stored, since it is one person's; a 304 says
// nothing, or it would change what the client's copy says.
func securityHeaders(tls bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set(echo.HeaderXContentTypeOptions, "nosniff")
			h.Set(echo.HeaderXFrameOptions, "DENY")
			h.Set(echo.HeaderReferrerPolicy, "no-referrer")
			h.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
			if tls {
				h.Set(echo.HeaderStrictTransportSecurity, "max-age=31536000")
			}
			if !strings.HasPrefix(c.Request().URL.Path, apiPrefix) {
				return next(c)
			}
			if version := versionOf(c.Request().URL.Path); version != "" {
				h.Set("API-Version", version)
			}
			response := c.Response()
			response.Before(func() {
				if response.Status != http.StatusNotModified && h.Get(echo.HeaderCacheControl) == "" {
					h.Set(echo.HeaderCacheControl, "no-store")
				}
			})
			return next(c)
		}
	}
}

// versionOf is the number of the version that a path belongs to, or "".
func versionOf(path string) string {
	rest, api := strings.CutPrefix(path, apiPrefix)
	if version, _, _ := strings.Cut(rest, "/"); api && isVersion(version) {
		return version
	}
	return ""
}

// isVersion keeps what a client may write after /api/v out of the headers.
func isVersion(s string) bool {
	return s != "" && len(s) <= 3 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
