package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// answer serves one request whose handler gives err.
func (b *bundle) fail(t *testing.T, err error) problem {
	t.Helper()
	b.echo.GET("/fail", func(echo.Context) error { return err })
	return readProblem(t, b.do(request(http.MethodGet, "/fail?secret=1", "")))
}

func TestEachKindOfFaultHasItsStatus(t *testing.T) {
	t.Parallel()
	for kind, status := range map[fault.Kind]int{
		fault.Malformed: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.MethodNotAllowed: 405, fault.NotAcceptable: 406, fault.Conflict: 409, fault.Precondition: 412,
		fault.TooLarge: 413, fault.UnsupportedMedia: 415, fault.Unprocessable: 422, fault.TooMany: 429,
		fault.Unavailable: 503, fault.Internal: 500,
	} {
		got := web.Describe(fmt.Errorf("send: %w", fault.New(kind, "cursor.invalid", "The words.")))
		require.Equal(t, status, got.Status)
		require.NotEmpty(t, got.Title)
		if kind != fault.Internal {
			require.Equal(t, "The words.", got.Detail)
			require.Equal(t, "/problems/cursor.invalid", got.Type)
		}
	}
}

func TestAFaultBecomesAProblem(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	got := b.fail(t, fault.New(fault.Conflict, "conversation.reply_in_flight", "Still answering.").
		WithDetail("reply_id", "42").WithDetail("status", "never").WithCause(errors.New("row 7")))
	require.Equal(t, problem{
		Type: "/problems/conversation.reply_in_flight", Title: "Conflict", Status: 409, Detail: "Still answering.",
		Instance: "/fail", Code: "conversation.reply_in_flight", RequestID: got.RequestID, ReplyID: "42",
	}, got)
	require.Empty(t, b.log.lines(t, "request failed"), "the client's mistakes are not ours")
}

