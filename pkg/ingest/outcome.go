package ingest

import (
	"context"
	"errors"

	"github.com/playhead/playhead/pkg/recording"
)

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
	q.setHead(append(out.back[:len(out.back):len(out.back)], q.head...))
	if len(out.again) == 0 {
		return
	}
	again := make([]item, 0, len(out.again))
	for _, e := range out.again {
		again = append(again, item{entry: e, number: j.number, tries: j.tries}) // since 1970: due now
	}
	p.waiting += len(out.again)
	q.waiting.putBack(again)
}
