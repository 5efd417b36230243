// Package retention removes from object storage what is not kept any longer:
// packs whose class's time is over, and dictionaries that no pack needs.
//
// Rows are not its business: they expire in the index by themselves. What it
// removes follows from the names of packs and from what their footers say,
// never from the index, so that an index that is empty, restored or being made
// again costs nobody a recording.
package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// Grace is how much longer than its class says a pack is kept: rows go at the
// midnight after and some hours later, a recorder ends a session after a day,
// and a pack may be the base of a segment that came a session later.
const Grace = 2 * 24 * time.Hour

// atOnce is how many footers are read, or packs deleted, at the same time.
const atOnce = 16

// ErrDoubt is returned, wrapped, when packs of a project cannot be read:
// nothing of the project is deleted, because what they need is not known.
var ErrDoubt = errors.New("packs that cannot be read")

// Options say what to remove.
type Options struct {
	// Project limits the run to one; empty: all that have objects.
	Project recording.ProjectID
	Now     time.Time
	// Keep says how long the packs of a class are kept, Grace not counted. A
	// class that is not there is kept for ever.
	Keep map[recording.Class]time.Duration
	// DictionaryAge is dictionary.Sweeper.MinAge.
	DictionaryAge time.Duration
	// DryRun changes nothing; what would be done is told.
	DryRun bool
	// Told is called with everything that is done, by one goroutine at a time,
	// before it is done. It may be nil.
	Told func(Action)
}

// Action is something that is done to an object.
type Action struct {
	Do  string `json:"do"` // one of the constants
	Key string `json:"key"`
}

// What can be done to an object.
const (
	DeletePack       = "delete pack"       // its class is not kept that long
	DeleteDictionary = "delete dictionary" // no pack needs it
	RetireDictionary = "retire dictionary" // of the site with this key; a later run deletes it
	DeleteSite       = "delete site"       // it has no dictionary any more
)

// Summary says what a run did, or would have done.
type Summary struct {
	Projects     []recording.ProjectID `json:"projects"`
	Packs        int                   `json:"packs"`
	DeletedPacks int                   `json:"deleted_packs"`
	DeletedBytes int64                 `json:"deleted_bytes"` // of these packs
	// ExpiredBases are packs that stay although their time is over: segments in
	// later packs cannot be read without them.
	ExpiredBases        int  `json:"expired_bases"`
	DeletedDictionaries int  `json:"deleted_dictionaries"`
	DryRun              bool `json:"dry_run"`
}

