package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

func TestARequestThatOutlivesItsHandlerIsLoggedAtItsEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail    func() error
		failure string // the level of what is logged of the error
	}{
		"well":                {func() error { return nil }, ""},
		"by an error":         {func() error { return io.ErrNoProgress }, "ERROR"},
		"by the client":       {func() error { return fmt.Errorf("write: %w", context.Canceled) }, "DEBUG"},
		"by a panic":          {func() error { panic("broken") }, "ERROR"},
		"by the client's own": {func() error { return echo.ErrNotFound }, "WARN"},
	} {
		goOn, over := make(chan struct{}), make(chan struct{})
		b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(e echo.Context) error {
			if !web.MayOutlive(e.Request().Context()) {
				return echo.ErrBadRequest
			}
			e.Response().WriteHeader(http.StatusOK)
			later, end := web.Outlive(e.Request().Context())
			go func() {
				defer close(over)
				var err error
				defer end(&err, func() int64 { return 42 })
				<-goOn
				if web.IdentityFrom(later).UserID == someone().UserID {
					err = c.fail()
				}
			}()
			return nil
		}})
		b.do(request(http.MethodGet, thingPath, "", "X-Request-ID", "r-1"))
		require.Empty(t, b.log.lines(t, "request"), name)
		close(goOn)
		<-over
		lines := b.log.lines(t, "request")
		require.Len(t, lines, 1, name)
		require.Equal(t, "getThing", lines[0]["operation"])
		require.Equal(t, "r-1", lines[0]["request_id"])
		require.EqualValues(t, http.StatusOK, lines[0]["status"])
		require.EqualValues(t, 42, lines[0]["bytes"])
		failures := append(b.log.lines(t, "request failed"), b.log.lines(t, "error after the answer began")...)
		if c.failure == "" {
			require.Empty(t, failures, name)
			continue
		}
		require.Len(t, failures, 1, name)
		require.Equal(t, c.failure, failures[0]["level"], name)
	}
}

func TestOnlyAnAnswerOfHTTP11WithABodyMayOutliveItsHandler(t *testing.T) {
	t.Parallel()
	var may []bool
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(e echo.Context) error {
		may = append(may, web.MayOutlive(e.Request().Context()))
		return e.NoContent(http.StatusOK)
	}})
	b.do(request(http.MethodGet, thingPath, ""))
	b.do(request(http.MethodHead, thingPath, ""))
	for _, version := range [][2]int{{1, 0}, {2, 0}} {
		r := request(http.MethodGet, thingPath, "")
		r.ProtoMajor, r.ProtoMinor = version[0], version[1]
		b.do(r)
	}
	require.Equal(t, []bool{true, false, false, false}, may)
}
