// Package gunzip decompresses gzip bodies that are in memory as a whole (RFC
// 1951, RFC 1952). Having everything at hand it takes half of the time of a
// decompressor that reads a stream, which is most of what accepting an upload
// costs.
//
// It is for bodies from strangers: nothing it is given makes it read or write
// outside of its slices, and its output is bounded by the caller. It does not
// compress.
package gunzip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sync"
)

var (
	// ErrCorrupt is returned for a body that is not gzip, or not all of it.
	ErrCorrupt = errors.New("not gzip")

	// ErrTooLarge is returned when more comes out than the caller allows.
	ErrTooLarge = errors.New("too large")
)

// The parts of a member (RFC 1952, section 2.3).
const (
	headerBytes  = 10
	trailerBytes = 8

	flagCRC     = 1 << 1
	flagExtra   = 1 << 2
	flagName    = 1 << 3
	flagComment = 1 << 4
)

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// Append decompresses all members of body in the memory of dst, after its
// length, and returns dst with what came out, at most so many bytes, which may
// have moved. With an error the slice is only good for its memory. How much of
// it is taken follows from what came out, never from what the body says of
// itself. It is safe for concurrent use.
func Append(dst, body []byte, most int) ([]byte, error) {
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	defer f.release()
	f.size, f.limit = len(dst), len(dst)+most
	f.out = dst[:min(cap(dst), f.limit+fastOut+1)]
	for first := true; first || len(body) > 0; first = false {
		start, err := headerEnd(body)
		if err != nil {
			return f.out[:f.size], err
		}
		before := f.size
		used, err := f.inflate(body[start:])
		if err != nil {
			return f.out[:min(f.size, f.limit)], err
		}
		body = body[start+used:]
		content := f.out[before:f.size]
		if len(body) < trailerBytes ||
			binary.LittleEndian.Uint32(body) != crc32.ChecksumIEEE(content) ||
			binary.LittleEndian.Uint32(body[4:]) != uint32(len(content)) {
			return f.out[:f.size], ErrCorrupt
		}
		body = body[trailerBytes:]
	}
	return f.out[:f.size], nil
}

// headerEnd returns the length of the header that a member begins with.
func headerEnd(b []byte) (int, error) {
	if len(b) < headerBytes || b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return 0, ErrCorrupt
	}
	flags, at := b[3], headerBytes
	if flags&flagExtra != 0 {
		if len(b) < at+2 {
			return 0, ErrCorrupt
		}
		at += 2 + int(binary.LittleEndian.Uint16(b[at:]))
	}
	for _, text := range []byte{flagName, flagComment} {
		if flags&text == 0 {
			continue
		}
		if at > len(b) {
			return 0, ErrCorrupt
		}
		end := bytes.IndexByte(b[at:], 0)
		if end < 0 {
			return 0, ErrCorrupt
		}
		at += end + 1
	}
	if flags&flagCRC != 0 {
		if len(b) < at+2 || binary.LittleEndian.Uint16(b[at:]) != uint16(crc32.ChecksumIEEE(b[:at])) {
			return 0, ErrCorrupt
		}
		at += 2
	}
	if at > len(b) {
		return 0, ErrCorrupt
	}
	return at, nil
}
