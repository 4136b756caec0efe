package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheBundleIsWhatTheSourcesMake(t *testing.T) {
	t.Chdir("../..")
	out := t.TempDir()
	var problems strings.Builder
	require.Zero(t, command([]string{"console", out}, &problems), "%s", &problems)
	require.Empty(t, problems.String())
	for _, name := range []string{"console.go", "console.html", "console.css", "console.js"} {
		made, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		kept, err := os.ReadFile(filepath.Join("gen/console", name))
		require.NoError(t, err)
		require.Equal(t, string(kept), string(made), "run make generate")
		require.Contains(t, strings.SplitN(string(made), "\n", 2)[0], marker)
	}
}

func TestNoSourceMakesMarkupOrCodeOfText(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("../*.ts")
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|srcdoc|createContextualFragment`, string(text), source)
		parsers := 0
		if filepath.Base(source) == "dom.ts" { // of a drawing, which it makes anew
			require.Contains(t, string(text), "parseFromString(svg, 'image/svg+xml')")
			parsers = 1
		}
		require.Equal(t, parsers, strings.Count(string(text), "DOMParser"), source)
		require.NotRegexp(t, `\beval\b|new Function|localStorage|sessionStorage|indexedDB|document\.cookie`, string(text), source)
		require.LessOrEqual(t, strings.Count(string(text), "\n"), 200, source)
	}
}

func TestTheCommandSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2, command(nil, io.Discard))
	var problems strings.Builder
	require.Equal(t, 1, command([]string{t.TempDir(), t.TempDir()}, &problems))
	require.Contains(t, problems.String(), "index.html")
}
