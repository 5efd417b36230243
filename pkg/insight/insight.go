// Package insight follows the windows of recorded sessions, segment by segment
// as they are stored, with pkg/moments: it decides whose turn it is, what is
// waited for, and what is read again.
//
// What a window shows depends on all of its segments in their order, and
// segments come to any server, late or twice, while memory is bounded. So that
// a signal does not depend on that, only stored segments count here: what is
// not at hand is read back, and the same stored segments give the same
// findings. What to do with the findings, and where segments lie, is the
// caller's business.
package insight

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// holeWait is how long a missing segment is waited for: recorders send one
	// segment at a time, so that only a retry can bring it later.
	holeWait = 30 * time.Second

	// catchUpWait is how long after a segment came out of turn the stored ones
	// are read again: the one before it is often on its way.
	catchUpWait = 5 * time.Second

	// crowdedWait is how long after its first segment a window is read at the
	// latest for which there was no room: most have ended then.
	crowdedWait = 2 * time.Minute

	// retryWait is the pause after a store did not answer.
	retryWait = 15 * time.Second

	// quiet is how long nothing comes from a window before what its detectors
	// wait for is decided without it; they look ahead ten seconds, and a
	// recorder sends every five.
	quiet = 45 * time.Second

	// pause is the stretch without events that ends what detectors wait for: as
	// long as quiet, less what an event needs to be sent and stored.
	pause = 30 * time.Second

	// defaultBytes is the default of Options.Bytes.
	defaultBytes = 32 << 20

	// maxHoles bounds the missing stretches that are remembered of a window.
	maxHoles = 64
)

// ErrGone is returned, wrapped, by Source.Events when a segment cannot be read
// and never will be.
var ErrGone = errors.New("segment is gone")

// Source is where stored segments are read.
type Source interface {
	// Segments returns the stored segments of a session in the order of window
	// and seq; none when there is no such session.
	Segments(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.StoredSegment, error)

	// Derived returns the moments of a session, as they are stored, that are not
	// what an event itself says.
	Derived(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.Moment, error)

	// Events returns the events of a stored segment, NDJSON. They may use buf.
	Events(ctx context.Context, s recording.StoredSegment, buf []byte) ([]byte, error)
}

// Found is what a segment, or the end of a window, brought to light.
type Found struct {
	Project    recording.ProjectID
	Class      recording.Class
	ReceivedMs int64 // of the segments of the moments
	moments.Findings

	// Withdrawn are moments that were found before, with fewer segments, and
	// are not found any more. What is found comes after what is withdrawn.
	Withdrawn []recording.Moment

	// Keyframe is for a segment after which one is due, without its place;
	// KeyframeEvents is its content, NDJSON, until Emit returns, and KeyframeURL
	// the address of the segment's page.
	Keyframe       *recording.Keyframe
	KeyframeEvents []byte
	KeyframeURL    string

	// KeyframeSpares is how many bytes of frames lie between the last full
	// snapshot or keyframe and this one, which need not be read with it. One that
	// takes more itself may be left out: see Tracker.LeaveOut.
	KeyframeSpares int64
}

// Options are what a Tracker gets from its surroundings.
type Options struct {
	Source Source
	Emit   func(Found)      // never nil; called before the method that found it returns
	Now    func() time.Time // default time.Now
	Log    *slog.Logger     // default slog.Default
	Bytes  int              // of memory that windows may take; default 32 MiB
}

// Stats say what a Tracker did and holds.
type Stats struct {
	Windows  int   // remembered
	Open     int   // of these, with a document in memory
	Behind   int   // of these, with segments that are to be read again
	Bytes    int   // of memory, estimated
	Segments int64 // followed
	ReadBack int64 // of these, read from the stores
	Gaps     int64
	Dropped  int64 // windows that lost their document to others
	Panics   int64
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Bytes == 0 {
		o.Bytes = defaultBytes
	}
	return o
}
