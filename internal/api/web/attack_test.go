package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each of these got past, or broke, at least one of the stacks that were tried.
func TestAttacksOnTheRealContractEndAtTheDoor(t *testing.T) {
	t.Parallel()
	b := setup(t, realContract, nil)
	const (
		users         = "/api/v2/users"
		conversations = "/api/v2/conversations"
		messages      = conversations + "/019a2b4e-5c00-7000-8000-000000000003/messages"
		start         = `{"partner_id":"suppliers","situation_id":"negotiations"`
	)
	for name, test := range map[string]struct {
		method, target, body string
		headers              []string
		want                 int
	}{
		"nothing wrong":                {"POST", conversations, start + `}`, nil, 200},
		"NUL in a text":                {"POST", messages, `{"content":"a\u0000b"}`, nil, 400},
		"NUL in metadata":              {"POST", messages, `{"content":"a","metadata":{"k":"\u0000"}}`, nil, 400},
		"NUL in a name of metadata":    {"POST", messages, `{"content":"a","metadata":{"\u0000":1}}`, nil, 400},
		"NUL in a query":               {"GET", conversations + "?tag=a%00", "", nil, 400},
		"NUL in a path":                {"GET", conversations + "/%00", "", nil, 404},
		"an integer beyond int64":      {"POST", conversations, start + `,"token_limit":9223372036854775808}`, nil, 400},
		"a negative one":               {"POST", conversations, start + `,"token_limit":-9223372036854775809}`, nil, 400},
		"an exponent":                  {"POST", conversations, start + `,"token_limit":1e999999999}`, nil, 400},
		"a fraction":                   {"POST", conversations, start + `,"token_limit":1000.5}`, nil, 400},
		"a whole number as a fraction": {"POST", conversations, start + `,"token_limit":1e3}`, nil, 200},
		"a limit beyond int64":         {"GET", conversations + "?limit=9223372036854775808", "", nil, 400},
		"deep nesting":                 {"POST", conversations, start + `,"metadata":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5001), nil, 400},
		"deep lists":                   {"POST", conversations, strings.Repeat("[", 100_000), nil, 400},
		"invalid UTF-8":                {"POST", messages, "{\"content\":\"a\xc3\x28\"}", nil, 400},
		"overlong UTF-8":               {"POST", messages, "{\"content\":\"\xc0\xaf\"}", nil, 400},
		"half a surrogate pair":        {"POST", messages, `{"content":"\udead"}`, nil, 400},
		"UTF-16":                       {"POST", messages, "\xfe\xff\x00{\x00}", nil, 400},
		"bytes after the value":        {"POST", messages, `{"content":"a"} x`, nil, 400},
		"a second value":               {"POST", messages, `{"content":"a"}{"content":"b"}`, nil, 400},
		"an unknown field":             {"POST", messages, `{"content":"a","role":"system"}`, nil, 400},
		"a field in other case":        {"POST", messages, `{"content":"a","Content":"b"}`, nil, 400},
		"a field twice":                {"POST", messages, `{"content":"a","content":"b"}`, nil, 400},
		"a proto field":                {"POST", users, `{"__proto__":{"admin":true},"email":"a@b.cd","full_name":"Mei Chen","password":"Harbour-Light-42"}`, nil, 400},
		"a type that is wrong":         {"POST", messages, `{"content":["a"]}`, nil, 400},
		"a list for an object":         {"POST", users, `[]`, nil, 400},
		"a text too long":              {"POST", messages, `{"content":"` + strings.Repeat("长", 8001) + `"}`, nil, 400},
		"the longest text":             {"POST", messages, `{"content":"` + strings.Repeat("长", 8000) + `"}`, nil, 200},
		"too many members":             {"POST", messages, `{"content":"a","metadata":{` + strings.TrimSuffix(manyMembers(51), ",") + `}}`, nil, 400},
		"an address that is a list":    {"POST", users, `{"email":"a@b.cd,c@d.ef","full_name":"Mei Chen","password":"Harbour-Light-42"}`, nil, 400},
		"an address with a header":     {"POST", users, `{"email":"a@b.cd\r\nBcc: x@y.zz","full_name":"Mei Chen","password":"Harbour-Light-42"}`, nil, 400},
		"a name of blanks":             {"POST", users, `{"email":"a@b.cd","full_name":"      ","password":"Harbour-Light-42"}`, nil, 400},
		"a form":                       {"POST", users, `email=a`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"JSON called text":             {"POST", users, `{}`, []string{"Content-Type", "text/plain"}, 415},
		"a compressed body":            {"POST", users, `{}`, []string{"Content-Encoding", "gzip"}, 415},
		"a key with a newline's kin":   {"POST", conversations, start + `}`, []string{"Idempotency-Key", "a\x85b"}, 400},
		"a key that is too long":       {"POST", conversations, start + `}`, []string{"Idempotency-Key", strings.Repeat("k", 256)}, 400},
		"a cursor that is too long":    {"GET", conversations + "?cursor=" + strings.Repeat("c", 513), "", nil, 400},
		"an unknown parameter":         {"GET", conversations + "?user_id=2", "", nil, 400},
		"a parameter twice":            {"GET", conversations + "?limit=1&limit=100", "", nil, 400},
		"a parameter with brackets":    {"GET", conversations + "?tag[]=a", "", nil, 400},
		"an id with a quote":           {"GET", conversations + "/'%20or%201=1--", "", nil, 404},
		"an id in braces":              {"GET", conversations + "/%7B019a2b4e-5c00-7000-8000-000000000003%7D", "", nil, 404},
		"a way out of the path":        {"GET", conversations + "/..%2F..%2Fusers%2Fme", "", nil, 404},
		"a body on a GET":              {"GET", "/api/v2/users/me", `{"a":1}`, nil, 400},
		"another method":               {"TRACE", "/api/v2/users/me", "", nil, 405},
		"a method of one's own":        {"FETCH", "/api/v2/users/me", "", nil, 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := b.do(request(test.method, test.target, test.body, test.headers...))
			require.Equal(t, test.want, answer.Code, answer.Body)
			if test.want != http.StatusOK {
				readProblem(t, answer)
			}
		})
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"k` + strings.Repeat("x", i) + `":1,`)
	}
	return b.String()
}
