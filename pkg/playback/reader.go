package playback

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
)

// manifestMoments is how many moments a manifest holds at most: the most that
// an index returns at once.
const manifestMoments = 100_000

// dictionaryCacheBytes is what a Reader keeps of the dictionaries that frames
// were made with: those of a few dozen sites.
const dictionaryCacheBytes = 16 << 20

// Config is what a Reader needs.
type Config struct {
	Project recording.ProjectID
	Bucket  objectstore.Bucket
	Index   index.Index
	Log     *slog.Logger
	// Now tells which sessions have ended; time.Now when nil.
	Now func() time.Time
}

// Reader reads the recordings of one project. It is safe for concurrent use.
type Reader struct {
	project recording.ProjectID
	bucket  objectstore.Bucket
	index   index.Index
	log     *slog.Logger
	now     func() time.Time
	edition *edition

	dictionaries *dictionary.Reader
}

// New returns a Reader over the given stores.
func New(c Config) *Reader {
	r := &Reader{
		project: c.Project, bucket: c.Bucket, index: c.Index, log: c.Log, now: c.Now, edition: newEdition(),
		dictionaries: dictionary.NewReader(c.Bucket, dictionaryCacheBytes),
	}
	if r.now == nil {
		r.now = time.Now
	}
	return r
}

var tracePattern = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)

// ParseTraceID checks a W3C trace id, 32 hex digits, and returns it in lower
// case, as moments hold it.
func ParseTraceID(s string) (string, error) {
	if !tracePattern.MatchString(s) {
		return "", &recording.FieldError{Field: "trace_id", Limit: tracePattern.String()}
	}
	return strings.ToLower(s), nil
}

// Sessions lists sessions, newest first. The query's project is the reader's
// own; its text may also be a session id or a trace id, which come before any
// search (see Resolve) and ignore the other conditions.
func (r *Reader) Sessions(ctx context.Context, q index.SessionQuery) (index.SessionPage, error) {
	q.Project = r.project
	if q.Text != "" && q.SessionID == "" && q.TraceID == "" {
		byID, err := r.lookUp(ctx, q.Text, q.Limit, q.Before)
		if err != nil || len(byID.page.Sessions) > 0 {
			return byID.page, err
		}
	}
	page, err := r.index.Sessions(ctx, q)
	if err != nil {
		return index.SessionPage{}, fmt.Errorf("list sessions: %w", err)
	}
	return page, nil
}

// Resolution is what a text stands for: a session when Session is set, and
// then by which trace when TraceID is; otherwise it is text to search for.
type Resolution struct {
	Session recording.SessionID
	TraceID string
}

// Resolve finds out what a text stands for: the session with that id, else the
// newest session with that trace id, else nothing but text.
func (r *Reader) Resolve(ctx context.Context, text string) (Resolution, error) {
	found, err := r.lookUp(ctx, strings.TrimSpace(text), 1, "")
	if err != nil || len(found.page.Sessions) == 0 {
		return Resolution{}, err
	}
	return Resolution{Session: found.page.Sessions[0].ID, TraceID: found.traceID}, nil
}

type lookUpResult struct {
	page    index.SessionPage
	traceID string
}

func (r *Reader) lookUp(ctx context.Context, text string, limit int, before string) (lookUpResult, error) {
	if id, err := recording.ParseSessionID(text); err == nil {
		page, err := r.index.Sessions(ctx, index.SessionQuery{Project: r.project, SessionID: id, Limit: 1})
		if err != nil {
			return lookUpResult{}, fmt.Errorf("find session: %w", err)
		}
		if len(page.Sessions) > 0 {
			return lookUpResult{page: page}, nil
		}
	}
	trace, err := ParseTraceID(text)
	if err != nil {
		return lookUpResult{}, nil //nolint:nilerr // text that is no id is not an error, but a search
	}
	page, err := r.index.Sessions(ctx, index.SessionQuery{Project: r.project, TraceID: trace, Limit: limit, Before: before})
	if err != nil {
		return lookUpResult{}, fmt.Errorf("find session of trace: %w", err)
	}
	return lookUpResult{page: page, traceID: trace}, nil
}

// Session returns one session, or index.ErrNotFound.
func (r *Reader) Session(ctx context.Context, id recording.SessionID) (recording.Session, error) {
	page, err := r.index.Sessions(ctx, index.SessionQuery{Project: r.project, SessionID: id, Limit: 1})
	if err != nil {
		return recording.Session{}, fmt.Errorf("find session: %w", err)
	}
	if len(page.Sessions) == 0 {
		return recording.Session{}, fmt.Errorf("session %s: %w", id, index.ErrNotFound)
	}
	return page.Sessions[0], nil
}

// Moments lists moments in the order of their time. The query's project is the
// reader's own.
func (r *Reader) Moments(ctx context.Context, q index.MomentQuery) ([]recording.Moment, error) {
	q.Project = r.project
	moments, err := r.index.Moments(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list moments: %w", err)
	}
	return moments, nil
}

// Manifest describes a session: its windows, the segments to load and its
// moments; or index.ErrNotFound. Times are corrected by one offset per window,
// the smallest that its segments were stored with, because network delay only
// ever adds to an offset.
func (r *Reader) Manifest(ctx context.Context, id recording.SessionID) (*Manifest, error) {
	var session recording.Session
	var segments []recording.StoredSegment
	var keyframes []recording.Keyframe
	var moments []recording.Moment

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		session, err = r.Session(ctx, id)
		return err
	})
	group.Go(func() (err error) {
		segments, err = r.segments(ctx, id)
		return err
	})
	group.Go(func() (err error) {
		keyframes, err = r.keyframes(ctx, id)
		return err
	})
	group.Go(func() (err error) {
		moments, err = r.Moments(ctx, index.MomentQuery{SessionID: id, Limit: manifestMoments})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(moments) == manifestMoments {
		r.log.WarnContext(ctx, "Manifest holds the first moments only", "session", id, "moments", len(moments))
	}
	return newManifest(session, segments, keyframes, moments), nil
}

// segments returns the stored segments of a session, ordered by window and
// seq: at least one, or index.ErrNotFound.
func (r *Reader) segments(ctx context.Context, id recording.SessionID) ([]recording.StoredSegment, error) {
	segments, err := r.index.Segments(ctx, r.project, id)
	if err == nil && len(segments) == 0 {
		err = index.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("list segments of session %s: %w", id, err)
	}
	return segments, nil
}

func (r *Reader) keyframes(ctx context.Context, id recording.SessionID) ([]recording.Keyframe, error) {
	keyframes, err := r.index.Keyframes(ctx, r.project, id)
	if err != nil {
		return nil, fmt.Errorf("list keyframes of session %s: %w", id, err)
	}
	return keyframes, nil
}

// Values lists values of a field of the project's sessions. The query's project
// is the reader's own.
func (r *Reader) Values(ctx context.Context, q index.ValuesQuery) ([]string, error) {
	q.Project = r.project
	values, err := r.index.Values(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list values: %w", err)
	}
	return values, nil
}

// Series measures a metric. The query's project is the reader's own.
func (r *Reader) Series(ctx context.Context, q index.SeriesQuery) ([]index.Point, error) {
	q.Project = r.project
	points, err := r.index.Series(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("measure series: %w", err)
	}
	return points, nil
}
