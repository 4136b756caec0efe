package web_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

func TestAPathParameterOfTheWrongFormIsNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	for target, want := range map[string]int{
		thingPath:       http.StatusOK,
		thingPath + "/": http.StatusOK,
		"/api/v2/things/%30" + thingPath[len("/api/v2/things/0"):]: http.StatusOK,
		"/api/v2/things/1":                                     http.StatusNotFound,
		"/api/v2/things/a%2Fb":                                 http.StatusNotFound,
		thingPath + "%2F":                                      http.StatusNotFound,
		thingPath + "%2Fx":                                     http.StatusNotFound,
		"/api/v2/things/%00":                                   http.StatusNotFound,
		"/api/v2/things/%ff":                                   http.StatusNotFound,
		"/api/v2/things/..%2f..%2fetc":                         http.StatusNotFound,
		"/api/v2/shelves/a/books/7?lang=en":                    http.StatusOK,
		"/api/v2/shelves/a%20b/books/7?lang=en":                http.StatusOK,
		"/api/v2/shelves/a%2Fb/books/7?lang=en":                http.StatusOK, // a slash in a name is a character like others
		"/api/v2/shelves/a%00b/books/7?lang=en":                http.StatusNotFound,
		"/api/v2/shelves/a%FFb/books/7?lang=en":                http.StatusNotFound,
		"/api/v2/shelves/a%2F%FF/books/7?lang=en":              http.StatusNotFound,
		"/api/v2/shelves/toolongname/books/7":                  http.StatusNotFound,
		"/api/v2/shelves//books/7?lang=en":                     http.StatusNotFound,
		"/api/v2/shelves/a/books/0?lang=en":                    http.StatusNotFound,
		"/api/v2/shelves/a/books/+7?lang=en":                   http.StatusNotFound,
		"/api/v2/shelves/a/books/07?lang=en":                   http.StatusNotFound,
		"/api/v2/shelves/a/books/7.0?lang=en":                  http.StatusNotFound,
		"/api/v2/shelves/a/books/1e3?lang=en":                  http.StatusNotFound,
		"/api/v2/shelves/a/books/7/8?lang=en":                  http.StatusNotFound,
		"/api/v2/shelves/a/books/99999999999999999999?lang=en": http.StatusNotFound,
	} {
		answer := b.do(request(http.MethodGet, target, ""))
		require.Equal(t, want, answer.Code, "%s %s", target, answer.Body)
		if want != http.StatusOK {
			require.Equal(t, "resource.not_found", readProblem(t, answer).Code, target)
		}
	}
}

func TestAQueryIsCheckedAndItsFaultsAreNamed(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	for query, want := range map[string][2]string{
		"limit=20&tag=rates&exact=true&score=1.5": {},
		"tag=%E7%89%A9%E6%B5%81":                  {},
		"limit=0":                                 {"query/limit", "too_small"},
		"limit=101":                               {"query/limit", "too_large"},
		"limit=9223372036854775808":               {"query/limit", "too_large"},
		"limit=1e400":                             {"query/limit", "wrong_type"},
		"limit=ten":                               {"query/limit", "wrong_type"},
		"limit=":                                  {"query/limit", "wrong_type"},
		"limit=%205":                              {"query/limit", "wrong_type"},
		"limit=5.0":                               {"query/limit", "wrong_type"},
		"limit=0x10":                              {"query/limit", "wrong_type"},
		"limit=5&limit=5":                         {"query/limit", "repeated"},
		"tag=":                                    {"query/tag", "too_short"},
		"tag=a%00b":                               {"query/tag", "wrong_format"},
		"tag=%ff":                                 {"query/tag", "wrong_format"},
		"exact=yes":                               {"query/exact", "wrong_type"},
		"score=0":                                 {"query/score", "too_small"},
		"score=0.75":                              {"query/score", "not_allowed"},
		"score=1e400":                             {"query/score", "too_large"},
		"score=NaN":                               {"query/score", "wrong_type"},
		"colour=red":                              {"query/colour", "unknown_parameter"},
		"Limit=5":                                 {"query/Limit", "unknown_parameter"},
		"%00=1":                                   {"query/\x00", "unknown_parameter"},
		"%ff=1":                                   {"query/\uFFFD", "unknown_parameter"},
		"limit=%zz":                               {"query", "malformed"},
		"limit=1;tag=2":                           {"query", "malformed"},
	} {
		answer := b.do(request(http.MethodGet, "/api/v2/things?"+query, ""))
		if want[0] == "" {
			require.Equal(t, http.StatusOK, answer.Code, "%s %s", query, answer.Body)
			continue
		}
		require.Equal(t, http.StatusBadRequest, answer.Code, query)
		got := readProblem(t, answer)
		require.Equal(t, "request.invalid", got.Code, query)
		require.Len(t, got.Errors, 1, query)
		require.Equal(t, want, [2]string{got.Errors[0].Pointer, got.Errors[0].Code}, query)
	}
	required := readProblem(t, b.do(request(http.MethodGet, "/api/v2/shelves/a/books/1", "")))
	require.Equal(t, "query/lang", required.Errors[0].Pointer)
	require.Equal(t, "required", required.Errors[0].Code)
	several := readProblem(t, b.do(request(http.MethodGet, "/api/v2/things?limit=0&tag=&a=b", "", "Last-Event-ID", "\xff")))
	require.Len(t, several.Errors, 4)
}

func TestHeadersAreCheckedAndListsOfThemJoined(t *testing.T) {
	t.Parallel()
	var joined []string
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"listThings": func(c echo.Context) error {
		joined = c.Request().Header["If-None-Match"]
		return c.NoContent(http.StatusOK)
	}})
	two := request(http.MethodGet, "/api/v2/things", "")
	two.Header.Add("If-None-Match", `"a"`)
	two.Header.Add("If-None-Match", `"b"`)
	require.Equal(t, http.StatusOK, b.do(two).Code)
	require.Equal(t, []string{`"a", "b"`}, joined)

	cursors := request(http.MethodGet, "/api/v2/things", "")
	cursors.Header.Add("Last-Event-ID", "1")
	cursors.Header.Add("Last-Event-ID", "2")
	require.Equal(t, "repeated", readProblem(t, b.do(cursors)).Errors[0].Code)

	for key, rule := range map[string]string{"": "too_short", "with blank": "wrong_format"} {
		got := readProblem(t, b.do(request(http.MethodPost, "/api/v2/things", lamp, "Idempotency-Key", key)))
		require.Equal(t, "header/Idempotency-Key", got.Errors[0].Pointer)
		require.Equal(t, rule, got.Errors[0].Code)
	}
	require.Equal(t, http.StatusOK, b.do(request(http.MethodPost, "/api/v2/things", lamp, "Idempotency-Key", "k-1")).Code)
}
