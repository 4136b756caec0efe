// Package browser_test uses the pages of the service as people do: in a real browser,
// by pressing buttons.
package browser_test

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestMain(m *testing.M) { apitest.Main(m) }

// patience bounds everything that a page is waited for; a browser starts slowly.
const patience = time.Minute

// page is a tab of a browser of the test's own.
type page struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	asked  []string // URLs
	errors []string // what the page's scripts complained of
}

// open starts a browser. Where none is installed the test is skipped; .ci/run installs one.
func open(t *testing.T) *page {
	t.Helper()
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("no Chromium is installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 1600), chromedp.WSURLReadTimeout(patience))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return listening(ctx, t) // it starts the browser, which ends with ctx
}

// window opens another window of the same browser, which shares nothing with it: that
// of somebody else, or of another test.
func (p *page) window(t *testing.T) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	return listening(ctx, t)
}

func listening(ctx context.Context, t *testing.T) *page {
	t.Helper()
	p := &page{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, p.listen))
	return p
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.asked = append(p.asked, e.Request.URL)
	case *network.EventWebSocketCreated:
		p.asked = append(p.asked, strings.Replace(e.URL, "ws", "http", 1))
	case *log.EventEntryAdded: // of the network too, where a refusal may be what the test wants
		if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
			p.errors = append(p.errors, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		p.errors = append(p.errors, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			for _, a := range e.Args {
				p.errors = append(p.errors, string(a.Value)+a.Description)
			}
		}
	}
}

// within bounds what is done in the page.
func (p *page) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, patience)
}

// do does something in the page, and waits for it.
func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	p.check(chromedp.Do(ctx, steps...))
}

// read waits for what an action finds in the page.
func read[T any](p *page, what chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	found, err := chromedp.Run(ctx, what)
	p.check(err)
	return found
}

func (p *page) check(err error) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NoError(p.t, err, "errors of the page: %s", strings.Join(p.errors, "\n"))
}

// text waits for an element and reads it.
func (p *page) text(selector string) string {
	p.t.Helper()
	return strings.TrimSpace(read(p, chromedp.Text(chromedp.CSS(selector))))
}

// press waits for a button and presses it.
func (p *page) press(selector string) {
	p.t.Helper()
	button := chromedp.CSS(selector)
	p.do(chromedp.WaitVisible(button), chromedp.ScrollIntoView(button), chromedp.Click(button))
}

// askedOnly fails unless every request went to this host, and no script failed.
func (p *page) askedOnly(host string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NotEmpty(p.t, p.asked)
	for _, url := range p.asked {
		ours := strings.HasPrefix(url, host+"/") || strings.HasPrefix(url, "data:") || strings.HasPrefix(url, "blob:"+host)
		require.True(p.t, ours, url)
	}
	require.Empty(p.t, p.errors)
}
