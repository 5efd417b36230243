package ingest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/insight"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// freshLimit bounds the segments that wait to be followed, each of which
	// takes about a KiB. Of what is beyond only the sessions are remembered, and
	// the index says later what is stored of them.
	freshLimit = 6_000

	// rowsAtOnce and rowsWait bound the findings that one insert waits for.
	rowsAtOnce = 20_000
	rowsWait   = 5 * time.Second

	// keyframesLimit bounds the keyframes that wait for a pack of their group.
	// When there are more, the oldest are given up: they only save reading.
	keyframesLimit = 8 << 20

	// keyframeWait is how long keyframes wait for a pack of their group before
	// they get one of their own: a session that has ended brings none. It is at
	// least as long as two packs that are closed by their age take.
	keyframeWait = time.Minute

	// noteWait is the least time between two notes.
	noteWait = 10 * time.Second

	// followGrace is how long a server that stops goes on following when all is
	// stored, and writeGrace how long what was found may take to be written.
	followGrace = time.Second
	writeGrace  = 2 * time.Second
)

// insights follows the windows of what is stored, writes what is found into
// the index, and makes keyframes for the next packs. It comes after all that a
// segment needs in order to be safe; what it has not got to when the process
// ends, it does again from the stores.
type insights struct {
	tracker  *insight.Tracker
	stores   insight.Stores
	library  *dictionary.Library
	copies   *packCopies
	bases    *bases
	retry    *retrier
	metrics  *metrics
	log      *slog.Logger
	now      func() time.Time
	after    func(time.Duration) <-chan time.Time
	projects func() []recording.ProjectID
	behind   func() bool // says that more waits to be encoded than is kept up with
	note     string      // file that says up to when all is followed
	wake     chan struct{}
	limit    int // freshLimit

	keyframeWait time.Duration

	backlog  *backlog
	rows     []index.Batch // of run
	rowCount int
	rowSince time.Time
	noted    time.Time
	scratch  []byte

	stats atomic.Pointer[insight.Stats] // as of the last pause

	mu        sync.Mutex
	fresh     [][]recording.StoredSegment // of packs
	waiting   int                         // segments of fresh
	drains    []chan error
	keyframes map[journal.Group][]waitingKeyframe
	frames    int // bytes of keyframes
}

// waitingKeyframe is a keyframe that goes into the next pack.
type waitingKeyframe struct {
	keyframe recording.Keyframe
	frame    []byte
	since    time.Time
}

func newInsights(s *Server, stores insight.Stores, retry *retrier, b *bases, opts Options) *insights {
	copies := newPackCopies(stores.Bucket, filepath.Join(s.cfg.Journal.Dir, "packs"), int64(s.cfg.Insight.CopiesBytes), s.now, s.log)
	stores.Bucket = copies
	i := &insights{
		stores: stores, copies: copies, library: s.library, bases: b, retry: retry, metrics: s.metrics,
		log: s.log, now: s.now, after: opts.after, projects: s.projects,
		behind: func() bool { return s.pipeline.isBehind() },
		note:   filepath.Join(s.cfg.Journal.Dir, "insight.json"), wake: make(chan struct{}, 1), limit: freshLimit,
		keyframeWait: max(keyframeWait, 2*s.cfg.Flush.PackAge),
		keyframes:    map[journal.Group][]waitingKeyframe{}, backlog: newBacklog(s.now),
	}
	i.stats.Store(&insight.Stats{})
	i.tracker = insight.New(insight.Options{Source: stores, Emit: i.emit, Now: s.now, Log: s.log, Bytes: int(s.cfg.Insight.DocumentBytes)})
	return i
}

// stored says that a pack is stored and indexed.
func (i *insights) stored(segments []recording.StoredSegment) {
	if len(segments) == 0 {
		return
	}
	i.mu.Lock()
	if i.waiting > 0 && i.waiting+len(segments) > i.limit {
		i.backlog.add(segments...)
	} else {
		i.waiting += len(segments)
		i.fresh = append(i.fresh, segments)
	}
	i.mu.Unlock()
	i.nudge()
}

