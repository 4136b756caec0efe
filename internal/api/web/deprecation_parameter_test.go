package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// renamed deprecates two parameters: a query's, which has a successor, and a header.
const renamed = `parameters:
        - {name: size, in: query, schema: {type: string}}
        - {name: q, in: query, schema: {type: string}}
        - name: how_big
          in: query
          schema: {type: string, maxLength: 5}
          deprecated: true
          x-deprecated-at: "2026-09-01"
          x-sunset: "2027-09-01"
          x-successor: size
        - name: X-Mood
          in: header
          schema: {type: string}
          deprecated: true
          x-deprecated-at: "2026-10-01"
          x-sunset: "2027-10-01"
          x-successor: "none: Nobody has moods."`

func TestADeprecatedParameterTellsThoseWhoUseIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 8, 31, 23, 59, 59, 0, time.UTC)
	e := oldServer(t, renamed, func() time.Time { return now })
	silent := ask(t, e, "/api/v1/things?size=5&q=a", goodToken)
	require.Equal(t, http.StatusNoContent, silent.Code)
	require.Empty(t, silent.Header().Get("Deprecation")+silent.Header().Get("Sunset")+silent.Header().Get("Link"))

	told := ask(t, e, "/api/v1/things?how_big=a%3E%20b&q=c%26d", goodToken)
	require.Equal(t, http.StatusNoContent, told.Code)
	require.Equal(t, "@1788220800", told.Header().Get("Deprecation"))
	require.Equal(t, "Wed, 01 Sep 2027 00:00:00 GMT", told.Header().Get("Sunset"))
	require.Equal(t, []string{
		`</guide#oldThings.how_big>; rel="deprecation"`, `</guide#oldThings.how_big>; rel="sunset"`,
		`</api/v1/things?q=c%26d&size=a%3E+b>; rel="successor-version"`,
	}, told.Header().Values("Link"), "the same request by its new name")

	both := ask(t, e, "/api/v1/things?how_big=1&size=2", goodToken)
	require.Equal(t, http.StatusBadRequest, both.Code)
	require.NotEmpty(t, both.Header().Get("Sunset"), "errors say it too")
	wrong := ask(t, e, "/api/v1/things?how_big=123456", goodToken)
	require.Equal(t, http.StatusBadRequest, wrong.Code)
	require.NotEmpty(t, wrong.Header().Get("Sunset"))

	now = now.Add(time.Second)
	require.Equal(t, http.StatusBadRequest, ask(t, e, "/api/v1/things?how_big=1", goodToken).Code)
	require.Equal(t, http.StatusNoContent, ask(t, e, "/api/v1/things?size=1", goodToken).Code, "the operation goes on")
}

func TestADeprecatedParameterIsRefusedByName(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		year        int
		query, mood string
		want        fault.Field
	}{
		"both":                    {2027, "how_big=1&size=2", "", fault.Field{Pointer: "query/how_big", Code: "not_together", Detail: "Must not be given together with size, which takes its place."}},
		"ended":                   {2028, "how_big=1", "", fault.Field{Pointer: "query/how_big", Code: "ended", Detail: "Has ended. Use size instead."}},
		"ended, with no heir":     {2028, "", "sad", fault.Field{Pointer: "header/X-Mood", Code: "ended", Detail: "Has ended. Nothing takes its place: Nobody has moods."}},
		"not ended, with no heir": {2027, "", "sad", fault.Field{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			guards, err := oldGuards(t, renamed, func() time.Time { return time.Date(test.year, 1, 1, 0, 0, 0, 0, time.UTC) })
			require.NoError(t, err)
			e := echo.New()
			web.Stack(e, web.StackConfig{Logger: slog.New(slog.DiscardHandler)})
			e.GET("/api/v2/things", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, guards["oldThings"]...)
			req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/api/v2/things?"+test.query, nil)
			req.Header.Set("Authorization", "Bearer "+goodToken)
			if test.mood != "" {
				req.Header.Set("X-Mood", test.mood)
			}
			answer := httptest.NewRecorder()
			e.ServeHTTP(answer, req)
			require.NotEmpty(t, answer.Header().Get("Sunset"))
			if test.want == (fault.Field{}) {
				require.Equal(t, http.StatusNoContent, answer.Code)
				require.Len(t, answer.Header().Values("Link"), 2)
				return
			}
			require.Equal(t, http.StatusBadRequest, answer.Code)
			require.Equal(t, []fault.Field{test.want}, readProblem(t, answer).Errors)
		})
	}
}

