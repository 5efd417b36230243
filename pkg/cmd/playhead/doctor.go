package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// checkTime bounds each group of checks: a store that hangs must not hide what
// is wrong elsewhere.
const checkTime = 30 * time.Second

// level says how bad a finding is.
type level string

const (
	levelOK   level = "ok"
	levelWarn level = "warn"
	levelFail level = "fail"
)

// finding is one thing that the doctor looked at. It never holds a secret.
type finding struct {
	Check string `json:"check"`
	Level level  `json:"level"`
	Says  string `json:"says"`
	Next  string `json:"next,omitempty"` // what to do about it
}

// doctor looks at a set-up and writes what it finds as it goes.
type doctor struct {
	cfg    config
	log    *slog.Logger
	write  func(finding)
	counts map[level]int
	sample int  // packs to read of each project
	ours   bool // a running ingest answers at the address to listen on
}

// exitError ends the program with a code and without words: what there is to
// say has been said.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func runDoctor(ctx context.Context, c *call) error {
	flags := c.configFlags()
	asJSON := c.flags.Bool("json", false, "one JSON object per line")
	sample := c.flags.Int("sample", 8, "read so many packs of each project")
	if err := c.parseNoWords(); err != nil {
		return err
	}
	if *sample < 0 || *sample > 1000 {
		return &usageError{"--sample must be between 0 and 1000"}
	}
	d := &doctor{log: slog.New(slog.DiscardHandler), write: writeText(c.stdout), counts: map[level]int{}, sample: *sample}
	if *asJSON {
		d.write = writeJSON(c.stdout)
	}
	if d.configuration(flags) {
		d.machine(ctx)
		d.server(ctx)
		d.storesAndRecordings(ctx)
	}
	if !*asJSON {
		fmt.Fprintf(c.stdout, "\n%d ok, %d warnings, %d failures\n", d.counts[levelOK], d.counts[levelWarn], d.counts[levelFail])
	}
	switch {
	case d.counts[levelFail] > 0:
		return &exitError{2}
	case d.counts[levelWarn] > 0:
		return &exitError{1}
	}
	return nil
}

func writeText(w io.Writer) func(finding) {
	return func(f finding) {
		fmt.Fprintf(w, "%-5s %-22s %s\n", f.Level, f.Check, f.Says)
		if f.Next != "" {
			fmt.Fprintf(w, "%-5s %-22s → %s\n", "", "", f.Next)
		}
	}
}

func writeJSON(w io.Writer) func(finding) {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return func(f finding) { _ = out.Encode(f) } // strings alone; whoever closed the pipe has read enough
}

func (d *doctor) add(l level, check, says, next string) {
	d.counts[l]++
	// A finding is a line; joined errors have several.
	d.write(finding{Check: check, Level: l, Says: strings.ReplaceAll(strings.TrimSpace(says), "\n", "; "), Next: next})
}

func (d *doctor) ok(check, format string, args ...any) {
	d.add(levelOK, check, fmt.Sprintf(format, args...), "")
}

// warn is about what works and should not stay so.
func (d *doctor) warn(check, next, format string, args ...any) {
	d.add(levelWarn, check, fmt.Sprintf(format, args...), next)
}

// fail is about what does not work.
func (d *doctor) fail(check, next, format string, args ...any) {
	d.add(levelFail, check, fmt.Sprintf(format, args...), next)
}

// configuration reads the file; without it there is nothing to look at.
func (d *doctor) configuration(flags *configFlags) bool {
	var err error
	if d.cfg, err = flags.load(); err != nil {
		d.fail("configuration", "correct the file; docs/playhead.yaml shows every field", "%v", err)
		return false
	}
	d.ok("configuration", "%s is read", flags.file)
	d.projects()
	return true
}

// projects looks at what the configuration allows and should not.
func (d *doctor) projects() {
	if len(d.cfg.Ingest.Projects) == 0 {
		d.fail("projects", "add a project with a key", "there is none, so that nothing can be sent")
	}
	for _, p := range d.cfg.Ingest.Projects {
		before := d.counts[levelWarn]
		check := "project " + string(p.ID)
		if len(p.Keys) == 0 {
			d.warn(check, "add a key, or use the project for imports only", "it has no write key")
		}
		if p.Scrub != nil && !*p.Scrub {
			d.warn(check, "remove scrub: false unless nothing secret can be on the pages", "secrets in events are stored as they are")
		}
		if p.SessionTokens == "off" {
			d.warn(check, "set session_tokens: required", "who knows a write key and the id of a session can add to the session")
		}
		for _, k := range p.Keys {
			if k.Revoked {
				continue
			}
			if len(k.Origins) == 0 {
				d.warn(check, "list the origins of the pages, such as https://shop.example.com", "key %s has no origins: every browser is refused", k.Name)
			}
			if k.Quota.BytesPerSecond == 0 {
				d.warn(check, "set quota.bytes_per_second", "key %s has no quota: one page can fill the journal for all", k.Name)
			}
		}
		if d.counts[levelWarn] == before {
			d.ok(check, "%d keys, each with origins and a quota", len(p.Keys))
		}
	}
}

// group bounds the time of some checks.
func (d *doctor) group(ctx context.Context, checks func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	checks(ctx)
}

// explainTimeout says more of an error that is only the end of checkTime.
func explainTimeout(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer in %s: %w", checkTime, err)
	}
	return err
}
