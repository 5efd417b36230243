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

	// textBytes bounds a name and a comment with their ends, as the standard
	// library does: browsers send neither.
	textBytes = 512
)

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// Append decompresses all members of body in the memory of dst, after its
// length, and returns dst with what came out, at most so many bytes, which may
// have moved. With an error the slice is only good for its memory. How much of
// it is taken follows from what came out; what the body says of itself can only
// make it less. A body that becomes many times larger than it is and too large
// takes next to nothing. It is safe for concurrent use.
func Append(dst, body []byte, most int) ([]byte, error) {
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	defer f.release()
	f.begin(dst, len(dst)+most)
	err := f.members(body)
	if errors.Is(err, errMeasure) {
		size := 0
		if size, err = f.measure(body, most); err != nil {
			return dst, err
		}
		f.begin(append(make([]byte, 0, len(dst)+size+fastOut+1), dst...), len(dst)+most)
		f.measured = true
		err = f.members(body)
	}
	return f.out[:min(f.size, f.limit)], err
}

// members decompresses one member after another.
func (f *inflater) members(body []byte) error {
	for first := true; first || len(body) > 0; first = false {
		start, err := headerEnd(body)
		if err != nil {
			return err
		}
		before := f.size
		used, err := f.inflate(body[start:])
		if err != nil {
			return err
		}
		f.used += start + used + trailerBytes
		body = body[start+used:]
		if len(body) < trailerBytes {
			return ErrCorrupt
		}
		// What is only measured is not there any more.
		if content := f.out[min(before, f.size):f.size]; !f.measuring &&
			(binary.LittleEndian.Uint32(body) != crc32.ChecksumIEEE(content) ||
				binary.LittleEndian.Uint32(body[4:]) != uint32(len(content))) {
			return ErrCorrupt
		}
		body = body[trailerBytes:]
	}
	return nil
}

// measure returns how much comes out of a body, of which it keeps no more than
// what later bytes may refer to.
func (f *inflater) measure(body []byte, most int) (int, error) {
	f.begin(make([]byte, 0, measureBytes), most)
	f.measuring = true
	err := f.members(body)
	return f.slid + f.size, err
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
		end := bytes.IndexByte(b[at:min(at+textBytes, len(b))], 0)
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