func (i *insights) nudge() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// drain returns when all that is stored has been followed and what was found is
// written. It needs run to be running.
func (i *insights) drain(ctx context.Context) error {
	done := make(chan error, 1)
	i.mu.Lock()
	i.drains = append(i.drains, done)
	i.mu.Unlock()
	i.nudge()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run follows what is stored until ctx is done, and leaves the rest to the next
// process.
func (i *insights) run(ctx context.Context) {
	giveWay()
	if err := i.backlog.resume(i.note); err != nil {
		i.log.Warn("progress of insight cannot be read; the windows of late are not looked at again", "error", err)
	}
	defer i.leave(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		i.takeNote(i.now())
		if pack, ok := i.take(); ok {
			i.follow(ctx, pack)
			if i.rowCount >= rowsAtOnce {
				_ = i.write(ctx) // fails when ctx is done
			}
			continue
		}
		if i.revisitOne(ctx) || i.drained(ctx) {
			continue
		}
		i.wait(ctx, i.tick(ctx))
	}
}

// tick reads back what it is time for. A store that neither answers nor fails
// must not end all following.
func (i *insights) tick(ctx context.Context) (next time.Time) {
	ctx, cancel := context.WithTimeout(ctx, i.retry.timeout)
	defer cancel()
	i.hurry() // no pack may come that says that it is over
	return i.tracker.Tick(ctx)
}

// hurry lets go of what is of no use while more comes than can be kept up with:
// no segment is made with a base then.
func (i *insights) hurry() {
	if long := i.tracker.Hurry(i.behind()); long {
		i.bases.forget()
	}
}

// take returns the next pack to follow.
func (i *insights) take() (pack []recording.StoredSegment, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.fresh) == 0 {
		return nil, false
	}
	pack, i.fresh[0] = i.fresh[0], nil
	i.fresh = i.fresh[1:]
	i.waiting -= len(pack)
	return pack, true
}

// follow follows the segments of a pack. What there is no time or no room for
// becomes late.
func (i *insights) follow(ctx context.Context, pack []recording.StoredSegment) {
	// A window's segments one after the other: more windows may be open than
	// there is memory for their documents.
	slices.SortStableFunc(pack, func(a, b recording.StoredSegment) int {
		return cmp.Or(cmp.Compare(a.Session, b.Session), cmp.Compare(a.Window, b.Window), cmp.Compare(a.Seq, b.Seq))
	})
	i.hurry()
	for n, s := range pack {
		if ctx.Err() != nil {
			i.backlog.add(pack[n:]...)
			return
		}
		if i.tracker.Full() && !i.tracker.Knows(s.SegmentID) {
			i.backlog.add(s)
			continue
		}
		i.tracker.Follow(s, func() ([]byte, error) {
			ctx, cancel := context.WithTimeout(ctx, i.retry.timeout)
			defer cancel()
			events, err := i.stores.Events(ctx, s, i.scratch[:0])
			if err == nil && cap(events) <= keepRaw {
				i.scratch = events
			}
			return events, err
		})
	}
}

// drained serves those who wait for everything; false when there is none.
func (i *insights) drained(ctx context.Context) bool {
	i.mu.Lock()
	drains := i.drains
	i.drains = nil
	i.mu.Unlock()
	if len(drains) == 0 {
		return false
	}
	err := i.followAll(ctx)
	if err == nil {
		err = i.write(ctx)
	}
	if err == nil {
		i.packKeyframes(ctx, 0)
	}
	for _, done := range drains {
		done <- err
	}
	return true
}

// errLate says that the index did not tell what is stored of some sessions.
var errLate = errors.New("some sessions are not looked at, as the index does not answer")

// followAll follows what is known to be stored.
func (i *insights) followAll(ctx context.Context) error {
	for {
		if err := i.retry.few(ctx, "insight", i.tracker.Drain); err != nil { // of either store, which packs tell better
			return err
		}
		if i.backlog.isEmpty() {
			return nil
		}
		if !i.revisitOne(ctx) {
			return errLate
		}
		for i.revisitOne(ctx) {
		}
	}
}

