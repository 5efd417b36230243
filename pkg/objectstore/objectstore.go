// Package objectstore is the contract between Playhead and object storage.
//
// The adapter is pkg/objectstore/s3; pkg/objectstore/buckettest holds the
// suite that every adapter passes. Keys are made by pkg/segment, never here.
package objectstore

import (
	"context"
	"errors"
	"io"
)

// ErrNotFound is returned, wrapped, when no object has the key.
var ErrNotFound = errors.New("object not found")

// Object describes a stored object.
type Object struct {
	Key  string
	Size int64 // bytes
}

// Bucket stores whole objects under keys. It is safe for concurrent use.
type Bucket interface {
	// Put stores size bytes of r under key, all or nothing. Putting the same
	// key again replaces the object; when Put returns nil the object is
	// durable and every later read sees it.
	Put(ctx context.Context, key string, r io.Reader, size int64) error

	// Get reads length bytes from offset; length -1 reads to the end. The
	// caller closes the reader. The error is ErrNotFound when the key is
	// absent, already from Get, not from the first Read. A range that begins
	// beyond the end is an error; one that begins at the end is empty; one
	// that ends beyond it is cut short.
	Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)

	// List calls fn for every object whose key begins with prefix, in
	// lexical order, until fn returns an error, which List returns.
	List(ctx context.Context, prefix string, fn func(Object) error) error

	// Delete removes the object. Deleting an absent key is not an error.
	Delete(ctx context.Context, key string) error
}
