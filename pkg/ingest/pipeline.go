package ingest

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
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
	// encoded until something is stored. Where packs may be larger than half of
	// it, their frames are in the spool.
	encodedLimit = 24 << 20

	// spoolingLimit is the same for packs whose frames are in the spool: half as
	// much again, since the frames were two thirds of it and packs are eight times
	// as large.
	spoolingLimit = encodedLimit + encodedLimit/2

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
	encoders int // at the same time
	packer   *packer
	spool    *spool // nil: packs are small
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

func newPipeline(s *Server, bucket objectstore.Bucket, idx index.Index, opts Options) *pipeline {
	p := &pipeline{
		now: s.now, after: opts.after, log: s.log,
		encoders: opts.Processors, limit: encodedLimit, maxBytes: int64(s.cfg.Flush.PackBytes), maxAge: s.cfg.Flush.PackAge,
		wake:     make(chan struct{}, 1),
		queues:   map[journal.Group]*queue{},
		running:  map[*job]struct{}{},
		progress: make(chan struct{}),
	}
	p.encode.L = &p.mu
	retry := newRetrier(opts, s.metrics)
	b := newBases(s.now, processorTime)
	p.encoder = &encoder{
		journal: s.journal, inflate: s.unpack, library: s.library, bases: b, project: s.project,
		retry: retry, metrics: s.metrics, log: s.log,
	}
	p.packer = newPacker(s, bucket, idx, retry, b, opts)
	if p.spool = p.packer.spool; p.spool != nil {
		p.limit = spoolingLimit
	}
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
func (p *pipeline) add(group journal.Group, e journal.Entry, address uint32, k *kept) {
	p.mu.Lock()
	q := p.queue(group)
	q.waiting.push(item{entry: e, number: p.next, sinceMs: p.now().UnixMilli(), address: address, kept: k})
	p.next++
	p.waiting++
	p.mu.Unlock()
	p.encode.Signal()
}

// isBehind says whether more segments wait than encoders keep up with.
func (p *pipeline) isBehind() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.behind()
}

// behind is isBehind while p.mu is held.
func (p *pipeline) behind() bool { return p.waiting > keepsUp*p.encoders }

func (p *pipeline) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run encodes and stores until ctx is done, and returns when nothing is under
// way.
func (p *pipeline) run(ctx context.Context) {
	defer p.packer.end()
	defer p.tasks.Wait()
	defer p.stop()
	for range p.encoders {
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
	giveWay()
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
		if made != nil && p.spools() {
			p.spool.take(made)
		}
		p.encoded(group, it, made)
	}
}

// spools says that frames go to the disk: packs are to be larger than memory
// allows, and some of it is taken.
func (p *pipeline) spools() bool {
	if p.spool == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held >= p.limit/16
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
			if q.waiting.length > 0 && p.mayEncode(q) && (oldest == nil || q.waiting.first().number < oldest.waiting.first().number) {
				group, oldest = g, q
			}
		}
		if oldest != nil {
			it := oldest.waiting.pop()
			p.waiting--
			oldest.head = append(oldest.head, &it)
			return group, &it, p.behind()
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

// encoded takes what an encoder made; nil is a segment that is lost.
func (p *pipeline) encoded(group journal.Group, it *item, made *encoded) {
	if it.kept != nil {
		it.kept.release()
	}
	if made == nil {
		p.packer.lose([]journal.Entry{it.entry})
	}
	p.mu.Lock()
	it.kept, it.made, it.madeMs = nil, made, p.now().UnixMilli()
	q := p.queue(group)
	if made != nil {
		q.bytes += it.packBytes()
		p.held += made.bytes
	} else {
		q.setHead(slices.DeleteFunc(q.head, func(other *item) bool { return other == it }))
		p.progressed()
	}
	p.mu.Unlock()
	p.nudge()
}

// progressed lets flush look again; p.mu is held.
func (p *pipeline) progressed() {
	close(p.progress)
	p.progress = make(chan struct{})
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
		if first := q.waiting.first(); first != nil && first.number < number {
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
