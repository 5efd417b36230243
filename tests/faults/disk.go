//go:build unix

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// own returns the command that runs another one with a file system of its own
// mounted at a folder. The mount lives in a namespace that ends with the
// process. A user who is not root gets one by a user namespace, where the
// system allows it.
func own(folder string, mount ...string) []string {
	flags := "-m"
	if os.Geteuid() != 0 {
		flags = "-Urm"
	}
	words := []string{"unshare", flags, "--propagation", "private", "sh", "-ec", mountThenExec(len(mount) + 1), "sh"}
	return append(append(words, mount...), folder)
}

// mountThenExec is shell that mounts with the first words words and runs what
// follows them.
func mountThenExec(words int) string {
	quoted := ""
	for i := range words {
		quoted += fmt.Sprintf(` "${%d}"`, i+1)
	}
	return fmt.Sprintf(`mount%s; shift %d; exec "$@"`, quoted, words)
}

// canMount says whether this user can have such a mount.
func (t *trial) canMount(mount ...string) bool {
	folder := filepath.Join(t.dir, "probe")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return false
	}
	words := append(own(folder, mount...), "true")
	return exec.CommandContext(t.ctx, words[0], words[1:]...).Run() == nil
}

// inside is a path as the server sees it, in its own mounts.
func (v *server) inside(path string) string {
	return fmt.Sprintf("/proc/%d/root%s", v.command.Process.Pid, path)
}

// diskBytes is the size of the disks that the rows fill or lose.
const diskBytes = 48 << 20

// diskFull is row 4: the disk of the journal is filled to the last byte while
// segments come and object storage is away, and freed again. Where the disk
// outlives the server, it is filled a second time, the server is killed, and
// must start on the full disk.
func diskFull(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	d, err := t.newDisk(v)
	if err != nil {
		return err
	}
	var current atomic.Pointer[server]
	s := newSender(newOracle(), func() string { return current.Load().url() })
	srv, err := t.serve("ingest", d.config, d.wrap...)
	if err != nil {
		return err
	}
	current.Store(srv)
	var sent tally
	stopped := make(chan struct{})
	var sending sync.WaitGroup
	var failed error
	sending.Go(func() {
		failed = s.stream(t.ctx, t.rng.Uint64(), load{rate: 100, workers: 8, length: 100, name: "full", shape: func(t *tape) { t.text = 400 }}, stopped, &sent)
	})
	t.s3.behave(always(reset))
	refused, again, err := t.fillAndFree(srv, d, &sent)
	if err == nil && d.lasting {
		srv, err = t.killOnFullDisk(srv, d, &sent)
		current.Store(srv)
	}
	close(stopped)
	sending.Wait()
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	t.s3.behave(nil)
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("real_disk", boolean(d.real))
	t.figure("refused", float64(refused))
	t.figure("accepts_again_s", again.Seconds())
	t.judge(result)
	t.expect(refused > 0, "nothing was refused: the disk was not full")
	t.expect(sent.noRetry == 0, "%d refusals have no Retry-After", sent.noRetry)
	t.expect(onlyStatuses(&sent, 0, 202, 503), "answers besides 202 and 503: %v", sent.statuses)
	t.expect(again < 10*time.Second, "accepts again only after %s", again)
	return nil
}

func onlyStatuses(c *tally, allowed ...int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for status := range c.statuses {
		ok := false
		for _, a := range allowed {
			ok = ok || status == a
		}
		if !ok {
			return false
		}
	}
	return true
}

// disk is a place for a journal that can be filled.
type disk struct {
	config  settings
	wrap    []string
	real    bool // a file system of its own, filled to the last byte
	lasting bool // it is there after the server has ended
	fill    func(*server) error
	free    func(*server) error
}

// newDisk is a file system on a block device where this user may mount one,
// else one in memory; else the folder's own, of which the server must leave
// all but a few MiB alone.
func (t *trial) newDisk(v *vault) (*disk, error) {
	config := t.settings(v, "ingest").with("journal", "file_bytes", 256<<10)
	folder := filepath.Join(t.dir, "mounted")
	config.with("journal", "dir", filepath.Join(folder, "journal"))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	ballast := filepath.Join(folder, "ballast")
	d := &disk{config: config, real: true, fill: func(srv *server) error { return fillUp(srv.inside(ballast)) }}
	d.free = func(srv *server) error { return os.Remove(srv.inside(ballast)) }
	image := filepath.Join(t.dir, "disk")
	if err := t.makeImage(image); err == nil && t.canMount("-o", "loop", image) {
		d.lasting, d.wrap = true, own(folder, "-o", "loop", image)
		return d, nil
	}
	if t.canMount("-t", "tmpfs", "tmpfs") {
		d.wrap = own(folder, "-t", "tmpfs", "-o", "size="+strconv.Itoa(diskBytes), "tmpfs")
		return d, nil
	}
	t.note("no mounts for this user: the journal's reserve is moved instead of filling a disk")
	var stat syscall.Statfs_t
	if err := syscall.Statfs(t.dir, &stat); err != nil {
		return nil, fmt.Errorf("read free space: %w", err)
	}
	config.with("journal", "min_free_bytes", int64(stat.Bavail)*stat.Bsize-diskBytes)
	d.real = false
	d.fill = func(*server) error { return os.WriteFile(ballast, make([]byte, 2*diskBytes), 0o600) }
	d.free = func(*server) error { return os.Remove(ballast) }
	return d, nil
}

