// Package index is the contract between Playhead and the database that finds
// recordings: sessions, the segments to read, and moments.
//
// The adapter is pkg/index/clickhouse; pkg/index/indextest holds the suite
// that every adapter passes. Everything here can be rebuilt from object
// storage; nothing here holds events.
package index

import (
	"context"
	"errors"
	"strings"

	"github.com/playhead/playhead/pkg/recording"
)

// ErrNotFound is returned, wrapped, when the project has no such session.
var ErrNotFound = errors.New("session not found")

// ErrSchema is returned, wrapped, when the database's schema is older or newer
// than this program needs.
var ErrSchema = errors.New("schema version does not fit")

// ErrQuery is returned, wrapped, when a query cannot be answered because of
// what was asked: no project, a limit out of range, a cursor that is not ours.
var ErrQuery = errors.New("query is not valid")

// Batch is what one pack adds to the index. All of it belongs to one project.
type Batch struct {
	Project  recording.ProjectID
	Token    string // the pack's key, for messages
	Segments []recording.StoredSegment

	// Of these segments, or, in a batch with a class, of some that were written
	// before, see ReceivedMs. Of two moments of one identity
	// that stays of which the segment was received earlier; when the times are
	// the same, the one that was written later.
	Moments   []recording.Moment
	Keyframes []recording.Keyframe
	Texts     []recording.SeenText

	// Withdrawn are moments that were written before and turned out not to be:
	// no later read sees them, unless they are written again, in this batch or
	// later.
	Withdrawn []recording.Moment

	// Class says how long what belongs to segments of other batches is kept, and
	// ReceivedMs when these were received; 0 is when the batch's newest segment
	// was, or, without segments, when it is written.
	Class      recording.Class
	ReceivedMs int64
}

// SessionQuery selects sessions of one project; zero fields do not filter.
// When SessionID or TraceID is set, From and To are ignored.
type SessionQuery struct {
	Project   recording.ProjectID
	FromMs    int64 // sessions that end at or after
	ToMs      int64 // sessions that start before
	SessionID recording.SessionID
	TraceID   string
	UserID    string
	URL       string // part of one of the session's URLs, any case
	Text      string // part of user id or of a URL, any case
	Errors    bool   // only sessions with errors or failed requests
	// MinDurationMs and MaxDurationMs bound the time from start to end, both
	// inclusive.
	MinDurationMs int64
	MaxDurationMs int64
	Release       string
	Environment   string
	UserAgent     string // part of the browser's user agent, any case
	Browser       string // one of Browsers, any case
	Country       string // two letters, any case
	Signal        string // name of a signal that the session has, or AnySignal
	// Seen is text that was seen in the session: all its words, any case, in one
	// piece of text. What stands in double quotes stands there in this order
	// (see Phrase).
	Seen   string
	Before string // cursor from SessionPage.Next
	Limit  int    // 1 to 1000; 0 means 50
}

// AnySignal in SessionQuery.Signal selects sessions with a signal of any name.
const AnySignal = "any"

// Browsers are the names that user agents are summed up as. The user agent of
// any other browser is of "Other".
var Browsers = []string{"Chrome", "Edge", "Firefox", "Opera", "Safari", "Samsung Internet", "Other"}

// Phrase is text as SessionQuery.Seen finds it word after word: white space is
// one space, everything else must be as it is, but for its case.
func Phrase(text string) string { return `"` + strings.ReplaceAll(text, `"`, " ") + `"` }

// SessionPage is a page of sessions, newest start first.
type SessionPage struct {
	Sessions []recording.Session
	Next     string // cursor of the next page, empty at the end
}

// MomentQuery selects moments of one project; zero fields do not filter.
type MomentQuery struct {
	Project   recording.ProjectID
	SessionID recording.SessionID
	TraceID   string
	FromMs    int64 // inclusive; ignored when SessionID or TraceID is set
	ToMs      int64 // exclusive
	Kinds     []recording.MomentKind
	Text      string // part of name, text or URL, any case
	Limit     int    // 1 to 100000; 0 means 1000

	Name    string // exactly
	URL     string // part of the URL, any case
	InTrace bool   // only with a trace id

	// Of the session.
	UserID      string
	Release     string
	Environment string
	Browser     string // one of Browsers, any case
	Country     string // two letters, any case
}

// TextQuery selects text that was seen; zero fields do not filter.
type TextQuery struct {
	Project   recording.ProjectID
	SessionID recording.SessionID
	Text      string // as SessionQuery.Seen
	Limit     int    // 1 to 100000; 0 means 1000
}

// Metric is a number that a series has for each bucket of time and label.
type Metric string

// The metrics. Sessions count where they start, all others when it happened.
const (
	MetricSessions        Metric = "sessions"
	MetricErrors          Metric = "errors"           // uncaught errors and console errors
	MetricClicks          Metric = "clicks"           //
	MetricPageLoads       Metric = "page_loads"       // and navigations
	MetricRequests        Metric = "requests"         //
	MetricFailedRequests  Metric = "failed_requests"  // without an answer, or status 400 and above
	MetricRequestDuration Metric = "request_duration" // quantile, ms
	MetricVital           Metric = "vital"            // quantile of the values of SeriesQuery.Name
	MetricSignals         Metric = "signals"
	MetricSignalSessions  Metric = "signal_sessions" // sessions that have a signal
)

