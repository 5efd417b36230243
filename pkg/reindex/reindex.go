// Package reindex rebuilds the index from object storage alone: it lists the
// packs, reads what each says of itself, derives the moments of its segments
// as ingest does (pkg/indexing), and writes the rows. Then it follows the
// windows of all sessions, as ingest does (pkg/insight), and writes what that
// brings to light.
//
// It never changes an object, and it can run beside ingest: both write the
// same rows for the same pack, and a row written twice is one row. How the
// rows are stored and cleared is the business of pkg/index.
package reindex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// ErrNoPacks is returned, wrapped, instead of clearing the rows of a project
// that has no packs: they could not be made again.
var ErrNoPacks = errors.New("object storage has no packs")

// ErrAway is returned, wrapped, when a store did not answer for so long that
// going on makes no sense. Summary.ResumeAfter says where to go on.
var ErrAway = errors.New("store does not answer")

const (
	// groupBytes and groupPacks bound the packs that are read into one batch
	// of the index: many small packs cost one insert, a full one its own.
	groupBytes = 8 << 20
	groupPacks = 64

	// maxPackBytes is beyond every pack: 64 MiB of frames, or one frame of a
	// segment that does not compress, and a footer of 32 MiB at most.
	maxPackBytes = 128 << 20
)

// Config is what a run works on.
type Config struct {
	Bucket       objectstore.Bucket
	Index        index.Index
	Dictionaries *dictionary.Reader
	Log          *slog.Logger
	Now          func() time.Time
	// After waits before a store is asked again: time.After.
	After func(time.Duration) <-chan time.Time
}

// Options say what to rebuild.
type Options struct {
	// Project limits the run to one; empty: all that have packs.
	Project recording.ProjectID
	// Clear deletes the rows of each project before its packs are read.
	Clear bool
	// ResumeAfter skips the packs up to this key: Summary.ResumeAfter of a run
	// that ended early. Not with Clear, which would take their rows.
	ResumeAfter string
	// Parallel is how many groups of packs are read at the same time. Each
	// takes up to about 64 MiB of memory; with the largest packs and segments
	// that can be configured, 256 MiB.
	Parallel int
	// Progress is called after every group, by one goroutine at a time.
	Progress func(Progress)
}

// Progress says how far a run is. The totals are those of its beginning.
type Progress struct {
	Packs, TotalPacks int64
	Bytes, TotalBytes int64 // of packs
	Segments          int64
	RawBytes          int64
}

// Run rebuilds the rows. A pack or a segment that cannot be read is named in
// the summary and the rest is done; the error says why the run ended early.
// The summary is valid in both cases.
func Run(ctx context.Context, c Config, o Options) (Summary, error) {
	r := &run{Config: c, Options: o, begun: c.Now()}
	err := r.run(ctx)
	return r.tally.close(c.Now().Sub(r.begun), err == nil, o.ResumeAfter), err
}

type run struct {
	Config
	Options
	begun time.Time
	tally tally
	away  atomic.Int64 // packs in a row that object storage did not give

	reporting sync.Mutex // held while Progress is called
}

func (r *run) run(ctx context.Context) error {
	projects, err := r.survey(ctx)
	if err != nil {
		return err
	}
	if r.Clear && r.Project != "" && len(projects) == 0 {
		return fmt.Errorf("clear project %s: %w", r.Project, ErrNoPacks)
	}
	if r.Clear && r.ResumeAfter != "" {
		return errors.New("rows cannot be cleared by a run that goes on after another")
	}
	groups := make(chan *group)
	outer := ctx
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(groups)
		return r.list(ctx, projects, groups)
	})
	for range max(r.Parallel, 1) {
		work.Go(func() error {
			w := worker{run: r}
			for g := range groups {
				if err := w.index(ctx, g); err != nil {
					return err
				}
				r.done(g)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for _, project := range projects {
		if err := r.follow(outer, project); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) done(g *group) {
	r.reporting.Lock()
	defer r.reporting.Unlock()
	progress := r.tally.done(g)
	if r.Progress != nil {
		r.Progress(progress)
	}
}

// survey counts what is to be done and returns the projects in the order of
// their keys.
func (r *run) survey(ctx context.Context) ([]recording.ProjectID, error) {
	found := map[recording.ProjectID]bool{}
	err := r.packs(ctx, r.Project, func(project recording.ProjectID, o objectstore.Object) error {
		found[project] = true
		if o.Key > r.ResumeAfter {
			r.tally.expect(o)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b recording.ProjectID) int {
		return strings.Compare(segment.ProjectPrefix(a), segment.ProjectPrefix(b))
	}), nil
}

// packs calls fn for the packs of a project, or of all, in the order of their
// keys. Dictionaries, assets and what others put there are passed over.
func (r *run) packs(ctx context.Context, project recording.ProjectID, fn func(recording.ProjectID, objectstore.Object) error) error {
	err := r.Bucket.List(ctx, segment.ProjectPrefix(project), func(o objectstore.Object) error {
		of, _, _, err := segment.ParsePackKey(o.Key)
		if err != nil {
			return nil //nolint:nilerr // it is no pack
		}
		return fn(of, o)
	})
	if err != nil {
		return fmt.Errorf("list packs: %w", err)
	}
	return nil
}

// list sends the packs of the projects in groups, after clearing their rows
// when that is asked for. The order matters while ingest is running: rows that
// it wrote before they were cleared belong to a pack that was in object storage
// before, so that the listing finds it.
func (r *run) list(ctx context.Context, projects []recording.ProjectID, groups chan<- *group) error {
	for _, project := range projects {
		r.tally.project(project)
		if r.Clear {
			if err := r.patiently(ctx, func() error { return r.Index.Clear(ctx, project) }); err != nil {
				return fmt.Errorf("clear project %s: %w", project, err)
			}
			r.Log.InfoContext(ctx, "rows cleared", "project", project)
		}
		next := &group{project: project}
		send := func() error {
			if len(next.packs) == 0 {
				return nil
			}
			r.tally.begin(next)
			select {
			case groups <- next:
			case <-ctx.Done():
				return ctx.Err()
			}
			next = &group{project: project}
			return nil
		}
		err := r.packs(ctx, project, func(_ recording.ProjectID, o objectstore.Object) error {
			if o.Key <= r.ResumeAfter {
				return nil
			}
			if !next.fits(o) {
				if err := send(); err != nil {
					return err
				}
			}
			next.add(o)
			return nil
		})
		if err == nil {
			err = send()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// group are packs of one project that follow each other in the order of keys.
type group struct {
	project recording.ProjectID
	packs   []objectstore.Object
	bytes   int64
	number  int // in the order of their keys; tally.begin gives it
}

func (g *group) fits(o objectstore.Object) bool {
	return len(g.packs) == 0 || len(g.packs) < groupPacks && g.bytes+o.Size <= groupBytes
}

func (g *group) add(o objectstore.Object) {
	g.packs = append(g.packs, o)
	g.bytes += o.Size
}

func (g *group) last() string { return g.packs[len(g.packs)-1].Key }
