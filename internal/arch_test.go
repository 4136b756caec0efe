// Package internal_test holds the walls: who may import whom, and why.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/fluentpro/fluentpro/"

// nouns hold the rules of the product.
var nouns = []string{
	"internal/account", "internal/activity", "internal/audit", "internal/backup", "internal/budget", "internal/catalogue", "internal/conversation", "internal/learning", "internal/monitor", "internal/onboarding",
	"internal/replay", "internal/room", "internal/task", "internal/usage",
}

// A wall forbids imports from some packages, for a reason.
type wall struct {
	reason  string
	from    func(dir, file string) bool
	forbids func(dir, imported string) bool
}

var walls = []wall{
	{
		"derived code stands alone, so that it can be made again at any time",
		func(dir, _ string) bool { return within(dir, "gen") },
		func(_, imported string) bool { return strings.HasPrefix(imported, module) },
	},
	{
		"plumbing knows no noun and no HTTP framework",
		func(dir, _ string) bool { return within(dir, "internal/platform") && !strings.HasSuffix(dir, "test") },
		func(_, imported string) bool {
			return !under(imported, "internal/platform", "gen/db", "migrations") && strings.HasPrefix(imported, module) || isEcho(imported)
		},
	},
	{
		"tables are read in store.go of each package that has any, or in store_<what>.go where that grows too long",
		func(dir, file string) bool {
			return within(dir, "internal") && file != "store.go" && !strings.HasPrefix(file, "store_")
		},
		func(_, imported string) bool { return under(imported, "gen/db") },
	},
	{
		"only these plumbing packages have tables of their own",
		func(dir, _ string) bool {
			return within(dir, "internal/platform") && !slices.Contains([]string{"internal/platform/once", "internal/platform/outbox", "internal/platform/job", "internal/platform/deadletter", "internal/platform/mail"}, dir)
		},
		func(_, imported string) bool { return under(imported, "gen/db") },
	},
	{
		"a noun knows plumbing and the events, which are typed from the contract: not another noun (it declares the interface it needs), not HTTP, not Redis",
		func(dir, _ string) bool { return within(dir, nouns...) },
		func(dir, imported string) bool {
			own := strings.Join(strings.SplitN(dir, "/", 3)[:2], "/") // a part of a noun knows the others
			ours := strings.HasPrefix(imported, module) && !under(imported, "internal/platform", "gen/db", "gen/events", own)
			return ours || isEcho(imported) || imported == "net/http" || strings.Contains(imported, "redis")
		},
	},
	{
		"a version of the API translates: it reads no table and knows no other version, so that it can be deleted alone",
		func(dir, _ string) bool { return within(dir, "internal/api/v1", "internal/api/v2") },
		func(dir, imported string) bool {
			version := path.Base(dir)
			other := under(imported, "internal/api/v1", "internal/api/v2", "internal/api/realtime", "gen/apiv1", "gen/apiv2") && !strings.HasSuffix(imported, version)
			return other || under(imported, "gen/db", "internal/app", "internal/devstack")
		},
	},
	{
		"the WebSocket is a door like a version: it reads no table, and speaks version 2 alone",
		func(dir, _ string) bool { return within(dir, "internal/api/realtime") },
		func(_, imported string) bool {
			return under(imported, "internal/api/v1", "gen/apiv1", "gen/db", "internal/app", "internal/devstack")
		},
	},
	{
		"the middleware is handed the parsed document: it serves every version and knows none",
		func(dir, _ string) bool { return within(dir, "internal/api/web") },
		func(_, imported string) bool {
			return strings.HasPrefix(imported, module) && !under(imported, "internal/platform", "internal/api/web")
		},
	},
	{
		"pages for developers need no table and no noun",
		func(dir, _ string) bool { return within(dir, "internal/api/docs") },
		func(_, imported string) bool { return under(imported, "gen/db") || under(imported, nouns...) },
	},
	{
		"the embedded default stands in for outside services: it knows no noun",
		func(dir, _ string) bool { return within(dir, "internal/devstack") },
		func(_, imported string) bool {
			return strings.HasPrefix(imported, module) && !under(imported, "internal/platform", "internal/devstack")
		},
	},
	{
		"the product does not know the built-in servers; dev and the tests do",
		func(dir, _ string) bool {
			return !within(dir, "cmd", "internal/devstack", "test") && !strings.HasSuffix(dir, "test")
		},
		func(_, imported string) bool { return under(imported, "internal/devstack") },
	},
	{
		"the wiring is the top: only commands and the test server stand above it, and the load, which signs people up with passwords that cost nothing",
		func(dir, _ string) bool {
			return !within(dir, "cmd", "internal/app", "internal/api/apitest", "test/load")
		},
		func(_, imported string) bool { return under(imported, "internal/app") },
	},
	{
		"the SDK is what others build on: it knows the generated client and how events are read, and nothing of the service",
		func(dir, _ string) bool { return within(dir, "sdk") },
		func(dir, imported string) bool {
			return strings.HasPrefix(imported, module) && !under(imported, "gen/client", "internal/platform/sse", dir)
		},
	},
	{
		"test packages are for tests",
		func(dir, _ string) bool { return !strings.HasSuffix(dir, "test") },
		func(_, imported string) bool {
			return strings.HasPrefix(imported, module) && strings.HasSuffix(imported, "test")
		},
	},
	{
		"echo stays behind the doors, so that it can be replaced there",
		func(dir, _ string) bool { return !within(dir, "internal/api", "gen") },
		func(_, imported string) bool { return isEcho(imported) },
	},
}

