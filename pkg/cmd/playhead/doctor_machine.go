package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

const (
	// slowFsync and badFsync are what an fsync may take before an operator
	// should know. Every acknowledgement waits for one; a local SSD takes 1 to
	// 3 ms.
	slowFsync = 20 * time.Millisecond
	badFsync  = 200 * time.Millisecond

	// fsyncs are measured, of which the median counts.
	fsyncs = 15

	// fewDescriptors is less than a thousand browsers and the journal need.
	fewDescriptors = 4096
)

// namedFile is a file that the configuration names.
type namedFile struct {
	field, path string
	secret      bool
}

// files are those that must be there before a server starts.
func (c config) files() []namedFile {
	var all []namedFile
	if ch := c.ClickHouse; ch != nil {
		all = append(all, namedFile{"clickhouse.password_file", ch.PasswordFile, true}, namedFile{"clickhouse.tls.ca_file", ch.TLS.CAFile, false})
	}
	if s := c.ObjectStorage; s != nil {
		all = append(all, namedFile{"object_storage.secret_key_file", s.SecretKeyFile, true}, namedFile{"object_storage.tls.ca_file", s.TLS.CAFile, false})
	}
	return slices.DeleteFunc(all, func(f namedFile) bool { return f.path == "" })
}

// check says why a file cannot be used.
func (f namedFile) check() error {
	content, err := os.ReadFile(f.path)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", f.field, err)
	case f.secret && strings.TrimSpace(string(content)) == "":
		return fmt.Errorf("%s: %s is empty", f.field, f.path)
	case !f.secret && !x509.NewCertPool().AppendCertsFromPEM(content):
		return fmt.Errorf("%s: no certificate in %s", f.field, f.path)
	}
	return nil
}

// checkFiles says which files of the configuration cannot be used.
func (c config) checkFiles() error {
	var errs []error
	for _, f := range c.files() {
		errs = append(errs, f.check())
	}
	return errors.Join(errs...)
}

// machine looks at files, folders, addresses and limits.
func (d *doctor) machine(ctx context.Context) {
	for _, f := range d.cfg.files() {
		switch err := f.check(); {
		case err != nil:
			d.fail("files", "make the file readable for the user that runs playhead", "%v", err)
		case f.secret:
			d.mode("files", f.field, f.path)
		default:
			d.ok("files", "%s is read", f.field)
		}
	}
	d.sessionSecret()
	d.folders()
	d.journal()
	d.abandonedImports()
	d.descriptors()
	d.listeners(ctx)
}

// mode warns of a secret that other users of the machine can read.
func (d *doctor) mode(check, field, path string) {
	info, err := os.Stat(path)
	if err != nil {
		d.fail(check, "make the file readable for the user that runs playhead", "%s: %v", field, err)
		return
	}
	if info.Mode().Perm()&0o077 != 0 {
		d.warn(check, "chmod 600 "+path, "%s: other users of this machine can read it (mode %04o)", field, info.Mode().Perm())
		return
	}
	d.ok(check, "%s is read, and by nobody else", field)
}

// sessionSecret shows a fingerprint by which servers can be compared; the
// secret itself cannot be told from it.
func (d *doctor) sessionSecret() {
	const check = "session tokens"
	path := d.cfg.Ingest.SessionTokens.SecretFile
	if path == "" {
		d.warn(check, "set session_tokens.secret_file", "the secret ends with the process: after a restart sessions under way are asked for again")
		return
	}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok(check, "%s will be written at the first start; servers behind one address need the same file", path)
		return
	case err != nil:
		d.fail(check, "make the file readable for the user that runs playhead", "session_tokens.secret_file: %v", err)
		return
	}
	d.mode(check, "session_tokens.secret_file", path)
	sum := sha256.Sum256(append([]byte("playhead doctor\n"), content...))
	d.ok(check, "fingerprint %s; servers behind one address need the same", hex.EncodeToString(sum[:4]))
}

// folders looks whether the journal can be written, how fast, and for how long.
func (d *doctor) folders() {
	// What is absent is left to the server to make: it would else belong to
	// whoever looks.
	dir := existing(d.cfg.Ingest.Journal.Dir)
	took, err := fsyncTime(dir)
	next := "use a local disk, better an SSD; every acknowledgement waits for an fsync"
	switch {
	case err != nil:
		d.fail("journal folder", "give the user that runs playhead the folder, on a disk with room", "%v", err)
		return
	case took > badFsync:
		d.fail("journal folder", next, "an fsync takes %s", took.Round(time.Microsecond))
	case took > slowFsync:
		d.warn("journal folder", next, "an fsync takes %s", took.Round(time.Microsecond))
	default:
		d.ok("journal folder", "%s can be written; an fsync takes %s", dir, took.Round(time.Microsecond))
	}
	d.space(dir)
}

