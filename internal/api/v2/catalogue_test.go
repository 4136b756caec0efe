package v2_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestListsComeInTheLanguageAskedForAndAreCached(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	for path, entries := range map[string]int{"/languages": 6, "/industries": 4, "/partners": 7, "/situations": 15} {
		etags := map[string]bool{}
		for accept, tag := range map[string]string{"": "en", "zh-CN, en;q=0.5": "zh-Hans", "zh-TW": "zh-Hant", "fr": "en"} {
			ask := func(etag string) apitest.Answer {
				return s.Nobody().Do(t, apitest.Call{Method: http.MethodGet, Path: path,
					Header: map[string]string{"Accept-Language": accept, "If-None-Match": etag}})
			}
			var page struct{ Data []map[string]any }
			a := ask("").Expect(t, http.StatusOK, &page)
			require.Len(t, page.Data, entries, path)
			require.Equal(t, tag, a.Header.Get("Content-Language"), "%s in %q", path, accept)
			require.Contains(t, a.Header.Get("Vary"), "Accept-Language")
			require.Equal(t, "public, max-age=300", a.Header.Get("Cache-Control"))
			ask(a.Header.Get("ETag")).Expect(t, http.StatusNotModified, nil)
			etags[a.Header.Get("ETag")] = true
		}
		require.Len(t, etags, 3, "each language has an ETag of its own")
	}
	var partners apiv2.PartnerPage
	s.Nobody().Do(t, apitest.Call{Method: http.MethodGet, Path: "/partners", Header: map[string]string{"Accept-Language": "zh-Hant"}}).
		Expect(t, http.StatusOK, &partners)
	require.Equal(t, "客戶", partners.Data[0].Name)
}
