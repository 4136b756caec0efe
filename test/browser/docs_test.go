package browser_test

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// operation is one on the Swagger page, opened.
func (p *page) operation(tag, id string) string {
	p.t.Helper()
	block := "#operations-" + tag + "-" + id
	p.do(chromedp.WaitVisible(chromedp.CSS(block)))
	if !read(p, chromedp.Evaluate[bool](`document.querySelector("`+block+`").classList.contains("is-open")`)) {
		p.press(block + " .opblock-summary-control")
	}
	return block
}

// execute presses the button of an operation and reads the answer.
func (p *page) execute(block string) (status, body string) {
	p.t.Helper()
	p.press(block + " button.execute")
	status = p.text(block + " .live-responses-table tr.response .response-col_status")
	return status, p.text(block + " .live-responses-table tr.response .response-col_description pre")
}

func TestADeveloperSignsUpOnThePageAndTriesTheRest(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	p := open(t)
	p.do(chromedp.Navigate(s.URL + "/docs?urls.primaryName=v2"))

	status, _ := p.execute(p.operation("users", "getMe"))
	require.Equal(t, "401", status, "nobody is signed in yet")
	status, body := p.execute(p.operation("users", "signUp"))
	require.Equal(t, "201", status, body)
	block := p.operation("users", "getMe")
	p.press(block + " button.btn-clear")
	status, body = p.execute(block)
	require.Equal(t, "200", status, body)
	var me apiv2.User
	require.NoError(t, json.Unmarshal([]byte(body), &me), body)
	require.Equal(t, "mei.chen@example.com", string(me.Email), "the example as it stood there")
	for _, one := range [][2]string{{"catalogue", "listRoles"}, {"onboarding", "getOnboarding"}, {"conversations", "createConversation"}, {"tasks", "listTasks"}} {
		status, body = p.execute(p.operation(one[0], one[1]))
		require.Contains(t, []string{"200", "201"}, status, body)
	}
	p.switchTo("v1")
	status, body = p.execute(p.operation("auth", "getAuthMeV1"))
	require.Equal(t, "200", status, "signed in once, for both versions: %s", body)
	p.askedOnly(s.URL)
}

func TestThePageShowsBothVersionsAndWhatEnds(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	p := open(t)
	p.do(chromedp.Navigate(s.URL + "/docs"))
	require.Contains(t, p.text(".information-container .title"), "FluentPro")
	require.Equal(t, "/api/v2", p.server())
	require.Contains(t, p.text(p.operation("catalogue", "listRoles")+` tr[data-param-name="industry_id"]`), "deprecated")

	p.switchTo("v1")
	block := p.operation("auth", "logInV1")
	require.Equal(t, "/api/v1", p.server())
	require.Equal(t, "line-through",
		read(p, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("`+block+` .opblock-summary-path__deprecated")).textDecorationLine`)))
	text := p.text(block)
	for _, said := range []string{"2026-09-01", "2027-09-01", "x-successor", "logIn"} {
		require.Contains(t, text, said)
	}
	status, body := p.execute(block)
	require.Equal(t, "401", status, "the example is of nobody")
	require.Contains(t, body, `"detail"`)
	p.askedOnly(s.URL)
}

// switchTo chooses a version of the contract.
func (p *page) switchTo(version string) {
	p.t.Helper()
	p.do(chromedp.SetValue(chromedp.CSS(".topbar select"), "/openapi/"+version+".json"))
	read(p, chromedp.Evaluate[any](`document.querySelector(".topbar select").dispatchEvent(new Event("change", {bubbles: true}))`))
}

// server is the one that the page asks.
func (p *page) server() string {
	p.t.Helper()
	return read(p, chromedp.Value(chromedp.CSS(".servers select")))
}
