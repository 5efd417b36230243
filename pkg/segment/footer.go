package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/recording"
)

// footerHeader is the first line of a footer.
type footerHeader struct {
	Version int    `json:"v"`
	Project string `json:"project_id"`
	Class   string `json:"class"`
	ID      string `json:"pack_id"`
	Lines   int    `json:"segments"` // keyframes included
}

// maxHeaderBytes is more than any footerHeader takes: its longest strings are
// 63, 32 and 26 bytes.
const maxHeaderBytes = 256

// footerLine is a segment in a footer. The names are those of the index's
// columns; times are ms since the epoch.
type footerLine struct {
	Session         string            `json:"session_id"`
	Window          string            `json:"window_id"`
	Seq             uint32            `json:"seq"`
	Keyframe        bool              `json:"keyframe,omitempty"`
	Page            string            `json:"page_id"`
	Offset          int64             `json:"offset"`
	Length          int64             `json:"length"`
	CRC32C          uint32            `json:"crc32c"`
	Dictionary      string            `json:"dictionary,omitempty"`
	BaseObject      string            `json:"base_object,omitempty"`
	BaseOffset      int64             `json:"base_offset,omitempty"`
	BaseLength      int64             `json:"base_length,omitempty"`
	BaseRawBytes    int               `json:"base_raw_bytes,omitempty"`
	BaseDictionary  string            `json:"base_dictionary,omitempty"`
	StartMs         int64             `json:"start_ms"`
	EndMs           int64             `json:"end_ms"`
	ClockOffsetMs   int64             `json:"clock_offset_ms"`
	ReceivedMs      int64             `json:"received_ms"`
	Events          int               `json:"events"`
	RawBytes        int               `json:"raw_bytes"`
	FullSnapshots   []int64           `json:"full_snapshots,omitempty"`
	PreviousSession string            `json:"previous_session_id,omitempty"`
	Reason          string            `json:"reason,omitempty"`
	Final           bool              `json:"final,omitempty"`
	RecorderName    string            `json:"recorder_name,omitempty"`
	RecorderVersion string            `json:"recorder_version,omitempty"`
	RRWebVersion    string            `json:"rrweb_version,omitempty"`
	URL             string            `json:"url,omitempty"`
	Referrer        string            `json:"referrer,omitempty"`
	ViewportWidth   int               `json:"viewport_width,omitempty"`
	ViewportHeight  int               `json:"viewport_height,omitempty"`
	UserID          string            `json:"user_id,omitempty"`
	UserAttributes  map[string]string `json:"user_attributes,omitempty"`
	Release         string            `json:"release,omitempty"`
	Environment     string            `json:"environment,omitempty"`
	UserAgent       string            `json:"user_agent,omitempty"`
	Country         string            `json:"country,omitempty"`
	Pages           int               `json:"pages,omitempty"`
	Clicks          int               `json:"clicks,omitempty"`
	Requests        int               `json:"requests,omitempty"`
	FailedRequests  int               `json:"failed_requests,omitempty"`
	Errors          int               `json:"errors,omitempty"`
	URLs            []string          `json:"urls,omitempty"`
}

func lineOf(e Entry) footerLine {
	return footerLine{
		Session:         string(e.Session),
		Window:          string(e.Window),
		Seq:             e.Seq,
		Page:            string(e.Page),
		Offset:          e.Offset,
		Length:          e.Length,
		CRC32C:          e.CRC32C,
		Dictionary:      string(e.Dictionary),
		BaseObject:      e.Base.Object,
		BaseOffset:      e.Base.Offset,
		BaseLength:      e.Base.Length,
		BaseRawBytes:    e.Base.RawBytes,
		BaseDictionary:  string(e.Base.Dictionary),
		StartMs:         e.StartMs,
		EndMs:           e.EndMs,
		ClockOffsetMs:   e.ClockOffsetMs,
		ReceivedMs:      e.ReceivedMs,
		Events:          e.Events,
		RawBytes:        e.RawBytes,
		FullSnapshots:   e.FullSnapshots,
		PreviousSession: string(e.Origin.PreviousSession),
		Reason:          string(e.Origin.Reason),
		Final:           e.Origin.Final,
		RecorderName:    e.Origin.Recorder.Name,
		RecorderVersion: e.Origin.Recorder.Version,
		RRWebVersion:    e.Origin.Recorder.RRWeb,
		URL:             e.Origin.URL,
		Referrer:        e.Origin.Referrer,
		ViewportWidth:   e.Origin.Viewport[0],
		ViewportHeight:  e.Origin.Viewport[1],
		UserID:          e.Origin.UserID,
		UserAttributes:  e.Origin.UserAttributes,
		Release:         e.Origin.Release,
		Environment:     e.Origin.Environment,
		UserAgent:       e.Origin.UserAgent,
		Country:         e.Origin.Country,
		Pages:           e.Counts.Pages,
		Clicks:          e.Counts.Clicks,
		Requests:        e.Counts.Requests,
		FailedRequests:  e.Counts.FailedRequests,
		Errors:          e.Counts.Errors,
		URLs:            e.URLs,
	}
}

