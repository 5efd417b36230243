package ingest

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// packsAtOnce is how many packs are made and stored at the same time, and
	// packsOfGroup how many of one group, so that one project whose packs hang
	// leaves room for the others. Under ordinary load there is one; those whose
	// object is stored wait for each other, to be indexed together.
	packsAtOnce  = 12
	packsOfGroup = 8

	// parkedOfGroup is how many packs of a group may have failed and wait for
	// another attempt before no further ones are made.
	parkedOfGroup = 4

	// resumesAtOnce bounds the packs that are read back from object storage at
	// the same time: those that fail again and again must not hold up others.
	resumesAtOnce = 2

	// encodedLimit bounds the memory of what is encoded and not stored yet.
	// When it is reached, the fullest pack is closed early, and nothing more is
	// encoded until something is stored.
	encodedLimit = 24 << 20

	// packSegments bounds the segments of a pack, which are one look-up and
	// one insert in the index.
	packSegments = 20_000

	// footerBytes is about what a segment adds to a pack besides its frame.
	footerBytes = 256

	// keepsUp is how many segments for each encoder may wait before less time
	// is spent on each.
	keepsUp = 8
)

// pipeline brings segments from the journal to the stores. What waits is on
// disk; in memory there are positions, and as much else as its bounds allow.
type pipeline struct {
	encoder  *encoder
	packer   *packer
	now      func() time.Time
	after    func(time.Duration) <-chan time.Time
	log      *slog.Logger
	limit    int64 // encodedLimit
	maxBytes int64
	maxAge   time.Duration
	wake     chan struct{}
	tasks    sync.WaitGroup // of run

	mu       sync.Mutex
	encode   sync.Cond // signalled when there may be something to encode
	stopped  bool
	queues   map[journal.Group]*queue
	waiting  int    // segments that no encoder has taken
	held     int64  // bytes of what is encoded and not stored
	resumes  []*job // sealed packs of which it is not known whether they are stored
	running  map[*job]struct{}
	next     uint64        // number of the next segment
	flushTo  uint64        // segments below this number do not wait for company
	progress chan struct{} // closed and renewed when a job ends
}

// item is a segment on its way from the journal to its pack.
type item struct {
	entry   journal.Entry
	number  uint64 // in the order of arrival
	sinceMs int64
	address uint64   // of the sender, hashed; 0: unknown
	kept    *kept    // the events, when they are in memory
	tries   int      // of a pack with this segment that failed
	made    *encoded // nil: not encoded
}

// queue holds the segments of one group that are in no pack.
type queue struct {
	waiting []item  // not encoded, oldest first
	head    []*item // older than those: encoded or being encoded, oldest first
	bytes   int64   // of the packs that head would make
	running int     // jobs
	parked  int     // packs that failed
	passed  bool    // since no further ones are made, another project's was stored
	refused bool    // and after that one of these failed again
	resting bool    // the index could not be asked; a pause is running
	pauses  int     // in a row
}

// job is a pack being made and stored, or one that was sealed before.
type job struct {
	group  journal.Group
	number uint64 // of its first segment
	items  []*item
	held   int64
	sealed *journal.Pack // nil: a new pack
	tries  int           // that failed
	absent int           // times that the object was not there
	ready  bool          // for another
}

func newPipeline(s *Server, bucket objectstore.Bucket, idx index.Index, opts Options) *pipeline {
	p := &pipeline{
		now: s.now, after: opts.after, log: s.log,
		limit: encodedLimit, maxBytes: int64(s.cfg.Flush.PackBytes), maxAge: s.cfg.Flush.PackAge,
		wake:     make(chan struct{}, 1),
		queues:   map[journal.Group]*queue{},
		running:  map[*job]struct{}{},
		progress: make(chan struct{}),
	}
	p.encode.L = &p.mu
	retry := newRetrier(opts, s.metrics)
	b := newBases(s.now)
	p.encoder = &encoder{
		journal: s.journal, inflate: s.unpack, library: s.library, bases: b, project: s.project,
		retry: retry, metrics: s.metrics, log: s.log,
	}
	p.packer = newPacker(s, bucket, idx, retry, b, opts)
	return p
}

// recovered queues what the journal held when it was opened.
func (p *pipeline) recovered(r *journal.Recovery) {
	p.next = uint64(len(r.Packs)) // numbers 0 to len-1 stand for the sealed packs
	for i, pack := range r.Packs {
		p.packer.ledger.recovered(pack.Entries)
		p.packer.ledger.recovered(pack.Repeats)
		p.resumes = append(p.resumes, &job{group: pack.Group, number: uint64(i), sealed: &pack, ready: true})
		p.queue(pack.Group).parked++
	}
	for group, entries := range r.Pending {
		p.packer.ledger.recovered(entries)
		for _, e := range entries {
			p.add(group, e, 0, nil)
		}
	}
}

