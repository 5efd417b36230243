package playback

import (
	"math"
	"slices"

	"github.com/playhead/playhead/pkg/recording"
)

// Session is a session as the API spells it. Times are ms since the epoch.
type Session struct {
	ID             recording.SessionID `json:"session_id"`
	Previous       recording.SessionID `json:"previous_id"`
	StartMs        int64               `json:"start"`
	EndMs          int64               `json:"end"`
	DurationMs     int64               `json:"duration_ms"`
	UserID         string              `json:"user_id"`
	UserAttributes map[string]string   `json:"user_attributes"`
	URLs           []string            `json:"urls"`
	FirstURL       string              `json:"first_url"`
	Pages          int                 `json:"pages"`
	Windows        int                 `json:"windows"`
	Events         int                 `json:"events"`
	Clicks         int                 `json:"clicks"`
	Requests       int                 `json:"requests"`
	FailedRequests int                 `json:"failed_requests"`
	Errors         int                 `json:"errors"`
	Signals        map[string]int      `json:"signals"` // how many of each name
	RawBytes       int64               `json:"bytes"`
	Release        string              `json:"release"`
	Environment    string              `json:"environment"`
	UserAgent      string              `json:"user_agent"`
	Country        string              `json:"country"`
	Class          recording.Class     `json:"class"`
}

// Manifest describes a session to a player.
type Manifest struct {
	Version int      `json:"v"`
	Session Session  `json:"session"`
	Windows []Window `json:"windows"`
	Moments []Moment `json:"moments"`
}

// Window is one browser tab of a session.
type Window struct {
	ID            recording.WindowID `json:"window_id"`
	StartMs       int64              `json:"start"`
	EndMs         int64              `json:"end"`
	ClockOffsetMs int64              `json:"clock_offset_ms"`
	Segments      []Segment          `json:"segments"`
	Gaps          []Gap              `json:"gaps"`
	Keyframes     []Keyframe         `json:"keyframes"`
}

// Segment is a segment that can be asked for.
type Segment struct {
	Seq           uint32           `json:"seq"`
	Page          recording.PageID `json:"page_id"`
	StartMs       int64            `json:"start"`
	EndMs         int64            `json:"end"`
	Events        int              `json:"events"`
	RawBytes      int              `json:"bytes"`
	FullSnapshots []int64          `json:"full_snapshots"`
}

// Keyframe is a place to begin at: what the window showed after a segment.
type Keyframe struct {
	AfterSeq    uint32           `json:"after_seq"`
	Page        recording.PageID `json:"page_id"`
	TimestampMs int64            `json:"ts"`
	RawBytes    int              `json:"bytes"`
}

// Gap is a stretch of a window that is not stored. AfterSeq is -1 when the
// window's beginning is missing; the gap then has no known length.
type Gap struct {
	AfterSeq  int64  `json:"after_seq"`
	BeforeSeq int64  `json:"before_seq"`
	StartMs   int64  `json:"start"`
	EndMs     int64  `json:"end"`
	Cause     string `json:"cause"`
	Reason    string `json:"reason,omitempty"` // of the recorder, when it dropped the segments
}

// Moment is a moment as the API spells it.
type Moment struct {
	TimestampMs int64                `json:"ts"`
	Window      recording.WindowID   `json:"window_id"`
	Page        recording.PageID     `json:"page_id"`
	Kind        recording.MomentKind `json:"kind"`
	Name        string               `json:"name"`
	Text        string               `json:"text"`
	Selector    string               `json:"selector"`
	URL         string               `json:"url"`
	TraceID     string               `json:"trace_id"`
	SpanID      string               `json:"span_id"`
	DurationMs  int64                `json:"duration_ms"`
	Status      int                  `json:"status"`
	Attributes  map[string]string    `json:"attributes"`
}

func newSession(s recording.Session) Session {
	out := Session{
		ID:             s.ID,
		Previous:       s.Previous,
		StartMs:        s.StartMs,
		EndMs:          s.EndMs,
		DurationMs:     s.EndMs - s.StartMs,
		UserID:         s.UserID,
		UserAttributes: notNil(s.UserAttributes),
		URLs:           s.URLs,
		Pages:          s.Counts.Pages,
		Windows:        s.Windows,
		Events:         s.Events,
		Clicks:         s.Counts.Clicks,
		Requests:       s.Counts.Requests,
		FailedRequests: s.Counts.FailedRequests,
		Errors:         s.Counts.Errors,
		Signals:        s.Signals,
		RawBytes:       s.RawBytes,
		Release:        s.Release,
		Environment:    s.Environment,
		UserAgent:      s.UserAgent,
		Country:        s.Country,
		Class:          s.Class,
	}
	if out.Signals == nil {
		out.Signals = map[string]int{}
	}
	if len(out.URLs) == 0 {
		out.URLs = []string{}
	} else {
		out.FirstURL = out.URLs[0]
	}
	return out
}