// Metrics are all metrics.
var Metrics = []Metric{MetricSessions, MetricErrors, MetricClicks, MetricPageLoads, MetricRequests, MetricFailedRequests,
	MetricRequestDuration, MetricVital, MetricSignals, MetricSignalSessions}

// Label is what a series is split by.
type Label string

// The labels.
const (
	LabelName        Label = "name" // of the signal, error, vital; method of a request
	LabelURL         Label = "url"  // without query and fragment
	LabelElement     Label = "element"
	LabelRelease     Label = "release"
	LabelEnvironment Label = "environment"
	LabelBrowser     Label = "browser"
	LabelCountry     Label = "country"
	LabelUser        Label = "user"
)

// Labels are all labels.
var Labels = []Label{LabelName, LabelURL, LabelElement, LabelRelease, LabelEnvironment, LabelBrowser, LabelCountry, LabelUser}

// SeriesQuery asks for a metric of a project by time and label. The zero
// values of filters do not filter.
type SeriesQuery struct {
	Project      recording.ProjectID
	Metric       Metric
	FromMs, ToMs int64   // from inclusive, to exclusive; both are needed
	StepMs       int64   // width of a bucket; buckets begin at multiples of it. 0: one, at FromMs
	By           Label   // empty: not split
	Quantile     float64 // of MetricRequestDuration and MetricVital, 0 to 1; 0 means 0.75
	Limit        int     // 1 to 1000 labels, those with most rows; 0 means 20

	Name        string // of the signal, error, vital; method of a request
	URL         string // part of the URL at which it happened, any case
	UserID      string
	Release     string
	Environment string
	Browser     string // one of Browsers, any case
	Country     string // two letters, any case
}

// Point is one number of a series. Buckets without rows have none.
type Point struct {
	TimeMs int64 // begin of the bucket
	Label  string
	Value  float64
}

// ValuesQuery asks for the values of a field that occur in a project.
type ValuesQuery struct {
	Project      recording.ProjectID
	Field        Field
	Part         string // of the value, any case
	FromMs, ToMs int64  // of the sessions; 0 does not filter, nor do users and URLs
	Limit        int    // 1 to 1000; 0 means 100
}

// Field is something of which sessions have values.
type Field string

// The fields. Users and URLs are in lower case.
const (
	FieldUser        Field = "user"
	FieldURL         Field = "url"
	FieldRelease     Field = "release"
	FieldEnvironment Field = "environment"
	FieldBrowser     Field = "browser"
	FieldCountry     Field = "country"
	FieldSignal      Field = "signal"
)

// Fields are all fields.
var Fields = []Field{FieldUser, FieldURL, FieldRelease, FieldEnvironment, FieldBrowser, FieldCountry, FieldSignal}

// Index finds recordings. Every method is scoped by project before anything
// else. It is safe for concurrent use; errors of the database are returned,
// never turned into "nothing found".
type Index interface {
	// Migrate brings the schema to this program's version. Safe to run twice
	// and from several servers at once.
	Migrate(ctx context.Context) error

	// Check returns nil when the database answers, its schema fits
	// (ErrSchema otherwise) and the tables can be read.
	Check(ctx context.Context) error

	// Write adds batches, which can be of several projects; when it returns
	// nil every later read sees them. Writing a batch again, or the same
	// segments in another batch, changes nothing. It costs much less to write
	// batches together than one by one.
	Write(ctx context.Context, batches ...Batch) error

	// Stored returns which segments of the given sessions are stored; of each
	// session those from the given seq on, in any window.
	Stored(ctx context.Context, project recording.ProjectID, from map[recording.SessionID]uint32) (map[recording.SegmentID]struct{}, error)

	// Sessions lists sessions.
	Sessions(ctx context.Context, q SessionQuery) (SessionPage, error)

	// Segments returns the stored segments of a session, ordered by window
	// and seq, or ErrNotFound.
	Segments(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.StoredSegment, error)

	// Moments lists moments in the order of their time.
	Moments(ctx context.Context, q MomentQuery) ([]recording.Moment, error)

	// Keyframes returns the keyframes of a session, ordered by window and seq.
	Keyframes(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.Keyframe, error)

	// Texts lists text that was seen, in the order in which it was first.
	Texts(ctx context.Context, q TextQuery) ([]recording.SeenText, error)

	// Series measures a metric; points are ordered by label and time.
	Series(ctx context.Context, q SeriesQuery) ([]Point, error)

	// Values lists values of a field in their order.
	Values(ctx context.Context, q ValuesQuery) ([]string, error)

	// Clear removes all rows of a project; when it returns nil no later read
	// sees them. Batches can be written again afterwards, those that were
	// there before as well. A Write that runs meanwhile may leave rows.
	Clear(ctx context.Context, project recording.ProjectID) error
}
