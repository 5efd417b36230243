package clickhouse

import (
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// segmentRow is a row of segments. Its tags are the columns, in order.
type segmentRow struct {
	ProjectID         string            `ch:"project_id"`
	SessionID         string            `ch:"session_id"`
	WindowID          string            `ch:"window_id"`
	Seq               uint32            `ch:"seq"`
	PageID            string            `ch:"page_id"`
	StartTs           time.Time         `ch:"start_ts"`
	EndTs             time.Time         `ch:"end_ts"`
	ClockOffsetMs     int64             `ch:"clock_offset_ms"`
	Events            uint32            `ch:"events"`
	RawBytes          uint64            `ch:"raw_bytes"`
	FullSnapshots     []time.Time       `ch:"full_snapshots"`
	ReceivedTs        time.Time         `ch:"received_ts"`
	PreviousSessionID string            `ch:"previous_session_id"`
	Reason            string            `ch:"reason"`
	IsFinal           bool              `ch:"is_final"`
	RecorderName      string            `ch:"recorder_name"`
	RecorderVersion   string            `ch:"recorder_version"`
	RRWebVersion      string            `ch:"rrweb_version"`
	URL               string            `ch:"url"`
	Referrer          string            `ch:"referrer"`
	ViewportWidth     int64             `ch:"viewport_width"`
	ViewportHeight    int64             `ch:"viewport_height"`
	UserID            string            `ch:"user_id"`
	UserAttributes    map[string]string `ch:"user_attributes"`
	Release           string            `ch:"release"`
	Environment       string            `ch:"environment"`
	UserAgent         string            `ch:"user_agent"`
	Country           string            `ch:"country"`
	Pages             uint32            `ch:"pages"`
	Clicks            uint32            `ch:"clicks"`
	Requests          uint32            `ch:"requests"`
	FailedRequests    uint32            `ch:"failed_requests"`
	Errors            uint32            `ch:"errors"`
	URLs              []string          `ch:"urls"`
	Class             string            `ch:"class"`
	Object            string            `ch:"object"`
	ObjectOffset      int64             `ch:"object_offset"`
	ObjectLength      int64             `ch:"object_length"`
	Dictionary        string            `ch:"dictionary"`
	BaseObject        string            `ch:"base_object"`
	BaseOffset        int64             `ch:"base_offset"`
	BaseLength        int64             `ch:"base_length"`
	BaseRawBytes      uint64            `ch:"base_raw_bytes"`
	BaseDictionary    string            `ch:"base_dictionary"`
	ExpiresTs         time.Time         `ch:"expires_ts"`
}

func rowOfSegment(s recording.StoredSegment, expires time.Time) segmentRow {
	return segmentRow{
		ProjectID:         string(s.Project),
		SessionID:         string(s.Session),
		WindowID:          string(s.Window),
		Seq:               s.Seq,
		PageID:            string(s.Page),
		StartTs:           timeOf(s.StartMs),
		EndTs:             timeOf(s.EndMs),
		ClockOffsetMs:     s.ClockOffsetMs,
		Events:            uint32(s.Events),
		RawBytes:          uint64(s.RawBytes),
		FullSnapshots:     timesOf(s.FullSnapshots),
		ReceivedTs:        timeOf(s.ReceivedMs),
		PreviousSessionID: string(s.Origin.PreviousSession),
		Reason:            string(s.Origin.Reason),
		IsFinal:           s.Origin.Final,
		RecorderName:      s.Origin.Recorder.Name,
		RecorderVersion:   s.Origin.Recorder.Version,
		RRWebVersion:      s.Origin.Recorder.RRWeb,
		URL:               s.Origin.URL,
		Referrer:          s.Origin.Referrer,
		ViewportWidth:     int64(s.Origin.Viewport[0]),
		ViewportHeight:    int64(s.Origin.Viewport[1]),
		UserID:            s.Origin.UserID,
		UserAttributes:    s.Origin.UserAttributes,
		Release:           s.Origin.Release,
		Environment:       s.Origin.Environment,
		UserAgent:         s.Origin.UserAgent,
		Country:           s.Origin.Country,
		Pages:             uint32(s.Counts.Pages),
		Clicks:            uint32(s.Counts.Clicks),
		Requests:          uint32(s.Counts.Requests),
		FailedRequests:    uint32(s.Counts.FailedRequests),
		Errors:            uint32(s.Counts.Errors),
		URLs:              s.URLs,
		Class:             string(s.Class),
		Object:            s.Object,
		ObjectOffset:      s.Offset,
		ObjectLength:      s.Length,
		Dictionary:        string(s.Dictionary),
		BaseObject:        s.Base.Object,
		BaseOffset:        s.Base.Offset,
		BaseLength:        s.Base.Length,
		BaseRawBytes:      uint64(s.Base.RawBytes),
		BaseDictionary:    string(s.Base.Dictionary),
		ExpiresTs:         expires,
	}
}

func (r segmentRow) segment() recording.StoredSegment {
	s := recording.StoredSegment{
		Segment: recording.Segment{
			SegmentID: recording.SegmentID{
				Project: recording.ProjectID(r.ProjectID),
				Session: recording.SessionID(r.SessionID),
				Window:  recording.WindowID(r.WindowID),
				Seq:     r.Seq,
			},
			Page:          recording.PageID(r.PageID),
			ClockOffsetMs: r.ClockOffsetMs,
			StartMs:       r.StartTs.UnixMilli(),
			EndMs:         r.EndTs.UnixMilli(),
			Events:        int(r.Events),
			RawBytes:      int(r.RawBytes),
			ReceivedMs:    r.ReceivedTs.UnixMilli(),
			Origin: recording.Origin{
				PreviousSession: recording.SessionID(r.PreviousSessionID),
				Reason:          recording.Reason(r.Reason),
				Final:           r.IsFinal,
				Recorder:        recording.Recorder{Name: r.RecorderName, Version: r.RecorderVersion, RRWeb: r.RRWebVersion},
				URL:             r.URL,
				Referrer:        r.Referrer,
				Viewport:        [2]int{int(r.ViewportWidth), int(r.ViewportHeight)},
				UserID:          r.UserID,
				UserAttributes:  r.UserAttributes,
				Release:         r.Release,
				Environment:     r.Environment,
				UserAgent:       r.UserAgent,
				Country:         r.Country,
			},
			Counts: recording.Counts{
				Pages:          int(r.Pages),
				Clicks:         int(r.Clicks),
				Requests:       int(r.Requests),
				FailedRequests: int(r.FailedRequests),
				Errors:         int(r.Errors),
			},
			URLs: r.URLs,
		},
		Class:      recording.Class(r.Class),
		Location:   recording.Location{Object: r.Object, Offset: r.ObjectOffset, Length: r.ObjectLength},
		Dictionary: recording.DictionaryID(r.Dictionary),
		Base: recording.Base{
			Location:   recording.Location{Object: r.BaseObject, Offset: r.BaseOffset, Length: r.BaseLength},
			RawBytes:   int(r.BaseRawBytes),
			Dictionary: recording.DictionaryID(r.BaseDictionary),
		},
	}
	for _, t := range r.FullSnapshots {
		s.FullSnapshots = append(s.FullSnapshots, t.UnixMilli())
	}
	return s
}

// sessionRow is a row of sessions as it is read; only SQL writes one.
type sessionRow struct {
	ProjectID         string            `ch:"project_id"`
	SessionID         string            `ch:"session_id"`
	PreviousSessionID string            `ch:"previous_session_id"`
	Class             string            `ch:"class"`
	StartTs           time.Time         `ch:"start_ts"`
	EndTs             time.Time         `ch:"end_ts"`
	UserID            string            `ch:"user_id"`
	UserAttributes    map[string]string `ch:"user_attributes"`
	URLs              []string          `ch:"urls"`
	Windows           uint32            `ch:"windows"`
	Events            uint64            `ch:"events"`
	RawBytes          uint64            `ch:"raw_bytes"`
	Pages             uint64            `ch:"pages"`
	Clicks            uint64            `ch:"clicks"`
	Requests          uint64            `ch:"requests"`
	FailedRequests    uint64            `ch:"failed_requests"`
	Errors            uint64            `ch:"errors"`
	Signals           map[string]uint64 `ch:"signals"`
	Release           string            `ch:"release"`
	Environment       string            `ch:"environment"`
	UserAgent         string            `ch:"user_agent"`
	Country           string            `ch:"country"`
	RecorderVersion   string            `ch:"recorder_version"`
	StoredBytes       uint64            `ch:"stored_bytes"`
	Segments          uint64            `ch:"segments"`
	LastReceivedTs    time.Time         `ch:"last_received_ts"`
}

func (r sessionRow) session() recording.Session {
	return recording.Session{
		Project:        recording.ProjectID(r.ProjectID),
		ID:             recording.SessionID(r.SessionID),
		Previous:       recording.SessionID(r.PreviousSessionID),
		Class:          recording.Class(r.Class),
		StartMs:        r.StartTs.UnixMilli(),
		EndMs:          r.EndTs.UnixMilli(),
		UserID:         r.UserID,
		UserAttributes: r.UserAttributes,
		URLs:           r.URLs,
		Windows:        int(r.Windows),
		Events:         int(r.Events),
		RawBytes:       int64(r.RawBytes),
		Counts: recording.Counts{
			Pages:          int(r.Pages),
			Clicks:         int(r.Clicks),
			Requests:       int(r.Requests),
			FailedRequests: int(r.FailedRequests),
			Errors:         int(r.Errors),
		},
		Signals:         countsOf(r.Signals),
		Release:         r.Release,
		Environment:     r.Environment,
		UserAgent:       r.UserAgent,
		Country:         r.Country,
		StoredBytes:     int64(r.StoredBytes),
		Segments:        int(r.Segments),
		LastReceivedMs:  r.LastReceivedTs.UnixMilli(),
		RecorderVersion: r.RecorderVersion,
	}
}

func countsOf(column map[string]uint64) map[string]int {
	counts := make(map[string]int, len(column))
	for name, n := range column {
		counts[name] = int(n)
	}
	return counts
}

// momentRow is a row of moments.
type momentRow struct {
	ProjectID  string            `ch:"project_id"`
	SessionID  string            `ch:"session_id"`
	WindowID   string            `ch:"window_id"`
	Seq        uint32            `ch:"seq"`
	Event      uint32            `ch:"event"`
	Part       uint32            `ch:"part"`
	PageID     string            `ch:"page_id"`
	Ts         time.Time         `ch:"ts"`
	Kind       string            `ch:"kind"`
	Name       string            `ch:"name"`
	Text       string            `ch:"text"`
	Selector   string            `ch:"selector"`
	URL        string            `ch:"url"`
	TraceID    string            `ch:"trace_id"`
	SpanID     string            `ch:"span_id"`
	DurationMs int64             `ch:"duration_ms"`
	Status     int32             `ch:"status"`
	Attributes map[string]string `ch:"attributes"`
	ReceivedTs time.Time         `ch:"received_ts"`
	ExpiresTs  time.Time         `ch:"expires_ts"`
}

func rowOfMoment(m recording.Moment, receivedMs int64, expires time.Time) momentRow {
	return momentRow{
		ProjectID:  string(m.Project),
		SessionID:  string(m.Session),
		WindowID:   string(m.Window),
		Seq:        m.Seq,
		Event:      uint32(m.Event),
		Part:       uint32(m.Part),
		PageID:     string(m.Page),
		Ts:         timeOf(m.TimestampMs),
		Kind:       string(m.Kind),
		Name:       m.Name,
		Text:       m.Text,
		Selector:   m.Selector,
		URL:        m.URL,
		TraceID:    m.TraceID,
		SpanID:     m.SpanID,
		DurationMs: m.DurationMs,
		Status:     int32(m.Status),
		Attributes: m.Attributes,
		ReceivedTs: timeOf(receivedMs),
		ExpiresTs:  expires,
	}
}

func (r momentRow) moment() recording.Moment {
	return recording.Moment{
		SegmentID: recording.SegmentID{
			Project: recording.ProjectID(r.ProjectID),
			Session: recording.SessionID(r.SessionID),
			Window:  recording.WindowID(r.WindowID),
			Seq:     r.Seq,
		},
		Event:       int(r.Event),
		Part:        int(r.Part),
		Page:        recording.PageID(r.PageID),
		TimestampMs: r.Ts.UnixMilli(),
		Kind:        recording.MomentKind(r.Kind),
		Name:        r.Name,
		Text:        r.Text,
		Selector:    r.Selector,
		URL:         r.URL,
		TraceID:     r.TraceID,
		SpanID:      r.SpanID,
		DurationMs:  r.DurationMs,
		Status:      int(r.Status),
		Attributes:  r.Attributes,
	}
}
