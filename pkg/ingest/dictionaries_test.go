package ingest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const dictionarySite = "shop.example"

// giveDictionary stores a dictionary for a site and makes it the current one.
func giveDictionary(t *testing.T, b objectstore.Bucket) (d *segment.Dictionary, keys []string) {
	t.Helper()
	d, err := segment.NewDictionary([]byte(strings.Repeat(eventLines("session-0", 0, 3), 10)))
	must(t, err)
	object, err := segment.AppendDictionaryObject(nil, d, segment.DictionaryInfo{Project: testProject, Site: dictionarySite, CreatedMs: 1})
	must(t, err)
	site, err := segment.AppendSiteObject(nil, segment.Site{Site: dictionarySite, Dictionary: d.ID(), ChangedMs: 1})
	must(t, err)
	keys = []string{segment.DictionaryKey(testProject, d.ID()), segment.SiteKey(testProject, dictionarySite)}
	for i, content := range [][]byte{object, site} {
		must(t, b.Put(deadline(t), keys[i], bytes.NewReader(content), int64(len(content))))
	}
	return d, keys
}

// TestPackWithADictionaryAfterACrash: a pack of an earlier life is read with the
// dictionary that it was made with. Without that nobody could read it, so its
// segments, which are still in the journal, go into another one.
func TestPackWithADictionaryAfterACrash(t *testing.T) {
	for name, isGone := range map[string]bool{"dictionary is there": false, "dictionary is gone": true} {
		t.Run(name, func(t *testing.T) {
			st := newStores(t)
			d, dictionaryKeys := giveDictionary(t, st.bucket)
			cfg := testConfig(t)
			s := newServer(t, cfg, st.bucket, st.index, Options{})
			loading, stop := context.WithCancel(t.Context())
			var loader sync.WaitGroup
			loader.Go(func() { s.library.Run(loading) })
			eventually(t, "the dictionary is loaded", func() bool { return s.library.Current(testProject, dictionarySite) != nil })
			stop()
			loader.Wait()
			for seq := range 3 {
				head := strings.TrimSuffix(headerLine("session-1", seq), "}") + `,"page":{"url":"https://` + dictionarySite + `/cart"}}`
				if w := serve(s, request(head+"\n"+clickLines("session-1", seq))); w.Code != 202 {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			at := afterPut
			crash(t, s, &at)
			first := onlyPack(t, st.bucket)
			footer, err := segment.ReadFooter(bytes.NewReader(readObject(t, st.bucket, first)), int64(len(readObject(t, st.bucket, first))))
			must(t, err)
			for _, e := range footer.Entries {
				if e.Dictionary != d.ID() {
					t.Fatalf("segment %d is stored with dictionary %q", e.Seq, e.Dictionary)
				}
			}
			if isGone {
				for _, key := range dictionaryKeys {
					must(t, st.bucket.Delete(deadline(t), key))
				}
			}

			s = newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			running(t, s)
			flush(t, s)
			if now := onlyPack(t, st.bucket); (now == first) == isGone {
				t.Errorf("the pack is %s, it was %s", now, first)
			}
			rows, err := st.index.Segments(deadline(t), testProject, "session-1")
			if err != nil || len(rows) != 3 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			for _, r := range rows {
				if (r.Dictionary == d.ID()) == isGone {
					t.Errorf("the row of segment %d has dictionary %q", r.Seq, r.Dictionary)
				}
			}
			clicks, err := st.index.Moments(deadline(t), index.MomentQuery{Project: testProject, SessionID: "session-1", Kinds: []recording.MomentKind{recording.KindClick}})
			if err != nil || len(clicks) != 3 {
				t.Errorf("%d clicks, %v", len(clicks), err)
			}
		})
	}
}

// onlyPack returns the key of the one pack that there is.
func onlyPack(t *testing.T, b objectstore.Bucket) string {
	t.Helper()
	var packs []string
	for _, key := range packKeys(t, b) {
		if _, _, _, err := segment.ParsePackKey(key); err == nil {
			packs = append(packs, key)
		}
	}
	if len(packs) != 1 {
		t.Fatalf("packs %q, want one", packs)
	}
	return packs[0]
}
