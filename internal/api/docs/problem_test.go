package docs_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/docs"
)

func TestEveryCodeHasItsPageAndTheIndexLeadsToIt(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	index := s.page("/problems")
	require.Contains(t, index, "<h1>Problems</h1>")
	for _, problem := range listed(t) {
		require.Contains(t, index, `<a href="/problems/`+problem.code+`"><code>`+problem.code+`</code></a></td><td>`+problem.status)
		page := s.page("/problems/" + problem.code)
		require.Contains(t, page, "<h1>"+problem.code+"</h1>")
		require.Contains(t, page, "<li>Status: "+problem.status+"</li>")
		require.Contains(t, page, "<strong>What to do.</strong>")
		require.Equal(t, 1, strings.Count(page, "<h1>"), "one section alone")
		require.Equal(t, 1, strings.Count(page, "What happened."), "one section alone")
	}
}

func TestACodeInTheTextLinksToItsPage(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	require.Contains(t, s.page("/problems/route.not_found"),
		`<a href="/problems/resource.not_found"><code>resource.not_found</code></a>`)
	require.NotContains(t, s.page("/problems/route.not_found"), `href="/problems/route.not_found"`)
}

func TestTheStyleOfAProblemPageIsTheOneItsPolicyAllows(t *testing.T) {
	t.Parallel()
	s := setup(t, shipped(t))
	for _, path := range []string{"/problems", "/problems/auth.required"} {
		response := s.get(path)
		require.Equal(t, http.StatusOK, response.StatusCode)
		style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(s.body(response))
		require.NotNil(t, style)
		hash := sha256.Sum256([]byte(style[1]))
		require.Contains(t, response.Header.Get("Content-Security-Policy"),
			"style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'; img-src 'self'; ")
	}
}

func TestASectionIsSplitByHeadingsAndNotByWhatLooksLikeOne(t *testing.T) {
	t.Parallel()
	s := &site{t: t, echo: echo.New()}
	source := "# All\n\n## a.b\n\n- Status: 400 Bad Request\n\n```\n## c.d\n```\n\n### More\n\n<b>raw</b> [`e.f`](#x) `no_code` ``\n\n" +
		"## e.f\n\n- Status: 503 Service Unavailable\n"
	s.mount(docs.Config{Contracts: map[string][]byte{"v1": []byte(oldContract)}, Problems: []byte(source)})
	page := s.page("/problems/a.b")
	require.Contains(t, page, "## c.d")
	require.Contains(t, page, "<h3>More</h3>")
	require.NotContains(t, page, "<b>", "no HTML comes through")
	require.Contains(t, page, `<a href="#x"><code>e.f</code></a>`, "a link stays as it is")
	require.NotContains(t, page, "503")
}
