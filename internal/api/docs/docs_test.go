package docs_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	pages "github.com/fluentpro/fluentpro/docs"
	"github.com/fluentpro/fluentpro/gen/openapi"
	"github.com/fluentpro/fluentpro/internal/api/docs"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

const oldContract = `openapi: 3.1.1
info: {title: Old, version: 1.0.0}
paths:
  /z: {get: {operationId: z, deprecated: true, x-sunset: 2027-09-01, responses: {"200": {description: ok}}}}
  /a: {get: {operationId: a, responses: {200: {description: "<ok> & more"}}}}
components:
  schemas:
    N: {type: [integer, "null"], maximum: 1e+07, minimum: -0x10, default: null, example: 1.5, readOnly: true}
`

// A site is the package mounted; errors that reach echo's handler are kept.
type site struct {
	t    *testing.T
	echo *echo.Echo
	err  error
}

func setup(t *testing.T, contracts map[string][]byte) *site {
	t.Helper()
	s := &site{t: t, echo: echo.New()}
	s.echo.HTTPErrorHandler = func(err error, c echo.Context) {
		s.err = err
		require.NoError(t, c.NoContent(http.StatusTeapot))
	}
	s.mount(docs.Config{Contracts: contracts, Problems: pages.Problems})
	return s
}

func (s *site) mount(cfg docs.Config) {
	s.t.Helper()
	made, err := docs.New(cfg)
	require.NoError(s.t, err)
	made.Mount(s.echo)
}

func shipped(t *testing.T) map[string][]byte {
	t.Helper()
	v2, err := openapi.FS.ReadFile("v2.yaml")
	require.NoError(t, err)
	return map[string][]byte{"v2": v2}
}

// get asks for path with pairs of header names and values.
func (s *site) get(path string, headers ...string) *http.Response {
	s.t.Helper()
	request := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	s.err = nil
	s.echo.ServeHTTP(recorder, request)
	return recorder.Result()
}

func (s *site) body(response *http.Response) string {
	s.t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return string(body)
}

func (s *site) page(path string) string {
	s.t.Helper()
	response := s.get(path)
	require.NoError(s.t, s.err)
	require.Equal(s.t, http.StatusOK, response.StatusCode, path)
	return s.body(response)
}

var loaded = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

func TestNoPageAsksAnyOtherHost(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	for _, path := range []string{"/docs", "/docs/", "/console", "/problems", "/problems/request.invalid"} {
		html := s.page(path)
		require.NotRegexp(t, `(?i)https?:|["'(]//|wss?:|@import`, html, path)
		links := loaded.FindAllStringSubmatch(html, -1)
		require.NotEmpty(t, links)
		for _, link := range links {
			require.Regexp(t, `^/[a-z]`, link[1])
			require.NotEmpty(t, s.page(link[1]), "%s links to %s", path, link[1])
		}
	}
	for _, name := range []string{"docs.js", "docs.css", "console.js", "console.css"} {
		require.NotRegexp(t, `https?://|["'(]//|@import`, s.page(assetPath(t, s, name)))
	}
	require.NotRegexp(t, `url\(["']?(https?:)?//|@import`, s.page(assetPath(t, s, "swagger-ui.css")))
}

func TestEveryPageHasATightPolicyAndMayNotBeFramed(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	for _, path := range []string{"/docs", "/console", "/problems", "/problems/request.invalid"} {
		response := s.get(path)
		policy := response.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'; ", path)
		require.Contains(t, policy, "frame-ancestors 'none'", path)
		require.Contains(t, policy, "base-uri 'none'; form-action 'none'", path)
		require.NotContains(t, policy, "unsafe", path)
		require.NotContains(t, policy, "*", path)
		require.NotContains(t, policy, "http", path)
		require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", response.Header.Get("X-Frame-Options"))
		require.Equal(t, "text/html; charset=UTF-8", response.Header.Get("Content-Type"))
		html := s.body(response)
		require.NotRegexp(t, `(?i)<script>|javascript:|\son[a-z]+=|\sstyle=`, html, "inline code would be blocked")
	}
	for _, path := range []string{"/docs", "/console"} {
		policy := s.get(path).Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; ")
		require.NotContains(t, s.page(path), "<style", "its policy knows no hash")
	}
}

