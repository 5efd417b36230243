package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
)

const (
	// packsAtOnce is how many packs are made and stored at the same time: one
	// waits for a store while the next is compressed and read.
	packsAtOnce = 2

	// packRawFactor bounds the raw events of a pack, and with them the memory
	// of its moments, as a multiple of flush.pack_bytes. Recordings compress
	// about ten times, forty with luck.
	packRawFactor = 32

	// packSegments bounds the segments of a pack, which are one look-up and
	// one insert in the index.
	packSegments = 20_000
)

// pipeline brings segments from the journal to the stores. What waits is on
// disk; in memory there are only positions.
type pipeline struct {
	packer   *packer
	now      func() time.Time
	after    func(time.Duration) <-chan time.Time
	log      *slog.Logger
	maxBytes int64
	maxAge   time.Duration
	wake     chan struct{}

	mu       sync.Mutex
	queues   map[journal.Group]*queue
	sealed   []journal.Pack    // of an earlier life; they go first
	running  map[*job]struct{} // at most packsAtOnce
	next     uint64            // number of the next segment
	flushTo  uint64            // segments below this number do not wait for company
	progress chan struct{}     // closed and renewed when a job ends
}

// queue holds the segments of one group that are in no pack, oldest first.
type queue struct {
	waiting []waiting
	bytes   int64
}

type waiting struct {
	journal.Entry
	number uint64
	since  int64 // ms since the epoch
}

// job is a pack being made and stored.
type job struct {
	group   journal.Group
	entries []journal.Entry
	sealed  *journal.Pack // not nil when the pack is of an earlier life
	number  uint64        // of its first segment
}

func newPipeline(s *Server, bucket objectstore.Bucket, idx index.Index, opts Options) *pipeline {
	p := &pipeline{
		now: s.now, after: opts.after, log: s.log,
		maxBytes: int64(s.cfg.Flush.PackBytes), maxAge: s.cfg.Flush.PackAge,
		wake:     make(chan struct{}, 1),
		queues:   map[journal.Group]*queue{},
		running:  map[*job]struct{}{},
		progress: make(chan struct{}),
	}
	p.packer = newPacker(s, bucket, idx, opts)
	return p
}

// recovered queues what the journal held when it was opened.
func (p *pipeline) recovered(r *journal.Recovery) {
	p.sealed = r.Packs
	p.next = uint64(len(r.Packs)) // numbers 0 to len-1 stand for the sealed packs
	for _, pack := range r.Packs {
		p.packer.ledger.recovered(pack.Entries)
		p.packer.ledger.recovered(pack.Repeats)
	}
	for group, entries := range r.Pending {
		p.packer.ledger.recovered(entries)
		for _, e := range entries {
			p.add(group, e)
		}
	}
}

// add queues a segment that is in the journal.
func (p *pipeline) add(group journal.Group, e journal.Entry) {
	p.mu.Lock()
	q := p.queues[group]
	if q == nil {
		q = &queue{}
		p.queues[group] = q
	}
	q.waiting = append(q.waiting, waiting{Entry: e, number: p.next, since: p.now().UnixMilli()})
	q.bytes += int64(e.Bytes)
	p.next++
	news := len(q.waiting) == 1 || q.bytes >= p.maxBytes
	p.mu.Unlock()
	if news {
		p.nudge()
	}
}

// giveBack puts segments at the head of their queue again.
func (p *pipeline) giveBack(j *job, entries []journal.Entry) {
	if len(entries) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queues[j.group]
	if q == nil {
		q = &queue{}
		p.queues[j.group] = q
	}
	head := make([]waiting, 0, len(entries)+len(q.waiting))
	for _, e := range entries {
		head = append(head, waiting{Entry: e, number: j.number}) // since 1970: due now
		q.bytes += int64(e.Bytes)
	}
	q.waiting = append(head, q.waiting...)
}

func (p *pipeline) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run makes packs until ctx is done, and returns when none is being stored.
func (p *pipeline) run(ctx context.Context) {
	var jobs sync.WaitGroup
	defer jobs.Wait()
	for {
		j, wait := p.take()
		if j != nil {
			jobs.Go(func() { p.work(ctx, j) })
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

// work stores a pack. When ctx ends it first, the pack stays in the journal,
// and as running here, because nobody else may take it.
func (p *pipeline) work(ctx context.Context, j *job) {
	rest, err := p.packer.store(ctx, j)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			p.log.Error("pack is left in the journal until the next start", "project", j.group.Project, "error", err)
		}
		return
	}
	p.giveBack(j, rest)
	p.mu.Lock()
	delete(p.running, j)
	close(p.progress)
	p.progress = make(chan struct{})
	p.mu.Unlock()
	p.nudge()
}

// take returns a pack that is due, or how long until one may be.
func (p *pipeline) take() (*job, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := p.maxAge
	if len(p.running) == packsAtOnce {
		return nil, wait
	}
	if len(p.sealed) > 0 {
		pack := p.sealed[0]
		p.sealed = p.sealed[1:]
		return p.start(&job{group: pack.Group, entries: pack.Entries, sealed: &pack}), 0
	}
	now := p.now().UnixMilli()
	var oldest *queue
	var group journal.Group
	for g, q := range p.queues {
		if len(q.waiting) == 0 {
			delete(p.queues, g)
			continue
		}
		due := p.due(q, now)
		if due <= 0 && (oldest == nil || q.waiting[0].number < oldest.waiting[0].number) {
			oldest, group = q, g
		}
		wait = min(wait, due)
	}
	if oldest == nil {
		return nil, wait
	}
	number := oldest.waiting[0].number
	return p.start(&job{group: group, entries: p.cut(oldest), number: number}), 0
}

func (p *pipeline) start(j *job) *job {
	p.running[j] = struct{}{}
	return j
}

// due returns how long until a queue becomes a pack; not above 0 is now.
func (p *pipeline) due(q *queue, now int64) time.Duration {
	head := q.waiting[0]
	// A clock that was set back must not keep segments waiting.
	if now < head.since || q.bytes >= p.maxBytes || len(q.waiting) >= packSegments || head.number < p.flushTo {
		return 0
	}
	return p.maxAge - time.Duration(now-head.since)*time.Millisecond
}

// cut takes the segments of one pack from a queue.
func (p *pipeline) cut(q *queue) []journal.Entry {
	var entries []journal.Entry
	var bytes, raw int64
	for _, w := range q.waiting {
		full := bytes+int64(w.Bytes) > p.maxBytes || raw+int64(w.RawBytes) > packRawFactor*p.maxBytes || len(entries) == packSegments
		if full && len(entries) > 0 {
			break
		}
		bytes += int64(w.Bytes)
		raw += int64(w.RawBytes)
		entries = append(entries, w.Entry)
	}
	q.waiting = q.waiting[len(entries):]
	q.bytes -= bytes
	return entries
}

// flush waits until every segment that is queued now is stored. It returns the
// journal's error when that failed: nothing more is stored then.
func (p *pipeline) flush(ctx context.Context) error {
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
	if len(p.sealed) > 0 {
		return false
	}
	for _, q := range p.queues {
		if len(q.waiting) > 0 && q.waiting[0].number < number {
			return false
		}
	}
	for j := range p.running {
		if j.number < number {
			return false
		}
	}
	return true
}

func (p *pipeline) storeStates() map[string]storeState { return p.packer.retry.stores() }