// killOnFullDisk fills the disk again, kills the server, starts it on the full
// disk and frees the disk.
func (t *trial) killOnFullDisk(srv *server, d *disk, sent *tally) (*server, error) {
	if err := d.fill(srv); err != nil {
		return nil, err
	}
	before := sent.refused.Load()
	if err := t.until(20*time.Second, "segments are refused", func() bool { return sent.refused.Load() > before+20 }); err != nil {
		return nil, err
	}
	srv.kill()
	next, err := t.start("ingest", d.config, d.wrap...)
	if err != nil {
		return nil, err
	}
	// Not ready: it has no room. But it must be there, to store what it has.
	if err := t.until(readyLimit, "the server starts on a full disk", func() bool { return next.url() != "" || !next.alive() }); err != nil {
		return nil, err
	}
	t.figure("starts_when_full", boolean(next.alive()))
	if !next.alive() {
		return nil, fmt.Errorf("the server does not start on a full disk: %w: %s", next.exitError(), next.lastWords())
	}
	if err := d.free(next); err != nil {
		return nil, err
	}
	_, err = next.ready(readyLimit)
	return next, err
}

// fillUp writes until there is no space.
func fillUp(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("fill disk: %w", err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		block := make([]byte, size)
		for err == nil {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("fill disk: %w", err)
		}
		err = nil
	}
	return nil
}

// fillAndFree returns how many segments were refused while the disk was full,
// and how long after it was free again the next one was acknowledged.
func (t *trial) fillAndFree(srv *server, d *disk, sent *tally) (refused int64, again time.Duration, err error) {
	if err := t.until(10*time.Second, "segments are acknowledged", func() bool { return sent.acknowledged.Load() > 50 }); err != nil {
		return 0, 0, err
	}
	if err := d.fill(srv); err != nil {
		return 0, 0, err
	}
	before := sent.refused.Load()
	if err := t.until(20*time.Second, "segments are refused", func() bool { return sent.refused.Load() > before+20 }); err != nil {
		return 0, 0, err
	}
	if err := pause(t.ctx, t.pickTime(5*time.Second, time.Second)); err != nil {
		return 0, 0, err
	}
	if !srv.alive() {
		return 0, 0, fmt.Errorf("the server ended on a full disk: %w: %s", srv.exitError(), srv.lastWords())
	}
	refused = sent.refused.Load() - before
	if err := d.free(srv); err != nil {
		return 0, 0, err
	}
	freed, acknowledged := time.Now(), sent.acknowledged.Load()
	err = t.until(20*time.Second, "segments are acknowledged again", func() bool { return sent.acknowledged.Load() > acknowledged+5 })
	return refused, time.Since(freed), err
}

// powerLost is row 2. A journal in this process loses its power in every case;
// where this user may mount file systems, the real server runs on a block device
// that does: what was not fsynced is not on it.
func powerLost(t *trial) error {
	runs, acked, lost := t.pick(50, 10), 0, 0
	for run := range runs {
		a, l, err := t.journalPowerLost(run, false)
		if err != nil {
			return err
		}
		acked, lost = acked+a, lost+l
	}
	t.figure("journal_runs", float64(runs))
	t.figure("journal_acked", float64(acked))
	t.figure("journal_lost", float64(lost))
	t.expect(acked > 0 && lost == 0, "%d of %d segments that a journal acknowledged are lost", lost, acked)
	image := filepath.Join(t.dir, "disk")
	if err := t.makeImage(image); err != nil || !t.canMount("-o", "loop,commit=300", image) {
		t.note("this user cannot mount images (%v): only the journal loses its power", err)
		t.figure("device_runs", 0)
		t.figure("lost", float64(lost))
		t.figure("duplicated", 0)
		return nil
	}
	return t.devicePowerLost(image)
}

