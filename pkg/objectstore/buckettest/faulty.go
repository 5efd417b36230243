package buckettest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/playhead/playhead/pkg/objectstore"
)

// ErrFault is what a Fault without an error of its own returns.
var ErrFault = errors.New("injected fault")

// Op is an operation of a bucket.
type Op int

// The operations of objectstore.Bucket.
const (
	Put Op = iota
	Get
	List
	Delete
)

// When says how far an operation gets before it fails.
type When int

const (
	// Before fails an operation that does nothing.
	Before When = iota
	// Middle breaks a Put's body and a Get's body after half of their bytes,
	// and a List after its first object. A Delete has no middle.
	Middle
	// After fails an operation that did all its work: the object of a Put is
	// stored, a Get's body fails where it would end.
	After
)

// Fault makes operations fail.
type Fault struct {
	Op   Op
	When When
	// Match chooses by key (for List by prefix); nil matches every one.
	Match func(key string) bool
	// Times is how many operations fail; 0 means all until Heal.
	Times int
	// Err is returned, ErrFault when nil.
	Err error
}

// Faulty is a bucket whose operations fail where a test says so. It is safe
// for concurrent use.
type Faulty struct {
	inner objectstore.Bucket

	mu     sync.Mutex
	faults []*Fault
}

var _ objectstore.Bucket = (*Faulty)(nil)

// NewFaulty wraps a bucket; without faults it behaves as the bucket does.
func NewFaulty(b objectstore.Bucket) *Faulty { return &Faulty{inner: b} }

// Fail adds a fault. Of several that match, the first added strikes.
func (f *Faulty) Fail(fault Fault) {
	if fault.Op == Delete && fault.When == Middle {
		panic("buckettest: a Delete has no middle")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault)
}

// Heal removes all faults.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// strike returns when and how this operation fails; a nil error means that it
// does not.
func (f *Faulty) strike(op Op, key string) (When, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.faults {
		if fault.Op != op || fault.Match != nil && !fault.Match(key) {
			continue
		}
		if fault.Times--; fault.Times == 0 {
			f.faults = append(f.faults[:i:i], f.faults[i+1:]...)
		}
		if fault.Err == nil {
			return fault.When, ErrFault
		}
		return fault.When, fault.Err
	}
	return 0, nil
}

// Put implements objectstore.Bucket.
func (f *Faulty) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	when, fault := f.strike(Put, key)
	if fault == nil {
		return f.inner.Put(ctx, key, r, size)
	}
	switch when {
	case Before:
		return fault
	case Middle:
		r = failAfter(r, size/2, fault)
	case After:
	}
	if err := f.inner.Put(ctx, key, r, size); err != nil {
		return fmt.Errorf("%w: %w", fault, err)
	}
	return fault
}

// Get implements objectstore.Bucket.
func (f *Faulty) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	when, fault := f.strike(Get, key)
	if fault != nil && when == Before {
		return nil, fault
	}
	body, err := f.inner.Get(ctx, key, offset, length)
	if fault == nil || err != nil {
		return body, err
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	if when == Middle {
		content = content[:len(content)/2]
	}
	return io.NopCloser(&failingReader{left: content, err: fault}), nil
}

// List implements objectstore.Bucket.
func (f *Faulty) List(ctx context.Context, prefix string, fn func(objectstore.Object) error) error {
	when, fault := f.strike(List, prefix)
	if fault == nil {
		return f.inner.List(ctx, prefix, fn)
	}
	if when == Before {
		return fault
	}
	err := f.inner.List(ctx, prefix, func(o objectstore.Object) error {
		if err := fn(o); err != nil || when == After {
			return err
		}
		return fault
	})
	if err != nil {
		return err
	}
	return fault
}

// Delete implements objectstore.Bucket.
func (f *Faulty) Delete(ctx context.Context, key string) error {
	when, fault := f.strike(Delete, key)
	if fault != nil && when == Before {
		return fault
	}
	if err := f.inner.Delete(ctx, key); err != nil {
		return err
	}
	return fault
}

// failAfter reads n bytes of r and then fails. It hides whatever else r can
// do, so that an adapter cannot read around the fault.
func failAfter(r io.Reader, n int64, err error) io.Reader {
	return io.MultiReader(io.LimitReader(r, n), &failingReader{err: err})
}

type failingReader struct {
	left []byte
	err  error
}

func (r *failingReader) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, r.err
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