func lineOfKeyframe(e KeyframeEntry) footerLine {
	return footerLine{
		Session:      string(e.Session),
		Window:       string(e.Window),
		Seq:          e.Seq,
		Keyframe:     true,
		Page:         string(e.Page),
		Offset:       e.Offset,
		Length:       e.Length,
		CRC32C:       e.CRC32C,
		Dictionary:   string(e.Dictionary),
		BaseObject:   e.Base.Object,
		BaseOffset:   e.Base.Offset,
		BaseLength:   e.Base.Length,
		BaseRawBytes: e.Base.RawBytes,

		BaseDictionary: string(e.Base.Dictionary),
		StartMs:        e.TimestampMs,
		EndMs:          e.TimestampMs,
		ClockOffsetMs:  e.ClockOffsetMs,
		RawBytes:       e.RawBytes,
	}
}

// keyframe is the reverse of lineOfKeyframe, for what entry made of a line.
func (e Entry) keyframe() KeyframeEntry {
	return KeyframeEntry{
		Keyframe: recording.Keyframe{
			SegmentID:     e.SegmentID,
			Page:          e.Page,
			TimestampMs:   e.EndMs,
			ClockOffsetMs: e.ClockOffsetMs,
			RawBytes:      e.RawBytes,
			Class:         e.Class,
			Location:      e.Location,
			Dictionary:    e.Dictionary,
			Base:          e.Base,
		},
		CRC32C: e.CRC32C,
	}
}

// entry is the reverse of lineOf, for a line of the pack f stored under key.
func (l footerLine) entry(f *Footer, key string) Entry {
	return Entry{
		StoredSegment: recording.StoredSegment{
			Segment: recording.Segment{
				SegmentID: recording.SegmentID{
					Project: f.Project,
					Session: recording.SessionID(l.Session),
					Window:  recording.WindowID(l.Window),
					Seq:     l.Seq,
				},
				Page:          recording.PageID(l.Page),
				ClockOffsetMs: l.ClockOffsetMs,
				StartMs:       l.StartMs,
				EndMs:         l.EndMs,
				Events:        l.Events,
				RawBytes:      l.RawBytes,
				FullSnapshots: l.FullSnapshots,
				ReceivedMs:    l.ReceivedMs,
				Origin:        l.origin(),
				Counts: recording.Counts{
					Pages:          l.Pages,
					Clicks:         l.Clicks,
					Requests:       l.Requests,
					FailedRequests: l.FailedRequests,
					Errors:         l.Errors,
				},
				URLs: l.URLs,
			},
			Class:      f.Class,
			Location:   recording.Location{Object: key, Offset: l.Offset, Length: l.Length},
			Dictionary: recording.DictionaryID(l.Dictionary),
			Base: recording.Base{
				Location:   recording.Location{Object: l.BaseObject, Offset: l.BaseOffset, Length: l.BaseLength},
				RawBytes:   l.BaseRawBytes,
				Dictionary: recording.DictionaryID(l.BaseDictionary),
			},
		},
		CRC32C: l.CRC32C,
	}
}

func (l footerLine) origin() recording.Origin {
	return recording.Origin{
		PreviousSession: recording.SessionID(l.PreviousSession),
		Reason:          recording.Reason(l.Reason),
		Final:           l.Final,
		Recorder:        recording.Recorder{Name: l.RecorderName, Version: l.RecorderVersion, RRWeb: l.RRWebVersion},
		URL:             l.URL,
		Referrer:        l.Referrer,
		Viewport:        [2]int{l.ViewportWidth, l.ViewportHeight},
		UserID:          l.UserID,
		UserAttributes:  l.UserAttributes,
		Release:         l.Release,
		Environment:     l.Environment,
		UserAgent:       l.UserAgent,
		Country:         l.Country,
	}
}

