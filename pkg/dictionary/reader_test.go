package dictionary

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

func TestReaderKeepsWhatWasUsedLast(t *testing.T) {
	bucket := newBucket(t)
	var ids []recording.DictionaryID
	for i := range 4 {
		d, err := segment.NewDictionary(words(newRand(uint64(i)), 1000))
		if err != nil {
			t.Fatal(err)
		}
		object, err := segment.AppendDictionaryObject(nil, d, segment.DictionaryInfo{Project: project, Site: host})
		if err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), bucket, segment.DictionaryKey(project, d.ID()), object); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID())
	}
	r := NewReader(bucket, 2500)
	get := func(i int) error {
		d, err := r.Get(t.Context(), madeWith(ids[i]))
		if err == nil && d.ID() != ids[i] {
			t.Errorf("dictionary %d is another one", i)
		}
		return err
	}
	for _, i := range []int{0, 1, 2, 1} { // leaves 1 and 2
		if err := get(i); err != nil {
			t.Fatal(err)
		}
	}
	bucket.Fail(buckettest.Fault{Op: buckettest.Get})
	for i, kept := range []bool{false, true, true, false} {
		if err := get(i); (err == nil) != kept || err != nil && !errors.Is(err, buckettest.ErrFault) {
			t.Errorf("dictionary %d: %v", i, err)
		}
	}
	bucket.Heal()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			if err := get(3); err != nil {
				t.Error(err)
			}
		})
	}
	readers.Wait()
}

func TestReaderRefuses(t *testing.T) {
	bucket := newBucket(t)
	d, err := segment.NewDictionary(words(newRand(1), 1000))
	if err != nil {
		t.Fatal(err)
	}
	object, err := segment.AppendDictionaryObject(nil, d, segment.DictionaryInfo{Project: project, Site: host})
	if err != nil {
		t.Fatal(err)
	}
	id := func(digit string) recording.DictionaryID { return recording.DictionaryID(strings.Repeat(digit, 64)) }
	newer := bytes.Clone(object)
	newer[7] = 2
	for digit, data := range map[string][]byte{"a": object, "b": object[:500], "c": newer, "d": make([]byte, segment.MaxDictionaryObjectBytes+10)} {
		if err := put(t.Context(), bucket, segment.DictionaryKey(project, id(digit)), data); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReader(bucket, 1<<20)
	for name, tt := range map[string]struct {
		id   recording.DictionaryID
		want error
	}{
		"another dictionary": {id("a"), segment.ErrCorrupt},
		"a torn object":      {id("b"), segment.ErrCorrupt},
		"a newer program's":  {id("c"), segment.ErrVersion},
		"a huge object":      {id("d"), segment.ErrCorrupt},
		"an absent one":      {id("e"), objectstore.ErrNotFound},
		"no id":              {"../../other/dictionary/x", objectstore.ErrNotFound},
	} {
		if _, err := r.Get(t.Context(), madeWith(tt.id)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d, err := r.Get(t.Context(), madeWith("")); d != nil || err != nil {
		t.Errorf("no dictionary: %v, %v", d, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Get(ctx, madeWith(id("e"))); err == nil {
		t.Error("a reader that gave up gets an answer")
	}
}
