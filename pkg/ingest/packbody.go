package ingest

import (
	"bytes"
	"errors"
	"io"
	"sort"
)

// packBody is the bytes of a pack whose frames are copied nowhere: it remembers
// where they are, in memory or in the spool. As a writer it takes what
// segment.Pack writes, as a reader it gives the whole pack, as often as it is
// asked to.
type packBody struct {
	parts []bodyPart
	size  int64
	frame *bodyPart // what the next Write writes lies there; nil: it is copied
}

// bodyPart is a stretch of the pack.
type bodyPart struct {
	start, length int64 // in the pack
	in            io.ReaderAt
	offset        int64 // there
}

// lies says where the bytes of the next Write are, so that they are not copied.
func (b *packBody) lies(e *encoded) {
	if at := e.spooled; at != nil {
		b.frame = &bodyPart{in: at.file, offset: at.offset}
		return
	}
	b.frame = &bodyPart{in: bytes.NewReader(e.frame)}
}

// Write implements io.Writer.
func (b *packBody) Write(p []byte) (int, error) {
	next := bodyPart{start: b.size, length: int64(len(p))}
	if b.frame != nil {
		next.in, next.offset = b.frame.in, b.frame.offset
	} else {
		next.in = bytes.NewReader(bytes.Clone(p))
	}
	b.frame = nil
	b.size += next.length
	if n := len(b.parts); n > 0 {
		if last := &b.parts[n-1]; last.in == next.in && last.offset+last.length == next.offset {
			last.length += next.length
			return len(p), nil
		}
	}
	b.parts = append(b.parts, next)
	return len(p), nil
}

// ReadAt implements io.ReaderAt.
func (b *packBody) ReadAt(p []byte, offset int64) (n int, err error) {
	first := sort.Search(len(b.parts), func(i int) bool { return b.parts[i].start+b.parts[i].length > offset })
	for i := first; i < len(b.parts) && n < len(p); i++ {
		part := &b.parts[i]
		within := offset + int64(n) - part.start
		want := p[n:min(int64(len(p)), int64(n)+part.length-within)]
		read, err := part.in.ReadAt(want, part.offset+within)
		n += read
		if read < len(want) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // the file is shorter than it was
			}
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
