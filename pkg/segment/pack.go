package segment

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/recording"
)

// PackVersion is the version of the packs that this program writes.
const PackVersion = 1

// MaxFooterBytes bounds a pack's footer before compression. At the usual
// 700 bytes a segment that is 48 000 segments, far beyond a pack of 8 MiB.
const MaxFooterBytes = 32 << 20

// magic begins and ends a pack; its last two bytes are the version, big
// endian.
const magic = "PHPACK\x00\x01"

const (
	magicBytes   = len(magic)
	trailerBytes = 8 + 4 + 4 + magicBytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Pack collects the segments of one project and class, in the order in which
// they are added. The same segments in the same order give the same bytes. It
// is not safe for concurrent use.
type Pack struct {
	project recording.ProjectID
	class   recording.Class
	id      ulid.ULID
	key     string
	data    []byte    // magic and frames, unless out takes them
	out     io.Writer // nil: data
	size    int64     // of magic and frames
	lines   []byte    // footer lines of the segments
	stored  []recording.StoredSegment
	ids     map[recording.SegmentID]struct{}

	keyframes map[recording.SegmentID]recording.Keyframe
}

// NewPack returns an empty pack.
func NewPack(project recording.ProjectID, class recording.Class, id ulid.ULID) *Pack {
	return &Pack{
		project: project,
		class:   class,
		id:      id,
		key:     PackKey(project, class, id),
		data:    []byte(magic),
		size:    int64(magicBytes),
		ids:     make(map[recording.SegmentID]struct{}),

		keyframes: make(map[recording.SegmentID]recording.Keyframe),
	}
}

// NewPackTo returns an empty pack whose bytes go to w as they come, each frame
// in one call, and are not held. It is ended by Close, not by Bytes. After an
// error of w, which is returned as it is, wrapped, it is of no use.
func NewPackTo(w io.Writer, project recording.ProjectID, class recording.Class, id ulid.ULID) (*Pack, error) {
	p := NewPack(project, class, id)
	p.data, p.out = nil, w
	if _, err := io.WriteString(w, magic); err != nil {
		return nil, fmt.Errorf("begin pack: %w", err)
	}
	return p, nil
}

// Add appends a segment and a copy of its frame, which was made with the named
// dictionary; an empty name says without one. When the dictionary is another
// segment's content, base says where that is stored. It refuses, with
// ErrRefused, a segment of another project, one that is in the pack already,
// one whose ids could not be read back, a frame that is not one whole frame of
// s.RawBytes bytes made with that dictionary, and a base that is in no pack of
// the project; with ErrFull, one for which the footer has no room. A refused
// segment leaves the pack as it was.
func (p *Pack) Add(s recording.Segment, frame []byte, dictionary recording.DictionaryID, base recording.Base) error {
	if err := p.check(s, frame, dictionary, base); err != nil {
		return fmt.Errorf("add segment %d of window %q: %w", s.Seq, s.Window, err)
	}
	e := Entry{
		StoredSegment: recording.StoredSegment{
			Segment:    s,
			Class:      p.class,
			Location:   recording.Location{Object: p.key, Offset: p.size, Length: int64(len(frame))},
			Dictionary: dictionary,
			Base:       base,
		},
		CRC32C: crc32.Checksum(frame, castagnoli),
	}
	if err := p.append(lineOf(e), frame); err != nil {
		return fmt.Errorf("add segment %d of window %q: %w", s.Seq, s.Window, err)
	}
	p.stored = append(p.stored, e.StoredSegment)
	p.ids[s.SegmentID] = struct{}{}
	return nil
}

// AddKeyframe appends a keyframe and a copy of its frame, as Add does with a
// segment and with the same errors. Class and Location of k are filled in by
// the pack.
func (p *Pack) AddKeyframe(k recording.Keyframe, frame []byte) error {
	if _, repeated := p.keyframes[k.SegmentID]; repeated {
		return fmt.Errorf("add keyframe after segment %d of window %q: %w: it is in the pack already", k.Seq, k.Window, ErrRefused)
	}
	if err := p.checkContent(k.SegmentID, k.Page, k.RawBytes, frame, k.Dictionary, k.Base); err != nil {
		return fmt.Errorf("add keyframe after segment %d of window %q: %w", k.Seq, k.Window, err)
	}
	k.Class = p.class
	k.Location = recording.Location{Object: p.key, Offset: p.size, Length: int64(len(frame))}
	e := KeyframeEntry{Keyframe: k, CRC32C: crc32.Checksum(frame, castagnoli)}
	if err := p.append(lineOfKeyframe(e), frame); err != nil {
		return fmt.Errorf("add keyframe after segment %d of window %q: %w", k.Seq, k.Window, err)
	}
	p.keyframes[k.SegmentID] = k
	return nil
}

// Keyframes returns where the keyframes of the pack lie, in no order.
func (p *Pack) Keyframes() []recording.Keyframe {
	return slices.Collect(maps.Values(p.keyframes))
}

func (p *Pack) append(l footerLine, frame []byte) error {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if len(p.lines)+len(line)+maxHeaderBytes > MaxFooterBytes {
		return ErrFull
	}
	if p.out == nil {
		p.data = append(p.data, frame...)
	} else if _, err := p.out.Write(frame); err != nil {
		return err
	}
	p.size += int64(len(frame))
	p.lines = append(append(p.lines, line...), '\n')
	return nil
}

func (p *Pack) check(s recording.Segment, frame []byte, dictionary recording.DictionaryID, base recording.Base) error {
	if _, repeated := p.ids[s.SegmentID]; repeated {
		return fmt.Errorf("%w: it is in the pack already", ErrRefused)
	}
	return p.checkContent(s.SegmentID, s.Page, s.RawBytes, frame, dictionary, base)
}

func (p *Pack) checkContent(id recording.SegmentID, page recording.PageID, rawBytes int, frame []byte, dictionary recording.DictionaryID, base recording.Base) error {
	if id.Project != p.project {
		return fmt.Errorf("%w: project %q in a pack of %q", ErrRefused, id.Project, p.project)
	}
	if err := checkIDs(id, page); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	c, err := checkFrame(frame)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if c.size != rawBytes {
		return fmt.Errorf("%w: frame of %d bytes for a segment of %d", ErrRefused, c.size, rawBytes)
	}
	frameID, err := frameIDNamed(dictionary)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if c.dictionary != frameID {
		return fmt.Errorf("%w: frame made with another dictionary", ErrRefused)
	}
	if err := checkBase(p.project, dictionary, base); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// Size returns the most bytes that the pack can have when it is closed now: it
// counts the footer before compression.
func (p *Pack) Size() int {
	return int(p.size) + maxHeaderBytes + len(p.lines) + trailerBytes
}

// Bytes returns the whole pack and where its segments lie in it. The pack can
// be added to and read again. A pack with nothing in it, or with a project or
// class that cannot stand in a key, is an error.
func (p *Pack) Bytes() (data []byte, stored []recording.StoredSegment, err error) {
	end, err := p.end()
	if err != nil {
		return nil, nil, fmt.Errorf("close pack: %w", err)
	}
	data = append(p.data, end...)
	p.data = slices.Clip(p.data) // what is added later must not write to data
	return data, slices.Clone(p.stored), nil
}

// Close writes the end of a pack of NewPackTo, with the errors of Bytes, and
// returns where its segments lie in it.
func (p *Pack) Close() (stored []recording.StoredSegment, err error) {
	end, err := p.end()
	if err == nil {
		_, err = p.out.Write(end)
	}
	if err != nil {
		return nil, fmt.Errorf("close pack: %w", err)
	}
	return p.stored, nil
}

// end returns what comes after the frames: footer and trailer.
func (p *Pack) end() ([]byte, error) {
	if len(p.stored)+len(p.keyframes) == 0 {
		return nil, errors.New("nothing is in it")
	}
	if _, _, _, err := ParsePackKey(p.key); err != nil {
		return nil, err
	}
	header, err := json.Marshal(footerHeader{
		Version: PackVersion, Project: string(p.project), Class: string(p.class),
		ID: p.id.String(), Lines: len(p.stored) + len(p.keyframes),
	})
	if err != nil {
		return nil, err
	}
	end := Encode(nil, append(append(header, '\n'), p.lines...), EncodeOptions{})
	footer := uint32(len(end))
	sum := crc32.Checksum(end, castagnoli)
	end = binary.LittleEndian.AppendUint64(end, uint64(p.size))
	end = binary.LittleEndian.AppendUint32(end, footer)
	end = binary.LittleEndian.AppendUint32(end, sum)
	return append(end, magic...), nil
}

// Footer is what a pack says of itself.
type Footer struct {
	Version int
	Project recording.ProjectID
	Class   recording.Class
	ID      ulid.ULID
	Entries []Entry // in the order of their offsets

	Keyframes []KeyframeEntry // likewise
}

// Entry is one segment of a pack. Its Object is the key that PackKey makes of
// the footer's project, class and id.
type Entry struct {
	recording.StoredSegment
	CRC32C uint32 // of the frame
}

// Verify returns ErrCorrupt, wrapped, when frame is not the frame that was
// stored for e.
func (e Entry) Verify(frame []byte) error { return verify(e.Location, e.CRC32C, frame) }

// KeyframeEntry is one keyframe of a pack.
type KeyframeEntry struct {
	recording.Keyframe
	CRC32C uint32 // of the frame
}

// Verify does what Entry.Verify does.
func (e KeyframeEntry) Verify(frame []byte) error { return verify(e.Location, e.CRC32C, frame) }

func verify(at recording.Location, checksum uint32, frame []byte) error {
	if int64(len(frame)) != at.Length {
		return fmt.Errorf("%w: frame at %d has %d bytes, want %d", ErrCorrupt, at.Offset, len(frame), at.Length)
	}
	if crc32.Checksum(frame, castagnoli) != checksum {
		return fmt.Errorf("%w: checksum of the frame at %d", ErrCorrupt, at.Offset)
	}
	return nil
}

// tailBytes is how much of a pack's end is read at once. It holds the trailer
// and most footers, so that a footer costs one request.
const tailBytes = 64 << 10

// ReadFooter reads the footer of the pack of size bytes in r, in two or three
// reads. It returns ErrCorrupt when the bytes are not those of a pack,
// ErrVersion when a newer program wrote them, and errors of r as they are, all
// wrapped. The frames themselves are not read: see Entry.Verify.
func ReadFooter(r io.ReaderAt, size int64) (*Footer, error) {
	f, err := readFooter(r, size)
	if err != nil {
		return nil, fmt.Errorf("read pack footer: %w", err)
	}
	return f, nil
}

func readFooter(r io.ReaderAt, size int64) (*Footer, error) {
	if size < int64(magicBytes+trailerBytes) {
		return nil, fmt.Errorf("%w: %d bytes are too few for a pack", ErrCorrupt, size)
	}
	head := make([]byte, magicBytes)
	if err := readAt(r, head, 0); err != nil {
		return nil, err
	}
	if err := checkMagic(head, magic); err != nil {
		return nil, err
	}
	tail := make([]byte, min(size, tailBytes))
	if err := readAt(r, tail, size-int64(len(tail))); err != nil {
		return nil, err
	}
	t, err := readTrailer(tail, size)
	if err != nil {
		return nil, err
	}
	tail = tail[:len(tail)-trailerBytes]
	footer := tail[max(len(tail)-t.length, 0):]
	if len(footer) < t.length {
		footer = make([]byte, t.length)
		if err := readAt(r, footer, t.offset); err != nil {
			return nil, err
		}
	}
	if crc32.Checksum(footer, castagnoli) != t.checksum {
		return nil, fmt.Errorf("%w: checksum of the footer", ErrCorrupt)
	}
	lines, err := Decode(nil, footer, MaxFooterBytes, nil)
	if err != nil {
		return nil, err
	}
	return parseFooter(lines, t.offset)
}

func readAt(r io.ReaderAt, buf []byte, offset int64) error {
	n, err := r.ReadAt(buf, offset)
	switch {
	case n == len(buf):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %d bytes at %d, want %d", ErrCorrupt, n, offset, len(buf))
	}
	return err
}

// checkMagic compares b, of the length of want, whose last two bytes are a
// version.
func checkMagic(b []byte, want string) error {
	if string(b) == want {
		return nil
	}
	if string(b[:len(b)-2]) == want[:len(want)-2] {
		return fmt.Errorf("%w: %d", ErrVersion, binary.BigEndian.Uint16(b[len(b)-2:]))
	}
	return fmt.Errorf("%w: no magic", ErrCorrupt)
}

type trailer struct {
	offset   int64
	length   int
	checksum uint32
}

// readTrailer reads the end of tail, which is the end of a pack of size bytes.
func readTrailer(tail []byte, size int64) (trailer, error) {
	b := tail[len(tail)-trailerBytes:]
	if err := checkMagic(b[16:], magic); err != nil {
		return trailer{}, err
	}
	offset, length := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
	end := uint64(size) - uint64(trailerBytes)
	if offset < uint64(magicBytes) || offset > end || end-offset != uint64(length) || length > MaxFooterBytes {
		return trailer{}, fmt.Errorf("%w: footer of %d bytes at %d in a pack of %d", ErrCorrupt, length, offset, size)
	}
	return trailer{offset: int64(offset), length: int(length), checksum: binary.LittleEndian.Uint32(b[12:])}, nil
}
