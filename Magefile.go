//go:build mage

// The project's commands. `go tool mage -l` lists them; CONTRIBUTING.md says
// what each prints. Commands that measure or check write JSON lines to
// standard output and everything else to standard error.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/mg"
)

const (
	playhead     = "bin/playhead"
	local        = "bin/playhead-local"
	smoke        = "bin/smoke"
	conformance  = "bin/conformance"
	faults       = "bin/faults"
	fuzz         = "bin/fuzz"
	golangciLint = ".cache/golangci-lint"
	assets       = "pkg/cmd/playhead/assets"
	peers        = "tests/bench/peers"
	otelcol      = ".cache/otelcol"

	recipes        = "tests/recipes/testdata/node"
	recipePackages = ".cache/recipes/node"
)

// Demo builds everything and starts the demo: stores, ingest, the standalone
// page, the demo shop, and Grafana where there is one.
func Demo(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Build)
	return run(ctx, os.Stdout, playhead, "demo")
}

// Test installs what the project needs and runs every gate and test.
func Test(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Prepare, RecipePackages, Build, Lint)
	steps := [][]string{
		{"go", "test", "./pkg/...", "./propagation/...", "./examples/...", "./tests/..."},
		{"npx", "jest", "--maxWorkers", "2"},
		{"node", "packages/recorder/test/run.mjs"},
		{"node", "tests/player/run.mjs"},
	}
	for _, s := range steps {
		if err := run(ctx, os.Stdout, s[0], s[1:]...); err != nil {
			return err
		}
	}
	if err := corpusRoundtrip(ctx); err != nil {
		return err
	}
	if err := run(ctx, os.Stdout, smoke); err != nil {
		return err
	}
	return run(ctx, os.Stdout, "node", "tests/grafana/run.mjs")
}

// Smoke drives a browser through the demo's three scenarios, finds the
// sessions through the built plugin binary and compares their replays with
// the pages.
func Smoke(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Prepare, Build)
	return run(ctx, os.Stdout, smoke)
}

// Roundtrip [FOLDER] imports and exports every recording of a folder and
// compares the events. Without a folder: the corpus.
func Roundtrip(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Dependencies, BuildGo)
	args := argumentsAfter("roundtrip")
	if len(args) == 0 {
		return corpusRoundtrip(ctx)
	}
	if err := run(ctx, os.Stdout, playhead, "roundtrip", args[0]); err != nil {
		return err
	}
	// mage would take the folder for the next target.
	os.Exit(0)
	return nil
}

// Conformance [FOLDER] compares the document engine with rrweb's Replayer in
// Chromium, on every recording of a folder. Without a folder: the corpus, the
// demo's recordings and its own.
func Conformance(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Prepare)
	if err := run(ctx, os.Stderr, "go", "build", "-o", conformance, "./tests/conformance"); err != nil {
		return err
	}
	args := append([]string{"tests/conformance/run.mjs"}, argumentsAfter("conformance")...)
	if err := run(ctx, os.Stdout, "node", args...); err != nil {
		return err
	}
	// mage would take the folder for the next target.
	os.Exit(0)
	return nil
}

func corpusRoundtrip(ctx context.Context) error {
	folder := corpusFolder()
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "roundtrip skipped: no corpus at %s (set PLAYHEAD_CORPUS)\n", folder)
		return nil
	}
	return run(ctx, os.Stdout, playhead, "roundtrip", folder)
}

// Faults [--seed N] [--rows 1,3,7] [--short] breaks stores, disks, networks,
// clocks and senders on purpose and prints what that cost (docs/faults.md).
func Faults(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Dependencies)
	if err := run(ctx, os.Stderr, "go", "build", "-o", faults, "./tests/faults/cmd/faults"); err != nil {
		return err
	}
	if err := run(ctx, os.Stdout, faults, argumentsAfter("faults")...); err != nil {
		return err
	}
	// mage would take the flags for the next targets.
	os.Exit(0)
	return nil
}

// Fuzz [-each 10m] [-only REGEXP] fuzzes what reads outside bytes, one target
// after another, and prints how often each was called and whether it failed.
func Fuzz(ctx context.Context) error {
	if err := run(ctx, os.Stderr, "go", "build", "-o", fuzz, "./tests/fuzz"); err != nil {
		return err
	}
	if err := run(ctx, os.Stdout, fuzz, argumentsAfter("fuzz")...); err != nil {
		return err
	}
	// mage would take the flags for the next targets.
	os.Exit(0)
	return nil
}

// Grafana runs the end-to-end tests in the Grafana at GRAFANA_URL.
func Grafana(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Prepare)
	return run(ctx, os.Stdout, "node", "tests/grafana/run.mjs")
}

