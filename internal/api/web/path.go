package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// trimSlash treats a slash at the end of an API path as absent, without a
// redirect. An escaped slash (%2F) is part of a name and stays.
func trimSlash(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		if strings.HasPrefix(u.Path, apiPrefix) && strings.HasSuffix(u.EscapedPath(), "/") {
			u.Path = strings.TrimSuffix(u.Path, "/")
			u.RawPath = strings.TrimSuffix(u.RawPath, "/")
		}
		return next(c)
	}
}

// mirrorHead gives every path that has GET the method HEAD too, with the same
// handler; net/http throws the body away. See HeadOnly.
func mirrorHead(e *echo.Echo) {
	e.OnAddRouteHandler = func(host string, route echo.Route, handler echo.HandlerFunc, m []echo.MiddlewareFunc) {
		if host == "" && route.Method == http.MethodGet {
			e.HEAD(route.Path, handler, m...)
		}
	}
}
