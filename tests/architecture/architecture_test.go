// Package architecture holds the rules of ARCHITECTURE.md that a test can
// check: who may import whom, and that every package says what it is for. It
// has no code of its own.
package architecture

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/playhead/playhead/"

// allowed lists, for each package below pkg, the packages of ours that it may
// import. Adapters are named only by the two programs.
var allowed = map[string][]string{
	"pkg/recording":              {},
	"pkg/rrweb":                  {},
	"pkg/dom":                    {"pkg/rrweb"},
	"pkg/scrub":                  {},
	"pkg/objectstore":            {},
	"pkg/links":                  {"pkg/recording"},
	"pkg/moments":                {"pkg/recording", "pkg/rrweb", "pkg/dom"},
	"pkg/indexing":               {"pkg/recording", "pkg/moments"},
	"pkg/segment":                {"pkg/recording"},
	"pkg/dictionary":             {"pkg/recording", "pkg/segment", "pkg/objectstore"},
	"pkg/index":                  {"pkg/recording"},
	"pkg/objectstore/s3":         {"pkg/objectstore"},
	"pkg/objectstore/buckettest": {"pkg/objectstore"},
	"pkg/index/clickhouse":       {"pkg/index", "pkg/recording"},
	"pkg/index/indextest":        {"pkg/index", "pkg/recording"},
	"pkg/retention":              {"pkg/recording", "pkg/segment", "pkg/dictionary", "pkg/objectstore"},
	"pkg/ingest":                 {"pkg/recording", "pkg/rrweb", "pkg/scrub", "pkg/moments", "pkg/indexing", "pkg/segment", "pkg/dictionary", "pkg/objectstore", "pkg/index", "pkg/insight"},
	"pkg/insight":                {"pkg/recording", "pkg/moments", "pkg/indexing", "pkg/segment", "pkg/dictionary", "pkg/objectstore", "pkg/index"},
	"pkg/reindex":                {"pkg/recording", "pkg/segment", "pkg/indexing", "pkg/insight", "pkg/dictionary", "pkg/objectstore", "pkg/index"},
	"pkg/search":                 {"pkg/recording", "pkg/index"},
	"pkg/playback":               {"pkg/recording", "pkg/rrweb", "pkg/moments", "pkg/segment", "pkg/dictionary", "pkg/objectstore", "pkg/index", "pkg/search"},
	"pkg/plugin":                 {"pkg/recording", "pkg/rrweb", "pkg/moments", "pkg/segment", "pkg/dictionary", "pkg/objectstore", "pkg/index", "pkg/links", "pkg/playback", "pkg/search"},
	"pkg/otlp":                   {"pkg/recording"},
	"pkg/embedded":               {},
	"pkg/embedded/s3gateway":     {"pkg/embedded"},
	"pkg/embedded/embeddedtest":  {"pkg/embedded", "pkg/embedded/s3gateway"},
	"pkg/playback/playbacktest":  {"pkg/recording", "pkg/segment", "pkg/index", "pkg/index/clickhouse", "pkg/objectstore/s3", "pkg/embedded", "pkg/embedded/embeddedtest"},
	"pkg":                        {"pkg/plugin", "pkg/links", "pkg/objectstore", "pkg/objectstore/s3", "pkg/index", "pkg/index/clickhouse"},
	"pkg/cmd/playhead":           {"pkg/", "examples/shop/recordings"},
	"pkg/cmd/playhead-local":     {"pkg/embedded", "pkg/embedded/s3gateway", "examples/shop"},
	"propagation":                {},
	"examples/shop":              {"propagation"},
	"examples/shop/recordings":   {},
	"tests/architecture":         {},
	"tests/replay":               {},
	"tests/traffic":              {"pkg/recording", "pkg/rrweb"},
	"tests/bench":                {"pkg/", "tests/traffic"},
	"tests/smoke":                {"pkg/plugin/plugintest"},
	"tests/collector":            {},
	"tests/recipes":              {},
	"tests/conformance":          {"pkg/dom"},
	"tests/faults":               {"pkg/", "tests/traffic"},
	"tests/fuzz":                 {},
	"pkg/plugin/plugintest":      {},
}

