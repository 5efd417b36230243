//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// attackersEnv is set in the environment of a process of attackers: the address
// of the server that they attack.
const attackersEnv = "PLAYHEAD_FAULTS_ATTACK"

// attackers are a process of their own with the lowest priority. What making
// requests costs is theirs, on computers of their own; here they get the time
// that the server and those whose answers are measured leave.
type attackers struct {
	requests *rpc.Client
	process  *exec.Cmd
	server   int // process id
}

// attackersOf starts the attackers of a server. They end with the row.
func (t *trial) attackersOf(srv *server) (*attackers, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	run := append(leastPriority(), program)
	c := exec.CommandContext(t.ctx, run[0], run[1:]...) //nolint:gosec // this program
	c.Env = append(os.Environ(), attackersEnv+"="+srv.url())
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start attackers: %w", err)
	}
	a := &attackers{requests: rpc.NewClient(duplex{out, in}), process: c, server: srv.command.Process.Pid}
	t.later(a.end)
	return a, nil
}

// leastPriority is the command that runs another one when nobody else wants the
// processor: on Linux as an idle task, which gives way at once to whoever wakes.
// One that is only nice keeps the processor until its slice of up to 3 ms is over.
func leastPriority() []string {
	if chrt, err := exec.LookPath("chrt"); err == nil && runtime.GOOS == "linux" {
		return []string{chrt, "--idle", "0"}
	}
	return []string{"nice", "-n", "19"}
}

// end closes the attackers' input, which ends them.
func (a *attackers) end() error {
	_ = a.requests.Close() // they may have ended before
	if err := a.process.Wait(); err != nil {
		return fmt.Errorf("attackers: %w", err)
	}
	return nil
}

func (a *attackers) call(what string, with, answer any) error {
	if err := a.requests.Call("attack."+what, with, answer); err != nil {
		return fmt.Errorf("attackers: %s: %w", what, err)
	}
	return nil
}

// exceed sends bytes per second for a while, and returns how many it sent in a
// second.
func (a *attackers) exceed(bytesPerSecond int, length time.Duration) (sent float64, err error) {
	return sent, a.call("Exceed", Flood{float64(bytesPerSecond), length}, &sent)
}

// refill returns by how much more than rate a used up quota gives, as a share of
// it.
func (a *attackers) refill(rate float64, length time.Duration) (given float64, err error) {
	return given, a.call("Refill", Flood{rate, length}, &given)
}

// answers returns what the senders of a flood were told until now.
func (a *attackers) answers() (told Answers, err error) {
	return told, a.call("Answers", 0, &told)
}

// gather makes n slow connections and returns how many were made.
func (a *attackers) gather(n int) (made int, err error) {
	return made, a.call("Gather", n, &made)
}

// drip sends one more byte on a part of the slow connections.
func (a *attackers) drip(part int) error { return a.call("Drip", part, new(int)) }

// disperse closes the slow connections.
func (a *attackers) disperse() error { return a.call("Disperse", 0, new(int)) }

// descriptors returns how many files and connections the server has open. With
// thousands of them counting takes a processor for 16 ms, which nobody whose
// answers are measured should wait for.
func (a *attackers) descriptors() (n int, err error) {
	return n, a.call("Descriptors", a.server, &n)
}

// Flood is a number of bytes per second for a while.
type Flood struct {
	BytesPerSecond float64
	Length         time.Duration
}

// Answers are what the senders of a flood are told.
type Answers struct {
	Statuses map[int]int
	NoRetry  int // refusals without Retry-After
}

// RunAttackers attacks and exits the process when a row started it for that;
// otherwise it returns at once. Call it first in main, and in TestMain.
func RunAttackers() {
	url := os.Getenv(attackersEnv)
	if url == "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	names := rpc.NewServer()
	if err := names.RegisterName("attack", newAttack(ctx, url)); err != nil {
		panic(err) // a constant type
	}
	names.ServeConn(duplex{os.Stdin, os.Stdout}) // until the suite is gone
	cancel()
	os.Exit(0)
}

// attack is what a process of attackers does when it is told to.
type attack struct {
	ctx    context.Context //nolint:containedctx // of the process
	url    string
	greedy *greedy
	crowd  crowd
}

func newAttack(ctx context.Context, url string) *attack {
	return &attack{ctx: ctx, url: url, greedy: newGreedy(url)}
}

// Exceed implements attackers.exceed.
func (a *attack) Exceed(f Flood, sent *float64) (err error) {
	*sent, err = a.greedy.exceed(a.ctx, int(f.BytesPerSecond), f.Length)
	return err
}

// Refill implements attackers.refill.
func (a *attack) Refill(f Flood, given *float64) (err error) {
	*given, err = a.greedy.refill(a.ctx, f.BytesPerSecond, f.Length)
	return err
}

// Answers implements attackers.answers.
func (a *attack) Answers(_ int, told *Answers) error {
	*told = a.greedy.told()
	return nil
}

// Gather implements attackers.gather.
func (a *attack) Gather(n int, made *int) error {
	*made = a.crowd.open(a.ctx, strings.TrimPrefix(a.url, "http://"), n)
	return nil
}

// Drip implements attackers.drip.
func (a *attack) Drip(part int, _ *int) error {
	a.crowd.drip(part)
	return nil
}

// Disperse implements attackers.disperse.
func (a *attack) Disperse(int, *int) error {
	a.crowd.close()
	return nil
}

// Descriptors implements attackers.descriptors.
func (a *attack) Descriptors(pid int, n *int) (err error) {
	*n, err = descriptorsOf(pid)
	return err
}

// duplex is two pipes as one connection.
type duplex struct {
	io.ReadCloser
	to io.WriteCloser
}

// Write implements io.Writer.
func (d duplex) Write(p []byte) (int, error) { return d.to.Write(p) }

// Close implements io.Closer.
func (d duplex) Close() error { return errors.Join(d.to.Close(), d.ReadCloser.Close()) }
