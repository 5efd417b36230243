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
	Country         string // ISO 3166, two capital letters; from the HTTP request, empty when unknown
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
// its window. Its own frame was made without a dictionary, or with that of the
// site: then later segments have both, the site's content before the events.
type Base struct {
	Location                // without Object: none
	RawBytes   int          // events, uncompressed
	Dictionary DictionaryID // of the site; empty: none
}

// DictionaryID names a dictionary by its content: the SHA-256 of it, 64 hex
// digits in lower case.
type DictionaryID string

// Moment is one thing that happened at an instant; a tick on the timeline.
// Its identity is its segment, the place of its event in it, and its part, so
// that storing it twice changes nothing.
type Moment struct {
	SegmentID
	Event       int // index of the event in its segment
	Part        int // 0: what the event itself says; from 1: what was derived when it came
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

	KindInput        MomentKind = "input"
	KindSubmit       MomentKind = "submit"
	KindScroll       MomentKind = "scroll"
	KindVital        MomentKind = "vital"
	KindTextAppeared MomentKind = "text_appeared"
	KindTextVanished MomentKind = "text_vanished"
	KindGap          MomentKind = "gap"

	// KindSignal is a moment that Playhead derived because it means trouble. Its
	// name says which (SignalRageClick and so on), its text says it in words.
	KindSignal MomentKind = "signal"
)

// The names of signals. docs/signals.md defines each.
const (
	SignalRageClick       = "rage_click"
	SignalDeadClick       = "dead_click"
	SignalErrorClick      = "error_click"
	SignalDoubleSubmit    = "double_submit"
	SignalVanishedMessage = "vanished_message"
	SignalValidationError = "validation_error"
	SignalFormAbandoned   = "form_abandoned"
	SignalFailedRequest   = "failed_request"
	SignalSlowRequest     = "slow_request"
	SignalFrozenPage      = "frozen_page"
	SignalLayoutThrash    = "layout_thrash"
	SignalThrashedCursor  = "thrashed_cursor"
	SignalQuickBack       = "quick_back"
	SignalError           = "error"
	SignalErrorLoop       = "error_loop"
	SignalBlankPage       = "blank_page"
)

// SeenText is text that a user could see, once for each page that showed it.
type SeenText struct {
	Project ProjectID
	Session SessionID
	Window  WindowID
	Page    PageID
	Text    string // white space collapsed; never masked text
	FirstMs int64  // server time of the first instant
	LastMs  int64  // of the last one known
}

// Keyframe is a full snapshot that Playhead made from the events: a player that
// applies its events needs none of the segments up to and including its own.
// Its SegmentID is that of the last segment whose events are in it.
type Keyframe struct {
	SegmentID
	Page        PageID
	TimestampMs int64 // server time of its events: the last event of the segment
	// ClockOffsetMs is what was added to the events' own timestamps.
	ClockOffsetMs int64
	RawBytes      int // NDJSON, uncompressed
	Class         Class
	Location
	Dictionary DictionaryID // as of a StoredSegment
	Base       Base
}

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
	Signals         map[string]int // how many of each name
	Release         string
	Environment     string
	UserAgent       string
	Country         string // as in Origin
	StoredBytes     int64
	Segments        int
	LastReceivedMs  int64
	RecorderVersion string
}
