package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	link     = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading  = regexp.MustCompile(`^#+ +(.*?)\s*$`)
	dropped  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names that a forge gives to the headings of a page.
func (p page) anchors() map[string]bool {
	out := map[string]bool{}
	for _, line := range p.blank() {
		m := heading.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name := strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		for n, base := 1, name; out[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		out[name] = true
	}
	return out
}

// broken says what is wrong with a link of p, or nothing.
func (p page) broken(target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	name := p.name
	if file != "" {
		name = filepath.Join(filepath.Dir(p.name), file)
	}
	at := filepath.Join(root, name)
	if _, err := os.Stat(at); err != nil {
		return "no such file: " + name
	}
	if anchor == "" {
		return ""
	}
	text, err := os.ReadFile(at)
	if err != nil {
		return err.Error()
	}
	if !parse(name, string(text)).anchors()[anchor] {
		return fmt.Sprintf("%s has no heading for #%s", name, anchor)
	}
	return ""
}

// links calls each with the links of a page and their lines.
func (p page) links(each func(line int, target string)) {
	for i, text := range p.blank() {
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(text, "`"), -1) {
			each(i+1, m[1])
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	followed := 0
	for _, p := range pages(t) {
		p.links(func(line int, target string) {
			followed++
			if wrong := p.broken(target); wrong != "" {
				t.Errorf("%s:%d: %s", p.name, line, wrong)
			}
		})
	}
	require.Greater(t, followed, 50, "links were found")
}

func TestABrokenLinkIsFound(t *testing.T) {
	t.Parallel()
	p := parse("docs/x.md", "# One thing\n\n[a](gone.md) [b](#two) [c](#one-thing) [d](map.md) `[e](code.md)`\n")
	var wrong []string
	p.links(func(line int, target string) {
		if says := p.broken(target); says != "" {
			wrong = append(wrong, fmt.Sprintf("%d %s", line, target))
		}
	})
	// The page is not on disk, so its own anchors are looked up in vain as well.
	require.Equal(t, []string{"3 gone.md", "3 #two", "3 #one-thing"}, wrong)
}

func TestEveryPageIsLinkedFromTheMapOrTheReadme(t *testing.T) {
	t.Parallel()
	reached := map[string]bool{"README.md": true, "docs/map.md": true}
	for _, p := range pages(t) {
		p.links(func(_ int, target string) {
			file, _, _ := strings.Cut(target, "#")
			if p.name == "README.md" || p.name == "docs/map.md" || p.name == "docs/decisions/README.md" {
				reached[filepath.Join(filepath.Dir(p.name), file)] = true
			}
		})
	}
	for _, p := range pages(t) {
		require.True(t, reached[p.name], "%s is linked neither from README.md nor from docs/map.md", p.name)
	}
}
