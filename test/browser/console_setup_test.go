package browser_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

var shots = flag.String("shots", "", "a folder for pictures of the console")

// console opens /console in a window of its own.
func (p *page) console(t *testing.T, s *apitest.Server) *page {
	t.Helper()
	w := p.window(t)
	w.do(chromedp.Navigate(s.URL + "/console"))
	return w
}

// until waits for a condition, an expression of JavaScript.
func (p *page) until(condition string) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	for {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		if err == nil && holds {
			return
		}
		select {
		case <-ctx.Done():
			require.FailNow(p.t, "it never held", "%s: %v; errors of the page: %s\n%s", condition, err, p.errors, p.page())
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// page is what a reader of the page sees.
func (p *page) page() string {
	text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	return text
}

// ask evaluates an expression to a text.
func (p *page) ask(expression string) string {
	p.t.Helper()
	return read(p, chromedp.Evaluate[string](expression))
}

// fill writes into a field in place of what it has, and presses Enter if the text ends so.
func (p *page) fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	p.ask(fmt.Sprintf("(document.querySelector(%[1]q).focus(), document.querySelector(%[1]q).value = '')", selector))
	text, send := strings.CutSuffix(text, "\r")
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
	if send {
		p.enter()
	}
}

// choose takes one of a selection.
func (p *page) choose(selector, value string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.SetValue(chromedp.CSS(selector), value))
}

// step waits for a step of the onboarding.
func (p *page) step(name string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelector('.steps li[data-step=%s][data-current]') && document.querySelector('#step form, #step dl')`, name))
}

// logIn signs in a learner that there is.
func (p *page) logIn(l *apitest.Learner) {
	p.t.Helper()
	p.fill("#log-in [name=email]", string(l.User.Email))
	p.fill("#log-in [name=password]", apitest.Password+"\r")
	p.do(chromedp.WaitVisible(chromedp.CSS("#log-out")))
	p.until(`document.querySelector('#status').dataset.status === 'open'`)
}

// start begins a conversation and gives its id.
func (p *page) start() string {
	p.t.Helper()
	p.choose("#start [name=partner_id]", "suppliers")
	p.choose("#start [name=situation_id]", "negotiations")
	p.press("#start .primary")
	p.do(chromedp.WaitVisible(chromedp.CSS("#say")))
	return p.ask(`document.querySelector('#conversation').dataset.id`)
}

// say sends by the Enter key.
func (p *page) say(text string) {
	p.t.Helper()
	p.fill("#say", text+"\r")
	p.until(`document.querySelector('#say').value === ''`)
}

// enter presses the key as a keyboard does: in one event, so that a page that takes it
// for itself gets no line break on top, as it does from chromedp's three.
func (p *page) enter() {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		key := input.DispatchKeyEventParams{Type: kb.KeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key); err != nil {
			return err
		}
		key.Type, key.Text = kb.KeyUp, ""
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key)
		return err
	}))
}

// A said is one message as it is shown, and as the service has it.
type said struct{ Role, Status, Text string }

// shown are the messages on the page.
func (p *page) shown() []said {
	p.t.Helper()
	return read(p, chromedp.Evaluate[[]said](`[...document.querySelectorAll('#transcript li')].map((li) =>
		({Role: li.dataset.role, Status: li.dataset.status, Text: li.querySelector('p').textContent}))`))
}

// replied waits until the n-th reply has ended. A conversation begins with words of the partner.
func (p *page) replied(n int) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelectorAll('#transcript li[data-role=assistant][aria-busy=false]').length === %d`, n+1))
}

// midReply waits until some words of a reply are there, and more are to come.
func (p *page) midReply(words int) {
	p.t.Helper()
	p.until(fmt.Sprintf(`(document.querySelector('#transcript li[aria-busy=true] p')?.textContent ?? '').split(' ').length > %d`, words))
}

// messages are what the service has of a conversation.
func messages(t *testing.T, l *apitest.Learner, id string) []said {
	t.Helper()
	var page apiv2.MessagePage
	l.Get(t, "/conversations/%s/messages?order=asc&limit=100", id).Expect(t, http.StatusOK, &page)
	var out []said
	for _, m := range page.Data {
		out = append(out, said{string(m.Role), string(m.Status), m.Content})
	}
	return out
}

// signedIn is the learner who signed up on a page, at the API.
func signedIn(t *testing.T, s *apitest.Server, email string) *apitest.Learner {
	t.Helper()
	l := s.Nobody()
	var in apiv2.LogInResult
	l.Post(t, "/sessions", map[string]any{"email": email, "password": apitest.Password}).Expect(t, http.StatusCreated, &in)
	l.User, l.Tokens = in.User, in.Tokens
	return l
}

// scheme has the page look as to who prefers light or dark.
func (p *page) scheme(name string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

// fits fails where the page has to be scrolled sideways.
func (p *page) fits(where string) {
	p.t.Helper()
	wide := p.ask(`[document.documentElement, ...document.querySelectorAll('main, main > section:not([hidden]) > *')]
		.filter((e) => e.scrollWidth > Math.max(e.clientWidth, 0) + 1 && e.clientWidth > 0 || e.getBoundingClientRect().right > innerWidth + 1)
		.map((e) => e.tagName + '#' + e.id + ' ' + e.scrollWidth).join(', ')`)
	require.Empty(p.t, wide, where)
}

// shoot takes a picture, where -shots asks for them.
func (p *page) shoot(name string) {
	p.t.Helper()
	if *shots == "" {
		return
	}
	require.NoError(p.t, os.WriteFile(filepath.Join(*shots, name+".png"), read(p, chromedp.FullScreenshot(100)), 0o600))
}

// frames are the lines of the panel of frames.
func (p *page) frames() string {
	p.t.Helper()
	return p.ask(`JSON.stringify([...document.querySelectorAll('#frame-list li')].map((li) => li.className.slice(6) + ' ' + li.dataset.type))`)
}