// queue returns the queue of a group; p.mu is held.
func (p *pipeline) queue(group journal.Group) *queue {
	q := p.queues[group]
	if q == nil {
		q = &queue{}
		p.queues[group] = q
	}
	return q
}

// add queues a segment that is in the journal.
func (p *pipeline) add(group journal.Group, e journal.Entry, address uint64, k *kept) {
	p.mu.Lock()
	q := p.queue(group)
	q.waiting = append(q.waiting, item{entry: e, number: p.next, sinceMs: p.now().UnixMilli(), address: address, kept: k})
	p.next++
	p.waiting++
	p.mu.Unlock()
	p.encode.Signal()
}

func (p *pipeline) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run encodes and stores until ctx is done, and returns when nothing is under
// way.
func (p *pipeline) run(ctx context.Context) {
	defer p.tasks.Wait()
	defer p.stop()
	for range runtime.GOMAXPROCS(0) {
		p.tasks.Go(func() { p.encodeAll(ctx) })
	}
	for {
		j, wait := p.take()
		if j != nil {
			p.tasks.Go(func() { p.work(ctx, j) })
			continue
		}
		select {
		case <-p.wake:
		case <-p.after(wait):
		case <-ctx.Done():
			return
		}
	}
}

// stop ends the encoders.
func (p *pipeline) stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.encode.Broadcast()
}

// encodeAll encodes one segment after another until ctx is done.
func (p *pipeline) encodeAll(ctx context.Context) {
	var s scratch
	for {
		group, it, fast := p.toEncode()
		if it == nil {
			return
		}
		made, err := p.encoder.encode(ctx, it, fast, &s)
		if err != nil {
			return // ctx is done; the segment is in the journal
		}
		p.encoded(group, it, made)
	}
}

// toEncode waits for a segment, the oldest of all groups. It returns nil when
// the pipeline stops.
func (p *pipeline) toEncode() (group journal.Group, it *item, fast bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.stopped {
			return group, nil, false
		}
		var oldest *queue
		for g, q := range p.queues {
			if len(q.waiting) > 0 && p.mayEncode(q) && (oldest == nil || q.waiting[0].number < oldest.waiting[0].number) {
				group, oldest = g, q
			}
		}
		if oldest != nil {
			it := oldest.waiting[0]
			oldest.waiting[0].kept = nil
			oldest.waiting = oldest.waiting[1:]
			p.waiting--
			oldest.head = append(oldest.head, &it)
			return group, &it, p.waiting > keepsUp*runtime.GOMAXPROCS(0)
		}
		if p.held >= p.limit {
			p.packer.rows.begin() // what waits for company takes the memory
		}
		p.encode.Wait()
	}
}

// mayEncode says whether there is memory for another segment of a group; p.mu
// is held. A group whose packs are not taken gets no more than one pack's
// worth of it.
func (p *pipeline) mayEncode(q *queue) bool {
	if p.held >= p.limit {
		return false
	}
	return !q.blocked() || q.bytes < p.maxBytes
}

// blocked says that no packs of a group are made now.
func (q *queue) blocked() bool { return q.resting || q.parked >= parkedOfGroup }

// encoded takes what an encoder made; nil is a segment that is lost.
func (p *pipeline) encoded(group journal.Group, it *item, made *encoded) {
	if it.kept != nil {
		it.kept.release()
	}
	if made == nil {
		p.packer.lose([]journal.Entry{it.entry})
	}
	p.mu.Lock()
	it.kept, it.made = nil, made
	q := p.queue(group)
	if made != nil {
		q.bytes += it.packBytes()
		p.held += made.bytes
	} else {
		q.head = slices.DeleteFunc(q.head, func(other *item) bool { return other == it })
		p.progressed()
	}
	p.mu.Unlock()
	p.nudge()
}

// packBytes is about what an encoded segment adds to a pack.
func (it *item) packBytes() int64 { return int64(len(it.made.frame)) + footerBytes }

// progressed lets flush look again; p.mu is held.
func (p *pipeline) progressed() {
	close(p.progress)
	p.progress = make(chan struct{})
}

