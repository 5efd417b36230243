package ingest

import (
	"context"
	"slices"
	"sync"
)

// turns lets a bounded number of uploads work at once. A place that becomes
// free goes to the owners that wait in turn, so that an owner with a thousand
// uploads waiting delays those of another by one.
type turns struct {
	mu      sync.Mutex
	free    int
	waiting map[*quota][]chan struct{} // a closed channel has a place
	order   []*quota                   // who waits, next first
}

func newTurns(places int) *turns {
	return &turns{free: places, waiting: map[*quota][]chan struct{}{}}
}

// take waits for a place, which the caller gives back when the error is nil.
// The owner may be nil.
func (t *turns) take(ctx context.Context, owner *quota) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	if len(t.waiting[owner]) == 0 {
		t.order = append(t.order, owner)
	}
	t.waiting[owner] = append(t.waiting[owner], turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-turn: // at the same moment
		t.pass()
	default:
		t.leave(owner, turn)
	}
	return ctx.Err()
}

// give gives a place back.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass()
}

// pass hands a place on; t.mu is held.
func (t *turns) pass() {
	if len(t.order) == 0 {
		t.free++
		return
	}
	owner := t.order[0]
	t.order = t.order[1:]
	queue := t.waiting[owner]
	close(queue[0])
	if queue = queue[1:]; len(queue) == 0 {
		delete(t.waiting, owner)
		return
	}
	t.waiting[owner] = queue
	t.order = append(t.order, owner)
}

// leave takes one that waits out of its queue; t.mu is held.
func (t *turns) leave(owner *quota, turn chan struct{}) {
	queue := slices.DeleteFunc(t.waiting[owner], func(c chan struct{}) bool { return c == turn })
	if len(queue) > 0 {
		t.waiting[owner] = queue
		return
	}
	delete(t.waiting, owner)
	t.order = slices.DeleteFunc(t.order, func(o *quota) bool { return o == owner })
}
