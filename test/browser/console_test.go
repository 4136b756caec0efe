package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// long is a reply that takes 120 times as long as a token, so that there is a middle of it.
func long(model *partner.Server, token time.Duration) string {
	text := strings.TrimSpace(strings.Repeat("We can talk about the price, but not about the date, since <b>our</b> line is full. ", 7))
	model.Script(partner.Step{Text: text, TokenDelay: token})
	return text
}

func TestTheConsole(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithPace(partner.Config{TokensPerSecond: 30}))
	browser := open(t)
	for name, try := range map[string]func(t *testing.T, s *apitest.Server, browser *page){
		"takes a newcomer from signing up to a reply":         newcomer,
		"goes on with a reply that is cut":                    cut,
		"shows two learners in a room to each other":          twoInARoom,
		"shows what versions differ in, and rolls back":       versions,
		"can be read in the dark, on a phone and by the keys": looks,
		"says what went wrong, and what went over the wire":   told,
		"keeps the last 500 frames, and copies them":          manyFrames,
		"shows an operator what is stored, and mends it":      inspected,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try(t, s, browser)
		})
	}
}

func newcomer(t *testing.T, s *apitest.Server, browser *page) {
	p := browser.console(t, s)
	email := "console-newcomer@example.com"
	p.fill("#sign-up [name=full_name]", "Mei Chen")
	p.fill("#sign-up [name=email]", email)
	p.fill("#sign-up [name=password]", apitest.Password+"\r")
	p.step("native_language")
	p.choose("#step select", "english")
	p.press("#step .primary")
	p.step("industry")
	p.choose("#step select", "shipping_logistics")
	p.press("#step .primary")
	p.step("role")
	p.fill("#describe [name=title]", "Logistics project manager")
	p.fill("#describe [name=description]", "I plan new warehouses for our customers and lead the team until they work.")
	p.press("#describe .primary")
	p.do(chromedp.WaitVisible(chromedp.CSS("#matches")))
	require.Contains(t, p.text("#matches"), "Keep “Logistics project manager”")
	p.shoot("onboarding")
	p.press("#matches .primary")
	p.step("partners")
	p.press("#step input[value=clients]")
	p.press("#step input[value=suppliers]")
	p.press("#step .primary")
	p.step("situations")
	p.press("#step input[name=clients][value=negotiations]")
	p.press("#step input[name=suppliers][value=status_updates]")
	p.press("#step .primary")
	p.step("summary")
	require.Contains(t, p.text("#step"), "Shipping")
	p.press("#complete")
	p.until(`document.querySelector('#plan-task li')?.dataset.status === 'completed'`)
	p.press("#tab-tasks")
	p.until(`document.querySelector('#task-list li')?.dataset.status === 'completed'`)

	p.press("#tab-talk")
	id := p.start()
	p.say("Could we talk about your price?")
	p.replied(1)
	require.Equal(t, messages(t, signedIn(t, s, email), id), p.shown())
	p.shoot("talk-light")

	p.press("#finish")
	p.press("#tab-tasks")
	p.press("#start-feedback")
	p.until(`document.querySelector('#task-list li[data-kind*=feedback]')?.dataset.status === 'completed'`)
	p.press("#log-out")
	p.do(chromedp.WaitVisible(chromedp.CSS("#sign-up")))
	require.NotContains(t, p.ask("document.body.textContent"), "Could we talk about your price?", "nothing is left of who was here")
	p.askedOnly(s.URL)
}

// cut has a service of its own: what its model says is scripted.
func cut(t *testing.T, _ *apitest.Server, browser *page) {
	s := apitest.New(t)
	l := s.SignUp(t)
	p := browser.console(t, s)
	p.logIn(l)
	id := p.start()

	for n, way := range []string{"socket", "stream"} {
		p.press(fmt.Sprintf("#bar input[value=%s]", way))
		p.until(`document.querySelector('#status').dataset.status === 'open'`)
		before := p.text("#resumes")
		text := long(s.Model, 40*time.Millisecond)
		p.say("What can you do for us?")
		p.midReply(8)
		p.press("#cut")
		p.until(`document.querySelector('#status').dataset.status === 'waiting'`)
		p.shoot("cut-" + way)
		p.replied(n + 1)
		p.until(`document.querySelector('#status').dataset.status === 'open'`)
		require.NotEqual(t, before, p.text("#resumes"), p.frames())
		require.Equal(t, text, p.shown()[2*n+2].Text)
		require.Equal(t, messages(t, l, id), p.shown())
	}

	text := long(s.Model, 60*time.Millisecond)
	p.say("And the date?")
	p.midReply(5)
	p.press("#bar input[value=socket]")
	p.midReply(20)
	p.press("#bar input[value=stream]")
	p.replied(3)
	require.Equal(t, text, p.shown()[6].Text, "the ways share their cursors")
	require.Equal(t, messages(t, l, id), p.shown())

	long(s.Model, 100*time.Millisecond)
	p.say("Anything else?")
	p.midReply(5)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.replied(4)
	require.Equal(t, "cancelled", p.shown()[8].Status)
	text = long(s.Model, time.Millisecond)
	p.press("#retry")
	p.until(`document.querySelector('#transcript li:last-child').dataset.status === 'completed'`)
	require.Equal(t, text, p.shown()[8].Text)
	require.Equal(t, messages(t, l, id), p.shown())
	p.askedOnly(s.URL)
}

