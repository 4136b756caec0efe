package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// broken is a breaking change, grew one that clients bear.
var (
	broken = withoutField("Message", "completed_at")
	grew   = set(tree{"type": "string"}, "components", "schemas", "Message", "properties", "mood")
)

var update = flag.Bool("update", false, "write the changelog in testdata anew")

func versioned(v string) edit { return set(v, "info", "version") }

func TestAnUnreleasedDocumentIsReportedAndAReleasedOneBlocks(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.write(t, edited(t, small(t, "v2"), broken))
	require.NoError(t, r.run("check", nil))
	require.Contains(t, r.out.String(), "v2 is not released yet")
	require.Contains(t, r.out.String(), "[response-optional-property-removed]")

	r.write(t, small(t, "v2"))
	require.NoError(t, r.run("release", []string{"v2"}))
	require.NoFileExists(t, r.file("v2", draft))
	require.FileExists(t, r.file("v2", small(t, "v2").version))
	require.NoError(t, r.run("check", nil))

	r.write(t, edited(t, small(t, "v2"), broken))
	require.ErrorIs(t, r.run("check", nil), errBlocked)
	require.Contains(t, r.out.String(), "v2 differs from its release")
	require.ErrorContains(t, r.run("draft", []string{"v2"}), "it has no drafts any more")
}

func TestANewDocumentBlocksNothing(t *testing.T) {
	t.Parallel()
	r := setup(t)
	next := edited(t, small(t, "v2"), versioned("3.0.0"), broken)
	next.name = "v3"
	r.write(t, next)
	require.NoError(t, r.run("check", nil))
	require.Contains(t, r.out.String(), "v3 is not released yet and has no draft")
	require.NoError(t, r.run("draft", []string{"v3"}))
	require.NoError(t, r.run("release", []string{"v3"}))
	require.FileExists(t, r.file("v3", "3.0.0"))
}

func TestAReleasedDocumentBlocksFromTheFirstDay(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.write(t, edited(t, small(t, "v1"), withoutField("Account", "email")))
	require.ErrorIs(t, r.run("check", nil), errBlocked)
	require.Contains(t, r.out.String(), "`email`")
}

func TestAReleaseIsRefused(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		alter edit
		says  string
	}{
		"when it breaks clients":                    {all(broken, versioned("2.90.0")), "blocked"},
		"with the version of the last":              {grew, "raise its info.version, which is 2."},
		"with an older version":                     {all(grew, versioned("2.0.0")), "raise its info.version, which is 2.0.0"},
		"with a patch for what clients see":         {all(grew, versioned("2.7.4")), "raise the minor version"},
		"with the version of another document":      {all(grew, versioned("3.0.0")), "a new major version is a new document"},
		"when breaking is said to be a new version": {all(broken, versioned("3.0.0")), "a new major version is a new document"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			last := edited(t, small(t, "v2"), versioned("2.7.3"))
			r.write(t, last)
			require.NoError(t, r.run("release", nil))
			before, err := os.ReadFile(r.changelogFile())
			require.NoError(t, err)

			r.write(t, edited(t, last, c.alter))
			require.ErrorContains(t, r.run("release", nil), c.says)
			after, err := os.ReadFile(r.changelogFile())
			require.NoError(t, err)
			require.Equal(t, string(before), string(after))
			files, err := filepath.Glob(filepath.Join(r.shelf(), "v2@*"))
			require.NoError(t, err)
			require.Len(t, files, 1)
		})
	}
}

func TestAnUnchangedDocumentIsNotReleasedAgain(t *testing.T) {
	t.Parallel()
	r := setup(t)
	require.NoError(t, r.run("release", []string{"v1"}))
	require.Contains(t, r.out.String(), "nothing has changed since the last releases")
}

