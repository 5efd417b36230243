//go:build unix

// Package faults breaks Playhead on purpose and looks whether it keeps its
// promises: no acknowledged segment is lost, none is there twice, and after
// the fault everything works again. It runs the real programs: the command
// `playhead ingest` as a child process, and the embedded engines of pkg/embedded
// behind proxies that fail as told. docs/faults.md has the table of its rows.
//
// It measures no speed but where a row compares a speed with and without a
// fault; that is what tests/bench is for.
package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// ErrFailed is returned, wrapped, by Run when a row did not pass.
var ErrFailed = errors.New("a promise was broken")

// Options say what to run.
type Options struct {
	Root  string    // the checkout
	Seed  uint64    // of everything random
	Rows  []int     // numbers of the rows; none: all of them
	Short bool      // the form of the tests: the same steps, fewer of them
	Out   io.Writer // JSON lines, one figure each
	Log   io.Writer // what happens
}

// row is one line of the fault table.
type row struct {
	number int
	title  string
	run    func(t *trial) error

	// alone is for rows that judge times, processor time or memory: nothing else
	// runs meanwhile in the long form.
	alone bool
}

// What the fields alone of rows say.
const (
	alone  = true
	beside = false
)

var rows = []row{
	{1, "kill -9 at random moments", killed, beside},
	{2, "power loss", powerLost, beside},
	{3, "a torn tail, a flipped bit", journalDamaged, beside},
	{4, "a full disk", diskFull, beside},
	{5, "object storage away", bucketAway, alone},
	{6, "object storage ill", bucketIll, beside},
	{7, "ClickHouse away", indexAway, alone},
	{8, "ClickHouse commits, the reply is lost", replyLost, beside},
	{9, "everything three times, to three servers", repeated, beside},
	{10, "shuffled and a day late", late, beside},
	{11, "every seventh segment is missing", missing, beside},
	{12, "wrong clocks", clocks, beside},
	{13, "rolling restarts, old data", rolling, beside},
	{14, "a key at ten times its quota", overQuota, alone},
	{15, "decompression bombs", bombed, alone},
	{16, "hostile JSON", hostileJSON, alone},
	{17, "ten thousand slow connections", slow, alone},
	{18, "ids that are paths, lines and formulas", strangeNames, beside},
	{19, "sessions of other projects", foreign, alone},
	{20, "wrong origins, revoked keys, strangers", writeAbuse, beside},
}

// Rows returns the numbers of all rows.
func Rows() []int {
	var numbers []int
	for _, r := range rows {
		numbers = append(numbers, r.number)
	}
	return numbers
}

// Run runs the rows, each on stores of its own, and returns ErrFailed, wrapped,
// when one of them did not pass. All processes have ended
// when it returns.
func Run(ctx context.Context, o Options) (err error) {
	for _, n := range o.Rows {
		if !slices.Contains(Rows(), n) {
			return fmt.Errorf("there is no row %d", n)
		}
	}
	dir, err := os.MkdirTemp("", "playhead-faults-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := newPlant(ctx, o, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if failed := p.runRows(ctx, o); len(failed) > 0 {
		return fmt.Errorf("%w: rows %v", ErrFailed, failed)
	}
	return ctx.Err()
}

// atOnce is how many rows of the long form that only count run at the same time,
// and shortAtOnce how many of the short form, which judges no times: most of
// their time they wait.
const (
	atOnce      = 2
	shortAtOnce = 4
)

// runRows runs what was asked for and returns the rows that did not pass.
func (p *plant) runRows(ctx context.Context, o Options) (failed []int) {
	start := time.Now()
	if o.Short {
		failed = p.runBeside(ctx, o, shortAtOnce, func(row) bool { return true })
	} else {
		failed = append(p.runBeside(ctx, o, atOnce, func(r row) bool { return !r.alone }),
			p.runBeside(ctx, o, 1, func(r row) bool { return r.alone })...)
	}
	p.report.line("faults.seconds", time.Since(start).Seconds())
	slices.Sort(failed)
	return failed
}

// runBeside runs some of the rows, so many at the same time.
func (p *plant) runBeside(ctx context.Context, o Options, most int, which func(row) bool) (failed []int) {
	places := make(chan struct{}, most)
	var mu sync.Mutex
	var running sync.WaitGroup
	for _, r := range rows {
		if !which(r) || len(o.Rows) > 0 && !slices.Contains(o.Rows, r.number) || ctx.Err() != nil {
			continue
		}
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			if !p.runRow(ctx, o, r) {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, r.number)
			}
		})
	}
	running.Wait()
	return failed
}

// runRow runs one row, cleans up behind it and says whether it passed.
func (p *plant) runRow(ctx context.Context, o Options, r row) bool {
	start := time.Now()
	t := &trial{
		plant: p, number: r.number, short: o.Short, report: p.report,
		// Rows do not disturb each other's dice.
		rng: rand.New(rand.NewPCG(o.Seed, uint64(r.number))), //nolint:gosec // repeatable on purpose
		dir: filepath.Join(p.dir, fmt.Sprintf("row%d", r.number)),
	}
	var cancel context.CancelFunc
	t.ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	p.log.printf("row %d: %s", r.number, r.title)
	err := os.MkdirAll(t.dir, 0o700)
	if err == nil {
		err = t.openProxies()
	}
	if err == nil {
		err = guarded(t, r.run)
	}
	err = errors.Join(err, t.cleanUp())
	if err != nil {
		t.expect(false, "%v", err)
	}
	// A row that cannot say how much was lost has not passed either.
	t.figure("pass", boolean(len(t.broken) == 0))
	t.figure("seconds", time.Since(start).Seconds())
	t.note("%.0f s", time.Since(start).Seconds())
	for _, b := range t.broken {
		p.log.printf("row %d FAILED: %s", r.number, b)
	}
	return len(t.broken) == 0
}

// guarded turns a panic of a row into its failure, so that the processes of
// the row end.
func guarded(t *trial, run func(*trial) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return run(t)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