func newManifest(session recording.Session, stored []recording.StoredSegment, keyframes []recording.Keyframe, moments []recording.Moment) *Manifest {
	m := &Manifest{Version: 1, Session: newSession(session), Windows: []Window{}, Moments: make([]Moment, 0, len(moments))}
	m.Session.StartMs, m.Session.EndMs = math.MaxInt64, math.MinInt64
	corrections := make(map[recording.SegmentID]int64, len(stored))

	for _, segments := range byWindow(stored) {
		corrected := correctClock(segments)
		window := Window{ID: segments[0].Window, ClockOffsetMs: corrected[0].ClockOffsetMs, Gaps: []Gap{}, Segments: make([]Segment, 0, len(segments))}
		for i, s := range corrected {
			corrections[s.SegmentID] = s.ClockOffsetMs - segments[i].ClockOffsetMs
			window.Segments = append(window.Segments, newSegment(s))
		}
		window.StartMs, window.EndMs = span(window.Segments)
		window.Gaps = gaps(window.Segments)
		window.Keyframes = newKeyframes(correctKeyframes(keyframes, segments, corrected))
		m.Windows = append(m.Windows, window)
		m.Session.StartMs = min(m.Session.StartMs, window.StartMs)
		m.Session.EndMs = max(m.Session.EndMs, window.EndMs)
	}
	m.Session.DurationMs = m.Session.EndMs - m.Session.StartMs
	for _, moment := range moments {
		m.Moments = append(m.Moments, newMoment(moment, corrections[moment.SegmentID]))
	}
	for _, window := range m.Windows {
		explain(window.Gaps, drops(m.Moments, window.ID))
	}
	return m
}

// byWindow cuts segments, ordered by window, into one run for each window.
func byWindow(segments []recording.StoredSegment) [][]recording.StoredSegment {
	var windows [][]recording.StoredSegment
	for first := 0; first < len(segments); {
		end := first + 1
		for end < len(segments) && segments[end].Window == segments[first].Window {
			end++
		}
		windows = append(windows, segments[first:end])
		first = end
	}
	return windows
}

// clockJumpMs is how far apart the offsets of two segments that follow each
// other are when the sender's clock was set in between: further than a transfer
// takes (ingest gives a whole request 30 s).
const clockJumpMs = 60_000

// correctClock returns the segments of a window with their times corrected by
// one offset, the smallest that any of them was stored with: delay on the way
// only adds to the others. Where the sender's clock was set, another offset
// begins.
func correctClock(window []recording.StoredSegment) []recording.StoredSegment {
	out := slices.Clone(window)
	for first := 0; first < len(out); {
		offset, end := window[first].ClockOffsetMs, first+1
		for end < len(out) && max(window[end].ClockOffsetMs-window[end-1].ClockOffsetMs, window[end-1].ClockOffsetMs-window[end].ClockOffsetMs) <= clockJumpMs {
			offset = min(offset, window[end].ClockOffsetMs)
			end++
		}
		for i := first; i < end; i++ {
			shift(&out[i], offset)
		}
		first = end
	}
	return out
}

// shift gives a segment another clock offset.
func shift(s *recording.StoredSegment, offset int64) {
	correction := offset - s.ClockOffsetMs
	s.ClockOffsetMs = offset
	s.StartMs += correction
	s.EndMs += correction
	s.FullSnapshots = slices.Clone(s.FullSnapshots)
	for i := range s.FullSnapshots {
		s.FullSnapshots[i] += correction
	}
}

func newSegment(s recording.StoredSegment) Segment {
	return Segment{
		Seq:           s.Seq,
		Page:          s.Page,
		StartMs:       s.StartMs,
		EndMs:         s.EndMs,
		Events:        s.Events,
		RawBytes:      s.RawBytes,
		FullSnapshots: append([]int64{}, s.FullSnapshots...),
	}
}

func newKeyframes(keyframes []recording.Keyframe) []Keyframe {
	out := make([]Keyframe, len(keyframes))
	for i, k := range keyframes {
		out[i] = Keyframe{AfterSeq: k.Seq, Page: k.Page, TimestampMs: k.TimestampMs, RawBytes: k.RawBytes}
	}
	return out
}

func newMoment(m recording.Moment, correction int64) Moment {
	return Moment{
		TimestampMs: m.TimestampMs + correction,
		Window:      m.Window,
		Page:        m.Page,
		Kind:        m.Kind,
		Name:        m.Name,
		Text:        m.Text,
		Selector:    m.Selector,
		URL:         m.URL,
		TraceID:     m.TraceID,
		SpanID:      m.SpanID,
		DurationMs:  m.DurationMs,
		Status:      m.Status,
		Attributes:  notNil(m.Attributes),
	}
}

func span(segments []Segment) (startMs, endMs int64) {
	startMs, endMs = segments[0].StartMs, segments[0].EndMs
	for _, s := range segments[1:] {
		startMs, endMs = min(startMs, s.StartMs), max(endMs, s.EndMs)
	}
	return startMs, endMs
}

func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
