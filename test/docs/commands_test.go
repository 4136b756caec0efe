package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shown is where the pages say that the service is.
const shown = "http://127.0.0.1:8080"

// prelude is run before a page's script (BASH_ENV): the first command that fails ends it and
// names its line, and each status that curl gets is written down.
const prelude = `set -Eeuo pipefail
exec 9>"$DOCS_OUT/failed"
trap 'echo "$DOCS_PAGE:$LINENO: $BASH_COMMAND" >&9' ERR
curl() { command curl --max-time 30 -w '%{stderr}\nhttp %{http_code}\n' "$@"; }
`

// why is the reason of a block that is not run, or nothing.
func (b block) why() string {
	reason, _ := strings.CutPrefix(b.mark, "not run: ")
	if reason == b.mark {
		return ""
	}
	return reason
}

// commands are the blocks that people type.
func (p page) commands() (out []block) {
	for _, b := range p.blocks {
		if b.language == "sh" {
			out = append(out, b)
		}
	}
	return out
}

// script is the page as a program with the page's line numbers: all but the blocks to run is
// empty, and each opening fence sends what follows to files of its own.
func (p page) script(url string) string {
	out := make([]string, len(p.lines))
	for _, b := range p.commands() {
		if b.why() != "" {
			continue
		}
		out[b.first-2] = fmt.Sprintf(`exec >"$DOCS_OUT/%d.out" 2>"$DOCS_OUT/%d.err"`, b.first, b.first)
		for i, line := range b.lines {
			out[b.first-1+i] = strings.ReplaceAll(line, shown, url)
		}
	}
	return strings.Join(out, "\n")
}

// run runs the page's blocks in one shell and gives what is wrong.
func (p page) run(ctx context.Context, dir string, s *stack) (wrong []string) {
	files := map[string]string{"page.sh": p.script(s.url), "prelude.sh": prelude}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return []string{err.Error()}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", filepath.Join(dir, "page.sh"))
	shell.Dir, shell.WaitDelay = dir, time.Second
	shell.Env = append(s.environment(), "BASH_ENV="+filepath.Join(dir, "prelude.sh"), "DOCS_OUT="+dir, "DOCS_PAGE="+p.name)
	if said, err := shell.CombinedOutput(); err != nil {
		failed, _ := os.ReadFile(filepath.Join(dir, "failed"))
		return []string{fmt.Sprintf("%s: %v\n%s%s", p.name, err, failed, said)}
	}
	for i, b := range p.blocks {
		if b.language != "sh" || b.why() != "" {
			continue
		}
		var answer []string
		if i+1 < len(p.blocks) && p.blocks[i+1].language == "json" {
			answer = p.blocks[i+1].lines
		}
		if says := b.check(dir, answer); says != "" {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %s", p.name, b.first, says))
		}
	}
	return wrong
}

var httpStatus = regexp.MustCompile(`(?m)^http (\d{3})$`)

// check compares what the block got with what the page says.
func (b block) check(dir string, answer []string) string {
	out, err := os.ReadFile(fmt.Sprintf("%s/%d.out", dir, b.first))
	if err != nil {
		return "was not run"
	}
	log, err := os.ReadFile(fmt.Sprintf("%s/%d.err", dir, b.first))
	if err != nil {
		return err.Error()
	}
	expected, refused := strings.CutPrefix(b.mark, "answers ")
	for _, m := range httpStatus.FindAllSubmatch(log, -1) {
		got := string(m[1])
		if refused && got != expected || !refused && got[0] != '2' {
			return fmt.Sprintf("an answer is %s: %s", got, out)
		}
	}
	if len(answer) == 0 {
		return ""
	}
	var want, got any
	if err := json.Unmarshal([]byte(strings.Join(answer, "\n")), &want); err != nil {
		return "the answer that is shown is no JSON: " + err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &got); err != nil {
		return fmt.Sprintf("the answer is no JSON: %s", out)
	}
	return missing(want, got, "")
}