// only lists who may import a library; everybody else goes through them.
var only = map[string]struct {
	importers []string
	why       string
}{
	"github.com/minio/minio-go/":               {[]string{"pkg/objectstore/s3", "pkg/embedded", "pkg/embedded/embeddedtest"}, "object storage has one adapter"},
	"github.com/ClickHouse/":                   {[]string{"pkg/index/clickhouse", "pkg/embedded", "pkg/otlp"}, "the index has one adapter; otel_traces and otel_logs another"},
	"go.opentelemetry.io/collector/":           {[]string{"pkg/otlp"}, "OTLP comes in at one place"},
	"github.com/grafana/grafana-plugin-sdk-go": {[]string{"pkg/plugin", "pkg/plugin/plugintest", "pkg", "tests/smoke", "tests/faults"}, "only the plugin speaks Grafana's protocol"},
	"github.com/versity/versitygw":             {[]string{"pkg/embedded"}, "the embedded stores are one package"},
	"github.com/ebitengine/purego":             {[]string{"pkg/embedded"}, "the embedded stores are one package"},
	"gorm.io/":                                 {nil, "no object-relational mapper"},
}

// forbidden lists what must not be linked into a program at all.
var forbidden = map[string]map[string]string{
	"pkg": {
		module + "pkg/ingest":          "the plugin backend only reads",
		module + "pkg/embedded":        "Grafana's host must not start databases",
		"github.com/versity/versitygw": "Grafana's host must not start databases",
	},
	"pkg/cmd/playhead": {
		"github.com/grafana/grafana-plugin-sdk-go": "the command works where there is no Grafana",
		module + "pkg/plugin":                      "ingest and plugin meet in the stores only",
		"testing":                                  "test code in a production binary",
		"github.com/versity/versitygw":             "the S3 gateway is in playhead-local",
		"google.golang.org/grpc":                   "only the shop, in playhead-local, needs it, and it brings templates",
		"text/template":                            "calls methods by name, for which the linker keeps all that there are: three times the program in memory",
		"html/template":                            "calls methods by name, for which the linker keeps all that there are: three times the program in memory",
	},
}

type goPackage struct {
	ImportPath   string
	Dir          string
	Imports      []string
	Deps         []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func TestImports(t *testing.T) {
	for _, p := range list(t, "./pkg/...", "./propagation/...", "./examples/...", "./tests/...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		rules, known := ruleFor(name)
		if !known {
			t.Errorf("%s has no rule here: say what it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module); ok && !permitted(name, ours, rules) {
				t.Errorf("%s imports %s; it may import %v", name, ours, rules)
			}
			for library, rule := range only {
				if strings.HasPrefix(imported, library) && !slices.ContainsFunc(rule.importers, func(i string) bool { return name == i || strings.HasPrefix(name, i+"/") && i != "pkg" }) {
					t.Errorf("%s imports %s: %s", name, imported, rule.why)
				}
			}
		}
	}
}

func TestProgramsLeaveOut(t *testing.T) {
	for program, rules := range forbidden {
		for _, p := range list(t, "./"+program) {
			for _, dep := range p.Deps {
				for prefix, why := range rules {
					if dep == prefix || strings.HasPrefix(dep, prefix+"/") && prefix != "testing" {
						t.Errorf("%s links %s: %s", program, dep, why)
					}
				}
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range list(t, "./pkg/...", "./propagation/...", "./examples/...", "./tests/...") {
		var documented []string
		for _, f := range append(slices.Clone(p.GoFiles), p.TestGoFiles...) {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Doc != nil && len(parsed.Doc.Text()) > 0 {
				documented = append(documented, f)
			}
		}
		if len(documented) != 1 {
			t.Errorf("%s has package comments in %v; one file says what the package is for", p.ImportPath, documented)
		}
	}
}

// ruleFor finds the rule of a package or of the nearest folder above it.
func ruleFor(name string) ([]string, bool) {
	for n := name; n != "."; n = filepath.ToSlash(filepath.Dir(n)) {
		if n == "pkg" && name != "pkg" {
			break
		}
		if rules, ok := allowed[n]; ok {
			return rules, true
		}
	}
	return nil, false
}

// permitted reports whether a package of ours may import another: itself and
// what lies below it, or what its rule names. A rule ending in "/" names a
// whole folder.
func permitted(name, imported string, rules []string) bool {
	for n := name; n != "." && n != "pkg"; n = filepath.ToSlash(filepath.Dir(n)) {
		if _, ok := allowed[n]; ok && (imported == n || strings.HasPrefix(imported, n+"/")) {
			return true
		}
	}
	return slices.ContainsFunc(rules, func(r string) bool {
		return imported == r || strings.HasSuffix(r, "/") && strings.HasPrefix(imported, r)
	})
}

func list(t *testing.T, patterns ...string) []goPackage {
	t.Helper()
	c := exec.Command("go", append([]string{"list", "-deps=false", "-json=ImportPath,Dir,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles"}, patterns...)...)
	c.Dir = "../.."
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", patterns, err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
