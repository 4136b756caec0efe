package v2_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/docs"
	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestAParameterByItsOlderNameWorksUntilItEnds(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l := s.SignUp(t)
	var older, newer apiv2.RolePage
	told := l.Get(t, "/roles?industry_id=Real-Estate&limit=3").Expect(t, http.StatusOK, &older)
	require.Equal(t, "@1795996800", told.Header.Get("Deprecation"))
	require.Equal(t, "Tue, 01 Jun 2027 00:00:00 GMT", told.Header.Get("Sunset"))
	links := told.Header.Values("Link")
	require.Equal(t, []string{
		`</docs/v2-deprecations#listRoles.industry_id>; rel="deprecation"`, `</docs/v2-deprecations#listRoles.industry_id>; rel="sunset"`,
		`</api/v2/roles?industry=Real-Estate&limit=3>; rel="successor-version"`,
	}, links)
	successor, _, _ := strings.Cut(strings.TrimPrefix(links[2], "</api/v2"), ">")
	silent := l.Get(t, "%s", successor).Expect(t, http.StatusOK, &newer)
	require.Empty(t, silent.Header.Get("Deprecation")+silent.Header.Get("Sunset")+silent.Header.Get("Link"))
	require.Equal(t, newer.Data, older.Data)
	require.Len(t, older.Data, 3)

	cursor := url.QueryEscape(older.NextCursor.MustGet())
	l.Get(t, "/roles?industry=Real-Estate&limit=3&cursor=%s", cursor).Expect(t, http.StatusOK, &newer)
	require.NotEqual(t, older.Data, newer.Data, "a list begun by one name is gone on with by the other")
	p := l.Get(t, "/roles?industry_id=real_estate&industry=real_estate").Refused(t, http.StatusBadRequest, "request.invalid")
	require.Equal(t, "not_together", (*p.Errors)[0].Code)

	s.Clock.Advance(time.Until(time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)))
	l = s.SignUp(t)
	p = l.Get(t, "/roles?industry_id=real_estate").Refused(t, http.StatusBadRequest, "request.invalid")
	require.Equal(t, "ended", (*p.Errors)[0].Code)
	require.Equal(t, "query/industry_id", (*p.Errors)[0].Pointer)
	l.Get(t, "/roles?industry=real_estate").Expect(t, http.StatusOK, nil)
}

func TestAFieldByItsOlderNameIsStillThere(t *testing.T) {
	t.Parallel()
	var page apiv2.LanguagePage
	a := apitest.Shared(t).Nobody().Get(t, "/languages").Expect(t, http.StatusOK, &page)
	require.Empty(t, a.Header.Get("Deprecation"), "nobody knows who reads it")
	require.NotEmpty(t, page.Data)
	for _, l := range page.Data {
		require.NotEmpty(t, l.Tag)
		require.Equal(t, l.Tag, l.Code)
	}
}

// What version 2 deprecates within itself is in its guide, where the links lead.
func TestTheGuideShowsHowToLeaveWhatIsDeprecated(t *testing.T) {
	t.Parallel()
	page := string(apitest.Shared(t).Nobody().Get(t, "/docs/v2-deprecations").Expect(t, http.StatusOK, nil).Body)
	sections := map[string]string{}
	for _, part := range strings.Split(string(docs.V2Deprecations), "\n## ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		sections[name] = text
	}
	all, err := api.Deprecations()
	require.NoError(t, err)
	for _, d := range all {
		if d.Version != "v2" {
			continue
		}
		text := sections[d.Name]
		require.Contains(t, text, "Before:\n", d.Name)
		require.Contains(t, text, "After:\n", d.Name)
		require.Contains(t, text, "`"+d.Successor+"`", d.Name)
		require.Contains(t, text, "since "+d.Since.Format(time.DateOnly), d.Name)
		require.Contains(t, text, "ends on "+d.Sunset.Format(time.DateOnly), d.Name)
		require.Contains(t, page, `<h2 id="`+d.Name+`">`)
		delete(sections, d.Name)
	}
	require.Empty(t, sections)
}

func TestAnExportSaysWhatIsCountedOfALearner(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	for range 2 {
		l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/roles?industry_id=real_estate", Header: map[string]string{"User-Agent": "FluentPro/3.1 (iPhone)"}}).
			Expect(t, http.StatusOK, nil)
	}
	l.Do(t, apitest.Call{Method: http.MethodGet, Path: "/api/v1/auth/me"}).Expect(t, http.StatusOK, nil)
	var lines []map[string]any
	require.Eventually(t, func() bool {
		lines = nil
		for line := range strings.Lines(string(l.Get(t, "/users/me/export").Expect(t, http.StatusOK, nil).Body)) {
			var one struct {
				Type string
				Data map[string]any
			}
			require.NoError(t, json.Unmarshal([]byte(line), &one))
			if one.Type == "deprecated_calls" {
				lines = append(lines, one.Data)
			}
		}
		return len(lines) == 2
	}, apitest.Patience, 20*time.Millisecond)
	today := lines[0]["first_day"]
	require.Regexp(t, `^\d{4}-\d\d-\d\d$`, today)
	require.Equal(t, map[string]any{"name": "getAuthMeV1", "client": "Go-http-client", "calls": 1., "first_day": today, "last_day": today}, lines[0])
	require.Equal(t, map[string]any{"name": "listRoles.industry_id", "client": "FluentPro", "calls": 2., "first_day": today, "last_day": today}, lines[1])
}
