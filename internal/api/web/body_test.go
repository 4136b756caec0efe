package web_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/oapi-codegen/runtime"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

const lamp = `{"name":"Lamp","kind":"small"}`

func TestTheHandlerGetsTheValueThatWasChecked(t *testing.T) {
	t.Parallel()
	type thing struct {
		Name  string         `json:"name"`
		Size  int64          `json:"size"`
		Score float64        `json:"weight"`
		Extra map[string]any `json:"extra"`
	}
	var bound thing
	var text []byte
	b := setup(t, smallContract, map[string]echo.HandlerFunc{"createThing": func(c echo.Context) error {
		body := c.Request().Body
		require.NoError(t, runtime.BindJSONValue(body.(interface{ ValidatedValue() any }).ValidatedValue(), &bound))
		var err error
		text, err = io.ReadAll(body)
		require.NoError(t, err)
		require.EqualValues(t, len(text), c.Request().ContentLength)
		return body.Close()
	}})
	sent := ` {"name" : "La\u006dp \ud83d\ude00", "kind":"small", "size":1e2, "weight":1.5, "extra":{"a":[true,null,-0,"\"\\\/\b\f\n\r\t"]}} `
	require.Equal(t, http.StatusOK, b.do(request(http.MethodPost, "/api/v2/things", sent)).Code)
	require.Equal(t, thing{Name: "Lamp 😀", Size: 100, Score: 1.5, Extra: map[string]any{"a": []any{true, nil, 0.0, "\"\\/\b\f\n\r\t"}}}, bound)
	require.Equal(t, sent, string(text), "the text is there too")
}

func TestABodyOfTheWrongFormIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	for name, test := range map[string]struct {
		body, code, pointer, rule string
		status                    int
	}{
		"only blanks":            {body: " \n ", code: "request.malformed"},
		"not JSON":               {body: `{"name":x}`, code: "request.malformed"},
		"cut short":              {body: `{"name":"La`, code: "request.malformed"},
		"more after the value":   {body: lamp + `{}`, code: "request.malformed"},
		"a comma after it":       {body: lamp + `,`, code: "request.malformed"},
		"a byte order mark":      {body: "\uFEFF" + lamp, code: "request.malformed"},
		"invalid UTF-8":          {body: `{"name":"` + "\xff" + `","kind":"small"}`, code: "request.malformed"},
		"a raw NUL":              {body: "{\"name\":\"a\x00b\",\"kind\":\"small\"}", code: "request.malformed"},
		"NUL in a value":         {body: `{"name":"a\u0000b","kind":"small"}`, code: "request.malformed", pointer: "/name", rule: "nul_character"},
		"NUL in a nested value":  {body: `{"extra":{"a~/b":["x",{"c":"\u0000"}]}}`, code: "request.malformed", pointer: "/extra/a~0~1b/1/c", rule: "nul_character"},
		"NUL in a name":          {body: `{"extra":{"\u0000":1}}`, code: "request.malformed", pointer: "/extra", rule: "nul_character"},
		"half a surrogate pair":  {body: `{"name":"\ud800x"}`, code: "request.malformed", pointer: "/name", rule: "half_surrogate"},
		"two halves that differ": {body: `{"name":"\ud800\ud800"}`, code: "request.malformed", pointer: "/name", rule: "half_surrogate"},
		"a name twice":           {body: `{"name":"Lamp","kind":"small","name":"Lamb"}`, code: "request.malformed", pointer: "/name", rule: "duplicate_field"},
		"a name twice, escaped":  {body: `{"name":"Lamp","n\u0061me":"Lamb"}`, code: "request.malformed", pointer: "/name", rule: "duplicate_field"},
		"too deep":               {body: `{"extra":` + deep + `}`, code: "request.malformed", pointer: "/extra" + strings.Repeat("/a", 64), rule: "too_deep"},
		"deeper than the stack":  {body: strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000), code: "request.malformed"},
		"a number beyond double": {body: `{"extra":{"a":1e400}}`, code: "request.invalid", pointer: "/extra/a", rule: "too_large"},
		"a huge whole number":    {body: `{"extra":{"a":1` + strings.Repeat("0", 400) + `}}`, code: "request.invalid", pointer: "/extra/a", rule: "too_large"},
		"a number below double":  {body: `{"extra":{"a":1e-999999}}`, code: "request.invalid", pointer: "/extra/a", rule: "too_small"},
		"too many values":        {body: `{"extra":[` + strings.Repeat("1,", 20_000) + `1]}`, code: "request.too_large", status: http.StatusRequestEntityTooLarge},
		"beyond int64":           {body: `{"name":"Lamp","kind":"small","size":99999999999999999999}`, code: "request.invalid", pointer: "/size", rule: "too_large"},
		"null":                   {body: `null`, code: "request.invalid", rule: "wrong_type"},
		"a list":                 {body: `[]`, code: "request.invalid", rule: "wrong_type"},
		"other upper case":       {body: `{"Name":"Lamp","kind":"small","name":"Lamp"}`, code: "request.invalid", pointer: "/Name", rule: "unknown_field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := b.do(request(http.MethodPost, "/api/v2/things", test.body))
			if test.status == 0 {
				test.status = http.StatusBadRequest
			}
			require.Equal(t, test.status, answer.Code, answer.Body)
			got := readProblem(t, answer)
			require.Equal(t, test.code, got.Code)
			if test.rule != "" {
				require.NotEmpty(t, got.Errors)
				require.Equal(t, test.rule, got.Errors[0].Code)
				require.Equal(t, test.pointer, got.Errors[0].Pointer)
				require.NotEmpty(t, got.Errors[0].Detail)
			}
		})
	}
}

