// Package segment holds the stored formats: how a segment becomes a frame, how
// frames become a pack, what a dictionary for frames is, and under which keys
// packs and dictionaries are stored.
//
// It turns values into bytes and back; where the bytes are kept is the
// business of pkg/objectstore and pkg/index, what a dictionary is made of that
// of pkg/dictionary. The formats are described byte by byte in
// docs/format/segment-v1.md, pack-v1.md and dictionary-v1.md.
package segment

import "errors"

var (
	// ErrTooLarge is returned, wrapped, when a frame holds more than its
	// reader allows.
	ErrTooLarge = errors.New("content too large")

	// ErrCorrupt is returned, wrapped, when stored bytes are not what a
	// writer of this format wrote.
	ErrCorrupt = errors.New("corrupt")

	// ErrVersion is returned, wrapped, when an object was written by a newer
	// program.
	ErrVersion = errors.New("version is not known")

	// ErrDictionary is returned, wrapped, when a frame was made with another
	// dictionary than its reader has.
	ErrDictionary = errors.New("frame needs another dictionary")

	// ErrKey is returned, wrapped, when a key is not of the kind that was
	// asked for.
	ErrKey = errors.New("not a key of this kind")

	// ErrRefused is returned, wrapped, when a segment does not fit a pack.
	ErrRefused = errors.New("segment refused")

	// ErrFull is returned, wrapped, when a pack's footer has no room for
	// another segment.
	ErrFull = errors.New("pack is full")
)