func TestAProblemWithoutFurtherMembersIsStillWhole(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(web.Problem{Code: "a.b", Extra: map[string]any{"code": "c.d"}})
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"","title":"","status":0,"detail":"","code":"a.b"}`, string(text))
	_, err = json.Marshal(web.Problem{Extra: map[string]any{"x": make(chan int)}})
	require.Error(t, err)
}

func TestTheCauseOfADefectIsLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		errors.New("dial postgres://user:secret@db"),
		fault.New(fault.Internal, "server.internal", "secret words").WithCause(errors.New("secret")),
		echo.NewHTTPError(http.StatusInternalServerError, "secret"),
	} {
		b := setup(t, smallContract, nil)
		got := b.fail(t, err)
		require.Equal(t, http.StatusInternalServerError, got.Status)
		require.Equal(t, "server.internal", got.Code)
		require.NotContains(t, got.Detail, "secret")
		lines := b.log.lines(t, "request failed")
		require.Len(t, lines, 1)
		require.Equal(t, "ERROR", lines[0]["level"])
		require.Contains(t, lines[0]["error"], "secret")
		require.Equal(t, got.RequestID, lines[0]["request_id"])
	}
}

type slowError struct{}

func (slowError) Error() string { return "pool exhausted" }
func (slowError) Timeout() bool { return true }

func TestATimeoutIsUnavailableAndSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		fmt.Errorf("acquire: %w", context.DeadlineExceeded), os.ErrDeadlineExceeded, slowError{},
		fault.New(fault.Unavailable, "server.unavailable", "Away."), echo.ErrServiceUnavailable,
	} {
		b := setup(t, smallContract, nil)
		b.echo.GET("/slow", func(echo.Context) error { return err })
		answer := b.do(request(http.MethodGet, "/slow", ""))
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Equal(t, "server.unavailable", readProblem(t, answer).Code)
		require.Equal(t, "1", answer.Header().Get("Retry-After"))
		require.Equal(t, "WARN", b.log.lines(t, "request failed")[0]["level"])
	}
	b := setup(t, smallContract, nil)
	answer := b.do(request(http.MethodGet, "/api/v2/things", "", "Authorization", "Bearer "+downToken))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Equal(t, "2", answer.Header().Get("Retry-After"), "1.5 s, rounded up")
}

func TestTheRoutersOwnErrorsAreProblems(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	answer := b.do(request(http.MethodGet, "/api/v2/nothing", ""))
	require.Equal(t, "route.not_found", readProblem(t, answer).Code)
	answer = b.do(request(http.MethodPut, "/api/v2/things", lamp))
	require.Equal(t, http.StatusMethodNotAllowed, answer.Code)
	require.Equal(t, "route.method_not_allowed", readProblem(t, answer).Code)
	require.Equal(t, "OPTIONS, GET, HEAD, POST", answer.Header().Get("Allow"))

	for status, code := range map[int]string{413: "request.too_large", 415: "request.unsupported_media_type", 400: "request.malformed", 418: "request.malformed"} {
		got := web.Describe(echo.NewHTTPError(status, "Unmarshal type error: got=hunter2"))
		require.Equal(t, code, got.Code)
		require.NotContains(t, got.Detail, "hunter2")
	}
}

func TestAProblemReplacesTheAnswerThatWasBeingPrepared(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(c echo.Context) error {
		for _, name := range []string{"ETag", "Location", "Content-Length", "Last-Modified", "Content-Encoding"} {
			c.Response().Header().Set(name, "9")
		}
		c.Response().Header().Set("Cache-Control", "public, max-age=60")
		return fault.New(fault.NotFound, "resource.not_found", "There is no such thing.")
	}})
	answer := b.do(request(http.MethodGet, thingPath, ""))
	readProblem(t, answer)
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	for _, name := range []string{"ETag", "Location", "Content-Length", "Last-Modified", "Content-Encoding"} {
		require.Empty(t, answer.Header().Get(name), name)
	}
}

func TestAnAnswerThatHasBegunIsNotAddedTo(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errors.New("broken pipe"), fault.New(fault.Conflict, "cursor.invalid", "Late.")} {
		b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(c echo.Context) error {
			require.NoError(t, c.String(http.StatusOK, "begun"))
			return err
		}})
		answer := b.do(request(http.MethodGet, thingPath, ""))
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, "begun", answer.Body.String())
		require.Len(t, append(b.log.lines(t, "request failed"), b.log.lines(t, "error after the answer began")...), 1)
		require.EqualValues(t, 200, b.log.lines(t, "request")[0]["status"])
	}
}

func TestAClientThatHasLeftGetsNothing(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(context.Background())
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(c echo.Context) error {
		leave()
		return fmt.Errorf("read: %w", c.Request().Context().Err())
	}})
	answer := b.do(request(http.MethodGet, thingPath, "").WithContext(ctx))
	require.Empty(t, answer.Body.String())
	line := b.log.lines(t, "request")[0]
	require.EqualValues(t, 499, line["status"])
	require.Equal(t, "INFO", line["level"])
	require.Equal(t, "DEBUG", b.log.lines(t, "request failed")[0]["level"])
}

func TestAPanicIsAnsweredAndLoggedWithItsStack(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(echo.Context) error { panic("secret state") }})
	answer := b.do(request(http.MethodGet, thingPath, ""))
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.NotContains(t, answer.Body.String(), "secret")
	readProblem(t, answer)
	line := b.log.lines(t, "request failed")[0]
	require.Equal(t, "panic: secret state", line["error"])
	require.Contains(t, line["stack"], "TestAPanicIsAnsweredAndLoggedWithItsStack")
	require.EqualValues(t, 500, b.log.lines(t, "request")[0]["status"])
}

func TestAHandlerMayCutTheConnection(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(echo.Context) error {
		panic(fmt.Errorf("wrapped: %w", http.ErrAbortHandler))
	}})
	require.Panics(t, func() { b.do(request(http.MethodGet, thingPath, "")) })
	require.Equal(t, true, b.log.lines(t, "request")[0]["cut"])
}

func TestHeadAnswersLikeGetWithoutABody(t *testing.T) {
	t.Parallel()
	var headOnly bool
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"getThing": func(c echo.Context) error {
		headOnly = web.HeadOnly(c.Request().Context())
		c.Response().Header().Set("ETag", `"v1"`)
		return c.JSON(http.StatusOK, map[string]string{"a": "b"})
	}})
	server := b.live(t)
	for target, want := range map[string]int{thingPath: 200, "/api/v2/things/1": 404, "/api/v2/none": 404, "/api/v2/open": 405} {
		req := request(http.MethodHead, server.URL+target, "")
		req.RequestURI = ""
		answer, err := server.Client().Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Empty(t, body)
		require.Equal(t, want, answer.StatusCode, target)
		if want == http.StatusOK {
			require.True(t, headOnly)
			require.Equal(t, `"v1"`, answer.Header.Get("ETag"))
		}
	}
	recorded := b.do(request(http.MethodHead, "/api/v2/none", ""))
	require.Equal(t, web.ProblemType, recorded.Header().Get("Content-Type"))
	require.Empty(t, recorded.Body.String())
	require.Equal(t, "HEAD", b.log.lines(t, "request")[0]["method"])
}

type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAProblemThatCannotBeSentIsLogged(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	ctx := b.echo.NewContext(request(http.MethodGet, "/", ""), brokenWriter{ResponseWriter: &discard{header: http.Header{}}})
	b.echo.HTTPErrorHandler(echo.ErrNotFound, ctx)
	require.Len(t, b.log.lines(t, "problem not sent"), 1)
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func TestWaitingTimesAreWholeSecondsAndAtLeastOne(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Minute: "60", 0: "1"} {
		b := setup(t, smallContract, nil)
		b.echo.GET("/busy", func(echo.Context) error {
			return fault.New(fault.TooMany, "server.overloaded", "Too many at once.").WithRetryAfter(wait)
		})
		require.Equal(t, want, b.do(request(http.MethodGet, "/busy", "")).Header().Get("Retry-After"), wait)
	}
}