func TestTheWallsStand(t *testing.T) {
	t.Parallel()
	eachFile(t, func(dir, name string, f *ast.File) {
		for _, spec := range f.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			for _, w := range walls {
				if w.from(dir, name) && w.forbids(dir, imported) {
					t.Errorf("%s/%s imports %s: %s", dir, name, imported, w.reason)
				}
			}
		}
	})
}

func TestEachWallCanBeHit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dir, file, imported string }{
		{"gen/db", "db.go", module + "internal/account"},
		{"internal/platform/llm", "llm.go", module + "internal/account"},
		{"internal/account", "login.go", module + "gen/db"},
		{"internal/platform/llm", "store.go", module + "gen/db"},
		{"internal/account", "login.go", module + "internal/conversation"},
		{"internal/platform/outbox", "outbox.go", module + "gen/events"},
		{"gen/events", "catalogue.gen.go", module + "internal/platform/outbox"},
		{"internal/api/v2", "users.go", module + "gen/apiv1"},
		{"internal/api/realtime", "verbs.go", module + "gen/apiv1"},
		{"internal/api/realtime", "verbs.go", module + "internal/app"},
		{"internal/api/realtime", "store.go", module + "gen/db"},
		{"internal/api/v2", "realtime.go", module + "internal/api/realtime"},
		{"internal/api/web", "auth.go", module + "internal/account"},
		{"internal/api/docs", "docs.go", module + "internal/account"},
		{"internal/devstack", "redis.go", module + "internal/account"},
		{"internal/app", "app.go", module + "internal/devstack"},
		{"internal/api", "api.go", module + "internal/app"},
		{"internal/app", "app.go", module + "internal/api/apitest"},
		{"internal/conversation", "send.go", "github.com/labstack/echo/v4"},
		{"internal/task", "run.go", module + "internal/conversation"},
		{"internal/room", "service.go", module + "internal/account"},
		{"internal/monitor", "probe.go", module + "internal/conversation"},
		{"internal/monitor", "alert.go", "net/http"},
		{"internal/room", "service.go", "github.com/redis/go-redis/v9"},
		{"test/browser", "page.go", module + "internal/app"},
		{"sdk/go", "stream.go", module + "internal/conversation"},
	} {
		hit := slices.ContainsFunc(walls, func(w wall) bool { return w.from(c.dir, c.file) && w.forbids(c.dir, c.imported) })
		require.True(t, hit, "%s/%s importing %s should be refused", c.dir, c.file, c.imported)
	}
}

func TestANounMayWriteEventsAnywhere(t *testing.T) {
	t.Parallel()
	for _, noun := range nouns {
		for _, w := range walls {
			require.False(t, w.from(noun, "signup.go") && w.forbids(noun, module+"gen/events"), "%s: %s", noun, w.reason)
		}
	}
}

func TestEveryPackageSaysWhatItPromises(t *testing.T) {
	t.Parallel()
	has := map[string]bool{}
	eachFile(t, func(dir, _ string, f *ast.File) {
		has[dir] = has[dir] || f.Doc != nil
	})
	for dir, documented := range has {
		if !documented && !within(dir, "gen/apiv1", "gen/apiv2", "gen/client", "gen/db") {
			t.Errorf("%s has no package doc", dir)
		}
	}
}

func TestOnlyTheConfigurationReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	allowed := []string{"cmd/fluentpro", "internal/devstack", "internal/devstack/testenv", "internal/platform/redistest"} // the last as devstack: which servers tests are given
	eachFile(t, func(dir, name string, f *ast.File) {
		if slices.Contains(allowed, dir) {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "os" &&
					slices.Contains([]string{"Getenv", "LookupEnv", "Environ"}, sel.Sel.Name) {
					t.Errorf("%s/%s reads the environment; internal/app/config.go does that", dir, name)
				}
			}
			return true
		})
	})
}

// eachFile parses every Go file of the module that is no test.
func eachFile(t *testing.T, visit func(dir, name string, f *ast.File)) {
	t.Helper()
	root := os.DirFS("..")
	files := 0
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && file != "." || d.Name() == "tools" || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files++
		visit(path.Dir(file), path.Base(file), f)
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 50, "the walk must see the module")
}

// within reports whether dir is one of roots or below one.
func within(dir string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return dir == r || strings.HasPrefix(dir, r+"/") })
}

// under is within for an import path of ours.
func under(imported string, roots ...string) bool {
	rest, ours := strings.CutPrefix(imported, module)
	return ours && within(rest, roots...)
}

func isEcho(imported string) bool { return strings.HasPrefix(imported, "github.com/labstack/echo") }
