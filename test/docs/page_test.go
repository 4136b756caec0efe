// Package docs_test keeps the pages true: their commands are run, their links lead somewhere.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's folder, seen from here.
const root = "../.."

// reasons are why a block may be shown and not run.
var reasons = []string{
	"stays up", "takes minutes", "changes the sources", "needs a stack of its own", "shown with placeholders",
}

// A block is one fenced block of a page.
type block struct {
	language, mark string // mark is the text of the comment right above, if any
	first, end     int    // its first line and that of its closing fence, from 1
	lines          []string
}

// A page is one file of Markdown.
type page struct {
	name   string // below root
	lines  []string
	blocks []block
}

var comment = regexp.MustCompile(`^<!-- (.*) -->$`)

// parse finds the blocks of a page.
func parse(name, text string) page {
	p := page{name: name, lines: strings.Split(text, "\n")}
	for i := 0; i < len(p.lines); i++ {
		language, begins := strings.CutPrefix(p.lines[i], "```")
		if !begins {
			continue
		}
		b := block{language: language, first: i + 2}
		if i > 0 {
			if m := comment.FindStringSubmatch(p.lines[i-1]); m != nil {
				b.mark = m[1]
			}
		}
		for i++; i < len(p.lines) && p.lines[i] != "```"; i++ {
			b.lines = append(b.lines, p.lines[i])
		}
		b.end = i + 1
		p.blocks = append(p.blocks, b)
	}
	return p
}

// pages reads what people are given to read.
func pages(t *testing.T) (all []page) {
	t.Helper()
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/decisions/*.md", "sdk/*/README.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			name, err := filepath.Rel(root, file)
			require.NoError(t, err)
			all = append(all, parse(name, string(text)))
		}
	}
	return all
}

// blank is the page with its blocks and spans of code taken out, line by line.
func (p page) blank() []string {
	out := append([]string(nil), p.lines...)
	for _, b := range p.blocks {
		for i := b.first - 2; i < b.end && i < len(out); i++ {
			out[i] = ""
		}
	}
	return out
}
