package mailcatcher

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"path"
	"strings"
)

//go:embed page
var files embed.FS

// What browsers may do: with our own pages, and with the HTML of a mail. Links
// of a mail open in a tab of their own, outside the frame.
const (
	pagePolicy = "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	mailPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; " +
		"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

// pages shows a box in a browser.
type pages struct {
	box   *box
	mux   *http.ServeMux
	index *template.Template
	one   *template.Template
}

func newPages(b *box) (p *pages, err error) {
	p = &pages{box: b, mux: http.NewServeMux()}
	if p.index, err = template.ParseFS(files, "page/layout.html", "page/list.html"); err != nil {
		return nil, err
	}
	if p.one, err = template.ParseFS(files, "page/layout.html", "page/mail.html"); err != nil {
		return nil, err
	}
	p.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { show(w, p.index, b.list()) })
	p.mux.HandleFunc("GET /mails.json", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"mails": b.list()})
	})
	p.mux.HandleFunc("GET /mails/{name}", p.mail)
	p.mux.HandleFunc("GET /mail.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "page/mail.css")
	})
	return p, nil
}

// ServeHTTP answers browsers that were asked for this machine.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if !isHere(r.Host) {
		http.Error(w, "These mails are shown on this machine alone.", http.StatusMisdirectedRequest)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// isHere reports whether a Host header names this machine.
func isHere(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// mail answers with one mail, in the form that the name's ending asks for.
func (p *pages) mail(w http.ResponseWriter, r *http.Request) {
	form := path.Ext(r.PathValue("name"))
	m, err := p.box.read(strings.TrimSuffix(r.PathValue("name"), form))
	if errors.Is(err, fs.ErrNotExist) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	switch form {
	case "":
		show(w, p.one, m)
	case ".json":
		writeJSON(w, m)
	case suffix:
		w.Header().Set("Content-Type", "message/rfc822")
		w.Header().Set("Content-Disposition", `attachment; filename="`+m.ID+suffix+`"`)
		_, _ = w.Write([]byte(m.Source)) // the browser may have left
	case ".html":
		w.Header().Set("Content-Security-Policy", mailPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(linksApart(m.HTML)))
	default:
		http.NotFound(w, r)
	}
}

// linksApart lets the links of a mail open in tabs of their own: in the frame
// they would lead nowhere.
func linksApart(html string) string {
	return strings.Replace(html, "<head>", `<head><base target="_blank">`, 1)
}

func show(w http.ResponseWriter, page *template.Template, data any) {
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, "layout.html", data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes()) // the browser may have left
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have left
}
