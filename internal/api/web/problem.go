package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// ProblemType is the media type of an error (RFC 9457).
const ProblemType = "application/problem+json"

// statusClientGone is written to the log, and to nobody, when the client has
// left before its answer.
const statusClientGone = 499

// A Problem is an error as the client sees it (RFC 9457).
type Problem struct {
	Type      string        `json:"type"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail"`
	Instance  string        `json:"instance,omitempty"`
	Code      string        `json:"code"`
	RequestID string        `json:"request_id,omitempty"`
	Errors    []fault.Field `json:"errors,omitempty"`

	Extra      map[string]any `json:"-"` // further members; they cannot replace those above
	RetryAfter time.Duration  `json:"-"` // for the header; 0: not stated
}

// MarshalJSON writes the members of RFC 9457, then the extra ones.
func (p Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	text, err := json.Marshal(plain(p))
	if err != nil || len(p.Extra) == 0 {
		return text, err
	}
	extra := maps.Clone(p.Extra)
	for _, name := range []string{"type", "title", "status", "detail", "instance", "code", "request_id", "errors"} {
		delete(extra, name)
	}
	more, err := json.Marshal(extra)
	if err != nil || len(extra) == 0 {
		return text, err
	}
	text[len(text)-1] = ','
	return append(text, more[1:]...), nil
}

// Describe puts err into the form that clients see, the same on every road:
// here, in events and in frames. It knows faults, errors of the router, and
// time-outs; everything else is server.internal, whose cause is never shown.
// Instance and RequestID are left to the caller.
func Describe(err error) Problem {
	f := classify(err)
	if f.Kind == fault.Internal {
		f = fault.New(fault.Internal, "server.internal", "Something went wrong here; quote request_id when asking for help.")
	}
	status, title := statusOf(f.Kind)
	return Problem{
		Type:       "/problems/" + f.Code,
		Title:      title,
		Status:     status,
		Detail:     f.Message,
		Code:       f.Code,
		Errors:     f.Fields,
		Extra:      f.Details,
		RetryAfter: retryAfter(f),
	}
}

// statusOf is the one place where a kind of fault gets its status. The titles
// are the names of RFC 9110.
func statusOf(kind fault.Kind) (int, string) {
	switch kind {
	case fault.Malformed:
		return http.StatusBadRequest, "Bad Request"
	case fault.Unauthenticated:
		return http.StatusUnauthorized, "Unauthorized"
	case fault.Forbidden:
		return http.StatusForbidden, "Forbidden"
	case fault.NotFound:
		return http.StatusNotFound, "Not Found"
	case fault.MethodNotAllowed:
		return http.StatusMethodNotAllowed, "Method Not Allowed"
	case fault.NotAcceptable:
		return http.StatusNotAcceptable, "Not Acceptable"
	case fault.Gone:
		return http.StatusGone, "Gone"
	case fault.Conflict:
		return http.StatusConflict, "Conflict"
	case fault.Precondition:
		return http.StatusPreconditionFailed, "Precondition Failed"
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge, "Content Too Large"
	case fault.UnsupportedMedia:
		return http.StatusUnsupportedMediaType, "Unsupported Media Type"
	case fault.Unprocessable:
		return http.StatusUnprocessableEntity, "Unprocessable Content"
	case fault.TooMany:
		return http.StatusTooManyRequests, "Too Many Requests"
	case fault.Unavailable:
		return http.StatusServiceUnavailable, "Service Unavailable"
	default:
		return http.StatusInternalServerError, "Internal Server Error"
	}
}

// retryAfter is what the fault states, or a second where the status promises
// that trying again makes sense.
func retryAfter(f *fault.Error) time.Duration {
	if f.RetryAfter <= 0 && (f.Kind == fault.TooMany || f.Kind == fault.Unavailable) {
		return time.Second
	}
	return f.RetryAfter
}

// classify finds the fault in err, or the one that it amounts to.
func classify(err error) *fault.Error {
	if f := fault.Find(err); f != nil {
		return f
	}
	var routed *echo.HTTPError
	if errors.As(err, &routed) {
		return fromRouter(routed.Code)
	}
	var slow interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &slow) && slow.Timeout() {
		return fault.New(fault.Unavailable, "server.unavailable", "The service could not answer in time; try again shortly.")
	}
	return fault.New(fault.Internal, "server.internal", "")
}

