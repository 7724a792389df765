package tests

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNoGlobalState: two configurations live in one process (see
// backends/all, TestTwoConfigurations), so no package of the program has a
// variable that changes.
func TestNoGlobalState(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{.Dir}}", "glancefs/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	variables := 0
	for line := range strings.Lines(string(out)) {
		importPath, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(importPath, "glancefs/tests/") {
			continue // what only tests use
		}
		files, err := filepath.Glob(dir + "/*.go") // whatever its build tags
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		var parsed []*ast.File
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, f)
		}
		found, n := globalState(fset, parsed)
		variables += n
		for _, what := range found {
			t.Errorf("%s: state of a package: it belongs to a value that somebody owns", what)
		}
	}
	if variables < 20 {
		t.Errorf("looked at %d variables only", variables)
	}
}

// TestFindsGlobalState: what TestNoGlobalState looks for is found.
func TestFindsGlobalState(t *testing.T) {
	for text, want := range map[string][]string{
		"var n = 0; func f() { n++ }":                                   {"n is changed"},
		"var n, m int; func f() { m, n = 1, 2 }":                        {"m is changed", "n is changed"},
		"var n int; func f() { n += 2 }":                                {"n is changed"},
		"var m = map[string]int{}; func f() { m[``] = 1 }":              {"m is changed"},
		"var m = map[string]int{``: 1}; func f() { delete(m, ``) }":     {"m is changed"},
		"var a [3]int; func f() { clear(a[:]) }":                        {"a is changed"},
		"var s struct{ f []int }; func f() { s.f[0] = 1 }":              {"s is changed"},
		"var n int; func f() *int { return &n }":                        {"n is changed"},
		"var n int; func f() { for n = range 3 {} }":                    {"n is changed"},
		"var mu sync.Mutex":                                             {"mu can change"},
		"var s = struct{ n atomic.Int64 }{}":                            {"s can change"},
		"var c = make(chan int)":                                        {"c can change"},
		"var p = new(int)":                                              {"p can change"},
		"var p = &t{}; type t struct{}":                                 {"p can change"},
		"var o sync.Once":                                               {"o can change"},
		"var ErrA = errors.New(``); var re = regexp.MustCompile(``)":    nil,
		"var pool = sync.Pool{New: func() any { return new([1]byte) }}": nil,
		"var n = 1; func f() { n := 2; n++ }":                           nil,
		"var table = []int{1}; func f() int { return table[0] }":        nil,
		"var once = sync.OnceValue(func() int { return 1 })":            nil,
		"type t struct{}; type i any; var _ i = (*t)(nil)":              nil,
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "x.go", "package p\n"+text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		found, _ := globalState(fset, []*ast.File{f})
		for i := range found {
			_, found[i], _ = strings.Cut(found[i], ": ")
		}
		slices.Sort(found)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// globalState returns the variables of a package that change, or by their
// type can change, and how many it has in all. Sentinel errors, regular
// expressions, pools, and tables that nothing assigns to are none.
func globalState(fset *token.FileSet, files []*ast.File) (found []string, n int) {
	p := &packageVars{fset: fset, uses: make(map[*ast.Ident]types.Object), vars: make(map[types.Object]bool)}
	defs := make(map[*ast.Ident]types.Object)
	conf := types.Config{
		// Who means which variable can be told without the imports.
		Importer: noImports{},
		Error:    func(error) {},
	}
	_, _ = conf.Check("p", fset, files, &types.Info{Defs: defs, Uses: p.uses}) // its errors are those of the imports
	for _, f := range files {
		for _, decl := range f.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
				for _, spec := range d.Specs {
					n += p.declare(spec.(*ast.ValueSpec), defs)
				}
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f, p.look)
	}
	return p.found, n
}

// noImports is an importer that has no packages.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not wanted") }

// packageVars looks for changes of the variables of a package.
type packageVars struct {
	fset  *token.FileSet
	uses  map[*ast.Ident]types.Object
	vars  map[types.Object]bool
	found []string
}

// declare notes the variables of a declaration; it returns how many.
func (p *packageVars) declare(spec *ast.ValueSpec, defs map[*ast.Ident]types.Object) (n int) {
	for i, name := range spec.Names {
		if name.Name == "_" {
			continue // says what a type implements
		}
		n++
		p.vars[defs[name]] = true
		var value ast.Expr
		if i < len(spec.Values) {
			value = spec.Values[i]
		}
		if canChange(spec.Type) || canChange(value) {
			p.report(name, "can change")
		}
	}
	return n
}

func (p *packageVars) report(name *ast.Ident, what string) {
	p.found = append(p.found, p.fset.Position(name.Pos()).String()+": "+name.Name+" "+what)
}

// canChange tells whether a type, or the value of a variable, is one that is
// made to be changed. What a function in it makes is not the variable's.
func canChange(e ast.Expr) (can bool) {
	if e == nil {
		return false
	}
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.FuncType:
			return false
		case *ast.ChanType:
			can = true
		case *ast.UnaryExpr:
			can = can || n.Op == token.AND
		case *ast.CallExpr:
			name, ok := n.Fun.(*ast.Ident)
			can = can || ok && name.Name == "new"
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			constant := n.Sel.Name == "Pool" || strings.HasPrefix(n.Sel.Name, "OnceValue")
			can = can || ok && (pkg.Name == "atomic" || pkg.Name == "sync" && !constant)
		}
		return true
	})
	return can
}

// look is for ast.Inspect.
func (p *packageVars) look(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, left := range n.Lhs {
			p.changed(left)
		}
	case *ast.IncDecStmt:
		p.changed(n.X)
	case *ast.RangeStmt:
		p.changed(n.Key)
		p.changed(n.Value)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			p.changed(n.X)
		}
	case *ast.CallExpr:
		name, ok := n.Fun.(*ast.Ident)
		if ok && slices.Contains([]string{"delete", "clear", "copy"}, name.Name) {
			p.changed(n.Args[0])
		}
	}
	return true
}

// changed reports the variable of the package that e is, or is a part of.
func (p *packageVars) changed(e ast.Expr) {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.Ident:
			if p.vars[p.uses[x]] {
				p.report(x, "is changed")
			}
			return
		default:
			return
		}
	}
}
