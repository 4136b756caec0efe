package mailcatcher_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
)

// patience bounds every wait of these tests; nothing takes this long unless it is broken.
const patience = 20 * time.Second

func start(t *testing.T, cfg mailcatcher.Config) *mailcatcher.Server {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "mail")
	}
	s, err := mailcatcher.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *mailcatcher.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, s.Stop(ctx))
}

func address(s *mailcatcher.Server) string {
	return strings.TrimSuffix(strings.TrimPrefix(s.SMTPURL(), "smtp://"), "?starttls=off")
}

const recipient = "mei@example.com"

// send sends a mail of these headers and this body.
func send(s *mailcatcher.Server, lines ...string) error {
	text := strings.Join(lines, "\r\n") + "\r\n"
	return smtp.SendMail(address(s), nil, "sender@example.com", []string{recipient}, []byte(text))
}

// plain is a whole mail with this subject.
func plain(subject string) []string {
	return []string{"From: FluentPro <no-reply@example.com>", "To: =?utf-8?q?Mei_=E9=99=88?= <mei@example.com>", "Subject: " + subject, "", "Hello."}
}

// page is an answer of the page's server, with the Host that a browser would send.
type page struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, s *mailcatcher.Server, host, path string) page {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
	require.NoError(t, err)
	if host != "" {
		request.Host = host
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return page{response.StatusCode, response.Header, string(body)}
}

func TestAMailIsKeptAndShown(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	require.Contains(t, get(t, s, "", "/").body, "No mail yet")
	require.NoError(t, send(s,
		"From: FluentPro <no-reply@example.com>", "To: =?utf-8?b?6ZmI576O?= <mei@example.com>",
		"Subject: =?utf-8?b?5qyi6L+O?=", "MIME-Version: 1.0", `Content-Type: multipart/alternative; boundary="b"`, "",
		"--b", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "", "caf=C3=A9",
		"--b", "Content-Type: text/html; charset=utf-8", "", "<head></head><b>caf\u00e9</b>",
		"--b", "Content-Disposition: attachment; filename=x.txt", "", "not shown", "--b--"))

	require.Len(t, s.List(), 1)
	one := s.List()[0]
	require.Equal(t, "欢迎", one.Subject)
	require.Equal(t, "陈美 <mei@example.com>", one.To)
	require.Equal(t, []string{recipient}, one.Recipients)
	require.WithinDuration(t, time.Now(), one.ReceivedAt, patience)
	m, err := s.Read(one.ID)
	require.NoError(t, err)
	require.Equal(t, "café", strings.TrimSpace(m.Text))
	require.Equal(t, "<head></head><b>café</b>", strings.TrimSpace(m.HTML))
	require.Equal(t, "<sender@example.com>", m.Header("return-path"))
	require.Empty(t, m.Header("X-None"))
	require.Empty(t, m.Problem)

	list := get(t, s, "", "/")
	require.Equal(t, http.StatusOK, list.status)
	require.Contains(t, list.body, "/mails/"+one.ID)
	require.Contains(t, list.body, "欢迎")
	shown := get(t, s, "", "/mails/"+one.ID)
	require.Contains(t, shown.body, "café")
	require.Contains(t, shown.body, `src="/mails/`+one.ID+`.html" sandbox="allow-popups allow-popups-to-escape-sandbox"`)
	require.Contains(t, get(t, s, "", "/mail.css").header.Get("Content-Type"), "text/css")
	source := get(t, s, "", "/mails/"+one.ID+".eml")
	require.Equal(t, m.Source, source.body)
	require.Equal(t, `attachment; filename="`+one.ID+`.eml"`, source.header.Get("Content-Disposition"))
	html := get(t, s, "", "/mails/"+one.ID+".html")
	require.Contains(t, html.body, `<base target="_blank">`)
}

func TestProgramsReadMailsAsJSON(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	for n := range 3 {
		require.NoError(t, send(s, plain(fmt.Sprint("number ", n))...))
	}
	var list struct{ Mails []mailcatcher.Summary }
	require.NoError(t, json.Unmarshal([]byte(get(t, s, "", "/mails.json").body), &list))
	require.Equal(t, s.List(), list.Mails)
	require.Equal(t, "number 2", list.Mails[0].Subject, "newest first")
	var one mailcatcher.Mail
	require.NoError(t, json.Unmarshal([]byte(get(t, s, "", "/mails/"+list.Mails[2].ID+".json").body), &one))
	require.Equal(t, "number 0", one.Subject)
	require.Equal(t, "Hello.", strings.TrimSpace(one.Text))

	all, err := s.To("MEI@example.com")
	require.NoError(t, err)
	require.Len(t, all, 3)
	none, err := s.To("other@example.com")
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestNothingInAMailRuns(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	const evil = `<script>alert(1)</script>`
	require.NoError(t, send(s, `From: "`+evil+`" <a@example.com>`, `To: "`+evil+`" <mei@example.com>`, "Subject: "+evil, "X-Evil: "+evil,
		"MIME-Version: 1.0", `Content-Type: multipart/alternative; boundary="b"`, "", "--b", "Content-Type: text/plain", "", evil,
		"--b", "Content-Type: text/html", "", evil, "--b--"))
	id := s.List()[0].ID
	for _, path := range []string{"/", "/mails/" + id} {
		p := get(t, s, "", path)
		require.NotContains(t, p.body, "<script")
		require.Contains(t, p.body, "&lt;script&gt;")
		require.Contains(t, p.header.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, p.header.Get("Content-Security-Policy"), "script-src")
	}
	framed := get(t, s, "", "/mails/"+id+".html")
	require.Contains(t, framed.body, evil, "as the mail has it")
	policy := framed.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "sandbox allow-popups")
	require.NotContains(t, policy, "allow-scripts")
	require.Contains(t, policy, "default-src 'none'")
	require.Equal(t, "nosniff", framed.header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-referrer", framed.header.Get("Referrer-Policy"))
	require.NotContains(t, get(t, s, "", "/mails/"+id+".json").body, "<script", "JSON is escaped for pages too")
}

// A page from elsewhere can make its own name lead to 127.0.0.1, and would then
// be of one origin with the mails.
func TestOnlyThisMachineIsAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	for host, status := range map[string]int{
		"127.0.0.1:80": 200, "localhost": 200, "localhost:8025": 200, "[::1]:80": 200, "[::1]": 200,
		"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421,
	} {
		for _, path := range []string{"/", "/mails.json"} {
			require.Equal(t, status, get(t, s, host, path).status, host)
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	require.NoError(t, send(s, plain("x")...))
	for _, path := range []string{"/x", "/mails/", "/mails/x", "/mails/..%2f..%2fkey", "/mails/019a2b4e-5c00-7000-8000-000000000001.json", "/mails/" + s.List()[0].ID + ".png"} {
		require.Equal(t, http.StatusNotFound, get(t, s, "", path).status, path)
	}
	_, err := s.Read("../key")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestMailsOutliveTheServerAndTheOldestGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.eml"), []byte("no mail of ours"), 0o600))
	s := start(t, mailcatcher.Config{Dir: dir, Kept: 3})
	for n := range 5 {
		require.NoError(t, send(s, plain(fmt.Sprint(n))...))
	}
	before := s.List()
	require.Len(t, before, 3)
	require.Equal(t, "4", before[0].Subject)
	stop(t, s)
	require.Error(t, send(s, plain("too late")...))

	again := start(t, mailcatcher.Config{Dir: dir, Kept: 2})
	require.Equal(t, before[:2], again.List())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 3, "two mails and what was there before")
}

func TestMailsAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			if err := send(s, plain(fmt.Sprint(n))...); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, s.List(), 20)
	for i, one := range s.List()[1:] {
		require.Less(t, one.ID, s.List()[i].ID, "newest first")
	}
}

