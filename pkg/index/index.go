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
	Moments  []recording.Moment // of these segments, or of some that were written before

	Keyframes []recording.Keyframe
	Texts     []recording.SeenText

	// Class says how long what belongs to segments of other batches is kept.
	Class recording.Class
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
	Before        string // cursor from SessionPage.Next
	Limit         int    // 1 to 1000; 0 means 50
}

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
}

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

	// Stored returns which of the given sessions' segments are stored.
	Stored(ctx context.Context, project recording.ProjectID, sessions []recording.SessionID) (map[recording.SegmentID]struct{}, error)

	// Sessions lists sessions.
	Sessions(ctx context.Context, q SessionQuery) (SessionPage, error)

	// Segments returns the stored segments of a session, ordered by window
	// and seq, or ErrNotFound.
	Segments(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.StoredSegment, error)

	// Moments lists moments in the order of their time.
	Moments(ctx context.Context, q MomentQuery) ([]recording.Moment, error)

	// Clear removes all rows of a project; when it returns nil no later read
	// sees them. Batches can be written again afterwards, those that were
	// there before as well. A Write that runs meanwhile may leave rows.
	Clear(ctx context.Context, project recording.ProjectID) error
}
