package async_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the regions into docs/async.md anew")

// page is where the examples are shown.
const page = "docs/async.md"

// root is the module's folder, seen from here.
const root = "../.."

// A source names where a block of the page comes from: a file of the repository,
// and a region of it, or none for a part of it.
type source struct{ file, region string }

// block is one block of the page that has a source or should have one.
type block struct {
	source
	language, text string
	line, end      int // of its fences, from 1
}

var origin = regexp.MustCompile(`^<!-- from ([\w./-]+)(?:: (\w+))? -->$`)

// blocks reads the blocks of a page. The comment stands right above its block.
func blocks(text string) (all []block) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		language, begins := strings.CutPrefix(lines[i], "```")
		if !begins {
			continue
		}
		b := block{language: language, line: i + 1}
		if i > 0 {
			if m := origin.FindStringSubmatch(lines[i-1]); m != nil {
				b.source = source{m[1], m[2]}
			}
		}
		for i++; i < len(lines) && lines[i] != "```"; i++ {
			b.text += lines[i] + "\n"
		}
		b.end = i + 1
		all = append(all, b)
	}
	return all
}

// regions reads the regions of a Go file, without empty lines around them.
func regions(text string) (map[string]string, error) {
	all := map[string]string{}
	name, begun := "", 0
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if begin, ok := strings.CutPrefix(line, "// docs:begin "); ok {
			if _, twice := all[begin]; twice || name != "" {
				return nil, fmt.Errorf("line %d: region %s begins twice, or within another", i+1, begin)
			}
			name, begun = begin, i+1
		}
		if end, ok := strings.CutPrefix(line, "// docs:end "); ok {
			if end != name {
				return nil, fmt.Errorf("line %d: region %s ends and has not begun", i+1, end)
			}
			all[name] = strings.Trim(strings.Join(lines[begun:i], "\n"), "\n") + "\n"
			name = ""
		}
	}
	if name != "" {
		return nil, fmt.Errorf("region %s does not end", name)
	}
	return all, nil
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	return string(text)
}

// says gives what a source says now; of one without a region, the part that the
// block shows.
func (b block) says(t *testing.T) string {
	t.Helper()
	text := read(t, b.file)
	if b.region == "" {
		require.Contains(t, text, b.text, "%s:%d is not in %s", page, b.line, b.file)
		return b.text
	}
	all, err := regions(text)
	require.NoError(t, err, b.file)
	require.Contains(t, all, b.region, "%s:%d", page, b.line)
	return all[b.region]
}

// renew writes the regions into the page.
func renew(t *testing.T) {
	t.Helper()
	lines := strings.Split(read(t, page), "\n")
	var out []string
	at := 0
	for _, b := range blocks(strings.Join(lines, "\n")) {
		out = append(out, lines[at:b.line]...)
		if b.file != "" {
			b.text = b.says(t)
		}
		if b.text != "" {
			out = append(out, strings.Split(strings.TrimSuffix(b.text, "\n"), "\n")...)
		}
		at = b.end - 1
	}
	out = append(out, lines[at:]...)
	require.NoError(t, os.WriteFile(filepath.Join(root, page), []byte(strings.Join(out, "\n")), 0o644))
}

func TestThePageShowsTheCodeThatRuns(t *testing.T) {
	t.Parallel()
	if *update {
		renew(t)
	}
	shown := map[source]int{}
	for _, b := range blocks(read(t, page)) {
		if b.language == "go" {
			require.NotEmpty(t, b.region, "%s:%d: the block does not say which region it shows", page, b.line)
			shown[b.source]++
		}
		require.NotEmpty(t, b.file, "%s:%d: the block does not say where it is from", page, b.line)
		require.Equal(t, b.says(t), b.text, "%s:%d is not what %s says; go test ./test/async -update", page, b.line, b.file)
	}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		all, err := regions(read(t, "test/async/"+file))
		require.NoError(t, err, file)
		for name := range all {
			require.Equal(t, 1, shown[source{"test/async/" + file, name}], "region %s of %s is on the page so many times", name, file)
		}
	}
	require.Len(t, shown, 5, "an event, a handler, a job, a task, a mail")
}

var link = regexp.MustCompile(`\]\(([^)#]+)\)|` + "`((?:cmd|docs|gen|internal|migrations|openapi|sql|test)/[\\w./-]+)`")

func TestWhatThePageNamesIsThere(t *testing.T) {
	t.Parallel()
	named := 0
	for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
		file := m[2]
		if m[1] != "" {
			file = filepath.Join("docs", m[1])
		}
		_, err := os.Stat(filepath.Join(root, file))
		require.NoError(t, err)
		named++
	}
	require.Positive(t, named)
}

func TestARegionThatIsNotWholeIsRefused(t *testing.T) {
	t.Parallel()
	all, err := regions("x\n// docs:begin one\n\na\n\nb\n\n// docs:end one\ny\n")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"one": "a\n\nb\n"}, all)
	for text, says := range map[string]string{
		"// docs:begin one":                    "region one does not end",
		"// docs:end one":                      "line 1: region one ends and has not begun",
		"// docs:begin one\n// docs:begin two": "line 2: region two begins twice, or within another",
		"// docs:begin one\n// docs:end one\n// docs:begin one\n//": "line 3: region one begins twice, or within another",
	} {
		_, err := regions(text)
		require.EqualError(t, err, says)
	}
}