func TestEachRuleOfASchemaHasItsCodeAndWords(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	for _, test := range []struct{ member, pointer, code, detail string }{
		{`"name":"L"`, "/name", "too_short", "Must have at least 2 characters."},
		{`"name":"` + strings.Repeat("L", 21) + `"`, "/name", "too_long", "Must have at most 20 characters."},
		{`"name":" Lamp"`, "/name", "wrong_format", `Must match the pattern ^\S.`},
		{`"kind":"medium"`, "/kind", "not_allowed", "Must be one of small, large, 7."},
		{`"version":"v2"`, "/version", "not_allowed", "Must be v1."},
		{`"password":"secret"`, "/password", "too_short", "Must have at least 8 characters."},
		{`"owner":{}`, "/owner/email", "required", "Is required."},
		{`"owner":{"email":"a@b.cd","phone":1}`, "/owner/phone", "unknown_field", "Is not a known field."},
		{`"owner":{"email":"Mei <a@b.cd>"}`, "/owner/email", "wrong_format", "Must be an email address."},
		{`"owner":{"email":"a@b.cd","id":"{019a2b4e-5c00-7000-8000-000000000001}"}`, "/owner/id", "wrong_format", "Must be a UUID."},
		{`"tags":[]`, "/tags", "too_few", "Must have at least 1 entry."},
		{`"tags":["a","b","c","d","e"]`, "/tags", "too_many", "Must have at most 4 entries."},
		{`"tags":["a","a"]`, "/tags", "not_unique", "Must not hold the same entry twice."},
		{`"tags":["a",1]`, "/tags/1", "wrong_type", "Must be a string."},
		{`"size":1.5`, "/size", "wrong_type", "Must be an integer."},
		{`"note":7`, "/note", "wrong_type", "Must be a string or null."},
		{`"tags":null`, "/tags", "wrong_type", "Must not be null."},
		{`"count":0`, "/count", "too_small", "Must be at least 1."},
		{`"count":10`, "/count", "too_large", "Must be at most 9."},
		{`"weight":0`, "/weight", "too_small", "Must be more than 0."},
		{`"weight":100`, "/weight", "too_large", "Must be less than 100."},
		{`"weight":0.75`, "/weight", "not_allowed", "Must be a multiple of 0.5."},
		{`"extra":{}`, "/extra", "too_few", "Must have at least 1 member."},
		{`"extra":{"a":1,"b":2,"c":3,"d":4}`, "/extra", "too_many", "Must have at most 3 members."},
		{`"due_at":"2026-02-30T09:00:00Z"`, "/due_at", "wrong_format", "Must be a date and time such as 2026-11-02T09:00:00Z."},
		{`"place":{"lat":1}`, "/place", "not_allowed", "Must have a form that the contract allows."},
		{`"both":{"name":"ab","age":-1}`, "/both/age", "too_small", "Must be at least 0."},
		{`"scores":{"a/b":11}`, "/scores/a~1b", "too_large", "Must be at most 10."},
	} {
		members := map[string]string{"name": `"name":"Lamp"`, "kind": `"kind":"small"`}
		name, _, _ := strings.Cut(strings.TrimPrefix(test.member, `"`), `"`)
		members[name] = test.member
		var all []string
		for _, member := range members {
			all = append(all, member)
		}
		got := readProblem(t, b.do(request(http.MethodPost, "/api/v2/things", "{"+strings.Join(all, ",")+"}")))
		require.Equal(t, "request.invalid", got.Code, test.member)
		require.Equal(t, "One field is not valid.", got.Detail, "%s %v", test.member, got.Errors)
		require.Equal(t, test.pointer, got.Errors[0].Pointer, test.member)
		require.Equal(t, test.code, got.Errors[0].Code, test.member)
		require.Equal(t, test.detail, got.Errors[0].Detail, test.member)
	}
}

