// Package segment holds the stored formats: how a segment becomes a frame, how
// frames become a pack, and under which key a pack is stored.
//
// It reads and writes bytes; where they are kept is the business of
// pkg/objectstore and pkg/index.
package segment

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/oklog/ulid/v2"
	"github.com/playhead/playhead/pkg/recording"
)

var (
	// ErrTooLarge is returned, wrapped, when a frame holds more than allowed.
	ErrTooLarge = errors.New("frame content too large")
	// ErrCorrupt is returned, wrapped, when stored bytes are not what was written.
	ErrCorrupt = errors.New("corrupt")
	// ErrKey is returned, wrapped, when a key is not the key of a pack.
	ErrKey = errors.New("not a pack key")
	// ErrRefused is returned, wrapped, when a segment cannot be added to a pack.
	ErrRefused = errors.New("segment refused")
	// ErrFull is returned, wrapped, when a pack cannot hold another segment.
	ErrFull = errors.New("pack full")
)

// Encode appends ndjson to dst as one zstd frame with content size and
// checksum. It is safe for concurrent use.
func Encode(dst, ndjson []byte) []byte {
	e, _ := zstd.NewWriter(nil)
	return e.EncodeAll(ndjson, dst)
}

// Decode appends the content of frame to dst. It refuses frames whose content
// is larger than maxBytes before it allocates.
func Decode(dst, frame []byte, maxBytes int) ([]byte, error) { return nil, ErrCorrupt }

// PackKey is v1/<project>/<class>/<yyyy>/<mm>/<dd>/<hh>/<ulid>.pack.
func PackKey(project recording.ProjectID, class recording.Class, id ulid.ULID) string { return "" }

// ParsePackKey is the reverse of PackKey.
func ParsePackKey(key string) (recording.ProjectID, recording.Class, ulid.ULID, error) {
	return "", "", ulid.ULID{}, ErrKey
}

// Pack collects the frames of segments of one project and class.
type Pack struct{}

// NewPack returns an empty pack.
func NewPack(project recording.ProjectID, class recording.Class, id ulid.ULID) *Pack { return &Pack{} }

// Add appends a segment and its frame.
func (p *Pack) Add(s recording.Segment, frame []byte) error { return nil }

// Size is the number of bytes that Bytes will return, at most.
func (p *Pack) Size() int { return 0 }

// Bytes returns the pack and where its segments lie in it.
func (p *Pack) Bytes() (data []byte, stored []recording.StoredSegment, err error) {
	return nil, nil, ErrRefused
}

// Footer is what a pack says of itself.
type Footer struct {
	Version int
	Project recording.ProjectID
	Class   recording.Class
	ID      ulid.ULID
	Entries []Entry
}

// Entry is one segment of a pack.
type Entry struct {
	recording.StoredSegment
	CRC32C uint32 // of the frame, Castagnoli
}

// ReadFooter reads the footer of the pack of size bytes in r.
func ReadFooter(r io.ReaderAt, size int64) (*Footer, error) { return nil, ErrCorrupt }
