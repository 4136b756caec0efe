package docs

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"

	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/gen/console"
)

//go:embed page
var files embed.FS

// indexPolicy is what /docs and /console may do; 'self' is the WebSocket of this host too. Swagger UI styles its parts through the
// CSSOM and takes its icons from data: URLs of its style sheet; neither needs
// an exception for inline code.
const indexPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A choice is one contract that the page can show, as Swagger UI wants it told.
type choice struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// newIndex makes /docs. It shows the first version and lets choose the others.
func newIndex(versions []string, loaded *assets) (*document, error) {
	var choices []choice
	for _, version := range versions {
		choices = append(choices, choice{Name: version, URL: "/openapi/" + version + ".json"})
	}
	list, err := json.Marshal(choices)
	if err != nil {
		return nil, fmt.Errorf("docs: list the contracts: %w", err)
	}
	index, err := render(files, "page/docs.html", map[string]any{
		"Assets": loaded.path(""), "Contracts": choices, "List": string(list),
	})
	if err != nil {
		return nil, err
	}
	index.policy = indexPolicy
	return index, nil
}

// newConsole makes /console.
func newConsole(loaded *assets) (*document, error) {
	page, err := render(console.FS, "console.html", map[string]any{"Assets": loaded.path("")})
	if err != nil {
		return nil, err
	}
	page.policy = indexPolicy
	return page, nil
}

// render makes a page of a template.
func render(from fs.FS, name string, data any) (*document, error) {
	page, err := template.ParseFS(from, name)
	if err != nil {
		return nil, fmt.Errorf("docs: read %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("docs: write %s: %w", name, err)
	}
	return newDocument(out.Bytes(), echo.MIMETextHTMLCharsetUTF8), nil
}