// work stores a pack. When ctx ends it first, the pack stays in the journal,
// and as running here, because nobody else may take it.
func (p *pipeline) work(ctx context.Context, j *job) {
	out, err := p.packer.store(ctx, j)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			p.log.Error("pack is left in the journal until the next start", "project", j.group.Project, "error", err)
		}
		return
	}
	p.finish(ctx, j, out)
	p.nudge()
	p.encode.Broadcast()
}

// finish takes what became of a job.
func (p *pipeline) finish(ctx context.Context, j *job, out outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queue(j.group)
	delete(p.running, j)
	q.running--
	p.held -= j.held
	if j.sealed != nil {
		q.parked--
	}
	switch {
	case out.sealed != nil:
		p.park(ctx, j, q, out)
	case out.failed:
		q.pauses++
		q.resting = true
		p.pause(ctx, q.pauses, func() { q.resting = false })
	default:
		q.pauses = 0
		p.stored(j, q)
	}
	p.giveBack(j, q, out)
	p.progressed()
}

// stored notes a pack that is stored; p.mu is held.
func (p *pipeline) stored(j *job, q *queue) {
	if q.parked < parkedOfGroup {
		q.passed, q.refused = false, false
	}
	for group, other := range p.queues {
		if group.Project != j.group.Project && other.parked >= parkedOfGroup {
			other.passed = true
		}
	}
}

// isRefused says that the stores take the packs of other projects and not those
// of this one.
func (p *pipeline) isRefused(project recording.ProjectID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for group, q := range p.queues {
		if group.Project == project && q.refused {
			return true
		}
	}
	return false
}

// park keeps a pack that is sealed and could not be stored for later; p.mu is
// held.
func (p *pipeline) park(ctx context.Context, j *job, q *queue, out outcome) {
	again := &job{group: j.group, number: j.number, sealed: out.sealed, tries: j.tries + 1, absent: out.absent}
	p.resumes = append(p.resumes, again)
	q.parked++
	q.refused = q.passed
	p.packer.parked(again)
	p.pause(ctx, again.tries, func() { again.ready = true })
}

// pause calls f, with p.mu held, after a pause that grows with the failures.
func (p *pipeline) pause(ctx context.Context, failures int, f func()) {
	wait := p.packer.retry.pause(failures)
	p.tasks.Go(func() {
		if p.packer.retry.wait(ctx, wait) != nil {
			return
		}
		p.mu.Lock()
		f()
		p.mu.Unlock()
		p.nudge()
		p.encode.Broadcast()
	})
}

// giveBack puts segments at the head of their queue again; p.mu is held.
func (p *pipeline) giveBack(j *job, q *queue, out outcome) {
	for _, it := range out.back {
		q.bytes += it.packBytes()
		p.held += it.made.bytes
	}
	q.head = append(out.back[:len(out.back):len(out.back)], q.head...)
	if len(out.again) == 0 {
		return
	}
	again := make([]item, 0, len(out.again)+len(q.waiting))
	for _, e := range out.again {
		again = append(again, item{entry: e, number: j.number, tries: j.tries}) // since 1970: due now
	}
	p.waiting += len(out.again)
	q.waiting = append(again, q.waiting...)
}

// take returns a pack that is due, or how long until one may be.
func (p *pipeline) take() (*job, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := p.maxAge
	if len(p.running) >= packsAtOnce {
		return nil, wait
	}
	if j := p.takeResume(); j != nil {
		return j, 0
	}
	now := p.now().UnixMilli()
	var best *queue
	var group journal.Group
	for g, q := range p.queues {
		if q.empty() {
			delete(p.queues, g)
			continue
		}
		if q.blocked() || q.running >= packsOfGroup || q.ready() == 0 {
			continue
		}
		due := p.due(q, now)
		if due <= 0 && (best == nil || q.head[0].number < best.head[0].number) {
			best, group = q, g
		}
		wait = min(wait, max(due, 0))
	}
	if best == nil && p.held >= p.limit {
		best, group = p.fullest()
	}
	if best == nil {
		return nil, max(wait, time.Millisecond)
	}
	return p.start(best, p.cut(best, group)), 0
}

// takeResume returns a sealed pack that is ready for another attempt.
func (p *pipeline) takeResume() *job {
	resuming := 0
	for j := range p.running {
		if j.sealed != nil {
			resuming++
		}
	}
	if resuming >= resumesAtOnce {
		return nil
	}
	for i, j := range p.resumes {
		if j.ready {
			p.resumes = append(p.resumes[:i:i], p.resumes[i+1:]...)
			return p.start(p.queue(j.group), j)
		}
	}
	return nil
}

