package docs

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"regexp"

	"github.com/labstack/echo/v4"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// problems are the pages made from docs/problems.md.
type problems struct {
	index *document
	pages map[string]*document
}

// A problemPage is what page/problem.html shows. Without a code it is the index.
type problemPage struct {
	look

	Code   string
	Status string // number and words
	Body   template.HTML
	List   []*problemPage // of all codes; in the index alone
}

// page serves /problems/{code}.
func (p *problems) page(c echo.Context) error {
	page, found := p.pages[c.Param("code")]
	if !found {
		return errNoTopic
	}
	return page.serve(c)
}

func newProblems(source []byte, look look) (*problems, error) {
	index, err := splitProblems(source)
	if err != nil {
		return nil, fmt.Errorf("docs: problems: %w", err)
	}
	out := &problems{pages: map[string]*document{}}
	for _, page := range append([]*problemPage{index}, index.List...) {
		page.look = look
		made, err := look.page("problem.html", page)
		if err != nil {
			return nil, err
		}
		if page == index {
			out.index = made
		} else {
			out.pages[page.Code] = made
		}
	}
	return out, nil
}

var (
	problemCode   = regexp.MustCompile(`^[a-z][a-z_]*(\.[a-z][a-z_]*)+$`)
	problemStatus = regexp.MustCompile(`<li>Status: ([1-5][0-9]{2} [^<]+)</li>`)
)

// splitProblems makes the index of what stands before the first `## <code>` and
// a page of each section after it. Every heading of that level must be a code,
// no code may come twice, and each needs its status.
func splitProblems(source []byte) (*problemPage, error) {
	markdown := goldmark.New()
	index := &problemPage{}
	page, pages, parts := index, map[string]*problemPage{"": index}, map[string][]ast.Node{}
	root := markdown.Parser().Parse(text.NewReader(source))
	for node := root.FirstChild(); node != nil; node = node.NextSibling() {
		heading, ok := node.(*ast.Heading)
		if !ok || heading.Level != 2 {
			parts[page.Code] = append(parts[page.Code], node)
			continue
		}
		code := string(heading.Lines().Value(source))
		if !problemCode.MatchString(code) || pages[code] != nil {
			return nil, fmt.Errorf("the heading %q is not a new code", code)
		}
		page = &problemPage{Code: code}
		pages[code] = page
		index.List = append(index.List, page)
	}
	if len(index.List) == 0 {
		return nil, errors.New("there is no section")
	}
	for code, page := range pages {
		var body bytes.Buffer
		for _, node := range parts[code] {
			linkCodes(node, source, code, pages)
			if err := markdown.Renderer().Render(&body, source, node); err != nil {
				return nil, fmt.Errorf("write %s: %w", code, err)
			}
		}
		page.Body = template.HTML(body.String())
		status := problemStatus.FindStringSubmatch(body.String())
		if status == nil && page != index {
			return nil, fmt.Errorf("%s has no status", code)
		}
		if status != nil {
			page.Status = status[1]
		}
	}
	return index, nil
}

// linkCodes makes of each other code that stands as code in the text a link to
// its page.
func linkCodes(node ast.Node, source []byte, own string, pages map[string]*problemPage) {
	var spans []ast.Node // first found, then changed: a walk must not see its own changes
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering && n.Kind() == ast.KindCodeSpan && n.Parent().Kind() != ast.KindLink {
			spans = append(spans, n)
		}
		return ast.WalkContinue, nil
	}) // the error is the callback's, which has none
	for _, span := range spans {
		inner, ok := span.FirstChild().(*ast.Text)
		if !ok {
			continue
		}
		code := string(inner.Value(source))
		if pages[code] == nil || code == "" || code == own {
			continue
		}
		link := ast.NewLink()
		link.Destination = []byte("/problems/" + code)
		span.Parent().ReplaceChild(span.Parent(), span, link)
		link.AppendChild(link, span)
	}
}