func TestBrokenMailsAreShownAsFarAsTheyGo(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	for name, lines := range map[string][]string{
		"no boundary":      {"Subject: broken", "Content-Type: multipart/alternative", "", "x"},
		"unfinished":       {"Subject: broken", `Content-Type: multipart/mixed; boundary="b"`, "", "--b", "", "x"},
		"unknown charset":  {"Subject: broken", "Content-Type: text/plain; charset=x-moon", "", "x"},
		"bad encoding":     {"Subject: broken", "Content-Transfer-Encoding: base64", "", "!!!"},
		"unknown word":     {"Subject: =?x-moon?q?broken?=", "", "x"},
		"no header at all": {"", "x"},
		"garbage":          {"this is no header", "", "x"},
	} {
		require.NoError(t, send(s, lines...), name)
		id := s.List()[0].ID
		p := get(t, s, "", "/mails/"+id)
		require.Equal(t, http.StatusOK, p.status, name)
		require.Contains(t, get(t, s, "", "/mails/"+id+".eml").body, lines[len(lines)-1], name)
	}
	require.Contains(t, get(t, s, "", "/").body, "(no subject)")
}

func TestAMailThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, mailcatcher.Config{})
	line := strings.Repeat("x", 1000)
	require.Equal(t, 552, code(send(s, "Subject: x", "", strings.Repeat(line+"\r\n", mailcatcher.MaxBytes/1000))))
	require.Empty(t, s.List())
}

func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := mailcatcher.Start(t.Context(), mailcatcher.Config{Dir: filepath.Join(file, "mail")})
	require.ErrorContains(t, err, file)
}