// A version that has been dropped was served until the last sunset in it.
func TestADocumentGoesAfterItsSunset(t *testing.T) {
	t.Parallel()
	r := setup(t)
	require.NoError(t, os.Remove(filepath.Join(r.root, "gen", "openapi", "v1.yaml")))
	require.ErrorIs(t, r.run("check", nil), errBlocked)
	require.Contains(t, r.out.String(), "v1 is not served any more")
	require.Contains(t, r.out.String(), "promised until 2027-09-01")

	r.today = day.AddDate(1, 0, 0)
	require.NoError(t, r.run("check", nil))
	require.NoError(t, r.run("release", nil), "nothing of it is released")
	require.ErrorContains(t, r.run("draft", []string{"v1"}), "no document v1")
}

func TestTheChangelogSaysWhatClientsSee(t *testing.T) {
	t.Parallel()
	r := setup(t)
	base := edited(t, small(t, "v2"), versioned("2.0.0"))
	r.write(t, base)
	require.NoError(t, r.run("release", nil))

	ending := edited(t, base, versioned("2.1.0"), ended(fartwo), grew, set("x", "paths", "/partners", "get", "description"))
	r.today = day.AddDate(0, 0, 1)
	r.write(t, ending)
	require.NoError(t, r.run("release", nil))

	r.today = day.AddDate(1, 0, 0)
	r.write(t, edited(t, ending, versioned("2.2.0"), gones))
	require.NoError(t, r.run("release", nil))

	r.today = day.AddDate(1, 0, 1)
	r.write(t, edited(t, ending, versioned("2.2.1"), gones, set("Other.", "info", "title")))
	require.NoError(t, r.run("release", nil))

	text, err := os.ReadFile(r.changelogFile())
	require.NoError(t, err)
	_, entries, _ := strings.Cut(string(text), "ignored.\n")
	golden := filepath.Join("testdata", "changelog.md")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(entries), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), entries)
}

func TestAnEditedChangelogIsSeen(t *testing.T) {
	t.Parallel()
	r := setup(t)
	require.NoError(t, os.WriteFile(r.changelogFile(), []byte("Better now."), 0o600))
	require.ErrorContains(t, r.run("check", nil), "go run ./openapi/gate changelog")
	require.NoError(t, r.run("changelog", nil))
	require.NoError(t, r.run("check", nil))
}

func TestAReleaseIsWhatItsNameSays(t *testing.T) {
	t.Parallel()
	r := setup(t)
	text, err := os.ReadFile(r.file("v1", "1.0.0"))
	require.NoError(t, err)
	_, undated, _ := strings.Cut(string(text), "\n")
	for says, c := range map[string]struct{ file, text string }{
		"its info.version is 1.0.0":         {"v1@1.0.1.yaml", string(text)},
		"does not say when it was released": {"v1@1.0.0.yaml", undated},
		"is not of the form 2.1.0":          {"v1@1.0.0.yaml", strings.Replace(string(text), "version: 1.0.0", "version: one", 1)},
		"cannot unmarshal":                  {"v1@1.0.0.yaml", "- no\n- document\n"},
	} {
		file := filepath.Join(r.shelf(), c.file)
		require.NoError(t, os.WriteFile(file, []byte(c.text), 0o600))
		require.ErrorContains(t, r.run("check", nil), says)
		require.NoError(t, os.Remove(file))
	}
}

// The committed releases hold: what make contract says in CI.
func TestTheCommand(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"-root", root, "check"}, 0},
		{[]string{"-root", t.TempDir(), "check"}, 1},
		{[]string{"-root", root, "draft"}, 1},
		{[]string{"explain"}, 1},
		{[]string{"-today", "tomorrow", "check"}, 2},
		{[]string{"-colour"}, 2},
		{nil, 2},
	} {
		var out, problems strings.Builder
		require.Equal(t, c.code, command(c.args, &out, &problems), "%v %s %s", c.args, &out, &problems)
		require.Equal(t, c.code == 0, problems.Len() == 0)
	}
}
