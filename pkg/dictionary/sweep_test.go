package dictionary

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// stored puts a dictionary of its own content into the store.
func stored(t *testing.T, bucket *buckettest.Faulty, seed uint64, site string, made time.Time) recording.DictionaryID {
	t.Helper()
	d, err := segment.NewDictionary(words(newRand(seed), 500))
	if err != nil {
		t.Fatal(err)
	}
	object, err := segment.AppendDictionaryObject(nil, d, segment.DictionaryInfo{Project: project, Site: site, CreatedMs: made.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), bucket, segment.DictionaryKey(project, d.ID()), object); err != nil {
		t.Fatal(err)
	}
	return d.ID()
}

func current(t *testing.T, bucket *buckettest.Faulty, site string, id recording.DictionaryID, changed time.Time) {
	t.Helper()
	s := segment.Site{Site: site, Dictionary: id, ChangedMs: changed.UnixMilli()}
	if err := writeSite(t.Context(), bucket, segment.SiteKey(project, site), s); err != nil {
		t.Fatal(err)
	}
}

func TestSweepDeletesOnlyWhatNobodyNeeds(t *testing.T) {
	bucket := newBucket(t)
	old, young := now.Add(-10*24*time.Hour), now.Add(-time.Hour)
	used := stored(t, bucket, 1, "used.example", old)
	fresh := stored(t, bucket, 2, "fresh.example", young)
	current(t, bucket, "fresh.example", fresh, young)
	unused := stored(t, bucket, 3, "unused.example", old)
	replacedLately := stored(t, bucket, 4, "lately.example", old)
	current(t, bucket, "lately.example", stored(t, bucket, 5, "lately.example", young), young)
	replaced := stored(t, bucket, 6, "renewed.example", old)
	renewed := stored(t, bucket, 7, "renewed.example", old.Add(time.Hour))
	current(t, bucket, "renewed.example", renewed, old.Add(time.Hour))
	orphan := stored(t, bucket, 8, "orphan.example", old) // its site object was never written

	sweep := func(at time.Time) int {
		t.Helper()
		n, err := Sweeper{
			Bucket: bucket, Project: project, Now: at, MinAge: LeastAge,
			Referred: func(id recording.DictionaryID) bool { return id == used },
		}.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	has := func(id recording.DictionaryID) bool {
		return slices.Contains(keys(t, bucket), segment.DictionaryKey(project, id))
	}
	if n := sweep(now); n != 3 || has(unused) || has(replaced) || has(orphan) {
		t.Errorf("%d deleted, left %q", n, keys(t, bucket))
	}
	if !has(used) || !has(fresh) || !has(replacedLately) || !has(renewed) {
		t.Errorf("too much deleted, left %q", keys(t, bucket))
	}
	// renewed.example has nothing stored any more. Servers are told first.
	s := newServer(bucket, Options{})
	s.Current(project, "renewed.example")
	s.pass(t, 0)
	if s.Current(project, "renewed.example") != nil {
		t.Error("a dictionary that is about to go is used")
	}
	if n := sweep(now.Add(LeastAge - time.Hour)); n != 1 || !has(renewed) || has(replacedLately) {
		t.Errorf("a day later: %d deleted, left %q", n, keys(t, bucket))
	}
	if n := sweep(now.Add(LeastAge)); n != 1 || has(renewed) {
		t.Errorf("later: %d deleted, left %q", n, keys(t, bucket))
	}
	for day := range 5 {
		sweep(now.Add(time.Duration(day+2) * LeastAge))
	}
	if left := keys(t, bucket); !slices.Equal(left, []string{segment.DictionaryKey(project, used)}) {
		t.Errorf("in the end there is %q", left)
	}
}

func TestSweepStopsShortOfDoubt(t *testing.T) {
	bucket := newBucket(t)
	id := stored(t, bucket, 1, "shop.example", now.Add(-10*24*time.Hour))
	sweeper := Sweeper{
		Bucket: bucket, Project: project, Now: now, MinAge: LeastAge,
		Referred: func(recording.DictionaryID) bool { return false },
	}
	mustFail := func(why string, s Sweeper) {
		t.Helper()
		n, err := s.Sweep(t.Context())
		if err == nil || n != 0 || !slices.Contains(keys(t, bucket), segment.DictionaryKey(project, id)) {
			t.Errorf("%s: %d deleted, %v", why, n, err)
		}
	}
	hasty := sweeper
	hasty.MinAge = time.Hour
	mustFail("too hasty", hasty)
	if err := put(t.Context(), bucket, segment.SiteKey(project, "other.example"), []byte("?")); err != nil {
		t.Fatal(err)
	}
	mustFail("a site object that cannot be read", sweeper)
	if err := bucket.Delete(t.Context(), segment.SiteKey(project, "other.example")); err != nil {
		t.Fatal(err)
	}
	bucket.Fail(buckettest.Fault{Op: buckettest.Get, Match: func(key string) bool { return strings.HasSuffix(key, ".dict") }})
	mustFail("a dictionary that cannot be read", sweeper)
	bucket.Heal()
	if n, err := sweeper.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("without doubt: %d deleted, %v", n, err)
	}
}