// leave ends what is followed and writes what was found. Some seconds are enough
// for that, or it is left to the next process too.
func (i *insights) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, writeGrace)
	defer cancel()
	waiting := map[insight.Session]struct{}{}
	i.waitingSessions(waiting)
	i.tracker.Finish(waiting)
	_ = i.write(ctx) // what is not written is found again
	i.packKeyframes(ctx, 0)
}

// close notes for the next process what has not been followed. Nothing is
// stored any more.
func (i *insights) close() {
	left := i.unfollowed()
	i.writeNote(left, true)
	if len(left) > 0 {
		i.log.Info("sessions are followed to their end after the next start", "sessions", len(left))
	}
}

// unfollowed returns the sessions that are at hand and of which not all that is
// stored has been followed, or what that brought to light is not written.
func (i *insights) unfollowed() map[insight.Session]struct{} {
	sessions := i.tracker.Unfinished()
	i.waitingSessions(sessions)
	i.foundSessions(sessions)
	return sessions
}

// waitingSessions adds the sessions of the packs that nobody has followed.
func (i *insights) waitingSessions(to map[insight.Session]struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, pack := range i.fresh {
		for _, s := range pack {
			to[insight.Session{Project: s.Project, ID: s.Session}] = struct{}{}
		}
	}
}

// foundSessions adds the sessions of what was found and is not written.
func (i *insights) foundSessions(to map[insight.Session]struct{}) {
	for _, b := range i.rows {
		for _, of := range [][]recording.Moment{b.Moments, b.Withdrawn} {
			for _, m := range of {
				to[insight.Session{Project: b.Project, ID: m.Session}] = struct{}{}
			}
		}
		for _, text := range b.Texts {
			to[insight.Session{Project: b.Project, ID: text.Session}] = struct{}{}
		}
	}
}

// wait writes what is found, when it is time to, and waits for a pack or for
// the tracker's next turn.
func (i *insights) wait(ctx context.Context, next time.Time) {
	stats := i.tracker.Stats()
	i.stats.Store(&stats)
	now := i.now()
	if i.rowCount > 0 && now.Sub(i.rowSince) >= rowsWait {
		_ = i.write(ctx) // fails when ctx is done
	}
	i.packKeyframes(ctx, i.keyframeWait)
	i.copies.expire()
	pause := noteWait
	if i.rowCount > 0 {
		pause = rowsWait
	}
	if !next.IsZero() {
		pause = max(0, min(pause, next.Sub(now)))
	}
	if pause == 0 {
		return
	}
	select {
	case <-i.wake:
	case <-i.after(pause):
	case <-ctx.Done():
	}
}

// emit keeps what was found for the next insert, and a keyframe for the next
// pack.
func (i *insights) emit(f insight.Found) {
	group := journal.Group{Project: f.Project, Class: f.Class}
	if f.Keyframe != nil {
		i.keep(group, f)
	}
	if len(f.Moments)+len(f.Texts)+len(f.Withdrawn) == 0 {
		return
	}
	i.rows = append(i.rows, index.Batch{
		Project: f.Project, Class: f.Class, ReceivedMs: f.ReceivedMs, Token: "insight",
		Withdrawn: f.Withdrawn, Moments: f.Moments, Texts: f.Texts,
	})
	if i.rowCount == 0 {
		i.rowSince = i.now()
	}
	i.rowCount += len(f.Moments) + len(f.Texts) + len(f.Withdrawn)
}