// fromRouter translates what echo and the generated code answer by themselves.
// Their words are left out: they may repeat what the client sent.
func fromRouter(status int) *fault.Error {
	switch {
	case status == http.StatusNotFound:
		return fault.New(fault.NotFound, "route.not_found", "No operation has this path.")
	case status == http.StatusMethodNotAllowed:
		return fault.New(fault.MethodNotAllowed, "route.method_not_allowed", "This path does not have this method; see Allow.")
	case status == http.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "request.too_large", "The request is too large.")
	case status == http.StatusUnsupportedMediaType:
		return fault.New(fault.UnsupportedMedia, "request.unsupported_media_type", "The media type of the body is not taken.")
	case status == http.StatusServiceUnavailable:
		return fault.New(fault.Unavailable, "server.unavailable", "The service cannot answer now; try again shortly.")
	case status >= 400 && status < 500:
		return malformed("The request cannot be read.")
	default:
		return fault.New(fault.Internal, "server.internal", "")
	}
}

// An ErrorForm puts problems into the form of a version that has its own: the status,
// and a body that is sent as application/json.
type ErrorForm func(Problem) (status int, body any)

// ErrorHandler is the one place where an error becomes an answer: a problem, but for
// paths of a version (its number, such as "1") that has a form of its own. The cause of
// a 5xx is logged, never shown. An answer that has begun is not added to. When
// the client has left, what failed on its account is not an error of ours; a
// mistake of its own is answered all the same, since net/http also takes a body
// that came too late for leaving.
func ErrorHandler(logger *slog.Logger, forms map[string]ErrorForm) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		ctx := c.Request().Context()
		problem := Describe(err)
		gone := errors.Is(ctx.Err(), context.Canceled) && problem.Status >= http.StatusInternalServerError
		where := entry{logger: logger, method: c.Request().Method, route: c.Path()}
		if problem.Status >= http.StatusInternalServerError {
			where.logCause(ctx, problem, err, gone)
		}
		switch {
		case c.Response().Committed:
			if problem.Status < http.StatusInternalServerError {
				where.logLate(ctx, err)
			}
		case gone:
			c.Response().WriteHeader(statusClientGone) // nobody reads it; without it net/http would say 200
		default:
			if t := originFrom(ctx).traffic; t != nil {
				t.metrics.problem(problem.Status, problem.Code)
			}
			problem.Instance = c.Request().URL.EscapedPath()
			problem.RequestID = RequestIDFrom(ctx)
			send(logger, c, problem, forms[versionOf(c.Request().URL.Path)])
		}
	}
}

// logCause writes why a request failed: as an error of ours, unless something
// that we need was away, or the client left and took its context with it.
func (e *entry) logCause(ctx context.Context, p Problem, err error, gone bool) {
	level := slog.LevelError
	var crash *panicError
	switch {
	case errors.As(err, &crash):
	case gone:
		level = slog.LevelDebug
	case p.Status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("code", p.Code),
		slog.String("error", err.Error()),
		slog.String("method", e.method),
		slog.String("route", e.route),
		slog.String("request_id", RequestIDFrom(ctx)),
	}
	if crash != nil {
		attrs = append(attrs, slog.String("stack", string(crash.stack)))
	}
	e.logger.LogAttrs(ctx, level, "request failed", attrs...)
}

// logLate writes what went wrong by the client's fault when nothing could be answered any more.
func (e *entry) logLate(ctx context.Context, err error) {
	e.logger.WarnContext(ctx, "error after the answer began", "request_id", RequestIDFrom(ctx), "error", err.Error())
}

// send writes the problem in place of whatever answer was being prepared, in a form
// that is not nil.
func send(logger *slog.Logger, c echo.Context, p Problem, form ErrorForm) {
	h := c.Response().Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "ETag", "Last-Modified", "Location"} {
		h.Del(name)
	}
	h.Set(echo.HeaderCacheControl, "no-store")
	if p.RetryAfter > 0 {
		seconds := (p.RetryAfter + time.Second - 1) / time.Second
		h.Set(echo.HeaderRetryAfter, strconv.FormatInt(int64(seconds), 10))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set(echo.HeaderWWWAuthenticate, challenge(p.Code))
	}
	status, mediaType, body := p.Status, ProblemType, any(p)
	if form != nil {
		mediaType = jsonType
		status, body = form(p)
	}
	text, err := json.Marshal(body)
	if err == nil && c.Request().Method == http.MethodHead {
		h.Set(echo.HeaderContentType, mediaType)
		c.Response().WriteHeader(status)
		return
	}
	if err == nil {
		err = c.Blob(status, mediaType, text)
	}
	if err != nil {
		ctx := c.Request().Context()
		logger.WarnContext(ctx, "problem not sent", "request_id", RequestIDFrom(ctx), "error", err.Error())
	}
}

// challenge is the WWW-Authenticate of a 401 (RFC 6750, section 3).
func challenge(code string) string {
	if code == "auth.invalid_token" {
		return `Bearer error="invalid_token"`
	}
	return "Bearer"
}
