package clickhouse

import (
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// elementAttribute is the attribute of a signal that names its element.
const elementAttribute = "element"

// signalRow is a row of signals: what is counted of a moment of that kind.
type signalRow struct {
	ProjectID  string    `ch:"project_id"`
	SessionID  string    `ch:"session_id"`
	WindowID   string    `ch:"window_id"`
	Seq        uint32    `ch:"seq"`
	Event      uint32    `ch:"event"`
	Part       uint32    `ch:"part"`
	Ts         time.Time `ch:"ts"`
	Name       string    `ch:"name"`
	URL        string    `ch:"url"`
	Element    string    `ch:"element"`
	ReceivedTs time.Time `ch:"received_ts"`
	ExpiresTs  time.Time `ch:"expires_ts"`
}

func rowOfSignal(m recording.Moment, receivedMs int64, expires time.Time) signalRow {
	element := m.Attributes[elementAttribute]
	if element == "" {
		element = m.Selector
	}
	return signalRow{
		ProjectID:  string(m.Project),
		SessionID:  string(m.Session),
		WindowID:   string(m.Window),
		Seq:        m.Seq,
		Event:      uint32(m.Event),
		Part:       uint32(m.Part),
		Ts:         timeOf(m.TimestampMs),
		Name:       m.Name,
		URL:        m.URL,
		Element:    element,
		ReceivedTs: timeOf(receivedMs),
		ExpiresTs:  expires,
	}
}

// textRow is a row of texts.
type textRow struct {
	ProjectID string    `ch:"project_id"`
	SessionID string    `ch:"session_id"`
	WindowID  string    `ch:"window_id"`
	PageID    string    `ch:"page_id"`
	Text      string    `ch:"text"`
	FirstTs   time.Time `ch:"first_ts"`
	LastTs    time.Time `ch:"last_ts"`
	ExpiresTs time.Time `ch:"expires_ts"`
}

func rowOfText(s recording.SeenText, expires time.Time) textRow {
	return textRow{
		ProjectID: string(s.Project),
		SessionID: string(s.Session),
		WindowID:  string(s.Window),
		PageID:    string(s.Page),
		Text:      s.Text,
		FirstTs:   timeOf(s.FirstMs),
		LastTs:    timeOf(s.LastMs),
		ExpiresTs: expires,
	}
}

func (r textRow) text() recording.SeenText {
	return recording.SeenText{
		Project: recording.ProjectID(r.ProjectID),
		Session: recording.SessionID(r.SessionID),
		Window:  recording.WindowID(r.WindowID),
		Page:    recording.PageID(r.PageID),
		Text:    r.Text,
		FirstMs: r.FirstTs.UnixMilli(),
		LastMs:  r.LastTs.UnixMilli(),
	}
}

// keyframeRow is a row of keyframes.
type keyframeRow struct {
	ProjectID     string    `ch:"project_id"`
	SessionID     string    `ch:"session_id"`
	WindowID      string    `ch:"window_id"`
	Seq           uint32    `ch:"seq"`
	PageID        string    `ch:"page_id"`
	Ts            time.Time `ch:"ts"`
	ClockOffsetMs int64     `ch:"clock_offset_ms"`
	RawBytes      uint64    `ch:"raw_bytes"`
	Class         string    `ch:"class"`
	Object        string    `ch:"object"`
	ObjectOffset  int64     `ch:"object_offset"`
	ObjectLength  int64     `ch:"object_length"`
	Dictionary    string    `ch:"dictionary"`
	BaseObject    string    `ch:"base_object"`
	BaseOffset    int64     `ch:"base_offset"`
	BaseLength    int64     `ch:"base_length"`
	BaseRawBytes  uint64    `ch:"base_raw_bytes"`

	BaseDictionary string `ch:"base_dictionary"`

	ExpiresTs time.Time `ch:"expires_ts"`
}

func rowOfKeyframe(k recording.Keyframe, expires time.Time) keyframeRow {
	return keyframeRow{
		ProjectID:     string(k.Project),
		SessionID:     string(k.Session),
		WindowID:      string(k.Window),
		Seq:           k.Seq,
		PageID:        string(k.Page),
		Ts:            timeOf(k.TimestampMs),
		ClockOffsetMs: k.ClockOffsetMs,
		RawBytes:      uint64(k.RawBytes),
		Class:         string(k.Class),
		Object:        k.Object,
		ObjectOffset:  k.Offset,
		ObjectLength:  k.Length,
		Dictionary:    string(k.Dictionary),
		BaseObject:    k.Base.Object,
		BaseOffset:    k.Base.Offset,
		BaseLength:    k.Base.Length,
		BaseRawBytes:  uint64(k.Base.RawBytes),

		BaseDictionary: string(k.Base.Dictionary),

		ExpiresTs: expires,
	}
}

func (r keyframeRow) keyframe() recording.Keyframe {
	return recording.Keyframe{
		SegmentID: recording.SegmentID{
			Project: recording.ProjectID(r.ProjectID),
			Session: recording.SessionID(r.SessionID),
			Window:  recording.WindowID(r.WindowID),
			Seq:     r.Seq,
		},
		Page:          recording.PageID(r.PageID),
		TimestampMs:   r.Ts.UnixMilli(),
		ClockOffsetMs: r.ClockOffsetMs,
		RawBytes:      int(r.RawBytes),
		Class:         recording.Class(r.Class),
		Location:      recording.Location{Object: r.Object, Offset: r.ObjectOffset, Length: r.ObjectLength},
		Dictionary:    recording.DictionaryID(r.Dictionary),
		Base: recording.Base{
			Location:   recording.Location{Object: r.BaseObject, Offset: r.BaseOffset, Length: r.BaseLength},
			RawBytes:   int(r.BaseRawBytes),
			Dictionary: recording.DictionaryID(r.BaseDictionary),
		},
	}
}
