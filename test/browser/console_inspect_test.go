package browser_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// damagedTalk is a conversation with a step back, of which two rows say what no version tells.
func damagedTalk(t *testing.T, s *apitest.Server, l *apitest.Learner) apiv2.Conversation {
	t.Helper()
	c := l.Talk(t)
	path := "/conversations/" + c.ID.String()
	say := func(content string) {
		l.Do(t, apitest.Call{Method: http.MethodPost, Path: path + "/messages", Body: map[string]any{"content": content}, Header: map[string]string{"Prefer": "wait=20"}}).
			Expect(t, http.StatusCreated, nil)
	}
	say("We can offer ten percent.")
	say("Or twenty percent.")
	l.Post(t, path+"/rollback", map[string]any{"version": 3}).Expect(t, http.StatusOK, nil)
	for _, sql := range []string{"update messages set content = 'Ninety percent.' where conversation_id = $1 and seq = 2", "update conversations set title = 'Percent' where id = $1"} {
		_, err := s.Pool(t).Exec(t.Context(), sql, c.ID)
		require.NoError(t, err)
	}
	return c
}

func inspected(t *testing.T, s *apitest.Server, browser *page) {
	l := s.SignUp(t)
	c := damagedTalk(t, s, l)
	p := browser.console(t, s)
	p.logIn(s.Admin(t))
	p.press("#tab-room")
	p.do(chromedp.KeyEvent(kb.ArrowRight))
	require.Equal(t, "tab-inspect", p.ask("document.activeElement.id"))
	p.fill("#inspect-open [name=conversation_id]", c.ID.String()+"\r")
	p.until(`document.querySelector('#inspection h2') === document.activeElement`)
	require.Equal(t, "head.state message.content", p.ask(`[...document.querySelectorAll('#findings tbody tr')].map((row) => row.dataset.rule).sort().join(' ')`))
	require.Equal(t, "6 1 1", p.ask(`['circle', 'path', 'circle[fill="#c62828"]'].map((each) => document.querySelectorAll('#graph > svg ' + each).length).join(' ')`))
	require.Contains(t, p.text("#compare-stored"), "roll_back to 3")

	p.press("#verify")
	p.until(`document.querySelector('#report').textContent.includes('2 findings')`)
	p.press("#worst-again")
	entry := fmt.Sprintf("#worst [data-id=%q]", c.ID)
	p.do(chromedp.WaitVisible(chromedp.CSS(entry)))
	require.Contains(t, p.text(entry), "50 poor")

	p.press(`#compare-stored input[name=from][value="2"]`)
	p.press(`#compare-stored input[name=to][value="5"]`)
	p.press("#compare-stored .primary")
	p.do(chromedp.WaitVisible(chromedp.CSS("#stored-difference .sides")))
	require.Equal(t, "changed changed changed changed added added", p.ask(`[...document.querySelectorAll('.sides tbody tr')].map((row) => row.dataset.kind).join(' ')`))
	p.shoot("inspect-light")

	p.press("#plan-recovery")
	p.do(chromedp.WaitVisible(chromedp.CSS("#recover")))
	require.Contains(t, p.text("#report"), "Version 2: message.content")
	p.press("#recover")
	p.do(chromedp.WaitVisible(chromedp.CSS("#confirm-yes")), chromedp.KeyEvent(kb.Escape))
	p.until(`!document.querySelector('#confirm').open`)
	looksOf(p)
	p.press("#recover")
	p.press("#confirm-yes")
	p.until(`document.querySelector('#report').textContent.includes('0 were lost')`)
	require.Equal(t, "All that is stored holds.", p.text("#findings"))
	require.Contains(t, p.text("#compare-stored"), "recover")
	require.Equal(t, "We can offer ten percent.", messages(t, l, c.ID.String())[1].Text)
	require.NotContains(t, p.ask("document.body.textContent"), " percent", "what learners write is not for operators")

	p.fill("#inspect-open [name=conversation_id]", "00000000-0000-4000-8000-000000000000\r")
	require.Contains(t, p.text("#inspect .problem"), "resource.not_found")
	p.askedOnly(s.URL)
	learnersDoNot(t, s, browser)
}

// looksOf shows the panel in the dark and on a phone, and goes back.
func looksOf(p *page) {
	p.t.Helper()
	p.scheme("dark")
	p.shoot("inspect-dark")
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	p.fits("inspect")
	p.shoot("phone-inspect-dark")
	p.scheme("light")
	p.shoot("phone-inspect-light")
	p.do(chromedp.EmulateViewport(1280, 1600))
}

// learnersDoNot see the panel; moderators do, but cannot recover.
func learnersDoNot(t *testing.T, s *apitest.Server, browser *page) {
	t.Helper()
	p := browser.console(t, s)
	p.logIn(s.SignUp(t))
	require.Equal(t, "false true 0", p.ask(`[!!document.querySelector('#tab-inspect'), document.querySelector('#inspect').hidden, document.querySelector('#inspect').childElementCount].join(' ')`))
	p.press("#log-out")
	p.logIn(s.Moderator(t))
	p.press("#tab-inspect")
	p.do(chromedp.WaitVisible(chromedp.CSS("#inspect-open")))
	require.Equal(t, "false", p.ask(`String(Boolean(document.querySelector('#recover, #verify')))`))
	p.askedOnly(s.URL)
}
