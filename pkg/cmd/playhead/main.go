// Command playhead takes recordings in and gives them back: ingest for
// browsers, import and export for files, and a demo that shows the whole way.
// It reads and writes the same two stores as the Grafana plugin and knows
// nothing of Grafana.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/playhead/playhead/pkg/embedded"
)

// version is set by the linker in releases.
var version = "0.1.0-dev"

func main() {
	embedded.RunChild(nil) // its gateway is in playhead-local
	os.Exit(program(os.Args[1:], os.Stdout, os.Stderr))
}

// program runs one command and returns the exit code: 0, 1 when it failed, 2
// when it was called wrongly; doctor has its own.
func program(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := dispatch(ctx, args, stdout, stderr)
	var usage *usageError
	var exit *exitError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "playhead:", err)
		return 2
	default:
		fmt.Fprintln(stderr, "playhead:", err)
		return 1
	}
}

// command is one word after playhead.
type command struct {
	name, arguments, does string
	run                   func(ctx context.Context, c *call) error
}

// call is what a command runs with.
type call struct {
	args           []string
	flags          *flag.FlagSet
	stdout, stderr io.Writer
}

var commands = []command{
	{"ingest", "", "accept segments from browsers and store them", runIngest},
	{"import", "FILE…", "store rrweb recordings (JSON arrays of events)", runImport},
	{"export", "SESSION", "write the events of a session as a JSON array", runExport},
	{"transcript", "SESSION", "write what happened in a session, in words", runTranscript},
	{"reindex", "", "make the rows of ClickHouse again from object storage", runReindex},
	{"retain", "", "delete from object storage what is not kept any longer", runRetain},
	{"inspect", "FILE|KEY…", "say what is inside packs, dictionaries and journals", runInspect},
	{"doctor", "", "say what is wrong with a set-up, and what to do about it", runDoctor},
	{"migrate", "", "bring ClickHouse's schema to this version", runMigrate},
	{"roundtrip", "FOLDER", "import and export every recording of a folder and compare", runRoundtrip},
	{"demo", "", "start everything with a demo shop on this machine", runDemo},
}

type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(stdout, usage())
		return nil
	}
	if args[0] == "version" {
		fmt.Fprintln(stdout, version)
		return nil
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		return &usageError{fmt.Sprintf("no command %q; playhead help lists them", args[0])}
	}
	cmd := commands[i]
	flags := flag.NewFlagSet("playhead "+cmd.name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "playhead %s [flags] %s\n  %s\n", cmd.name, cmd.arguments, cmd.does)
		flags.PrintDefaults()
	}
	return cmd.run(ctx, &call{args: args[1:], flags: flags, stdout: stdout, stderr: stderr})
}

func usage() string {
	var b strings.Builder
	b.WriteString("playhead COMMAND [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-24s %s\n", c.name+" "+c.arguments, c.does)
	}
	b.WriteString("  version\n\nplayhead COMMAND --help lists the flags of a command.\n")
	return b.String()
}

// parseNoWords reads the flags of a command that takes nothing else: a word,
// such as the configuration without --config, must not be ignored.
func (c *call) parseNoWords() error {
	words, err := c.parse()
	if err == nil && len(words) > 0 {
		err = &usageError{fmt.Sprintf("%q is not expected here", words[0])}
	}
	return err
}

// parse reads the flags and returns the words behind them.
func (c *call) parse() ([]string, error) {
	if err := c.flags.Parse(c.args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, &usageError{err.Error()}
	}
	return c.flags.Args(), nil
}

func newLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