// parseFooter reads the lines of a footer. The frames must fill the pack from
// its magic to the footer, without holes, in the order of the lines.
func parseFooter(lines []byte, footerOffset int64) (*Footer, error) {
	first, lines, _ := bytes.Cut(lines, []byte{'\n'})
	f, segments, err := parseFooterHeader(first)
	if err != nil {
		return nil, err
	}
	r := footerReader{Footer: f, key: PackKey(f.Project, f.Class, f.ID), next: int64(magicBytes), end: footerOffset, seen: map[lineID]struct{}{}}
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte{'\n'})
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("%w: footer line %d: %w", ErrCorrupt, len(r.seen)+2, err)
		}
	}
	if len(r.seen) != segments || r.next != footerOffset {
		return nil, fmt.Errorf("%w: footer has %d of %d lines, frames end at %d of %d", ErrCorrupt, len(r.seen), segments, r.next, footerOffset)
	}
	return f, nil
}

// lineID is what no two lines of a footer share.
type lineID struct {
	recording.SegmentID
	keyframe bool
}

// footerReader adds the lines of a footer to what is known of the pack.
type footerReader struct {
	*Footer
	key       string
	next, end int64 // of the frames
	seen      map[lineID]struct{}
}

func (r *footerReader) line(line []byte) error {
	var l footerLine
	if err := json.Unmarshal(line, &l); err != nil {
		return err
	}
	e := l.entry(r.Footer, r.key)
	if err := checkIDs(e.SegmentID, e.Page); err != nil {
		return err
	}
	if e.Offset != r.next || e.Length <= 0 || e.Length > r.end-r.next || e.RawBytes < 0 {
		return fmt.Errorf("frame of %d bytes at %d", e.Length, e.Offset)
	}
	if _, err := frameIDNamed(e.Dictionary); err != nil {
		return err
	}
	if err := checkBase(r.Project, e.Dictionary, e.Base); err != nil {
		return err
	}
	id := lineID{e.SegmentID, l.Keyframe}
	if _, repeated := r.seen[id]; repeated {
		return errors.New("repeated")
	}
	r.seen[id] = struct{}{}
	r.next += e.Length
	if l.Keyframe {
		r.Keyframes = append(r.Keyframes, e.keyframe())
	} else {
		r.Entries = append(r.Entries, e)
	}
	return nil
}

func parseFooterHeader(line []byte) (*Footer, int, error) {
	var h footerHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, 0, fmt.Errorf("%w: footer header: %w", ErrCorrupt, err)
	}
	if h.Version != PackVersion {
		return nil, 0, fmt.Errorf("%w: footer header says version %d", ErrCorrupt, h.Version)
	}
	project, class, err := parseOwner(h.Project, h.Class)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: footer header: %w", ErrCorrupt, err)
	}
	id, err := ulid.ParseStrict(h.ID)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: footer header: %w", ErrCorrupt, err)
	}
	return &Footer{Version: h.Version, Project: project, Class: class, ID: id}, h.Lines, nil
}

// checkIDs refuses ids that no recorder may send.
func checkIDs(id recording.SegmentID, page recording.PageID) error {
	if _, err := recording.ParseSessionID(string(id.Session)); err != nil {
		return err
	}
	if _, err := recording.ParseWindowID(string(id.Window)); err != nil {
		return err
	}
	_, err := recording.ParsePageID(string(page))
	return err
}

// checkBase says what is wrong with a base. That it is in a pack of the same
// project is checked by whoever reads a row too: no footer and no row may lead
// to another project's recordings.
func checkBase(project recording.ProjectID, dictionary recording.DictionaryID, base recording.Base) error {
	if base == (recording.Base{}) {
		return nil
	}
	of, _, _, err := ParsePackKey(base.Object)
	switch {
	case err != nil:
		return fmt.Errorf("base: %w", err)
	case of != project:
		return errors.New("base is in another project")
	case dictionary == "":
		return errors.New("base without a dictionary")
	case base.Offset < int64(magicBytes) || base.Length <= 0 || base.RawBytes <= 0 || base.RawBytes > MaxBaseBytes:
		return fmt.Errorf("base has %d bytes, %d at %d", base.RawBytes, base.Length, base.Offset)
	}
	if _, err := frameIDNamed(base.Dictionary); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	return nil
}