func (p *pipeline) start(q *queue, j *job) *job {
	q.running++
	p.running[j] = struct{}{}
	return j
}

func (q *queue) empty() bool {
	return len(q.waiting) == 0 && len(q.head) == 0 && q.running == 0 && q.parked == 0 && !q.resting
}

// ready returns how many segments from the oldest on are encoded.
func (q *queue) ready() int {
	n := slices.IndexFunc(q.head, func(it *item) bool { return it.made == nil })
	if n < 0 {
		return len(q.head)
	}
	return n
}

// due returns how long until the encoded segments of a queue become a pack;
// not above 0 is now. While older ones than flush.pack_age are still to be
// encoded, packs are closed by size only: catching up makes large ones.
func (p *pipeline) due(q *queue, now int64) time.Duration {
	ready := q.ready()
	if q.bytes >= p.maxBytes || ready >= packSegments {
		return 0
	}
	age := func(it *item) time.Duration {
		// A clock that was set back must not keep segments waiting.
		if now < it.sinceMs || it.number < p.flushTo {
			return p.maxAge
		}
		return min(p.maxAge, time.Duration(now-it.sinceMs)*time.Millisecond)
	}
	var behind *item
	if ready < len(q.head) {
		behind = q.head[ready]
	} else if len(q.waiting) > 0 {
		behind = &q.waiting[0]
	}
	if behind != nil && age(behind) >= p.maxAge {
		return p.maxAge // the encoder says when it is done
	}
	return p.maxAge - age(q.head[0])
}

// fullest returns the queue with the largest pack.
func (p *pipeline) fullest() (fullest *queue, group journal.Group) {
	for g, q := range p.queues {
		if !q.blocked() && q.running < packsOfGroup && q.ready() > 0 && (fullest == nil || q.bytes > fullest.bytes) {
			fullest, group = q, g
		}
	}
	return fullest, group
}

// cut takes the segments of one pack from a queue: the oldest one and those
// after it that, like it, were or were not in a pack that failed. What failed
// before is not to take others with it.
func (p *pipeline) cut(q *queue, group journal.Group) *job {
	first := q.head[0]
	j := &job{group: group, number: first.number}
	ready := q.ready()
	left := make([]*item, 0, len(q.head))
	var bytes int64
	for i, it := range q.head[:ready] {
		size := it.packBytes()
		full := bytes+size > p.maxBytes || j.held+it.made.bytes > p.limit/2 || len(j.items) == packSegments
		if full && len(j.items) > 0 {
			ready = i
			break
		}
		if (it.tries > 0) != (first.tries > 0) {
			left = append(left, it)
			continue
		}
		bytes += size
		j.held += it.made.bytes
		j.items = append(j.items, it)
		j.tries = max(j.tries, it.tries)
	}
	q.head = append(left, q.head[ready:]...)
	q.bytes -= bytes
	return j
}

// flush waits until every segment that is queued now is stored. It returns the
// journal's error when that failed: nothing more is stored then.
func (p *pipeline) flush(ctx context.Context) error {
	defer p.packer.rows.hurry()()
	p.mu.Lock()
	upTo := p.next
	p.flushTo = max(p.flushTo, upTo)
	p.mu.Unlock()
	p.nudge()
	for {
		p.mu.Lock()
		stored, progress := p.storedBelow(upTo), p.progress
		p.mu.Unlock()
		if stored {
			return nil
		}
		select {
		case <-progress:
		case <-p.packer.journal.Failed():
			return p.packer.journal.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// storedBelow says whether no segment with a smaller number is left; p.mu is
// held.
func (p *pipeline) storedBelow(number uint64) bool {
	for _, j := range p.resumes {
		if j.number < number {
			return false
		}
	}
	for _, q := range p.queues {
		if len(q.waiting) > 0 && q.waiting[0].number < number {
			return false
		}
		for _, it := range q.head {
			if it.number < number {
				return false
			}
		}
	}
	for j := range p.running {
		if j.number < number {
			return false
		}
	}
	return true
}

// parkedPacks returns how many packs failed and wait for another attempt, or
// make it.
func (p *pipeline) parkedPacks() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.resumes {
		if j.tries > 0 {
			n++
		}
	}
	for j := range p.running {
		if j.tries > 0 {
			n++
		}
	}
	return n
}

// encodedBytes returns the memory of what is encoded and not stored.
func (p *pipeline) encodedBytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

func (p *pipeline) storeStates() map[string]storeState { return p.packer.retry.stores() }
