package browser_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// manyFrames has somebody else say so much in a room that the first of it is let go.
func manyFrames(t *testing.T, s *apitest.Server, browser *page) {
	p := browser.console(t, s)
	p.logIn(s.SignUp(t))
	p.press("#tab-room")
	p.fill("#room-name", "console-crowd\r")
	p.do(chromedp.WaitVisible(chromedp.CSS("#room-text")))
	other := s.SignUp(t).Connect(t)
	other.Subscribe(t, "room:console-crowd", "")
	const said = 520
	for n := range said {
		other.Get(t, "publish", map[string]any{"topic": "room:console-crowd", "data": map[string]any{"n": n}}, nil)
	}
	last := `"n":519}`
	p.until("document.querySelector('#frame-list').lastElementChild.textContent.includes('" + last + "')")
	require.Equal(t, "500", p.ask(`String(document.querySelectorAll('#frame-list li').length)`))

	p.focused()
	p.press("#frames-copy")
	p.until(`document.querySelector('#frames [role=status]').textContent === '500 copied'`)
	lines := strings.Split(p.pasted(), "\n")
	require.Len(t, lines, 500)
	for i, line := range lines {
		var frame struct{ Direction, Topic, Type, Text string }
		require.NoError(t, json.Unmarshal([]byte(line), &frame), line)
		require.NotEmpty(t, frame.Type, line)
		if i == len(lines)-1 {
			require.Equal(t, "in room:console-crowd room.message", strings.Join([]string{frame.Direction, frame.Topic, frame.Type}, " "))
			require.Contains(t, frame.Text, last)
		}
	}
	p.askedOnly(s.URL)
}

// focused makes the window the one that is worked in: only that may use the clipboard.
func (p *page) focused() {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	}))
}

// pasted is what the clipboard holds, as a person gets at it: pasted into a field.
func (p *page) pasted() string {
	p.t.Helper()
	p.ask(`(document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'})), document.querySelector('#pasted').focus(), '')`)
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{
			Type: kb.KeyDown, Key: "v", Code: "KeyV", Commands: []string{"paste"},
		})
		return err
	}))
	p.until(`document.querySelector('#pasted').value !== ''`)
	return p.ask(`document.querySelector('#pasted').value`)
}
