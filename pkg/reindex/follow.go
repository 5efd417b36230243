package reindex

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/insight"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// sessionsPerPage is the largest page that an index gives.
	sessionsPerPage = 1000

	// cachedPacks is how many packs are kept: sessions that began one after the
	// other lie in the same ones.
	cachedPacks = 4

	// cachedBytes is the size beyond which a pack is read in parts.
	cachedBytes = 16 << 20
)

// follow writes what the windows of a project's sessions bring to light.
// Keyframes are not made anew: packs hold those that ingest made.
func (r *run) follow(ctx context.Context, project recording.ProjectID) error {
	f := follower{run: r}
	f.tracker = insight.New(insight.Options{
		Source: insight.Stores{Bucket: &packCache{Bucket: r.Bucket}, Index: r.Index, Dictionaries: r.Dictionaries},
		Emit:   f.emit, Now: r.Now, Log: r.Log,
	})
	q := index.SessionQuery{Project: project, Limit: sessionsPerPage}
	for {
		var page index.SessionPage
		err := r.patiently(ctx, func() (err error) {
			page, err = r.Index.Sessions(ctx, q)
			return err
		})
		if err != nil {
			return fmt.Errorf("list sessions: %w", gone(err))
		}
		for _, s := range page.Sessions {
			if err := f.session(ctx, project, s.ID); err != nil {
				return err
			}
		}
		if q.Before = page.Next; q.Before == "" {
			return f.write(ctx)
		}
	}
}

// follower gathers what is found.
type follower struct {
	*run
	tracker *insight.Tracker
	batches []index.Batch // that wait to be written
	rows    int           // of them
}

func (f *follower) session(ctx context.Context, project recording.ProjectID, session recording.SessionID) error {
	err := f.patiently(ctx, func() error {
		if err := f.tracker.Revisit(ctx, project, session); err != nil {
			return err
		}
		return f.tracker.Drain(ctx)
	})
	f.tracker.Forget()
	if err != nil {
		return f.pass(ctx, session, err)
	}
	f.away.Store(0)
	if f.rows >= batchMoments {
		return f.write(ctx)
	}
	return nil
}

// pass goes on after a session that could not be read, unless that is because a
// store is away.
func (f *follower) pass(ctx context.Context, session recording.SessionID, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.Log.ErrorContext(ctx, "session is indexed without what its windows show", "session", session, "error", err)
	if f.away.Add(1) >= maxAway {
		return fmt.Errorf("follow sessions: %w", gone(err))
	}
	return nil
}

func (f *follower) emit(found insight.Found) {
	n := len(found.Moments) + len(found.Texts) + len(found.Withdrawn)
	if n == 0 {
		return
	}
	f.batches = append(f.batches, index.Batch{
		Project: found.Project, Class: found.Class, ReceivedMs: found.ReceivedMs, Token: "insight",
		Withdrawn: found.Withdrawn, Moments: found.Moments, Texts: found.Texts,
	})
	f.rows += n
}

func (f *follower) write(ctx context.Context) error {
	if f.rows == 0 {
		return nil
	}
	if err := f.patiently(ctx, func() error { return f.Index.Write(ctx, f.batches...) }); err != nil {
		return fmt.Errorf("write what was found in sessions: %w", gone(err))
	}
	f.batches, f.rows = nil, 0
	return nil
}

// packCache keeps the packs that were read last.
type packCache struct {
	objectstore.Bucket
	packs []cachedPack // the one that was used last is the last
}

type cachedPack struct {
	key  string
	data []byte
}

// Get returns a part of an object. It is for one goroutine.
func (c *packCache) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	for _, p := range c.packs {
		if p.key == key && length >= 0 && offset+length <= int64(len(p.data)) {
			return io.NopCloser(bytes.NewReader(p.data[offset : offset+length])), nil
		}
	}
	if length < 0 {
		return c.Bucket.Get(ctx, key, offset, length)
	}
	data, err := c.whole(ctx, key)
	if err != nil {
		return nil, err
	}
	if offset+length > int64(len(data)) {
		return c.Bucket.Get(ctx, key, offset, length)
	}
	if len(c.packs) == cachedPacks {
		c.packs = append(c.packs[:0], c.packs[1:]...)
	}
	c.packs = append(c.packs, cachedPack{key, data})
	return io.NopCloser(bytes.NewReader(data[offset : offset+length])), nil
}

// whole reads the first cachedBytes of an object.
func (c *packCache) whole(ctx context.Context, key string) ([]byte, error) {
	body, err := c.Bucket.Get(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, cachedBytes))
}