func TestThePageShowsTheContractsNewestFirst(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string][]byte{"v2": []byte(oldContract), "v10": []byte(oldContract), "v1": []byte(oldContract)})
	require.Contains(t, s.page("/docs"), `data-contracts="[`+
		`{&#34;name&#34;:&#34;v10&#34;,&#34;url&#34;:&#34;/openapi/v10.json&#34;},`+
		`{&#34;name&#34;:&#34;v2&#34;,&#34;url&#34;:&#34;/openapi/v2.json&#34;},`+
		`{&#34;name&#34;:&#34;v1&#34;,&#34;url&#34;:&#34;/openapi/v1.json&#34;}]"`)
}

func TestThePageKeepsTokensOutOfTheBrowsersStorage(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	require.Contains(t, s.page(assetPath(t, s, "docs.js")), "persistAuthorization: false")
	for _, name := range []string{"docs.js", "console.js"} {
		require.NotRegexp(t, `localStorage\.|sessionStorage\.|document\.cookie`, s.page(assetPath(t, s, name)))
	}
}

func TestTheRootLeadsToThePage(t *testing.T) {
	t.Parallel()
	response := setup(t, shipped(t)).get("/")
	require.Equal(t, http.StatusFound, response.StatusCode)
	require.Equal(t, "/docs", response.Header.Get("Location"))
}

func TestWhoHasTheCurrentCopyGets304(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	for _, path := range []string{
		"/docs", "/console", "/problems", "/problems/auth.required", "/openapi/v2.yaml", "/openapi/v2.json", assetPath(t, s, "docs.js"),
	} {
		first := s.get(path)
		etag := first.Header.Get("ETag")
		require.Regexp(t, `^"[0-9a-f]{32}"$`, etag, path)
		if !strings.HasPrefix(path, "/docs/assets/") {
			require.Equal(t, "no-cache", first.Header.Get("Cache-Control"), path)
		}

		again := s.get(path, "If-None-Match", `"x", W/`+etag)
		require.Equal(t, http.StatusNotModified, again.StatusCode, path)
		require.Equal(t, etag, again.Header.Get("ETag"))
		require.Equal(t, first.Header.Get("Content-Security-Policy"), again.Header.Get("Content-Security-Policy"))
		require.Empty(t, s.body(again))
		require.Equal(t, http.StatusOK, s.get(path, "If-None-Match", `"x"`).StatusCode)
	}
}

// assetPath finds where a page has an asset.
func assetPath(t *testing.T, s *site, name string) string {
	t.Helper()
	found := regexp.MustCompile(`"(/docs/assets/[0-9a-f]{32}/` + regexp.QuoteMeta(name) + `)"`).FindStringSubmatch(s.page("/docs") + s.page("/console"))
	require.NotNil(t, found, name)
	return found[1]
}

func TestAssetsAreKeptForEverUnderTheirFingerprint(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	for name, mediaType := range map[string]string{
		"swagger-ui.css":                  "text/css; charset=utf-8",
		"swagger-ui-bundle.js":            "text/javascript; charset=utf-8",
		"swagger-ui-standalone-preset.js": "text/javascript; charset=utf-8",
		"docs.css":                        "text/css; charset=utf-8",
		"docs.js":                         "text/javascript; charset=utf-8",
		"console.css":                     "text/css; charset=utf-8",
		"console.js":                      "text/javascript; charset=utf-8",
		"favicon-32x32.png":               "image/png",
	} {
		response := s.get(assetPath(t, s, name))
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, mediaType, response.Header.Get("Content-Type"))
		require.Equal(t, "public, max-age=31536000, immutable", response.Header.Get("Cache-Control"))
		require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
		require.NotEmpty(t, s.body(response))
	}
}

