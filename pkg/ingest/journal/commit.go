package journal

import (
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	// groupBytes and groupRecords end a group: what is written at once is
	// also held in memory once more.
	groupBytes   = 4 << 20
	groupRecords = 1024

	// fsyncsAhead is how many fsyncs may follow each other without a pause.
	fsyncsAhead = 20

	// keepBuffer is how large the write buffer may stay between groups.
	keepBuffer = 8 << 20
)

// request is one record waiting for its group.
type request struct {
	kind  kind
	parts [][]byte
	size  int64
	pos   Position
	err   error
	done  chan struct{}
}

// append hands a record to the committer and waits until it is durable.
func (j *Journal) append(k kind, parts ...[]byte) (Position, error) {
	r := &request{kind: k, parts: parts, size: recordHeadSize, done: make(chan struct{})}
	for _, p := range parts {
		r.size += int64(len(p))
	}
	if r.size > maxPayload {
		return Position{}, fmt.Errorf("append %d bytes to the journal: %w", r.size, errPayload)
	}
	select {
	case j.requests <- r:
	case <-j.closing:
		return Position{}, ErrClosed
	}
	<-r.done
	return r.pos, r.err
}

// run is the committer: the only goroutine that writes.
func (j *Journal) run() {
	for {
		select {
		case r := <-j.requests:
			j.rest()
			j.commit(j.gather(r))
		case <-j.closing:
			return
		}
	}
}

// rest waits until the next fsync may begin.
func (j *Journal) rest() {
	wait := j.pace.wait(time.Now())
	if wait <= 0 {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-j.closing:
	}
}

// pace lets an interval pass between two fsyncs while there are many, so that
// appends share one. An append that comes shortly after another, perhaps
// somebody else's, is not delayed as long as there are few: fsyncsAhead of them
// may follow each other at once.
type pace struct {
	interval time.Duration
	paid     time.Time // until when fsyncs have used up the time
}

// wait is how long until the next fsync may begin.
func (p *pace) wait(now time.Time) time.Duration {
	return p.paid.Add(-(fsyncsAhead - 1) * p.interval).Sub(now)
}

// spend notes an fsync: it takes an interval of the time outside of fsyncs.
func (p *pace) spend(begin, end time.Time) {
	if p.paid.Before(begin) {
		p.paid = begin
	}
	p.paid = p.paid.Add(end.Sub(begin) + p.interval)
}

// gather takes everybody who is waiting.
func (j *Journal) gather(first *request) []*request {
	group, size := []*request{first}, first.size
	for size < groupBytes && len(group) < groupRecords {
		select {
		case r := <-j.requests:
			group = append(group, r)
			size += r.size
		default:
			return group
		}
	}
	return group
}

// commit writes a group, fsyncs once and wakes its members.
func (j *Journal) commit(group []*request) {
	start := time.Now()
	group = j.admit(group)
	if len(group) == 0 {
		return
	}
	err := j.write(group)
	j.pace.spend(start, time.Now())
	size := len(j.buf)
	if cap(j.buf) > keepBuffer {
		j.buf = nil
	}
	for _, r := range group {
		r.err = err
		close(r.done)
	}
	if err == nil {
		j.opts.Observe(Commit{Records: len(group), Bytes: size, Duration: time.Since(start)})
	}
}

// admit refuses the segments for which there is no room, and everything after
// a failure.
func (j *Journal) admit(group []*request) []*request {
	if err := j.Err(); err != nil {
		refuse(group, err)
		return nil
	}
	room, slots, err := int64(0), 0, j.reclaim()
	if err == nil {
		room, slots, err = j.room()
	}
	admitted := group[:0]
	for _, r := range group {
		if r.kind.needed() {
			if err == nil && (r.size > room || slots == 0) {
				r.err = ErrFull
			}
			if err != nil {
				r.err = err
			}
			if r.err != nil {
				close(r.done)
				continue
			}
			slots--
		}
		room -= r.size
		admitted = append(admitted, r)
	}
	return admitted
}

func refuse(group []*request, err error) {
	for _, r := range group {
		r.err = err
		close(r.done)
	}
}

// room returns how many bytes and segments may still be added.
func (j *Journal) room() (bytes int64, segments int, err error) {
	j.mu.Lock()
	bytes = j.opts.MaxBytes - j.bytes - j.lent
	segments = max(0, j.opts.MaxSegments-j.live)
	j.mu.Unlock()
	free, err := j.opts.FreeBytes(j.opts.Dir)
	if err != nil {
		return 0, 0, err
	}
	if free < j.opts.MinFreeBytes {
		return 0, 0, fmt.Errorf("%w: only %d bytes are free on the disk", ErrFull, free)
	}
	return min(bytes, int64(min(free-j.opts.MinFreeBytes, math.MaxInt64))), segments, nil
}

// reclaim begins a new file when the bound is near and the file being written
// holds only settled segments, which still count until it is deleted.
func (j *Journal) reclaim() error {
	j.mu.Lock()
	active := j.files[len(j.files)-1]
	stale := j.opts.MaxBytes-j.bytes-j.lent < j.opts.FileBytes && active.live == 0 && active.size > headerSize
	j.mu.Unlock()
	if !stale {
		return nil
	}
	if err := j.rotate(); err != nil {
		return fullOr(err)
	}
	j.collect()
	return nil
}

// write puts a group into one file.
func (j *Journal) write(group []*request) error {
	var size int64
	for _, r := range group {
		size += r.size
	}
	active := j.active()
	if active.size > headerSize && active.size+size > j.opts.FileBytes {
		if err := j.rotate(); err != nil {
			return fullOr(err)
		}
		j.collect()
		active = j.active()
	}

	j.buf = j.buf[:0]
	segments := 0
	for _, r := range group {
		r.pos = Position{File: active.number, Offset: uint32(active.size + int64(len(j.buf)))}
		j.buf = appendRecord(j.buf, active.salt, r.kind, r.parts...)
		if r.kind.needed() {
			segments++
		}
	}
	if _, err := active.WriteAt(j.buf, active.size); err != nil {
		return j.undo(active, err)
	}
	if err := active.Sync(); err != nil {
		// The kernel may have dropped the dirty pages and will not say so
		// again: another fsync would succeed without the bytes on the disk.
		return j.fail(fmt.Errorf("fsync %s: %w", active.path, err))
	}
	j.mu.Lock()
	active.size += size
	active.live += segments
	j.bytes += size
	j.live += segments
	j.mu.Unlock()
	return nil
}

// undo removes what a failed write left behind. A full disk is then an
// ordinary refusal; anything else is not.
func (j *Journal) undo(active *file, cause error) error {
	if err := active.Truncate(active.size); err != nil {
		return j.fail(fmt.Errorf("truncate %s: %w", active.path, errors.Join(err, cause)))
	}
	if isFull(cause) {
		return fullOr(cause)
	}
	return j.fail(fmt.Errorf("write %s: %w", active.path, cause))
}

// fullOr marks an error of a full disk as ErrFull.
func fullOr(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// fail makes every later append fail.
func (j *Journal) fail(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure == nil {
		j.failure = err
		close(j.failed)
		j.opts.Log.Error("journal failed; nothing more is accepted until the next start", "error", cause)
	}
	return err
}
