package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/playhead/playhead/pkg/recording"
)

// Position says where a record lies: the number of its file and the offset in
// it. Positions never change and are never used twice.
type Position struct {
	File   uint64
	Offset uint32
}

// Identity stands for a recording.SegmentID in memory, where there may be
// millions: the first 16 bytes of a SHA-256, so that nobody can make two
// segments collide.
type Identity [16]byte

// IdentityOf returns the identity of a segment.
func IdentityOf(id recording.SegmentID) Identity {
	b := make([]byte, 0, 256)
	for _, s := range []string{string(id.Project), string(id.Session), string(id.Window)} {
		b = append(b, s...)
		b = append(b, 0)
	}
	b = binary.LittleEndian.AppendUint32(b, id.Seq)
	sum := sha256.Sum256(b)
	return Identity(sum[:16])
}

// Group is what packs are made of: all segments of one pack share it.
type Group struct {
	Project recording.ProjectID
	Class   recording.Class
}

// Entry is all that is kept in memory of a segment in the journal.
type Entry struct {
	Position
	Identity Identity
	Bytes    uint32 // description and body
	RawBytes uint32 // events, uncompressed
}

// Upload describes what was sent: a segment as far as it is known before its
// events are scrubbed, and where they are in the body.
type Upload struct {
	Class    recording.Class
	Segment  recording.Segment // addresses as the sender gave them
	Encoding string            // of the body: gzip or zstd
	Skip     int               // bytes of the decompressed body before the events
	SentAtMs int64             // the sender's clock
}

// Record is what Read returns: an upload with its body as it was sent, or a
// scrubbed segment with its frame.
type Record struct {
	Upload
	Framed bool // Body is a frame of scrubbed events; Encoding and Skip mean nothing
	Body   []byte
}

// PackID is the ULID of a pack.
type PackID [16]byte

// Seal says which segments a pack holds, in order, before the pack is stored:
// after a crash the same pack is made again.
type Seal struct {
	Pack     PackID
	Group    Group
	Segments []Position
	Repeats  []Position // found to be stored already; they are settled with the pack
}

// meta is a segment's description as the journal spells it. It repeats
// recording.Segment so that renaming a Go field cannot change stored bytes.
type meta struct {
	Project        string            `json:"project"`
	Class          string            `json:"class"`
	Session        string            `json:"session_id"`
	Window         string            `json:"window_id"`
	Seq            uint32            `json:"seq"`
	Page           string            `json:"page_id"`
	ClockOffsetMs  int64             `json:"clock_offset_ms"`
	StartMs        int64             `json:"start"`
	EndMs          int64             `json:"end"`
	Events         int               `json:"events"`
	RawBytes       int               `json:"bytes"`
	FullSnapshots  []int64           `json:"full_snapshots,omitempty"`
	ReceivedMs     int64             `json:"received_at"`
	Encoding       string            `json:"encoding,omitempty"`
	Skip           int               `json:"skip,omitempty"`
	SentAtMs       int64             `json:"sent_at,omitempty"`
	Previous       string            `json:"previous_id,omitempty"`
	Reason         string            `json:"reason,omitempty"`
	Final          bool              `json:"final,omitempty"`
	Recorder       recorder          `json:"recorder"`
	URL            string            `json:"url,omitempty"`
	Referrer       string            `json:"referrer,omitempty"`
	Viewport       [2]int            `json:"viewport"`
	UserID         string            `json:"user_id,omitempty"`
	UserAttributes map[string]string `json:"user_attributes,omitempty"`
	Release        string            `json:"release,omitempty"`
	Environment    string            `json:"environment,omitempty"`
	UserAgent      string            `json:"user_agent,omitempty"`
	Country        string            `json:"country,omitempty"`
}

type recorder struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	RRWeb   string `json:"rrweb,omitempty"`
}

// metaOf describes an upload. The token of its session is not in it: nobody
// needs it again.
func metaOf(u *Upload) meta {
	s := &u.Segment
	return meta{
		Project: string(s.Project), Class: string(u.Class),
		Session: string(s.Session), Window: string(s.Window), Seq: s.Seq, Page: string(s.Page),
		ClockOffsetMs: s.ClockOffsetMs, StartMs: s.StartMs, EndMs: s.EndMs,
		Events: s.Events, RawBytes: s.RawBytes, FullSnapshots: s.FullSnapshots, ReceivedMs: s.ReceivedMs,
		Encoding: u.Encoding, Skip: u.Skip, SentAtMs: u.SentAtMs,
		Previous: string(s.Origin.PreviousSession), Reason: string(s.Origin.Reason), Final: s.Origin.Final,
		Recorder: recorder(s.Origin.Recorder),
		URL:      s.Origin.URL, Referrer: s.Origin.Referrer, Viewport: s.Origin.Viewport,
		UserID: s.Origin.UserID, UserAttributes: s.Origin.UserAttributes,
		Release: s.Origin.Release, Environment: s.Origin.Environment, UserAgent: s.Origin.UserAgent, Country: s.Origin.Country,
	}
}