func TestAssetsAreZippedForWhoAcceptsIt(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	path := assetPath(t, s, "swagger-ui.css")
	plain := s.get(path)
	require.Empty(t, plain.Header.Get("Content-Encoding"))
	require.Equal(t, "Accept-Encoding", plain.Header.Get("Vary"))

	zipped := s.get(path, "Accept-Encoding", "br, gzip")
	require.Equal(t, "gzip", zipped.Header.Get("Content-Encoding"))
	require.Equal(t, "Accept-Encoding", zipped.Header.Get("Vary"))
	require.NotEqual(t, plain.Header.Get("ETag"), zipped.Header.Get("ETag"), "other bytes, another tag")
	reader, err := gzip.NewReader(zipped.Body)
	require.NoError(t, err)
	unzipped, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, s.body(plain), string(unzipped))

	again := s.get(path, "Accept-Encoding", "gzip", "If-None-Match", zipped.Header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.StatusCode)
	require.Empty(t, again.Header.Get("Content-Encoding"))

	for header, encoding := range map[string]string{
		"": "", "br": "", "gzip;q=0": "", "gzip;q=x": "", "gzip;level=1": "", "*;q=0": "", "xgzip": "",
		"GZIP": "gzip", "br;q=1, gzip;q=0.5": "gzip", "*": "gzip", "gzip; q = 0.1": "gzip",
	} {
		require.Equal(t, encoding, s.get(path, "Accept-Encoding", header).Header.Get("Content-Encoding"), header)
	}
}

func TestWhatIsNotThereIsAFault(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	asset := assetPath(t, s, "docs.js")
	for path, code := range map[string]string{
		"/openapi/v3.yaml":                       "route.not_found",
		"/openapi/v2":                            "route.not_found",
		"/openapi/v2.xml":                        "route.not_found",
		"/docs/assets/0/docs.js":                 "route.not_found",
		strings.Replace(asset, "docs.", "x.", 1): "route.not_found",
		asset + ".gz":                            "route.not_found",
		"/problems/no.such_code":                 "resource.not_found",
		"/problems/..%2fembed.go":                "resource.not_found",
	} {
		s.get(path)
		found := fault.Find(s.err)
		require.NotNil(t, found, path)
		require.Equal(t, code, found.Code, path)
		require.Equal(t, fault.NotFound, found.Kind)
	}
}

func TestMountRefusesWhatItCannotShow(t *testing.T) {
	t.Parallel()
	good := map[string][]byte{"v1": []byte(oldContract)}
	tests := map[string]struct {
		contracts map[string][]byte
		problems  string
		want      string
	}{
		"no contract":       {nil, "## a.b\n\n- Status: 400 Bad\n", "no contract"},
		"a strange name":    {map[string][]byte{"../v1": nil}, "", "its name"},
		"not YAML":          {map[string][]byte{"v1": []byte("a: [")}, "", "contract v1: read YAML"},
		"an empty contract": {map[string][]byte{"v1": nil}, "", "not a mapping"},
		"a list":            {map[string][]byte{"v1": []byte("- a")}, "", "not a mapping"},
		"an anchor":         {map[string][]byte{"v1": []byte("a: &x {b: 1}\nc: *x")}, "", "line 2: anchors"},
		"no JSON number":    {map[string][]byte{"v1": []byte("a: .inf")}, "", "unsupported value"},
		"a wrong tag":       {map[string][]byte{"v1": []byte("a: !!int x")}, "", "line 1"},
		"no problem":        {good, "# Problems\n", "no section"},
		"no status":         {good, "## a.b\n\n- Kind: x\n", "a.b has no status"},
		"no code":           {good, "## Introduction\n", `"Introduction" is not a new code`},
		"the same twice":    {good, "## a.b\n\n- Status: 400 Bad\n\n## a.b\n", `"a.b" is not a new code`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := docs.New(docs.Config{Contracts: test.contracts, Problems: []byte(test.problems)})
			require.ErrorContains(t, err, test.want)
		})
	}
}
