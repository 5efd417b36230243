package ingest

import (
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

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
		best, group = p.early()
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

// due returns how long until the encoded segments of a queue become a pack;
// not above 0 is now. While older ones than flush.pack_age are still to be
// encoded, what counts is when the pack's first one was: catching up makes large
// packs, and a server that never lives long gets on with what it finds.
func (p *pipeline) due(q *queue, now int64) time.Duration {
	ready := q.ready()
	if q.bytes >= p.maxBytes || ready >= packSegments {
		return 0
	}
	since := func(ms int64) time.Duration {
		if now < ms { // a clock that was set back must not keep segments waiting
			return p.maxAge
		}
		return min(p.maxAge, time.Duration(now-ms)*time.Millisecond)
	}
	age := func(it *item) time.Duration {
		if it.number < p.flushTo {
			return p.maxAge
		}
		return since(it.sinceMs)
	}
	behind := q.waiting.first()
	if ready < len(q.head) {
		behind = q.head[ready]
	}
	if behind != nil && age(behind) >= p.maxAge {
		return p.maxAge - since(q.head[0].madeMs)
	}
	return p.maxAge - age(q.head[0])
}

// early returns the queue whose pack is closed early to make room; nil when packs
// that are under way make as much of it, and what there is would make a small
// one: packs would become the smaller the larger they may be.
func (p *pipeline) early() (*queue, journal.Group) {
	q, group := p.fullest()
	if q == nil || q.bytes >= p.limit/4 {
		return q, group
	}
	var underWay int64
	for j := range p.running {
		underWay += j.held
	}
	if underWay >= p.limit/4 {
		return nil, group
	}
	return q, group
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
	mostHeld := p.limit / 2
	if p.spool != nil {
		mostHeld += p.limit / 4 // there are no frames in it
	}
	for i, it := range q.head[:ready] {
		size := it.packBytes()
		full := bytes+size > p.maxBytes || j.held+it.made.bytes > mostHeld || len(j.items) == packSegments
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
	q.setHead(append(left, q.head[ready:]...))
	q.bytes -= bytes
	return j
}