func (m *meta) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode segment description: %w", err)
	}
	return b, nil
}

// entry describes a record of bytes bytes that was appended.
func (m *meta) entry(at Position, bytes int) Entry {
	id := recording.SegmentID{
		Project: recording.ProjectID(m.Project),
		Session: recording.SessionID(m.Session), Window: recording.WindowID(m.Window), Seq: m.Seq,
	}
	return Entry{Position: at, Identity: IdentityOf(id), Bytes: uint32(bytes), RawBytes: uint32(m.RawBytes)}
}

func (m *meta) segment() recording.Segment {
	return recording.Segment{
		SegmentID: recording.SegmentID{
			Project: recording.ProjectID(m.Project), Session: recording.SessionID(m.Session),
			Window: recording.WindowID(m.Window), Seq: m.Seq,
		},
		Page:          recording.PageID(m.Page),
		ClockOffsetMs: m.ClockOffsetMs, StartMs: m.StartMs, EndMs: m.EndMs,
		Events: m.Events, RawBytes: m.RawBytes, FullSnapshots: m.FullSnapshots, ReceivedMs: m.ReceivedMs,
		Origin: recording.Origin{
			PreviousSession: recording.SessionID(m.Previous), Reason: recording.Reason(m.Reason), Final: m.Final,
			Recorder: recording.Recorder(m.Recorder),
			URL:      m.URL, Referrer: m.Referrer, Viewport: m.Viewport,
			UserID: m.UserID, UserAttributes: m.UserAttributes,
			Release: m.Release, Environment: m.Environment, UserAgent: m.UserAgent, Country: m.Country,
		},
	}
}

var errPayload = errors.New("payload is malformed")

// splitDescribed divides the payload of a segment or an upload.
func splitDescribed(payload []byte) (description, body []byte, err error) {
	if len(payload) < 4 {
		return nil, nil, errPayload
	}
	n := binary.LittleEndian.Uint32(payload)
	if uint64(n) > uint64(len(payload)-4) {
		return nil, nil, errPayload
	}
	return payload[4 : 4+n], payload[4+n:], nil
}

// decodeRecord reads the payload of a segment or an upload.
func decodeRecord(k kind, payload []byte) (Record, error) {
	description, body, err := splitDescribed(payload)
	if err != nil {
		return Record{}, err
	}
	var m meta
	if err := json.Unmarshal(description, &m); err != nil {
		return Record{}, fmt.Errorf("decode segment description: %w", err)
	}
	return Record{
		Upload: Upload{
			Class: recording.Class(m.Class), Segment: m.segment(),
			Encoding: m.Encoding, Skip: m.Skip, SentAtMs: m.SentAtMs,
		},
		Framed: k == kindSegment,
		Body:   body,
	}, nil
}

func encodeSeal(s Seal) ([]byte, error) {
	if len(s.Group.Project) > 255 || len(s.Group.Class) > 255 {
		return nil, fmt.Errorf("encode seal: %w", errPayload)
	}
	b := make([]byte, 0, 64+12*(len(s.Segments)+len(s.Repeats)))
	b = append(b, s.Pack[:]...)
	b = append(b, byte(len(s.Group.Project)))
	b = append(b, s.Group.Project...)
	b = append(b, byte(len(s.Group.Class)))
	b = append(b, s.Group.Class...)
	for _, list := range [][]Position{s.Segments, s.Repeats} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(list)))
		for _, p := range list {
			b = binary.LittleEndian.AppendUint64(b, p.File)
			b = binary.LittleEndian.AppendUint32(b, p.Offset)
		}
	}
	return b, nil
}

func decodeSeal(b []byte) (Seal, error) {
	var s Seal
	if len(b) < len(s.Pack) {
		return s, errPayload
	}
	b = b[copy(s.Pack[:], b):]
	project, b, err := cutString(b)
	if err != nil {
		return s, err
	}
	class, b, err := cutString(b)
	if err != nil {
		return s, err
	}
	s.Group = Group{Project: recording.ProjectID(project), Class: recording.Class(class)}
	for _, list := range []*[]Position{&s.Segments, &s.Repeats} {
		if *list, b, err = cutPositions(b); err != nil {
			return s, err
		}
	}
	if len(b) != 0 {
		return s, errPayload
	}
	return s, nil
}

func cutString(b []byte) (string, []byte, error) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return "", nil, errPayload
	}
	n := int(b[0])
	return string(b[1 : 1+n]), b[1+n:], nil
}

func cutPositions(b []byte) ([]Position, []byte, error) {
	const size = 12
	if len(b) < 4 {
		return nil, nil, errPayload
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	b = b[4:]
	if n*size > uint64(len(b)) {
		return nil, nil, errPayload
	}
	list := make([]Position, n)
	for i := range list {
		list[i] = Position{File: binary.LittleEndian.Uint64(b), Offset: binary.LittleEndian.Uint32(b[8:])}
		b = b[size:]
	}
	return list, b, nil
}