func TestAParameterOrFieldThatIsDeprecatedByHalvesIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ old, now, want string }{
		"no date":          {`x-sunset: "2027-09-01"`, "summary: x", "oldThings.how_big: it is deprecated: x-sunset must be a date"},
		"reversed":         {`x-sunset: "2027-09-01"`, `x-sunset: "2025-09-01"`, "oldThings.how_big: x-sunset must be later"},
		"no successor":     {"x-successor: size", "x-successor: length", "oldThings.how_big: x-successor must name one beside it"},
		"in another place": {"x-successor: size", "x-successor: X-Mood", "oldThings.how_big: x-successor must name one beside it"},
		"no reason":        {"none: Nobody has moods.", "none: ", "oldThings.X-Mood: it is deprecated: x-successor must name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, renamed, test.old)
			_, err := oldGuards(t, strings.Replace(renamed, test.old, test.now, 1), time.Now)
			require.ErrorContains(t, err, test.want)
		})
	}
	for name, test := range map[string]struct{ says, want string }{
		"a field":            {`{type: object, properties: {a: {type: string, deprecated: true}}}`, "Thing.a: it is deprecated: x-deprecated-at must be a date"},
		"a field inside":     {`{type: object, properties: {a: {type: array, items: {type: object, properties: {b: {type: string, x-sunset: "2027-01-01"}}}}}}`, "Thing.a.b: it has x-sunset, but is not deprecated"},
		"a field of a union": {`{oneOf: [{type: object, properties: {c: {type: string, deprecated: true}}}]}`, "Thing.c: it is deprecated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := web.Load(oldDocument("", test.says))
			require.NoError(t, err)
			_, err = document.Guards(guardConfig())
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestAPartOfThePathIsDeprecatedWithItsOperation(t *testing.T) {
	t.Parallel()
	whole := strings.NewReplacer("/things:", "/things/{how_big}:", "in: query\n          schema: {type: string, maxLength: 5}", "in: path\n          required: true\n          schema: {type: string}",
		"x-successor: size", `x-successor: "none: Why?"`).Replace(string(oldDocument(renamed, "{}")))
	document, err := web.Load([]byte(whole))
	require.NoError(t, err)
	_, err = document.Guards(guardConfig())
	require.ErrorContains(t, err, "parameter how_big: a part of the path is deprecated with its operation")
}

func TestWhatIsDeprecatedIsListedAndCounted(t *testing.T) {
	t.Parallel()
	says := renamed + "\n      " + deprecated
	document, err := web.Load(oldDocument(says, `{type: object, properties: {
  tag: {type: string},
  code: {type: string, deprecated: true, x-deprecated-at: "2026-11-30", x-sunset: "2027-06-01", x-successor: tag}}}`))
	require.NoError(t, err)
	at := func(text string) time.Time {
		day, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return day
	}
	list, err := document.Deprecations()
	require.NoError(t, err)
	require.Equal(t, []web.Deprecation{
		{Name: "oldThings", Since: at("2026-09-01"), Sunset: at("2027-09-01"), Successor: "listThings"},
		{Name: "oldThings.X-Mood", Since: at("2026-10-01"), Sunset: at("2027-10-01"), Reason: "Nobody has moods."},
		{Name: "oldThings.how_big", Since: at("2026-09-01"), Sunset: at("2027-09-01"), Successor: "size"},
		{Name: "Thing.code", Since: at("2026-11-30"), Sunset: at("2027-06-01"), Successor: "tag", Uncounted: true},
	}, list)

	type use struct {
		name string
		by   bool // someone signed in
	}
	var used []use
	cfg := guardConfig()
	cfg.Deprecation = oldDeprecation(func() time.Time { return at("2027-01-01") })
	cfg.Deprecation.Used = func(ctx context.Context, name string) {
		used = append(used, use{name, web.IdentityFrom(ctx).UserID == someone().UserID})
	}
	guards, err := document.Guards(cfg)
	require.NoError(t, err)
	e := echo.New()
	web.Stack(e, web.StackConfig{Logger: slog.New(slog.DiscardHandler)})
	e.GET("/api/v1/things", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, guards["oldThings"]...)
	ask(t, e, "/api/v1/things", goodToken)
	ask(t, e, "/api/v1/things", "")
	ask(t, e, "/api/v1/things?how_big=1", goodToken)
	require.Equal(t, []use{{"oldThings", true}, {"oldThings", false}, {"oldThings", true}, {"oldThings.how_big", true}}, used)
}