// Run removes what is not kept. Projects that fail are reported, joined, after
// the others are done; the summary is valid in any case. Runs beside each other
// and beside servers do no harm.
func Run(ctx context.Context, bucket objectstore.Bucket, o Options) (Summary, error) {
	s := Summary{DryRun: o.DryRun}
	if o.DictionaryAge < dictionary.LeastAge {
		return s, fmt.Errorf("minimum age of dictionaries %s: want at least %s", o.DictionaryAge, dictionary.LeastAge)
	}
	projects, err := list(ctx, bucket, o.Project)
	if err != nil {
		return s, err
	}
	var problems []error
	for _, p := range projects {
		s.Projects = append(s.Projects, p.id)
		s.Packs += len(p.packs)
		r := &run{Options: o, bucket: &changes{Bucket: bucket, dry: o.DryRun, told: o.Told}, project: p, summary: &s}
		if err := r.run(ctx); err != nil {
			problems = append(problems, fmt.Errorf("project %s: %w", p.id, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return s, errors.Join(problems...)
}

// project is what a project has in object storage.
type project struct {
	id    recording.ProjectID
	packs []objectstore.Object
}

// list returns the projects in the order of their keys.
func list(ctx context.Context, bucket objectstore.Bucket, only recording.ProjectID) ([]*project, error) {
	found := map[recording.ProjectID]*project{}
	of := func(id recording.ProjectID) *project {
		if found[id] == nil {
			found[id] = &project{id: id}
		}
		return found[id]
	}
	err := bucket.List(ctx, segment.ProjectPrefix(only), func(o objectstore.Object) error {
		if id, _, _, err := segment.ParsePackKey(o.Key); err == nil {
			p := of(id)
			p.packs = append(p.packs, o)
		} else if id, _, err := segment.ParseDictionaryKey(o.Key); err == nil {
			of(id)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	var projects []*project
	for _, p := range found {
		projects = append(projects, p)
	}
	slices.SortFunc(projects, func(a, b *project) int { return cmp.Compare(a.id, b.id) })
	return projects, nil
}

// run is the work on one project.
type run struct {
	Options
	bucket  *changes
	project *project
	summary *Summary
}

func (r *run) run(ctx context.Context) error {
	expired := map[string]objectstore.Object{}
	var kept []objectstore.Object
	for _, o := range r.project.packs {
		if r.isOver(o.Key) {
			expired[o.Key] = o
		} else {
			kept = append(kept, o)
		}
	}
	needed := map[recording.DictionaryID]bool{}
	for len(kept) > 0 {
		needs, err := r.needs(ctx, kept)
		if err != nil {
			return err
		}
		kept = nil
		for _, of := range needs {
			if of.Base.Dictionary != "" {
				needed[of.Base.Dictionary] = true
			}
			if of.Dictionary != "" && of.Base.Object == "" {
				needed[of.Dictionary] = true
			}
			// A base that is gone already is a gap.
			if base, isExpired := expired[of.Base.Object]; isExpired {
				delete(expired, base.Key)
				kept = append(kept, base)
				r.summary.ExpiredBases++
			}
		}
	}
	if err := r.deletePacks(ctx, expired); err != nil {
		return err
	}
	n, err := dictionary.Sweeper{
		Bucket: r.bucket, Project: r.project.id, Now: r.Now, MinAge: r.DictionaryAge,
		Referred: func(id recording.DictionaryID) bool { return needed[id] },
	}.Sweep(ctx)
	r.summary.DeletedDictionaries += n
	return err
}

// isOver says whether the time of a pack is over. A pack is made after its
// segments were received, so its rows go first.
func (r *run) isOver(key string) bool {
	_, class, id, err := segment.ParsePackKey(key)
	keep, isBounded := r.Keep[class]
	return err == nil && isBounded && r.Now.Sub(ulid.Time(id.Time())) > keep+Grace
}

// need is what one segment, or keyframe, cannot be read without.
type need struct {
	Dictionary recording.DictionaryID
	Base       recording.Base
}

// needs reads the footers of packs. One that has gone meanwhile needs nothing.
func (r *run) needs(ctx context.Context, packs []objectstore.Object) ([]need, error) {
	var mu sync.Mutex
	seen := map[need]bool{}
	unreadable, example := 0, ""
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(atOnce)
	for _, o := range packs {
		reading.Go(func() error {
			footer, err := segment.ReadFooter(object{ctx, r.bucket, o.Key}, o.Size)
			switch {
			case errors.Is(err, objectstore.ErrNotFound):
				return nil
			case errors.Is(err, segment.ErrCorrupt), errors.Is(err, segment.ErrVersion):
				mu.Lock()
				defer mu.Unlock()
				if unreadable++; example == "" || o.Key < example {
					example = o.Key
				}
				return nil
			case err != nil:
				return fmt.Errorf("read %s: %w", o.Key, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, e := range footer.Entries {
				seen[need{e.Dictionary, e.Base}] = true
			}
			for _, k := range footer.Keyframes {
				seen[need{k.Dictionary, k.Base}] = true
			}
			for _, k := range footer.Keyframes {
				seen[need{k.Dictionary, k.Base}] = true
			}
			return nil
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	if unreadable > 0 {
		return nil, fmt.Errorf("%w: %d, the first is %s", ErrDoubt, unreadable, example)
	}
	var all []need
	for n := range seen {
		all = append(all, n)
	}
	return all, nil
}

func (r *run) deletePacks(ctx context.Context, packs map[string]objectstore.Object) error {
	var mu sync.Mutex
	deleting, ctx := errgroup.WithContext(ctx)
	deleting.SetLimit(atOnce)
	for key, o := range packs {
		deleting.Go(func() error {
			if err := r.bucket.Delete(ctx, key); err != nil {
				return fmt.Errorf("delete %s: %w", key, err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.summary.DeletedPacks++
			r.summary.DeletedBytes += o.Size
			return nil
		})
	}
	return deleting.Wait()
}

// object is a pack as an io.ReaderAt.
type object struct {
	ctx    context.Context //nolint:containedctx // io.ReaderAt has none
	bucket objectstore.Bucket
	key    string
}

// ReadAt reads a range.
func (o object) ReadAt(p []byte, offset int64) (int, error) {
	body, err := o.bucket.Get(o.ctx, o.key, offset, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// changes is a bucket that tells what is changed, and changes nothing when it is
// dry.
type changes struct {
	objectstore.Bucket
	dry  bool
	told func(Action)

	mu sync.Mutex // held while told is called
}

// Put is how a dictionary is retired.
func (c *changes) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	c.tell(Action{RetireDictionary, key})
	if c.dry {
		return nil
	}
	return c.Bucket.Put(ctx, key, r, size)
}

// Delete deletes an object.
func (c *changes) Delete(ctx context.Context, key string) error {
	do := DeletePack
	if strings.HasSuffix(key, segment.SiteSuffix) {
		do = DeleteSite
	} else if _, _, err := segment.ParseDictionaryKey(key); err == nil {
		do = DeleteDictionary
	}
	c.tell(Action{do, key})
	if c.dry {
		return nil
	}
	return c.Bucket.Delete(ctx, key)
}

func (c *changes) tell(a Action) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told != nil {
		c.told(a)
	}
}