func TestFormatsTakeWhatTheBinderTakesAndNoMore(t *testing.T) {
	t.Parallel()
	for name, cases := range map[string]struct{ good, bad []string }{
		"uuid":          {[]string{"019a2b4e-5c00-7000-8000-000000000001", "019A2B4E-5C00-7000-8000-000000000001"}, []string{"", "019a2b4e5c00700080000000000000ab", "urn:uuid:019a2b4e-5c00-7000-8000-000000000001", "019a2b4e-5c00-7000-8000-00000000000g"}},
		"email":         {[]string{"mei.chen@example.com", "a+b@c.co"}, []string{"", "mei", "mei@localhost", "a@b.c d", "Mei <a@b.cd>", "a@b.cd, c@d.ef", `"a b"@c.de`}},
		"date-time":     {[]string{"2026-11-02T09:00:00Z", "2026-11-02T09:00:00.123+01:00"}, []string{"2026-11-02", "2026-11-02 09:00:00Z", "2026-11-02T9:00:00Z", "2026-11-02T09:00:00", "2026-11-02T09:00:00,5Z", "2026-11-02T09:00:60Z", ""}},
		"date":          {[]string{"2026-11-02"}, []string{"2026-02-30", "02.11.2026", ""}},
		"uri":           {[]string{"https://example.com/a?b=c"}, []string{"/a", "", "http://%zz"}},
		"uri-reference": {[]string{"https://example.com", "/a", ""}, []string{"http://%zz"}},
		"ipv4":          {[]string{"192.0.2.1"}, []string{"192.0.2", "::1", ""}},
		"ipv6":          {[]string{"::1", "2001:db8::1"}, []string{"192.0.2.1", "fe80::1%eth0", ""}},
	} {
		check := web.Formats()[name]
		require.NotNil(t, check, name)
		for _, s := range cases.good {
			require.True(t, check(s), "%s %q", name, s)
		}
		for _, s := range cases.bad {
			require.False(t, check(s), "%s %q", name, s)
		}
	}
}

func TestARefusedValueIsNeverRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	for _, body := range []string{
		`{"name":"Hunter-2","kind":"Hunter-2","password":"Hunter2"}`,
		`{"name":"Lamp","kind":"small","password":["Hunter-2"]}`,
		`{"name":"Lamp","kind":"small","owner":{"email":"Hunter-2","id":"Hunter-2"}}`,
		`{"name":"Lamp","kind":"small","password":"Hunter-2` + "\xff" + `"}`,
		`{"name":"Lamp","kind":"small","password":"Hunter-2`,
		`{"name":"Lamp","kind":"small","password":Hunter-2}`,
		`{"name":"Lamp","kind":"small","place":{"room":"Hunter-2","lat":"Hunter-2"}}`,
	} {
		answer := b.do(request(http.MethodPost, "/api/v2/things", body))
		require.Equal(t, http.StatusBadRequest, answer.Code, body)
		require.NotContains(t, strings.ToLower(answer.Body.String()), "unter", body)
	}
	answer := b.do(request(http.MethodGet, "/api/v2/things?limit=Hunter-2&tag=", ""))
	require.NotContains(t, answer.Body.String(), "unter")
	require.NotContains(t, b.log.String(), "unter")
}

