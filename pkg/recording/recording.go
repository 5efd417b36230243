package recording

// SegmentID identifies a segment: a second one with the same id is a repeat
// and stores nothing.
type SegmentID struct {
	Project ProjectID
	Session SessionID
	Window  WindowID
	Seq     uint32
}

// Reason says why a session was recorded.
type Reason string

// The reasons a recorder may give.
const (
	ReasonSampled Reason = "sampled"
	ReasonError   Reason = "error"
	ReasonCohort  Reason = "cohort"
	ReasonTicket  Reason = "ticket"
	ReasonManual  Reason = "manual"
)

// Class is a retention class: all that is kept equally long. It is part of
// the object keys.
type Class string

// ClassNormal is the class of a session without errors or tickets.
const ClassNormal Class = "normal"

// Origin describes where the events of a segment came from, as the recorder
// said it in the segment's header.
type Origin struct {
	PreviousSession SessionID
	Reason          Reason
	Final           bool
	Recorder        Recorder
	URL             string
	Referrer        string
	Viewport        [2]int // CSS pixels; zero when unknown
	UserID          string
	UserAttributes  map[string]string
	Release         string
	Environment     string
	UserAgent       string // from the HTTP request
}

// Recorder names the software that made the events.
type Recorder struct {
	Name, Version, RRWeb string
}

// MaxSegmentBytes is the most that the events of one segment may have,
// uncompressed: what ingest can be configured to accept and what every reader
// takes into memory. It is 256 times what the browser recorder sends.
const MaxSegmentBytes = 64 << 20

// Segment describes the ordered events of one page that were uploaded, are
// stored and will be loaded together. All times are server time in ms since
// the epoch: an event's own timestamp plus ClockOffsetMs.
type Segment struct {
	SegmentID
	Page          PageID
	ClockOffsetMs int64
	StartMs       int64 // earliest event
	EndMs         int64 // latest event
	Events        int
	RawBytes      int     // NDJSON, uncompressed
	FullSnapshots []int64 // times of the rrweb full snapshots, ascending
	ReceivedMs    int64
	Origin        Origin
	Counts        Counts
	URLs          []string // pages visited in this segment, in order, without repeats
}

// Counts are what a segment adds to its session's totals.
type Counts struct {
	Pages          int
	Clicks         int
	Requests       int
	FailedRequests int // no answer, or status 400 and above
	Errors         int // uncaught errors and console errors
}

// Location says where the frame of a stored segment lies.
type Location struct {
	Object string // object key of the pack
	Offset int64
	Length int64
}

// StoredSegment is a segment that can be read back.
type StoredSegment struct {
	Segment
	Class Class
	Location
	Dictionary DictionaryID // that the frame was made with; empty: none
	Base       Base         // where its content is, when it is no dictionary of a site
}

// Base is a stored segment whose events are the dictionary of later segments of
// its window. Its own frame was made without a dictionary.
type Base struct {
	Location     // without Object: none
	RawBytes int // events, uncompressed
}

// DictionaryID names a dictionary by its content: the SHA-256 of it, 64 hex
// digits in lower case.
type DictionaryID string

// Moment is one thing that happened at an instant; a tick on the timeline.
// Its identity is its segment and the place of its event in it, so that
// storing it twice changes nothing.
type Moment struct {
	SegmentID
	Event       int // index of the event in its segment
	Page        PageID
	TimestampMs int64 // server time
	Kind        MomentKind
	Name        string
	Text        string
	Selector    string
	URL         string
	TraceID     string // 32 hex digits or empty
	SpanID      string // 16 hex digits or empty
	DurationMs  int64
	Status      int
	Attributes  map[string]string
}

// MomentKind says what happened. docs/format/events.md lists how each kind
// fills a moment.
type MomentKind string

// The kinds of moments.
const (
	KindPageLoad   MomentKind = "page_load"
	KindNavigation MomentKind = "navigation"
	KindClick      MomentKind = "click"
	KindRequest    MomentKind = "request"
	KindConsole    MomentKind = "console"
	KindError      MomentKind = "error"
	KindVisibility MomentKind = "visibility"
	KindLongFrame  MomentKind = "long_frame"
	KindIdentify   MomentKind = "identify"
	KindCustom     MomentKind = "custom"
	KindState      MomentKind = "state"
)

// Session is what is known of one user's visit, summed over its segments.
type Session struct {
	Project         ProjectID
	ID              SessionID
	Previous        SessionID
	Class           Class
	StartMs         int64
	EndMs           int64
	UserID          string
	UserAttributes  map[string]string
	URLs            []string // in order of first visit
	Windows         int
	Events          int
	RawBytes        int64
	Counts          Counts
	Release         string
	Environment     string
	UserAgent       string
	StoredBytes     int64
	Segments        int
	LastReceivedMs  int64
	RecorderVersion string
}
