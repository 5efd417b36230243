// Command fuzz runs every fuzz target below pkg, one after another, and prints
// what each did as JSON lines. It finds the targets by their names in the
// sources and leaves the fuzzing itself to `go test`.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run() error {
	each := flag.Duration("each", 10*time.Minute, "how long to fuzz each target")
	only := flag.String("only", "", "a regular expression: only targets like dom.FuzzApply that it matches")
	workers := flag.Int("workers", 1, "how many processes fuzz at the same time")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is not expected here", flag.Arg(0))
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	targets, err := find("pkg")
	if err != nil {
		return err
	}
	var failed []string
	for _, t := range targets {
		if !pattern.MatchString(t.String()) {
			continue
		}
		begin := time.Now()
		executions, err := t.fuzz(ctx, *each, *workers)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, t.String())
			fmt.Fprintf(os.Stderr, "%s: %v\n", t, err)
		}
		t.print("executions", float64(executions))
		t.print("minutes", time.Since(begin).Minutes())
		t.print("findings", float64(found(err)))
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

func found(err error) int {
	if err != nil {
		return 1 // go test stops at the first
	}
	return 0
}

// target is a function of a test file.
type target struct {
	folder string // with slashes
	name   string
}

// String is dom.FuzzApply for the target FuzzApply of pkg/dom.
func (t target) String() string {
	return strings.ReplaceAll(strings.TrimPrefix(t.folder, "pkg/"), "/", ".") + "." + t.name
}

func (t target) print(what string, value float64) {
	line, err := json.Marshal(struct {
		Name  string  `json:"name"`
		Value float64 `json:"value"`
	}{"fuzz." + t.String() + "." + what, value})
	if err != nil {
		panic(err) // values are finite
	}
	fmt.Printf("%s\n", line)
}

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// find returns the targets below a folder, in the order of their names.
func find(root string) ([]target, error) {
	var targets []target
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path) //nolint:gosec // our own sources
		if err != nil {
			return err
		}
		for _, match := range declaration.FindAllSubmatch(source, -1) {
			targets = append(targets, target{filepath.ToSlash(filepath.Dir(path)), string(match[1])})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for targets: %w", err)
	}
	if len(targets) == 0 {
		return nil, errors.New("no targets here: run it in the checkout")
	}
	slices.SortFunc(targets, func(a, b target) int { return strings.Compare(a.String(), b.String()) })
	return targets, nil
}

// fuzz runs a target and returns how often it was called. What go test says
// goes to standard error. By default a minute goes into making each interesting
// input smaller: most of the time, for large ones.
func (t target) fuzz(ctx context.Context, each time.Duration, workers int) (executions int, err error) {
	c := exec.CommandContext(ctx, "go", "test", "./"+t.folder, "-run", "^$", "-fuzz", "^"+t.name+"$",
		"-fuzztime", each.String(), "-fuzzminimizetime", "20x", "-parallel", strconv.Itoa(workers), "-timeout", "0")
	c.Stderr = os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 20 * time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, fmt.Errorf("open pipe: %w", err)
	}
	if err := c.Start(); err != nil {
		return 0, fmt.Errorf("start go test: %w", err)
	}
	executions, readErr := follow(out)
	if err := errors.Join(readErr, c.Wait()); err != nil || executions > 0 {
		return executions, err
	}
	return 0, errors.New("nothing was executed: a target that lacks its recordings skips itself, see PLAYHEAD_CORPUS")
}

var progress = regexp.MustCompile(`execs: (\d+)`)

// follow passes on what go test says and returns the last number of executions
// in it.
func follow(r io.Reader) (executions int, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		fmt.Fprintln(os.Stderr, lines.Text())
		if match := progress.FindStringSubmatch(lines.Text()); match != nil {
			if executions, err = strconv.Atoi(match[1]); err != nil {
				return 0, fmt.Errorf("read progress: %w", err)
			}
		}
	}
	return executions, lines.Err()
}