// devicePowerLost runs the server on an image of a device again and again.
func (t *trial) devicePowerLost(image string) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	s := newSender(newOracle(), nil)
	rounds, kept := t.pick(50, 2), 0
	for range rounds {
		survived, err := t.losePower(s, v, &image)
		if err != nil {
			return err
		}
		kept += survived
	}
	t.s3.behave(nil)
	srv, err := t.startOnImage(v, image)
	if err != nil {
		return err
	}
	s.target = srv.url
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("device_runs", float64(rounds))
	t.figure("unsynced_bytes_kept", float64(kept))
	t.judge(result)
	t.expect(kept == 0, "%d bytes that nobody fsynced survived: no power was lost", kept)
	return nil
}

// makeImage makes a small ext4 file system in a file.
func (t *trial) makeImage(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	if err := errors.Join(f.Truncate(diskBytes), f.Close()); err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	c := exec.CommandContext(t.ctx, "mkfs.ext4", "-q", "-F", "-J", "size=4", path)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("make image: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// startOnImage starts a server whose journal lies in an image.
func (t *trial) startOnImage(v *vault, image string) (*server, error) {
	disk := filepath.Join(t.dir, "mounted")
	if err := os.MkdirAll(disk, 0o700); err != nil {
		return nil, err
	}
	config := t.settings(v, "ingest").with("journal", "dir", filepath.Join(disk, "journal")).with("journal", "max_bytes", 16<<20)
	// The file system's own commits, every 5 s by default, must not do the
	// server's work.
	return t.serve("ingest", config, own(disk, "-o", "loop,commit=300", image)...)
}

// losePower runs a server under load, takes what is on its device at a random
// moment, and puts it in the place of the image. It returns how many bytes of an
// earlier life are there that nobody fsynced.
func (t *trial) losePower(s *sender, v *vault, image *string) (survived int, err error) {
	srv, err := t.startOnImage(v, *image)
	if err != nil {
		return 0, err
	}
	mounted := srv.inside(filepath.Join(t.dir, "mounted"))
	survived, err = unsyncedBytes(mounted)
	if err != nil {
		return 0, err
	}
	t.s3.behave(nil)
	if t.rng.IntN(2) == 0 {
		t.s3.behave(always(reset)) // everything is in the journal only
	}
	s.target = srv.url
	var sent tally
	stopped := make(chan struct{})
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	var sending sync.WaitGroup
	var failed error
	sending.Go(func() {
		failed = s.stream(ctx, t.rng.Uint64(), load{rate: chunksPerSecond, workers: 8, length: 200, name: "power"}, stopped, &sent)
	})
	name := strconv.FormatUint(t.rng.Uint64(), 36)
	err = pause(t.ctx, 100*time.Millisecond+time.Duration(t.rng.Int64N(int64(500*time.Millisecond))))
	if err == nil {
		err = os.WriteFile(filepath.Join(mounted, "control"+name), []byte("nobody fsyncs this"), 0o600)
	}
	next := filepath.Join(t.dir, "disk"+name)
	if err == nil {
		err = srv.freeze()
	}
	if err == nil {
		err = copyImage(ctx, *image, next)
	}
	close(stopped)
	cancel() // nobody waits for what a stopped server does not say
	sending.Wait()
	srv.kill()
	if failed != nil && !errors.Is(failed, context.Canceled) {
		err = errors.Join(err, failed)
	}
	if err == nil {
		err = os.Remove(*image)
	}
	*image = next
	return survived, err
}

// unsyncedBytes counts what is left of the files that losePower wrote in earlier
// lives. Their names may be there: they were in the same commit of the file
// system as something that was fsynced.
func unsyncedBytes(folder string) (int, error) {
	files, err := filepath.Glob(filepath.Join(folder, "control*"))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return 0, fmt.Errorf("look for unsynced bytes: %w", err)
		}
		n += len(data)
	}
	return n, nil
}

// freeze stops a server in the middle of what it does: when it returns no
// thread runs or waits for the disk.
func (v *server) freeze() error {
	if err := v.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return v.t.until(10*time.Second, "the server stands still", func() bool {
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", v.command.Process.Pid))
		if err != nil {
			return false
		}
		for _, path := range stats {
			data, err := os.ReadFile(path)
			if err != nil {
				return false
			}
			if _, rest, _ := bytes.Cut(data, []byte(") ")); len(rest) == 0 || rest[0] != 'T' {
				return false
			}
		}
		return len(stats) > 0
	})
}

// copyImage takes what is on a device now.
func copyImage(ctx context.Context, from, to string) error {
	c := exec.CommandContext(ctx, "cp", "--sparse=always", from, to)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("copy image: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