func twoInARoom(t *testing.T, s *apitest.Server, browser *page) {
	var windows []*page
	for range 2 {
		p := browser.console(t, s)
		p.logIn(s.SignUp(t))
		p.press("#tab-room")
		p.fill("#room-name", "console-room\r")
		p.do(chromedp.WaitVisible(chromedp.CSS("#room-text")))
		windows = append(windows, p)
		for _, each := range windows {
			each.until(fmt.Sprintf(`document.querySelectorAll('#members li').length === %d`, len(windows)))
		}
	}
	one, other := windows[0], windows[1]
	one.fill("#room-text", "Good <i>morning</i>\r")
	other.until(`document.querySelector('#room-log').textContent.includes('Good <i>morning</i>')`)
	other.fill("#room-text", "Hello\r")
	one.until(`document.querySelector('#room-log').textContent.includes('Hello')`)
	one.shoot("room")
	other.press("#leave-room")
	one.until(`document.querySelectorAll('#members li').length === 1 && document.querySelector('#room-log').textContent.includes('left')`)
	for _, each := range windows {
		each.askedOnly(s.URL)
	}
}

func versions(t *testing.T, s *apitest.Server, browser *page) {
	l := s.SignUp(t)
	p := browser.console(t, s)
	p.logIn(l)
	id := p.start()
	for n, text := range []string{"Could we talk about your price?", "And the date?"} {
		p.say(text)
		p.replied(n + 1)
	}
	all := messages(t, l, id)
	p.press("#tab-versions")
	p.until(`document.querySelectorAll('#compare tbody tr').length === 5`)
	p.press(`#compare input[name=from][value="3"]`)
	p.press(`#compare input[name=to][value="5"]`)
	p.press("#compare .primary")
	p.do(chromedp.WaitVisible(chromedp.CSS("#summary")))
	require.NotEmpty(t, p.text("#summary"))
	require.Equal(t, "2", p.ask(`String(document.querySelectorAll('.sides tr[data-kind=added]').length)`), "a question and its reply")
	require.Contains(t, p.text(".sides"), "And the date?")
	p.shoot("versions")

	p.press(`#versions button[data-version="3"]`)
	p.do(chromedp.WaitVisible(chromedp.CSS("#confirm-yes")), chromedp.KeyEvent(kb.Escape))
	p.until(`!document.querySelector('#confirm').open`)
	require.Equal(t, all, messages(t, l, id), "Escape says no")
	p.press(`#versions button[data-version="3"]`)
	p.press("#confirm-yes")
	p.until(`document.querySelectorAll('#compare tbody tr').length === 6`)
	p.press("#tab-talk")
	p.until(`document.querySelectorAll('#transcript li').length === 3`)
	require.Equal(t, all[:3], p.shown())
	require.Equal(t, all[:3], messages(t, l, id))
	p.askedOnly(s.URL)
}

func looks(t *testing.T, s *apitest.Server, browser *page) {
	p := browser.console(t, s)
	ground := `getComputedStyle(document.body).backgroundColor`
	p.scheme("light")
	light := p.ask(ground)
	p.shoot("account-light")
	p.scheme("dark")
	require.NotEqual(t, light, p.ask(ground))
	p.logIn(s.SignUp(t))
	p.start()
	p.say("Could we talk about your price?")
	p.replied(1)
	p.shoot("talk-dark")
	p.press("#tab-talk")
	p.do(chromedp.KeyEvent(kb.ArrowRight))
	require.Equal(t, "tab-versions", p.ask("document.activeElement.id"))

	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	for _, scheme := range []string{"dark", "light"} {
		p.scheme(scheme)
		for _, panel := range []string{"onboarding", "talk", "versions", "tasks", "room"} {
			p.press("#tab-" + panel)
			p.fits(panel)
			p.shoot("phone-" + panel + "-" + scheme)
		}
	}
	require.Equal(t, "true", p.ask(`String(document.documentElement.scrollWidth <= innerWidth)`))
	p.askedOnly(s.URL)
}

func told(t *testing.T, s *apitest.Server, browser *page) {
	p := browser.console(t, s)
	p.fill("#log-in [name=email]", "nobody@example.com")
	p.fill("#log-in [name=password]", "wrong-password\r")
	said := p.text("#account .problem")
	require.Contains(t, said, "auth.invalid_credentials")
	require.Contains(t, said, "request_id ")
	require.Equal(t, "/problems/auth.invalid_credentials", p.ask(`document.querySelector('.problem a').getAttribute('href')`))

	p.logIn(s.SignUp(t))
	p.press("#tab-tasks")
	p.press("#start-plan")
	require.Contains(t, p.text("#tasks .problem"), "onboarding.incomplete")
	p.press("#tasks .problem button")
	p.until(`!document.querySelector('#tasks .problem')`)

	require.Contains(t, p.frames(), "out connect")
	p.press("#frames-pause")
	before := p.frames()
	p.press("#start-plan")
	p.until(`document.querySelector('#frames [role=status]').textContent.includes('more')`)
	require.Equal(t, before, p.frames())
	p.press("#frames-pause")
	require.Contains(t, p.frames(), "in 409 POST /learning-plan")
	p.press("#frames-clear")
	require.Equal(t, "[]", p.frames())
	p.askedOnly(s.URL)
}
