package retention

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const day = 24 * time.Hour

var now = time.UnixMilli(1763791872123)

// store is a bucket with short ways to fill it.
type store struct {
	*buckettest.Faulty
	t *testing.T
	n int
}

func newStore(t *testing.T) *store {
	t.Helper()
	a := embeddedtest.Start(t).S3
	b, err := s3.New(s3.Config{
		Endpoint: a.Endpoint, Region: a.Region, Bucket: a.Bucket, Prefix: "test/" + t.Name(),
		PathStyle: true, AccessKey: a.AccessKey, SecretKey: a.SecretKey,
	}, s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &store{Faulty: buckettest.NewFaulty(b), t: t}
}

func (s *store) put(key string, content []byte) {
	s.t.Helper()
	if err := s.Put(s.t.Context(), key, bytes.NewReader(content), int64(len(content))); err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) keys() []string {
	s.t.Helper()
	var keys []string
	err := s.List(s.t.Context(), "v1/", func(o objectstore.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

func (s *store) has(key string) bool { return slices.Contains(s.keys(), key) }

// pack stores a pack of one segment that was made age ago with d, which is the
// content of base if that has an object, and perhaps of its keyframe.
func (s *store) pack(project recording.ProjectID, class recording.Class, age time.Duration, d *segment.Dictionary, base recording.Base, keyframeWith ...*segment.Dictionary) recording.StoredSegment {
	s.t.Helper()
	ndjson := fmt.Appendf(nil, `{"type":2,"timestamp":%d,"data":{"text":%q}}`+"\n", s.n, strings.Repeat("the shop's front page ", 20))
	p := segment.NewPack(project, class, ulid.MustNew(ulid.Timestamp(now.Add(-age)), rand.Reader))
	seg := recording.Segment{
		SegmentID: recording.SegmentID{Project: project, Session: "session-0001", Window: "window-0001", Seq: uint32(s.n)},
		Page:      "page-0001", Events: 1, RawBytes: len(ndjson),
	}
	s.n++
	id := recording.DictionaryID("")
	if d != nil {
		id = d.ID()
	}
	if err := p.Add(seg, segment.Encode(nil, ndjson, segment.EncodeOptions{Dictionary: d}), id, base); err != nil {
		s.t.Fatal(err)
	}
	for _, d := range keyframeWith {
		k := recording.Keyframe{SegmentID: seg.SegmentID, Page: seg.Page, RawBytes: len(ndjson), Dictionary: d.ID()}
		if err := p.AddKeyframe(k, segment.Encode(nil, ndjson, segment.EncodeOptions{Dictionary: d})); err != nil {
			s.t.Fatal(err)
		}
	}
	data, stored, err := p.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	s.put(stored[0].Object, data)
	return stored[0]
}

// dictionary stores a dictionary that is nobody's current one.
func (s *store) dictionary(project recording.ProjectID, site string, age time.Duration) (*segment.Dictionary, string) {
	s.t.Helper()
	d := contentOf(s.t, site)
	object, err := segment.AppendDictionaryObject(nil, d, segment.DictionaryInfo{Project: project, Site: site, CreatedMs: now.Add(-age).UnixMilli()})
	if err != nil {
		s.t.Fatal(err)
	}
	key := segment.DictionaryKey(project, d.ID())
	s.put(key, object)
	return d, key
}

func contentOf(t *testing.T, text string) *segment.Dictionary {
	t.Helper()
	d, err := segment.NewDictionary([]byte(strings.Repeat(text+" the shop's front page ", 50)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// twoWeeks keeps the normal class for two weeks, and others for ever.
func twoWeeks(told *[]Action) Options {
	return Options{
		Now: now, Keep: map[recording.Class]time.Duration{recording.ClassNormal: 14 * day}, DictionaryAge: 7 * day,
		Told: func(a Action) { *told = append(*told, a) },
	}
}

func TestOnlyWhatIsNotKeptGoes(t *testing.T) {
	s := newStore(t)
	inUse, inUseKey := s.dictionary("shop", "used.example", 30*day)
	outdated, outdatedKey := s.dictionary("shop", "outdated.example", 30*day)
	ofKeyframe, ofKeyframeKey := s.dictionary("shop", "keyframe.example", 30*day)
	ofBase, ofBaseKey := s.dictionary("shop", "base.example", 30*day)
	_, youngKey := s.dictionary("shop", "young.example", 6*day)
	_, otherKey := s.dictionary("other", "used.example", 30*day) // no pack of its project needs it
	over := s.pack("shop", recording.ClassNormal, 17*day, outdated, recording.Base{})
	inGrace := s.pack("shop", recording.ClassNormal, 15*day, inUse, recording.Base{})
	forEver := s.pack("shop", "ticket", 400*day, nil, recording.Base{}, ofKeyframe)
	base := s.pack("shop", recording.ClassNormal, 16*day+time.Minute, nil, recording.Base{})
	based := s.pack("shop", recording.ClassNormal, 15*day, contentOf(t, "snapshot"), recording.Base{Location: base.Location, RawBytes: base.RawBytes, Dictionary: ofBase.ID()})
	asset := "v1/shop/asset/" + strings.Repeat("ab", 32)
	s.put(asset, []byte("an image"))
	s.put("v1/shop/normal/readme.txt", []byte("of a stranger"))
	before := s.keys()

	var told, rehearsed []Action
	rehearsal := twoWeeks(&rehearsed)
	rehearsal.DryRun = true
	dry, err := Run(t.Context(), s, rehearsal)
	if err != nil || !slices.Equal(s.keys(), before) {
		t.Fatalf("a dry run changes something: %v, %q", err, s.keys())
	}
	done, err := Run(t.Context(), s, twoWeeks(&told))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{over.Object, outdatedKey, otherKey} {
		if s.has(key) {
			t.Errorf("%s is still there", key)
		}
	}
	for _, key := range []string{inUseKey, ofKeyframeKey, ofBaseKey, youngKey, inGrace.Object, forEver.Object, base.Object, based.Object, asset, "v1/shop/normal/readme.txt"} {
		if !s.has(key) {
			t.Errorf("%s is gone", key)
		}
	}
	want := Summary{Projects: []recording.ProjectID{"other", "shop"}, Packs: 5, DeletedPacks: 1, ExpiredBases: 1, DeletedDictionaries: 2, DeletedBytes: done.DeletedBytes}
	if fmt.Sprint(done) != fmt.Sprint(want) || done.DeletedBytes < 100 {
		t.Errorf("summary %+v, want %+v", done, want)
	}
	dry.DryRun = false
	if fmt.Sprint(dry) != fmt.Sprint(done) || !slices.Equal(told, rehearsed) || len(told) != 3 {
		t.Errorf("a dry run says %+v %v, and what is done is %+v %v", dry, rehearsed, done, told)
	}

	told = nil
	if again, err := Run(t.Context(), s, twoWeeks(&told)); err != nil || len(told) != 0 || again.Packs != 4 {
		t.Errorf("once more: %+v, %v, %v", again, told, err)
	}
}

// What only a keyframe was made with is needed too.
func TestKeyframesNeedTheirDictionary(t *testing.T) {
	s := newStore(t)
	d, key := s.dictionary("shop", "used.example", 30*day)
	ndjson := []byte(`{"type":2,"timestamp":1,"data":{}}` + "\n")
	p := segment.NewPack("shop", recording.ClassNormal, ulid.MustNew(ulid.Timestamp(now.Add(-15*day)), rand.Reader))
	id := recording.SegmentID{Project: "shop", Session: "session-0001", Window: "window-0001"}
	seg := recording.Segment{SegmentID: id, Page: "page-0001", Events: 1, RawBytes: len(ndjson)}
	if err := p.Add(seg, segment.Encode(nil, ndjson, segment.EncodeOptions{}), "", recording.Base{}); err != nil {
		t.Fatal(err)
	}
	k := recording.Keyframe{SegmentID: id, Page: "page-0001", RawBytes: len(ndjson), Dictionary: d.ID()}
	if err := p.AddKeyframe(k, segment.Encode(nil, ndjson, segment.EncodeOptions{Dictionary: d})); err != nil {
		t.Fatal(err)
	}
	data, stored, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	s.put(stored[0].Object, data)
	var told []Action
	if _, err := Run(t.Context(), s, twoWeeks(&told)); err != nil || !s.has(key) {
		t.Errorf("the keyframe's dictionary is gone: %v, %v", told, err)
	}
}

// A dictionary that is its site's current one is retired first, and deleted
// when servers have had the time to hear of it.
func TestCurrentDictionariesAreRetired(t *testing.T) {
	s := newStore(t)
	d, key := s.dictionary("shop", "shop.example", 30*day)
	object, err := segment.AppendSiteObject(nil, segment.Site{Site: "shop.example", Dictionary: d.ID(), ChangedMs: now.Add(-30 * day).UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	site := segment.SiteKey("shop", "shop.example")
	s.put(site, object)
	var told []Action
	o := twoWeeks(&told)
	for _, step := range []struct {
		after time.Duration
		want  []Action
	}{
		{0, []Action{{RetireDictionary, site}}},
		{6 * day, nil},
		{8 * day, []Action{{DeleteDictionary, key}, {DeleteSite, site}}},
	} {
		told, o.Now = nil, now.Add(step.after)
		if _, err := Run(t.Context(), s, o); err != nil || !slices.Equal(told, step.want) {
			t.Errorf("after %s: %v, %v", step.after, told, err)
		}
	}
}

func TestDoubtDeletesNothing(t *testing.T) {
	s := newStore(t)
	_, key := s.dictionary("shop", "shop.example", 30*day)
	_, otherKey := s.dictionary("other", "shop.example", 30*day)
	over := s.pack("shop", recording.ClassNormal, 17*day, nil, recording.Base{})
	kept := s.pack("shop", recording.ClassNormal, day, nil, recording.Base{})
	var told []Action

	s.Fail(buckettest.Fault{Op: buckettest.Get, Match: func(key string) bool { return key == kept.Object }})
	if _, err := Run(t.Context(), s, twoWeeks(&told)); !errors.Is(err, buckettest.ErrFault) || !s.has(key) || !s.has(over.Object) {
		t.Errorf("a pack that the store does not give: %v, left %q", err, s.keys())
	}
	s.Heal()
	if s.has(otherKey) {
		t.Error("the other project is not looked at")
	}

	s.put(kept.Object, []byte("PHPACK\x00\x02 of a later version, whatever that looks like"))
	_, err := Run(t.Context(), s, twoWeeks(&told))
	if !errors.Is(err, ErrDoubt) || !strings.Contains(err.Error(), kept.Object) || !s.has(key) || !s.has(over.Object) {
		t.Errorf("a pack of a later version: %v, left %q", err, s.keys())
	}

	if err := s.Delete(t.Context(), kept.Object); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s, twoWeeks(&told)); err != nil || s.has(key) || s.has(over.Object) {
		t.Errorf("without doubt: %v, left %q", err, s.keys())
	}
	o := twoWeeks(&told)
	o.DictionaryAge = dictionary.LeastAge - 1
	if _, err := Run(t.Context(), s, o); err == nil {
		t.Error("dictionaries may be younger than servers use them")
	}
}