// Bench ingest|storage|search|load|document [FLAGS] measures Playhead against
// its peers in one run; docs/performance.md says how. -help lists the flags.
func Bench(ctx context.Context) error {
	args := argumentsAfter("bench")
	if len(args) == 0 {
		return errors.New("say what: bench ingest|storage|search|load|document")
	}
	folder := "tests/bench/" + args[0]
	if _, err := os.Stat(filepath.Join(folder, "main.go")); err != nil {
		return fmt.Errorf("there is no bench %q", args[0])
	}
	mg.SerialCtxDeps(ctx, BuildGo, BuildPeers)
	program := filepath.Join(".cache", "bench-"+args[0])
	if err := run(ctx, os.Stderr, "go", "build", "-o", program, "./"+folder); err != nil {
		return err
	}
	if err := run(ctx, os.Stdout, program, args[1:]...); err != nil {
		return err
	}
	// mage would take the words after bench for the next targets.
	os.Exit(0)
	return nil
}

// BuildPeers builds what the benches measure against: an OpenTelemetry
// Collector with the parts that are needed, from a Go module of its own.
func BuildPeers(ctx context.Context) error {
	inputs, err := files(peers)
	if err != nil {
		return err
	}
	return once(ctx, ".cache/peers.built", inputs, func() error {
		return run(ctx, os.Stderr, "go", "build", "-C", peers, "-o", "../../../"+otelcol, ".")
	})
}

// Collector proves the documented OpenTelemetry Collector configuration
// against a Collector that it builds.
func Collector(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, BuildPeers)
	return run(ctx, os.Stdout, "go", "test", "-count=1", "-v", "./tests/collector")
}

// RecipePackages installs what the recipe for Node in docs/correlate.md is
// tested with, apart from the project's own packages.
func RecipePackages(ctx context.Context) error {
	inputs := []string{recipes + "/package.json", recipes + "/package-lock.json"}
	return once(ctx, recipePackages+"/.installed", inputs, func() error {
		if err := os.MkdirAll(recipePackages, 0o755); err != nil {
			return err
		}
		for _, path := range inputs {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(recipePackages, filepath.Base(path)), data, 0o644); err != nil {
				return err
			}
		}
		return run(ctx, os.Stderr, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", recipePackages)
	})
}

// Recipes runs the recipes for servers of docs/correlate.md in the languages
// that are installed.
func Recipes(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, RecipePackages)
	return run(ctx, os.Stdout, "go", "test", "-count=1", "-v", "./tests/recipes")
}

// E2e runs the journeys between traces, logs, dashboards and replays in the
// Grafana at GRAFANA_URL, with the Tempo and Loki at TEMPO_URL and LOKI_URL.
func E2e(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Prepare)
	return run(ctx, os.Stdout, "node", "tests/e2e/run.mjs")
}

// Prepare installs what the project needs: npm packages and a Chromium.
func Prepare(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Dependencies, Chromium)
	return nil
}

// Dependencies installs the npm packages of package-lock.json, once per
// version of that file.
func Dependencies(ctx context.Context) error {
	return once(ctx, "node_modules/.installed", []string{"package.json", "package-lock.json", "packages/recorder/package.json"}, func() error {
		return run(ctx, os.Stderr, "npm", "ci")
	})
}

// Chromium makes sure that a browser is there for the tests; Debian's package
// is installed when it can be.
func Chromium(ctx context.Context) error {
	if chromium := os.Getenv("CHROMIUM"); chromium != "" {
		if _, err := os.Stat(chromium); err != nil {
			return fmt.Errorf("CHROMIUM: %w", err)
		}
		return nil
	}
	if _, err := exec.LookPath("chromium"); err == nil {
		return nil
	}
	apt := []string{"apt-get"}
	if os.Geteuid() != 0 {
		apt = []string{"sudo", "-n", "apt-get"}
	}
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-liberation"}} {
		command := append(append([]string{}, apt...), args...)
		if err := run(ctx, os.Stderr, command[0], command[1:]...); err != nil {
			return fmt.Errorf("the tests need Chromium: install it, or point CHROMIUM at one: %w", err)
		}
	}
	return nil
}

// Build builds the recorder, the plugin and the command.
func Build(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Dependencies, BuildFrontend, BuildPlugin, BuildGo)
	return nil
}

// BuildFrontend builds the recorder, the three plugin modules and the
// standalone page.
func BuildFrontend(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Dependencies)
	inputs, err := files("src", "packages/recorder/src", ".config", "webpack.config.ts", "package-lock.json", "package.json", "tsconfig.json")
	if err != nil {
		return err
	}
	return once(ctx, ".cache/frontend.built", inputs, func() error {
		if err := run(ctx, os.Stderr, "npm", "run", "build", "-w", "packages/recorder"); err != nil {
			return err
		}
		if err := run(ctx, os.Stderr, "npm", "run", "build"); err != nil {
			return err
		}
		return copyAssets()
	})
}

