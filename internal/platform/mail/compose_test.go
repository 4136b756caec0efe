package mail_test

import (
	"bytes"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

// writer is a mailer that only writes.
func writer(t testing.TB, templates ...fs.FS) *mail.Mailer {
	t.Helper()
	m, err := mail.New(mail.Config{
		URL: "smtps://mail", From: "流利 Pro <no-reply@example.com>", Templates: templates, Logger: slog.New(slog.DiscardHandler), Now: now,
	})
	require.NoError(t, err)
	return m
}

// The whole of it, byte for byte, in each language.
func TestTheSameMailIsTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, language := range mail.Languages() {
		m := message()
		m.Language, m.To.Name = language, "陈美, \"Mei\""
		m.Data = note{Name: "陈美", Text: "2 < 3 & ünïcode\n.a line that begins with a dot"}
		got, err := mail.Compose(writer(t, files()), m)
		require.NoError(t, err)
		again, err := mail.Compose(writer(t, files()), m)
		require.NoError(t, err)
		require.Equal(t, got, again)
		golden := filepath.Join("testdata", "note."+language+".eml")
		if *update {
			require.NoError(t, os.WriteFile(golden, got, 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
}

func TestADifferentMailHasAnotherMessageID(t *testing.T) {
	t.Parallel()
	w := writer(t, files())
	one, two := message(), message()
	two.Key = "event 2/note"
	first, err := mail.Compose(w, one)
	require.NoError(t, err)
	second, err := mail.Compose(w, two)
	require.NoError(t, err)
	require.NotEqual(t, read(t, first).Header.Get("Message-ID"), read(t, second).Header.Get("Message-ID"))
	require.Regexp(t, `^<[0-9a-f]{32}@example\.com>$`, read(t, first).Header.Get("Message-ID"))
}

func read(t testing.TB, text []byte) *netmail.Message {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(text))
	require.NoError(t, err)
	return m
}

// headers are all that a mail has, however people are named.
var headers = []string{"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}

// requireOnlyOurHeaders checks a mail that holds what somebody has made up.
func requireOnlyOurHeaders(t testing.TB, text []byte) *netmail.Message {
	t.Helper()
	m := read(t, text)
	var names []string
	for name, values := range m.Header {
		names = append(names, name)
		require.Len(t, values, 1, name)
	}
	slices.Sort(names)
	require.Equal(t, headers, names)
	to, err := m.Header.AddressList("To")
	require.NoError(t, err)
	require.Len(t, to, 1)
	require.Equal(t, recipient, to[0].Address)
	head, _, _ := bytes.Cut(text, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		require.LessOrEqual(t, len(line), 998, "RFC 5322, 2.1.1")
		require.False(t, bytes.ContainsAny(line, "\r\n"))
		require.True(t, strings.IndexFunc(string(line), func(r rune) bool { return r > 126 || r < ' ' }) < 0, "RFC 2047: %q", line)
	}
	return m
}

func TestNamesCannotAddHeaders(t *testing.T) {
	t.Parallel()
	w := writer(t, files())
	for _, name := range []string{
		"Mei\r\nBcc: other@example.com", "Mei\nBcc: other@example.com", "Mei\r\n\r\nBcc: body", "Mei\rX: y", "Mei\u0085X: y",
		"Mei\u2028X: y", `Mei" <other@example.com>, "x`, "other@example.com>, <x", "=?utf-8?q?Mei=0D=0ABcc:_x?=", strings.Repeat("长", 300),
		strings.Repeat("x", 2000), "a\x00b", "\u202egnp.eM",
	} {
		m := message()
		m.To.Name, m.Data = name, note{Name: name}
		text, err := mail.Compose(w, m)
		require.NoError(t, err, name)
		requireOnlyOurHeaders(t, text)
	}
}

func TestNamesAndSubjectsOfAnyScriptArrive(t *testing.T) {
	t.Parallel()
	w := writer(t, files())
	for _, name := range []string{"Mei Chen", "陈美", "Zoë O'Brien-Łukasz", "अनिता", "李俊 Jun 👩🏽‍💼", "Dr. J. R. R. Tolkien, CBE", `back\slash "quote"`} {
		m := message()
		m.To.Name, m.Data = name, note{Name: name}
		text, err := mail.Compose(w, m)
		require.NoError(t, err)
		got := requireOnlyOurHeaders(t, text)
		to, err := got.Header.AddressList("To")
		require.NoError(t, err)
		require.Equal(t, name, to[0].Name)
		subject, err := (&mime.WordDecoder{}).DecodeHeader(got.Header.Get("Subject"))
		require.NoError(t, err)
		require.Equal(t, "A note for "+name, subject)
		from, err := got.Header.AddressList("From")
		require.NoError(t, err)
		require.Equal(t, "流利 Pro", from[0].Name)
	}
}

func FuzzNamesStayInTheirHeader(f *testing.F) {
	for _, name := range []string{"Mei", "Mei\r\nBcc: x@example.com", "陈美", "=?utf-8?q?x?=", "\"<>,;:\\", "\xff\xfe", "a b\tc"} {
		f.Add(name)
	}
	w := writer(f, files())
	f.Fuzz(func(t *testing.T, name string) {
		if !utf8.ValidString(name) || len(name) > 4000 {
			t.Skip("the door lets none of these in")
		}
		m := message()
		m.To.Name, m.Data = name, note{Name: name}
		text, err := mail.Compose(w, m)
		require.NoError(t, err)
		got := requireOnlyOurHeaders(t, text)
		_, err = io.ReadAll(got.Body)
		require.NoError(t, err)
	})
}

func TestTemplatesThatLackSomethingAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(fstest.MapFS)
		why    string
	}{
		"no text in a language": {func(f fstest.MapFS) { delete(f, "note.zh-Hant.txt") }, "note needs note.zh-Hant.txt and note.zh-Hant.html"},
		"no HTML in a language": {func(f fstest.MapFS) { delete(f, "note.zh-Hans.html") }, "note needs note.zh-Hans.txt"},
		"no language at all": {func(f fstest.MapFS) {
			delete(f, "note.en.txt")
			delete(f, "note.en.html")
		}, "note needs note.en.txt"},
		"another language":   {func(f fstest.MapFS) { f["note.fr.txt"] = f["note.en.txt"] }, "note.fr.txt: must be named"},
		"another kind":       {func(f fstest.MapFS) { f["note.en.md"] = f["note.en.txt"] }, "note.en.md: must be named"},
		"no name":            {func(f fstest.MapFS) { f[".en.txt"] = f["note.en.txt"] }, ".en.txt: must be named"},
		"in a folder":        {func(f fstest.MapFS) { f["old/note.en.txt"] = f["note.en.txt"] }, "old/note.en.txt: must be named"},
		"no subject":         {func(f fstest.MapFS) { f["note.en.txt"] = &fstest.MapFile{Data: []byte("Hello\n\nx")} }, "note.en.txt: must begin"},
		"no line in between": {func(f fstest.MapFS) { f["note.en.txt"] = &fstest.MapFile{Data: []byte("Subject: x\nx")} }, "note.en.txt: must begin"},
		"a broken subject":   {func(f fstest.MapFS) { f["note.en.txt"] = &fstest.MapFile{Data: []byte("Subject: {{.\n\nx")} }, "note.en.txt"},
		"a broken text":      {func(f fstest.MapFS) { f["note.en.txt"] = &fstest.MapFile{Data: []byte("Subject: x\n\n{{if}}")} }, "note.en.txt"},
		"a broken HTML":      {func(f fstest.MapFS) { f["note.en.html"] = &fstest.MapFile{Data: []byte("{{nonsense}}")} }, "note.en.html"},
	} {
		f := files()
		c.change(f)
		_, err := mail.New(mail.Config{URL: "smtps://mail", From: "a@example.com", Templates: []fs.FS{f}})
		require.ErrorContains(t, err, c.why, name)
	}
	_, err := mail.New(mail.Config{URL: "smtps://mail", From: "a@example.com", Templates: []fs.FS{files(), files()}})
	require.ErrorContains(t, err, "two named note")
	_, err = mail.New(mail.Config{URL: "smtps://mail", From: "a@example.com", Templates: []fs.FS{os.DirFS(filepath.Join(t.TempDir(), "none"))}})
	require.ErrorContains(t, err, "mail templates")
}

func TestDataIsEscapedInHTMLAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := message()
	m.Data = note{Name: "Mei", Text: `<script>alert("x")</script>`}
	require.NoError(t, b.Send(t.Context(), 1, m))
	mails, err := b.catcher.To(recipient)
	require.NoError(t, err)
	require.Contains(t, mails[0].Text, `<script>alert("x")</script>`)
	require.Contains(t, mails[0].HTML, "&lt;script&gt;")
	require.NotContains(t, mails[0].HTML, "<script")
}
