package app_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/api"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// metric is what a part says of one of its metrics.
type metric struct {
	kind   string // counter, gauge or histogram; empty: it has no series yet
	labels []string
}

var (
	descName   = regexp.MustCompile(`fqName: "([^"]+)"`)
	descLabels = regexp.MustCompile(`constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}`)
	labelName  = regexp.MustCompile(`^[a-z_]+`)
)

// described gives all metrics of ours that the service has, whether or not they have series.
func described(t *testing.T, a *app.App) map[string]metric {
	t.Helper()
	all := map[string]metric{}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		for _, part := range app.Measures(a) {
			part.Describe(descs)
		}
	}()
	for d := range descs {
		name, labels := descName.FindStringSubmatch(d.String()), descLabels.FindStringSubmatch(d.String())
		require.NotNil(t, name, d)
		require.NotNil(t, labels, d)
		m := metric{labels: []string{}}
		for _, text := range strings.Split(labels[1]+","+labels[2], ",") {
			if label := labelName.FindString(strings.TrimSpace(text)); label != "" {
				m.labels = append(m.labels, label)
			}
		}
		slices.Sort(m.labels)
		if same, twice := all[name[1]]; twice {
			require.Equal(t, same, m, name[1])
		}
		all[name[1]] = m
	}
	return all
}

// registry has all parts of the service.
func registry(t *testing.T, a *app.App) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	for _, part := range app.Measures(a) {
		require.NoError(t, r.Register(part))
	}
	return r
}

const row = "(?m)^\\| `(fluentpro_[a-z_]+)` \\| ([a-z]+) \\|(.*?)\\|.+?\\|.*?\\|$"

func TestTheDocsListEachMetricWithItsTypeAndLabels(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	s.SignUp(t).Talk(t)
	has := described(t, s.App)
	families, err := registry(t, s.App).Gather()
	require.NoError(t, err)
	for _, family := range families {
		m := has[family.GetName()]
		m.kind = strings.ToLower(family.GetType().String())
		has[family.GetName()] = m
	}
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	documented := map[string]metric{}
	for _, cells := range regexp.MustCompile(row).FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, documented, cells[1], "it is listed twice")
		m := metric{kind: cells[2], labels: []string{}}
		for _, label := range strings.Split(cells[3], ",") {
			if label = strings.Trim(label, "` "); label != "" {
				m.labels = append(m.labels, label)
			}
		}
		slices.Sort(m.labels)
		if has[cells[1]].kind == "" { // no series in this test
			m.kind = ""
		}
		documented[cells[1]] = m
	}
	require.Equal(t, has, documented, "docs/metrics.md and what the service tells")
}

func TestMetricsAreNamedAsPrometheusAsks(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	s.SignUp(t).Talk(t)
	problems, err := testutil.GatherAndLint(registry(t, s.App))
	require.NoError(t, err)
	require.Empty(t, problems)
}

// expression is a query of a rule or of a panel.
type expression struct{ where, text string }

// rule is one alert of deploy/prometheus.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/prometheus/alerts.yml")
	require.NoError(t, err)
	var file struct{ Groups []struct{ Rules []rule } }
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(false)
	require.NoError(t, decoder.Decode(&file))
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// board is what is looked at of a dashboard.
type board struct {
	UID, Title, file string
	Panels           []struct {
		ID          int
		Type, Title string
		FieldConfig struct{ Defaults struct{ Unit string } }
		Targets     []struct{ Expr string }
	}
}

func boards(t *testing.T) (all []board) {
	t.Helper()
	files, err := fs.Glob(os.DirFS("../../deploy/grafana/dashboards"), "*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile("../../deploy/grafana/dashboards/" + file)
		require.NoError(t, err)
		b := board{file: file}
		require.NoError(t, json.Unmarshal(text, &b), file)
		all = append(all, b)
	}
	return all
}

func TestDashboardsHaveIDsOfTheirOwnAndPanelsTheirUnits(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, b := range boards(t) {
		require.Equal(t, b.file, b.UID+".json", "one finds a dashboard by its id")
		require.False(t, seen[b.UID] || seen[b.Title], b.file)
		seen[b.UID], seen[b.Title] = true, true
		panels := map[int]bool{}
		for _, p := range b.Panels {
			require.False(t, panels[p.ID], "%s: panel %d twice", b.file, p.ID)
			panels[p.ID] = true
			require.NotEmpty(t, p.Title, b.file)
			if p.Type != "row" {
				require.NotEmpty(t, p.FieldConfig.Defaults.Unit, "%s: %s", b.file, p.Title)
				require.NotEmpty(t, p.Targets, "%s: %s", b.file, p.Title)
			}
		}
	}
}

func TestEachAlertIsGradedAndHasARunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/runbooks.md")
	require.NoError(t, err)
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		sections["docs/runbooks.md#"+strings.ToLower(heading[1])] = true
	}
	for _, r := range rules(t) {
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.For, r.Alert)
		require.True(t, sections[r.Annotations["runbook_url"]], "%s: %s does not resolve", r.Alert, r.Annotations["runbook_url"])
		require.Equal(t, "docs/runbooks.md#"+strings.ToLower(r.Alert), r.Annotations["runbook_url"])
		delete(sections, r.Annotations["runbook_url"])
	}
	require.Empty(t, sections, "a runbook without its alert")
}

var (
	used     = regexp.MustCompile(`(fluentpro_[a-z0-9_]+)(\{[^}]*\})?`)
	matchers = regexp.MustCompile(`([a-z_]+) *(?:=~|!~|!=|=)`)
	grouped  = regexp.MustCompile(`by \(([^)]*)\)`)
)

