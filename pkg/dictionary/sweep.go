package dictionary

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// LeastAge is the least MinAge of a Sweeper: twice as long as a server uses a
// dictionary that the store does not confirm would do, were there no packs that
// wait for a store.
const LeastAge = 24 * time.Hour

// Sweeper deletes the dictionaries of a project that nothing needs any more.
type Sweeper struct {
	Bucket  objectstore.Bucket
	Project recording.ProjectID
	Now     time.Time

	// MinAge is how long after a dictionary was made, and after its site took
	// another one, it may still be needed by a segment that is on its way to a
	// pack: longer than any outage that servers sit out, at least LeastAge.
	MinAge time.Duration

	// Referred reports whether a stored segment was made with a dictionary:
	// what footers and index say, read after the sweep began or at most MinAge
	// before.
	Referred func(recording.DictionaryID) bool
}

// Sweep deletes what can go and returns how many dictionaries those were. A
// dictionary that is still its site's current one goes in two sweeps: the first
// tells the servers to use it no more. Objects that cannot be read stay; they
// are reported, joined, after the rest is done.
func (s Sweeper) Sweep(ctx context.Context) (deleted int, err error) {
	if s.MinAge < LeastAge {
		return 0, fmt.Errorf("sweep dictionaries: minimum age %s, want at least %s", s.MinAge, LeastAge)
	}
	ids, sites, err := s.list(ctx)
	if err != nil {
		return 0, fmt.Errorf("sweep dictionaries: %w", err)
	}
	var problems []error
	left := map[string]bool{} // sites with a dictionary
	for _, id := range ids {
		gone, site, err := s.sweep(ctx, id, sites)
		switch {
		case err != nil:
			problems = append(problems, err)
		case gone:
			deleted++
		}
		left[site] = left[site] || !gone
	}
	for key, site := range sites {
		// Of an object that could not be read nobody knows the site.
		if len(problems) == 0 && site.Dictionary == "" && !left[site.Site] && s.old(site.ChangedMs) {
			if err := s.Bucket.Delete(ctx, key); err != nil {
				problems = append(problems, fmt.Errorf("delete %s: %w", key, err))
			}
		}
	}
	if err := errors.Join(problems...); err != nil {
		return deleted, fmt.Errorf("sweep dictionaries: %w", err)
	}
	return deleted, nil
}

// list returns the dictionaries of the project and, by their keys, what its
// sites say.
func (s Sweeper) list(ctx context.Context) (ids []recording.DictionaryID, sites map[string]segment.Site, err error) {
	sites = map[string]segment.Site{}
	err = s.Bucket.List(ctx, segment.DictionaryPrefix(s.Project), func(o objectstore.Object) error {
		if _, id, err := segment.ParseDictionaryKey(o.Key); err == nil {
			ids = append(ids, id)
		} else if strings.HasSuffix(o.Key, segment.SiteSuffix) {
			sites[o.Key] = segment.Site{}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for key := range sites {
		// One that is damaged could be any site's.
		if sites[key], err = readSite(ctx, s.Bucket, key); err != nil {
			return nil, nil, err
		}
	}
	return ids, sites, nil
}

// sweep looks at one dictionary.
func (s Sweeper) sweep(ctx context.Context, id recording.DictionaryID, sites map[string]segment.Site) (gone bool, site string, err error) {
	info, _, err := readDictionary(ctx, s.Bucket, s.Project, id)
	if err != nil {
		return false, "", err
	}
	if s.Referred(id) || !s.old(info.CreatedMs) {
		return false, info.Site, nil
	}
	key := segment.SiteKey(s.Project, info.Site)
	if current, ok := sites[key]; ok {
		switch {
		case !s.old(current.ChangedMs):
			return false, info.Site, nil
		case current.Dictionary == id:
			retired := segment.Site{Site: info.Site, ChangedMs: s.Now.UnixMilli()}
			return false, info.Site, writeSite(ctx, s.Bucket, key, retired)
		}
	}
	if err := s.Bucket.Delete(ctx, segment.DictionaryKey(s.Project, id)); err != nil {
		return false, info.Site, fmt.Errorf("delete dictionary %s: %w", id, err)
	}
	return true, info.Site, nil
}

func (s Sweeper) old(ms int64) bool { return s.Now.Sub(time.UnixMilli(ms)) >= s.MinAge }