// BuildPlugin builds the plugin's backend for this platform into dist.
func BuildPlugin() error {
	return toStderr(func() error { return build.Build{}.Custom(runtime.GOOS, runtime.GOARCH) })
}

// BuildAll builds the plugin's backend for every platform that Grafana runs
// on.
func BuildAll() { build.BuildAll() }

// BuildGo builds the playhead command, what it starts beside itself on one
// machine, and the smoke test.
func BuildGo(ctx context.Context) error {
	for out, pkg := range map[string]string{playhead: "./pkg/cmd/playhead", local: "./pkg/cmd/playhead-local", smoke: "./tests/smoke"} {
		if err := run(ctx, os.Stderr, "go", "build", "-o", out, pkg); err != nil {
			return err
		}
	}
	return nil
}

// Lint runs the gates that read code: formatting, vet, golangci-lint with
// depguard, types, ESLint, import cycles and dead code.
func Lint(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Dependencies)
	unformatted, err := output(ctx, "gofmt", "-l", "pkg", "propagation", "examples", "tests", "Magefile.go")
	if err != nil {
		return err
	}
	if unformatted != "" {
		return fmt.Errorf("gofmt these files:\n%s", unformatted)
	}
	if err := run(ctx, os.Stderr, "go", "build", "-C", "tools", "-o", "../"+golangciLint, "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"); err != nil {
		return err
	}
	steps := [][]string{
		{"go", "vet", "./pkg/...", "./propagation/...", "./examples/...", "./tests/..."},
		{golangciLint, "run", "./pkg/...", "./propagation/...", "./examples/...", "./tests/..."},
		{"npm", "run", "--silent", "typecheck"},
		{"npm", "run", "--silent", "lint"},
		{"npm", "run", "--silent", "lint:cycles"},
		{"npm", "run", "--silent", "lint:dead"},
	}
	for _, s := range steps {
		if err := run(ctx, os.Stderr, s[0], s[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// Clean removes what the build made; installed packages stay.
func Clean() error {
	for _, path := range []string{"bin", "dist", "dist-standalone", "packages/recorder/dist", "release", ".cache"} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// corpusFolder is where recordings of other projects lie, beside the
// checkout unless PLAYHEAD_CORPUS says otherwise.
func corpusFolder() string {
	if folder := os.Getenv("PLAYHEAD_CORPUS"); folder != "" {
		return filepath.Join(folder, "sessions")
	}
	return filepath.Join("..", "shared", "corpus", "sessions")
}

// argumentsAfter returns the words after the target on the command line. mage
// knows no optional positional arguments.
func argumentsAfter(target string) []string {
	for i, a := range os.Args {
		if strings.EqualFold(a, target) {
			return os.Args[i+1:]
		}
	}
	return nil
}

// copyAssets puts what the command serves to browsers where it embeds it.
func copyAssets() error {
	for from, to := range map[string]string{"packages/recorder/dist/playhead.js": "playhead.js", "dist-standalone": "standalone"} {
		target := filepath.Join(assets, to)
		if err := os.RemoveAll(target); err != nil {
			return err
		}
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		if info.IsDir() {
			if err := os.CopyFS(target, os.DirFS(from)); err != nil {
				return err
			}
			continue
		}
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// once runs do when the inputs changed since it last ended well; stamp keeps
// their hash.
func once(ctx context.Context, stamp string, inputs []string, do func() error) error {
	sum := sha256.New()
	for _, path := range inputs {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", path, len(data))
		sum.Write(data)
	}
	want := []byte(hex.EncodeToString(sum.Sum(nil)))
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, want) {
		return ctx.Err()
	}
	if err := do(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(stamp), 0o755); err != nil {
		return err
	}
	return os.WriteFile(stamp, want, 0o644)
}

// files lists every regular file below the given paths.
func files(paths ...string) ([]string, error) {
	var list []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				list = append(list, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func run(ctx context.Context, stdout *os.File, name string, args ...string) error {
	return execute(ctx, stdout, nil, name, args...)
}

// runWith runs a command with these variables in its environment.
func runWith(ctx context.Context, env []string, name string, args ...string) error {
	return execute(ctx, os.Stderr, env, name, args...)
}

func execute(ctx context.Context, stdout *os.File, env []string, name string, args ...string) error {
	fmt.Fprintf(os.Stderr, "> %s %s\n", strings.Join(append(env, name), " "), strings.Join(args, " "))
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr, c.Stdin = stdout, os.Stderr, os.Stdin
	// Ctrl-C lets the command drain; it is killed only when it does not.
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 40 * time.Second
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// toStderr keeps the SDK's build from writing to standard output.
func toStderr(f func() error) error {
	stdout := os.Stdout
	os.Stdout = os.Stderr
	defer func() { os.Stdout = stdout }()
	return f()
}