func TestDashboardsAndRulesAskForWhatThereIs(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	has := described(t, s.App)
	var all []expression
	for _, r := range rules(t) {
		all = append(all, expression{r.Alert, r.Expr})
	}
	for _, b := range boards(t) {
		for _, p := range b.Panels {
			for _, target := range p.Targets {
				all = append(all, expression{b.file + ": " + p.Title, target.Expr})
			}
		}
	}
	for _, e := range all {
		require.NotEmpty(t, e.text, e.where)
		labels := []string{"instance", "job", "le"}
		for _, found := range used.FindAllStringSubmatch(e.text, -1) {
			name := found[1]
			if _, there := has[name]; !there {
				name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
			}
			m, there := has[name]
			require.True(t, there, "%s asks for %s", e.where, found[1])
			labels = append(labels, m.labels...)
			for _, matcher := range matchers.FindAllStringSubmatch(found[2], -1) {
				require.Contains(t, append([]string{"instance", "job"}, m.labels...), matcher[1], "%s: %s", e.where, found[0])
			}
		}
		for _, by := range grouped.FindAllStringSubmatch(e.text, -1) {
			for _, label := range strings.Split(by[1], ",") {
				require.Contains(t, labels, strings.TrimSpace(label), "%s: %s", e.where, by[0])
			}
		}
	}
}

var word = regexp.MustCompile(`^[a-z]+([_.][a-z]+)*$`)

// odd are requests as scanners and broken clients send them.
func odd(t *testing.T, s *apitest.Server) {
	t.Helper()
	for _, path := range []string{
		"/", "/nowhere", "/api/v2/%7Bx%7D", "/api/v9/users", "/.env", "/api/v2/conversations/" + strings.Repeat("7", 200), "/api/v1/industries?x=1", "/metrics",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodTrace, "BREW"} {
			req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(`{"operation":"mine"}`))
			require.NoError(t, err)
			req.Header.Set("User-Agent", "scanner/"+path)
			req.Header.Set("Authorization", "Bearer "+strings.Repeat("a", 30))
			req.Header.Set("X-Request-ID", "my-label")
			req.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
	}
}

func TestNothingThatAClientSendsMakesASeries(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithTenant())
	l := s.SignUp(t)
	l.Say(t, l.Talk(t), "my words make no label")
	odd(t, s)
	allowed := values(t, s)
	families, err := registry(t, s.App).Gather()
	require.NoError(t, err)
	series := 0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			series++
			for _, label := range m.GetLabel() {
				if inCode := word.MatchString(label.GetValue()); inCode && slices.Contains([]string{"kind", "group"}, label.GetName()) {
					continue // a name that the code registers
				}
				known, bounded := allowed[label.GetName()]
				require.True(t, bounded, "%s has a label %s that is not bounded here", family.GetName(), label.GetName())
				require.Contains(t, known, label.GetValue(), "%s{%s}", family.GetName(), label.GetName())
			}
		}
	}
	require.Greater(t, series, 300)
}

// values are those that each label may have.
func values(t *testing.T, s *apitest.Server) map[string][]string {
	t.Helper()
	problems, err := os.ReadFile("../../docs/problems.md")
	require.NoError(t, err)
	var codes, types []string
	for _, code := range regexp.MustCompile("`([a-z0-9_]+\\.[a-z0-9_.]+)`|(?m)^#+ ([a-z0-9_]+\\.[a-z0-9_]+)").FindAllStringSubmatch(string(problems), -1) {
		codes = append(codes, cmp.Or(code[1], code[2]))
	}
	for code := range strings.SplitSeq("1000 4000 4001 4008 4029 4401 4501 4503 4509 4510 4520", " ") {
		codes = append(codes, code)
	}
	for _, e := range events.Types {
		types = append(types, e.Name)
	}
	operations := []string{"other"}
	for _, version := range []string{"v1", "v2"} {
		text, err := os.ReadFile("../../gen/openapi/" + version + ".yaml")
		require.NoError(t, err)
		for _, id := range regexp.MustCompile(`operationId: (\w+)`).FindAllStringSubmatch(string(text), -1) {
			operations = append(operations, id[1])
		}
	}
	list := strings.Fields
	deprecations, err := api.Deprecations()
	require.NoError(t, err)
	names := []string{}
	for _, d := range deprecations {
		names = append(names, d.Name)
	}
	return map[string][]string{
		"api": list("chat embeddings"), "breaker": list("model_chat model_embeddings gate auth0"), "client": list("main log"), "code": codes,
		"command":   list("connect echo ping subscribe unsubscribe send_message cancel_message publish presence"),
		"direction": list("in out"), "door": list("http websocket"), "name": names,
		"limit": list("auth api matching messages admin realtime other"), "model": {s.Config.ModelName, s.Config.EmbeddingModel, "other"},
		"operation": operations, "queue": job.Queues(), "status": list("1xx 2xx 3xx 4xx 5xx"), "type": append(types, "other"),
		"outcome": list("allowed refused uncounted done failed given_up put_off handled buried taken busy waited unavailable left fenced diverged " +
			"ok breaker_open rate_limited timeout interrupted garbled"),
		"probe":  list("database redis event_log locks conversation backup_age backup_whole findings relay queues nodes"),
		"reason": list("done left draining session_revoked token_expiring too_slow failed"),
		"topic":  list("conversation task user room"), "unit": list("seconds count"), "version": {"v1", "v2", "none", app.Version()}, "go": {runtime.Version()},
	}
}
