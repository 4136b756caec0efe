package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// A madeFault is one code that one fault.New in the sources may be given.
type madeFault struct {
	kind     fault.Kind
	code     string
	position string
}

// sources are the Go files under one directory, tests left out.
type sources struct {
	t      *testing.T
	set    *token.FileSet
	root   string                 // of the module
	files  map[string][]*ast.File // by directory
	consts map[string]string      // texts, by "directory.name" and "package.name"
}

// faultsIn finds every fault.New under a directory of the module, with the code
// it is given: a literal, a constant, or a parameter whose callers give one.
// Any other expression fails the test, since nobody could check it.
func faultsIn(t *testing.T, directory string) []madeFault {
	t.Helper()
	s := &sources{t: t, set: token.NewFileSet(), root: moduleRoot(t), files: map[string][]*ast.File{}, consts: map[string]string{}}
	require.NoError(t, filepath.WalkDir(filepath.Join(s.root, directory), s.read))
	var out []madeFault
	for dir := range s.files {
		s.calls(dir, func(call *ast.CallExpr, in *ast.FuncDecl) {
			if !isFaultNew(call) {
				return
			}
			position := s.set.Position(call.Pos()).String()
			require.Len(t, call.Args, 3, position)
			kind, known := kinds[call.Args[0].(*ast.SelectorExpr).Sel.Name]
			require.True(t, known, "%s: unknown kind", position)
			for _, code := range s.values(dir, call.Args[1], in) {
				out = append(out, madeFault{kind: kind, code: code, position: position})
			}
		})
	}
	return out
}

var kinds = map[string]fault.Kind{
	"Internal": fault.Internal, "Malformed": fault.Malformed, "Unauthenticated": fault.Unauthenticated,
	"Forbidden": fault.Forbidden, "NotFound": fault.NotFound, "MethodNotAllowed": fault.MethodNotAllowed,
	"NotAcceptable": fault.NotAcceptable, "Gone": fault.Gone, "Conflict": fault.Conflict, "Precondition": fault.Precondition,
	"TooLarge": fault.TooLarge, "UnsupportedMedia": fault.UnsupportedMedia, "Unprocessable": fault.Unprocessable,
	"TooMany": fault.TooMany, "Unavailable": fault.Unavailable,
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		require.NotEqual(t, filepath.Dir(dir), dir, "no go.mod above the test")
		dir = filepath.Dir(dir)
	}
}

func (s *sources) read(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if entry.IsDir() && entry.Name() == "testdata" {
		return filepath.SkipDir
	}
	if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
		return nil
	}
	file, err := parser.ParseFile(s.set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	s.files[dir] = append(s.files[dir], file)
	for _, declaration := range file.Decls {
		if d, ok := declaration.(*ast.GenDecl); ok && d.Tok == token.CONST {
			s.constants(dir, file.Name.Name, d)
		}
	}
	return nil
}

func (s *sources) constants(dir, pkg string, declaration *ast.GenDecl) {
	for _, spec := range declaration.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok || len(value.Values) != len(value.Names) {
			continue
		}
		for i, name := range value.Names {
			if text, ok := literal(value.Values[i]); ok {
				s.consts[dir+"."+name.Name] = text
				s.consts[pkg+"."+name.Name] = text
			}
		}
	}
}

func literal(expression ast.Expr) (string, bool) {
	lit, ok := expression.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// calls visits each call in a package, with the function it stands in, if any.
func (s *sources) calls(dir string, visit func(call *ast.CallExpr, in *ast.FuncDecl)) {
	for _, file := range s.files[dir] {
		for _, declaration := range file.Decls {
			in, _ := declaration.(*ast.FuncDecl)
			ast.Inspect(declaration, func(node ast.Node) bool {
				if call, ok := node.(*ast.CallExpr); ok {
					visit(call, in)
				}
				return true
			})
		}
	}
}

func isFaultNew(call *ast.CallExpr) bool {
	called, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || called.Sel.Name != "New" {
		return false
	}
	from, ok := called.X.(*ast.Ident)
	return ok && from.Name == "fault"
}

// values gives the texts that an expression in a package may have.
func (s *sources) values(dir string, expression ast.Expr, in *ast.FuncDecl) []string {
	if text, ok := literal(expression); ok {
		return []string{text}
	}
	switch e := expression.(type) {
	case *ast.SelectorExpr:
		if from, ok := e.X.(*ast.Ident); ok {
			if text, ok := s.consts[from.Name+"."+e.Sel.Name]; ok {
				return []string{text}
			}
		}
	case *ast.Ident:
		if place, ok := parameter(in, e.Name); ok {
			return s.given(dir, in, place)
		}
		if text, ok := s.consts[dir+"."+e.Name]; ok {
			return []string{text}
		}
	}
	require.Fail(s.t, "a code that cannot be read", s.set.Position(expression.Pos()).String())
	return nil
}

// parameter finds the place of a parameter in its function.
func parameter(function *ast.FuncDecl, name string) (int, bool) {
	if function == nil {
		return 0, false
	}
	place := 0
	for _, field := range function.Type.Params.List {
		for _, declared := range field.Names {
			if declared.Name == name {
				return place, true
			}
			place++
		}
	}
	return 0, false
}

// given gives what the callers of a function of the package pass at a place.
func (s *sources) given(dir string, function *ast.FuncDecl, place int) []string {
	var out []string
	s.calls(dir, func(call *ast.CallExpr, in *ast.FuncDecl) {
		var called *ast.Ident
		switch f := call.Fun.(type) {
		case *ast.Ident:
			called = f
		case *ast.SelectorExpr:
			called = f.Sel
		}
		_, selected := call.Fun.(*ast.SelectorExpr)
		if called != nil && called.Name == function.Name.Name && selected == (function.Recv != nil) && in != function {
			out = append(out, s.values(dir, call.Args[place], in)...)
		}
	})
	require.NotEmpty(s.t, out, "nobody in its package calls %s", function.Name.Name)
	return out
}
