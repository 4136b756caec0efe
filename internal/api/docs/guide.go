package docs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"

	"github.com/labstack/echo/v4"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// guides are longer texts, each a page of its own.
type guides map[string]*document

// page serves /docs/{guide}.
func (g guides) page(c echo.Context) error {
	page, found := g[c.Param("guide")]
	if !found {
		return errNoRoute
	}
	return page.serve(c)
}

func newGuides(sources map[string][]byte, look look) (guides, error) {
	out := guides{}
	for name, source := range sources {
		body, err := guideBody(source)
		if err != nil {
			return nil, fmt.Errorf("docs: guide %s: %w", name, err)
		}
		if out[name], err = look.page("guide.html", &guidePage{Name: name, Body: body, look: look}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A guidePage is what page/guide.html shows.
type guidePage struct {
	look

	Name string
	Body template.HTML
}

// guideBody writes Markdown with tables. A heading of the second level can be linked to
// by its text, as it stands.
func guideBody(source []byte) (template.HTML, error) {
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table))
	root := markdown.Parser().Parse(text.NewReader(source))
	for node := root.FirstChild(); node != nil; node = node.NextSibling() {
		if heading, ok := node.(*ast.Heading); ok && heading.Level == 2 {
			heading.SetAttributeString("id", heading.Lines().Value(source))
		}
	}
	var body bytes.Buffer
	if err := markdown.Renderer().Render(&body, source, root); err != nil {
		return "", err
	}
	return template.HTML(body.String()), nil
}

// look is what all pages of text have in common.
type look struct {
	Style  template.HTML
	Icon   string
	policy string
}

// newLook has its style inline, so that a page is one request; no other is let in.
func newLook(icon string) (look, error) {
	style, err := fs.ReadFile(files, "page/text.css")
	if err != nil {
		return look{}, fmt.Errorf("docs: read style: %w", err)
	}
	hash := sha256.Sum256(style)
	return look{
		Style: template.HTML("<style>" + string(style) + "</style>"), Icon: icon,
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
			"'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}

// page makes one from a template.
func (l look) page(name string, data any) (*document, error) {
	made, err := render(files, "page/"+name, data)
	if err != nil {
		return nil, err
	}
	made.policy = l.policy
	return made, nil
}