// existing is a folder, or the nearest one above it that exists.
func existing(dir string) string {
	for {
		above := filepath.Dir(dir)
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || above == dir {
			return dir
		}
		dir = above
	}
}

// fsyncTime is the median of writing 4 KiB durably.
func fsyncTime(dir string) (took time.Duration, err error) {
	f, err := os.CreateTemp(dir, "doctor-*.tmp")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4096)
	_, _ = rand.Read(block) // never fails
	times := make([]time.Duration, fsyncs)
	for i := range times {
		begun := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(begun)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func (d *doctor) space(dir string) {
	const check = "disk space"
	free, err := journal.FreeBytes(dir)
	if err != nil {
		d.fail(check, "look at the disk", "%v", err)
		return
	}
	survey, err := journal.Look(d.cfg.Ingest.Journal.Dir)
	if err != nil {
		return // journal says why
	}
	j := d.cfg.Ingest.Journal
	room := max(int64(j.MaxBytes)-survey.Bytes, 0)
	switch {
	case free < uint64(j.MinFreeBytes):
		d.fail(check, "free some, or lower journal.min_free_bytes", "%s are free, less than journal.min_free_bytes: every upload is answered 503", size(free))
	case free < uint64(room)+uint64(j.MinFreeBytes):
		d.warn(check, "free some, or lower journal.max_bytes to what there is", "%s are free: the disk is full before the journal reaches journal.max_bytes (%s)", size(free), size(uint64(j.MaxBytes)))
	default:
		d.ok(check, "%s are free for a journal of up to %s", size(free), size(uint64(j.MaxBytes)))
	}
}

func size(bytes uint64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
}

// journal looks at what waits in it.
func (d *doctor) journal() {
	const check = "journal"
	s, err := journal.Look(d.cfg.Ingest.Journal.Dir)
	if err != nil {
		d.fail(check, "keep a copy of the folder; ingest does not start with it", "%v", err)
		return
	}
	if lost := s.Lost(); lost > 0 || len(s.SetAside) > 0 {
		d.fail(check, "look for a failing disk; what is intact is recovered at the next start, the rest is lost", "%s are damaged, %d files were set aside", size(uint64(lost)), len(s.SetAside))
	}
	used := float64(s.Bytes) / float64(d.cfg.Ingest.Journal.MaxBytes)
	says := fmt.Sprintf("%d segments wait, %s of %s", s.Segments, size(uint64(s.Bytes)), size(uint64(d.cfg.Ingest.Journal.MaxBytes)))
	switch {
	case used > 0.9:
		d.fail(check, "look at the stores: they do not take what comes", "%s: it is nearly full", says)
	case used > 0.25:
		d.warn(check, "look at the stores: they do not take what comes", "%s", says)
	case s.Segments > 0 && !s.InUse:
		d.warn(check, "start playhead ingest, which stores them", "%s and no server runs on it", says)
	default:
		d.ok(check, "%s", says)
	}
}

func (d *doctor) abandonedImports() {
	dirs, err := abandonedImports(d.cfg.DataDir)
	switch {
	case err != nil:
		d.fail("imports", "look at data_dir", "%v", err)
	case len(dirs) > 0:
		d.warn("imports", "run playhead import, which stores what is in them and removes them", "%d imports were cut off: %s", len(dirs), strings.Join(dirs, ", "))
	}
}

func (d *doctor) descriptors() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		d.warn("open files", "look at ulimit -n", "the limit cannot be read: %v", err)
		return
	}
	// Go raises the soft limit to the hard one when a program starts.
	if limit.Max < fewDescriptors {
		d.warn("open files", "raise it: ulimit -Hn, or LimitNOFILE of the systemd unit", "at most %d; each browser that is sending takes one", limit.Max)
		return
	}
	d.ok("open files", "up to %d", limit.Max)
}

// abandonedImports are the journals of imports that ended before everything
// was stored, and that nobody has open.
func abandonedImports(dataDir string) ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(dataDir, importPattern))
	if err != nil {
		return nil, fmt.Errorf("find imports: %w", err)
	}
	var abandoned []string
	for _, dir := range dirs {
		inUse, err := journal.InUse(dir)
		if err != nil {
			return nil, err
		}
		if !inUse {
			abandoned = append(abandoned, dir)
		}
	}
	return abandoned, nil
}