// write brings what was found to the index. It tries until the index answers;
// what that refuses is given up, so that it holds up nothing else. The error is
// that of ctx.
func (i *insights) write(ctx context.Context) error {
	if i.rowCount == 0 {
		return nil
	}
	var refused error
	err := i.retry.always(ctx, "index", func(ctx context.Context) error {
		err := i.stores.Index.Write(ctx, i.rows...)
		if refused = nil; errors.Is(err, index.ErrQuery) {
			refused, err = err, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if refused != nil {
		i.log.Error("what was found in sessions is refused by the index and lost", "rows", i.rowCount, "error", refused)
	}
	i.rows, i.rowCount = nil, 0
	return nil
}

// keep compresses a keyframe and lets it wait for a pack, unless it takes more
// than it spares.
func (i *insights) keep(group journal.Group, f insight.Found) {
	k := *f.Keyframe
	frame, w := i.bases.encode(nil, k.SegmentID, f.KeyframeEvents, i.library.Current(k.Project, dictionary.SiteOf(f.KeyframeURL)), false)
	k.Dictionary, k.Base = w.dictionary, w.base
	if i.tracker.LeaveOut(f, len(frame)) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	waiting := append(i.keyframes[group], waitingKeyframe{k, frame, i.now()})
	for i.frames += len(frame); i.frames > keyframesLimit && len(waiting) > 0; waiting = waiting[1:] {
		i.frames -= len(waiting[0].frame)
	}
	i.keyframes[group] = waiting
}

// takeKeyframes returns the keyframes that wait for a pack of a group.
func (i *insights) takeKeyframes(group journal.Group) []waitingKeyframe {
	i.mu.Lock()
	defer i.mu.Unlock()
	waiting := i.keyframes[group]
	delete(i.keyframes, group)
	for _, k := range waiting {
		i.frames -= len(k.frame)
	}
	return waiting
}

// packKeyframes stores keyframes that have waited for so long in packs of their
// own. One that cannot be stored is given up: it only saves reading.
func (i *insights) packKeyframes(ctx context.Context, wait time.Duration) {
	for _, group := range i.waitingFor(wait) {
		if err := i.packOf(ctx, group, i.takeKeyframes(group)); err != nil && ctx.Err() == nil {
			i.log.Warn("keyframes are given up", "project", group.Project, "error", err)
		}
	}
}

// waitingFor returns the groups with a keyframe that has waited for so long.
func (i *insights) waitingFor(wait time.Duration) (groups []journal.Group) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for group, waiting := range i.keyframes {
		if len(waiting) > 0 && i.now().Sub(waiting[0].since) >= wait {
			groups = append(groups, group)
		}
	}
	return groups
}

func (i *insights) packOf(ctx context.Context, group journal.Group, waiting []waitingKeyframe) error {
	pack := segment.NewPack(group.Project, group.Class, ulid.MustNew(ulid.Timestamp(i.now()), rand.Reader))
	for _, k := range waiting {
		if err := pack.AddKeyframe(k.keyframe, k.frame); err != nil {
			return err
		}
	}
	data, _, err := pack.Bytes()
	if err != nil {
		return err
	}
	keyframes := pack.Keyframes()
	key := keyframes[0].Object
	err = i.retry.few(ctx, "bucket", func(ctx context.Context) error {
		return i.stores.Bucket.Put(ctx, key, bytes.NewReader(data), int64(len(data)))
	})
	if err != nil {
		return err
	}
	return i.retry.few(ctx, "index", func(ctx context.Context) error {
		return i.stores.Index.Write(ctx, index.Batch{Project: group.Project, Class: group.Class, Token: key, Keyframes: keyframes})
	})
}

// takeNote writes down, once in a while, what has not been followed.
func (i *insights) takeNote(now time.Time) {
	if now.Sub(i.noted) < noteWait {
		return
	}
	i.noted = now
	i.writeNote(i.unfollowed(), false)
}

// writeNote names the sessions that are left, to which it adds those that are
// late.
func (i *insights) writeNote(left map[insight.Session]struct{}, stopped bool) {
	followed := i.now()
	if missed := i.backlog.copyTo(left); !missed.IsZero() {
		followed, stopped = missed, false
	}
	if len(left) > notedLimit {
		return
	}
	if err := writeNote(i.note, followed, stopped, left); err != nil {
		i.log.Warn("progress of insight is not noted; more is read again after the next start", "error", err)
	}
}