func TestAtMostTwentyErrorsAreNamed(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	var body strings.Builder
	body.WriteString(`{"name":"Lamp","kind":"small"`)
	for i := range 3000 {
		fmt.Fprintf(&body, `,"%s%d":1`, strings.Repeat("x", i%300), i)
	}
	body.WriteString("}")
	answer := b.do(request(http.MethodPost, "/api/v2/things", body.String()))
	got := readProblem(t, answer)
	require.Len(t, got.Errors, 20)
	require.Equal(t, "More than 20 fields are not valid; the first are named.", got.Detail)
	require.Less(t, answer.Body.Len(), 8<<10)

	got = readProblem(t, b.do(request(http.MethodPost, "/api/v2/things", `{"`+strings.Repeat("k", 10_000)+`":1,"name":"L","kind":"small"}`)))
	require.Equal(t, "2 fields are not valid.", got.Detail)
	require.Empty(t, got.Errors[0].Pointer, "a name that is too long is left out")
}

func TestTheMediaTypeOfABodyMustBeTaken(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	for contentType, want := range map[string]int{
		"application/json":                  http.StatusOK,
		"Application/JSON; charset=UTF-8":   http.StatusOK,
		"application/merge-patch+json":      http.StatusOK,
		"application/json; charset=latin-1": http.StatusUnsupportedMediaType,
		"application/x-json":                http.StatusUnsupportedMediaType,
		"text/plain":                        http.StatusUnsupportedMediaType,
		"":                                  http.StatusUnsupportedMediaType,
		"application/json; charset":         http.StatusUnsupportedMediaType,
	} {
		for _, req := range []*http.Request{
			request(http.MethodPost, "/api/v2/things", lamp, "Content-Type", contentType),
			request(http.MethodPatch, thingPath, `{"name":null}`, "Content-Type", contentType),
		} {
			answer := b.do(req)
			require.Equal(t, want, answer.Code, "%s %s", req.Method, contentType)
			if want != http.StatusOK {
				require.Equal(t, "request.unsupported_media_type", readProblem(t, answer).Code)
			}
		}
	}
	answer := b.do(request(http.MethodPost, "/api/v2/things", lamp, "Content-Encoding", "gzip"))
	require.Equal(t, http.StatusUnsupportedMediaType, answer.Code)
	require.Equal(t, http.StatusOK, b.do(request(http.MethodPost, "/api/v2/things", lamp, "Content-Encoding", "identity")).Code)
}

func TestABodyIsThereExactlyWhereTheContractWantsOne(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	unknownLength := func(method, target, body string) *http.Request {
		req := request(method, target, body)
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), -1
		req.Header.Set("Content-Type", "application/json")
		return req
	}
	empty := readProblem(t, b.do(request(http.MethodPost, "/api/v2/things", "")))
	require.Equal(t, "request.malformed", empty.Code)
	require.Equal(t, "The body is empty.", empty.Detail)
	require.Equal(t, http.StatusBadRequest, b.do(unknownLength(http.MethodPost, "/api/v2/things", "")).Code)
	require.Equal(t, http.StatusOK, b.do(request(http.MethodPost, "/api/v2/open", "")).Code, "it may be left out")
	require.Equal(t, http.StatusOK, b.do(unknownLength(http.MethodPost, "/api/v2/open", "")).Code)
	require.Equal(t, http.StatusOK, b.do(request(http.MethodPost, "/api/v2/open", "{}")).Code)

	require.Equal(t, http.StatusOK, b.do(unknownLength(http.MethodGet, thingPath, "")).Code, "an empty one is passed over")
	require.Equal(t, "This takes no body.", readProblem(t, b.do(unknownLength(http.MethodGet, thingPath, "x"))).Detail)
	require.Equal(t, http.StatusBadRequest, b.do(request(http.MethodGet, thingPath, "{}")).Code)
}

func TestABodyMayHaveOneMebibyte(t *testing.T) {
	t.Parallel()
	b := setup(t, smallContract, nil)
	padded := func(size int) string { return lamp + strings.Repeat(" ", size-len(lamp)) }
	require.Equal(t, http.StatusOK, b.do(request(http.MethodPost, "/api/v2/things", padded(web.MaxBody))).Code)
	answer := b.do(request(http.MethodPost, "/api/v2/things", padded(web.MaxBody+1)))
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.Code)
	require.Equal(t, "request.too_large", readProblem(t, answer).Code)
}