// missing says which part of what is shown an answer lacks. Texts with … stand for any text, an
// item stands for some item, and members that are not shown may be there.
func missing(want, got any, at string) string {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is no object", at)
		}
		for name, value := range want {
			if _, ok := have[name]; !ok {
				return fmt.Sprintf("there is no %s/%s", at, name)
			}
			if says := missing(value, have[name], at+"/"+name); says != "" {
				return says
			}
		}
	case []any:
		have, ok := got.([]any)
		if !ok {
			return fmt.Sprintf("%s is no array", at)
		}
		for i, value := range want {
			if !slices.ContainsFunc(have, func(one any) bool { return missing(value, one, "") == "" }) {
				return fmt.Sprintf("nothing in %s is like item %d", at, i)
			}
		}
	case string:
		if have, ok := got.(string); !ok || !strings.Contains(want, "…") && have != want {
			return fmt.Sprintf("%s is %v", at, got)
		}
	default:
		if want != got {
			return fmt.Sprintf("%s is %v", at, got)
		}
	}
	return ""
}

func TestEveryCommandOfThePagesWorks(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	s := startStack(t)
	ran := 0
	for _, p := range pages(t) {
		if !slices.ContainsFunc(p.commands(), func(b block) bool { return b.why() == "" }) {
			continue
		}
		ran++
		for _, wrong := range p.run(t.Context(), t.TempDir(), s) {
			t.Error(wrong)
		}
	}
	require.GreaterOrEqual(t, ran, 2, "pages with commands")
}

var (
	target    = regexp.MustCompile(`(?m)^make +([a-z][a-z-]*)`)
	fluentpro = regexp.MustCompile(`(?m)^(?:bin/)?fluentpro((?: [a-z][a-z-]*)+)(.*)$`)
	flagName  = regexp.MustCompile(` (--[a-z-]+)`)
)

func TestBlocksThatAreNotRunSayWhyAndNameWhatThereIs(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	for _, p := range pages(t) {
		for _, b := range p.commands() {
			if b.why() == "" {
				require.True(t, b.mark == "" || strings.HasPrefix(b.mark, "answers "), "%s:%d: %q is no mark", p.name, b.first, b.mark)
				continue
			}
			at := fmt.Sprintf("%s:%d", p.name, b.first)
			require.Contains(t, reasons, b.why(), at)
			text := strings.Join(b.lines, "\n")
			for _, m := range target.FindAllStringSubmatch(text, -1) {
				require.Regexp(t, `(?m)^`+m[1]+`:`, string(makefile), "%s: make has no %s", at, m[1])
			}
			for _, m := range fluentpro.FindAllStringSubmatch(text, -1) {
				knows(t, at, strings.Fields(m[1]), m[2])
			}
		}
	}
}

// knows asks the program whether it has a command and its flags.
func knows(t *testing.T, at string, command []string, rest string) {
	t.Helper()
	help, err := exec.CommandContext(t.Context(), filepath.Join(binaries, "fluentpro"), append(command, "--help")...).CombinedOutput()
	require.NoError(t, err, "%s: fluentpro %v: %s", at, command, help)
	rest, _, _ = strings.Cut(rest, "#")
	for _, m := range flagName.FindAllStringSubmatch(rest, -1) {
		require.Contains(t, string(help), m[1], "%s: fluentpro %v", at, command)
	}
}

func TestTheRunnerFindsWhatFails(t *testing.T) {
	t.Parallel()
	s := &stack{url: shown}
	p := parse("docs/x.md", "# X\n\n```sh\nA=1\n```\n\n```sh\necho $A\nfalse\n```\n")
	require.Contains(t, strings.Join(p.run(t.Context(), t.TempDir(), s), "\n"), "docs/x.md:9: false")

	p = parse("docs/x.md", "```sh\necho '{\"a\":1}'\n```\n\n```json\n{\"a\": 1, \"b\": [\"…\"]}\n```\n")
	require.Equal(t, []string{"docs/x.md:2: there is no /b"}, p.run(t.Context(), t.TempDir(), s))

	p = parse("docs/x.md", "<!-- answers 404 -->\n```sh\nprintf 'http 200\\n' >&2\n```\n\n<!-- not run: stays up -->\n```sh\nexit 1\n```\n")
	require.Equal(t, []string{"docs/x.md:3: an answer is 200: "}, p.run(t.Context(), t.TempDir(), s))
}
