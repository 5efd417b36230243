package dictionary

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

func TestAnotherServersNewerDictionaryIsTaken(t *testing.T) {
	bucket := newBucket(t)
	one, two := newServer(bucket, Options{}), newServer(bucket, Options{})
	for range 3 {
		one.visit(host, words(newRand(1), 70_000))
		two.visit(host, words(newRand(2), 70_000))
	}
	one.step(t.Context())
	first := one.Current(project, host)
	// The second one was about to make its own.
	two.step(t.Context())
	if d := two.Current(project, host); d == nil || d.ID() != first.ID() {
		t.Fatal("two servers have two dictionaries")
	}
	newer, err := segment.NewDictionary(words(newRand(3), 1000))
	if err != nil {
		t.Fatal(err)
	}
	info := segment.DictionaryInfo{Project: project, Site: host, CreatedMs: now.UnixMilli(), Sessions: 12, People: 12}
	if err := two.publish(t.Context(), two.sites[siteKey{project, host}].Value.(*site), newer, first, info); err != nil {
		t.Fatal(err)
	}
	one.pass(t, lookUpEvery-time.Second)
	if d := one.Current(project, host); d.ID() != first.ID() {
		t.Error("the store was asked too early")
	}
	one.pass(t, time.Second)
	if d := one.Current(project, host); d.ID() != newer.ID() {
		t.Error("the newer dictionary is not used")
	}
}

func TestADictionaryIsUsedOnlyWhenItIsStored(t *testing.T) {
	for name, fault := range map[string]buckettest.Fault{
		"the dictionary is not stored":  {Op: buckettest.Put, Match: func(key string) bool { return strings.HasSuffix(key, ".dict") }},
		"the site object is not stored": {Op: buckettest.Put, Match: func(key string) bool { return strings.HasSuffix(key, ".site") }},
		"the store's answers are lost":  {Op: buckettest.Put, When: buckettest.After},
		"the store cannot be asked":     {Op: buckettest.Get},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := newBucket(t)
			s := newServer(bucket, Options{})
			sheet := words(newRand(1), 70_000)
			s.visit(host, sheet)
			if fault.Op == buckettest.Put {
				s.step(t.Context())
			}
			bucket.Fail(fault)
			for range 4 {
				s.visit(host, sheet)
				s.pass(t, time.Minute)
				if s.Current(project, host) != nil {
					t.Fatal("a dictionary is used that may not be stored")
				}
			}
			if s.Stats().Failures == 0 && fault.When == buckettest.Before {
				t.Error("nothing was counted")
			}
			bucket.Heal()
			for range 2 {
				s.visit(host, sheet)
				s.pass(t, trainEvery)
			}
			d := s.Current(project, host)
			if d == nil {
				t.Fatalf("no dictionary when the store is back: %+v", s.Stats())
			}
			if _, err := NewReader(bucket, 0).Get(t.Context(), madeWith(d.ID())); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestADictionaryThatTheStoreDoesNotConfirmIsGivenUp(t *testing.T) {
	bucket := newBucket(t)
	s := newServer(bucket, Options{})
	sheet := words(newRand(1), 70_000)
	for range 3 {
		s.visit(host, sheet)
	}
	s.step(t.Context())
	bucket.Fail(buckettest.Fault{Op: buckettest.Get})
	for range 59 {
		s.pass(t, time.Minute)
		if s.Current(project, host) == nil {
			t.Fatal("given up within the hour")
		}
	}
	s.pass(t, 2*time.Minute)
	if s.Current(project, host) != nil {
		t.Error("still used after an hour")
	}
	bucket.Heal()
	s.pass(t, time.Minute)
	if s.Current(project, host) == nil {
		t.Error("not used when the store is back")
	}
	// Nobody asked for a long time: what was known then is not true now.
	s.clock = s.clock.Add(2 * time.Hour)
	if s.Current(project, host) != nil {
		t.Error("used without asking again")
	}
}

func TestWhatTheStoreLostIsMadeAgain(t *testing.T) {
	for _, lost := range []string{".dict", ".site", "damaged"} {
		t.Run(lost, func(t *testing.T) {
			bucket := newBucket(t)
			one := newServer(bucket, Options{})
			sheet := words(newRand(1), 70_000)
			for range 3 {
				one.visit(host, sheet)
			}
			one.step(t.Context())
			for _, key := range keys(t, bucket) {
				var err error
				if strings.HasSuffix(key, lost) {
					err = bucket.Delete(t.Context(), key)
				} else if lost == "damaged" {
					err = put(t.Context(), bucket, key, []byte("not what it was"))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			two := newServer(bucket, Options{})
			for range 3 {
				two.visit(host, words(newRand(2), 70_000))
			}
			two.step(t.Context())
			d := two.Current(project, host)
			if d == nil {
				t.Fatalf("no dictionary: %+v", two.Stats())
			}
			if _, err := NewReader(bucket, 0).Get(t.Context(), madeWith(d.ID())); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	l := NewLibrary(newBucket(t), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	s := &server{Library: l, random: newRand(1)}
	var visitors sync.WaitGroup
	sheet := words(newRand(1), 70_000)
	for range 4 {
		person := newRand(s.random.Uint64())
		visitors.Go(func() {
			for i := range 30 {
				id := fmt.Sprint(person.Uint64())
				ndjson := slices.Concat(words(person, 100), sheet)
				d := l.Current(project, host)
				frame := segment.Encode(nil, ndjson, segment.EncodeOptions{Dictionary: d})
				sample := Sample{
					Project: project, Site: host, Session: recording.SessionID("session-" + id), Person: Person{UserID: id},
					NDJSON: ndjson, RawBytes: len(ndjson), StoredBytes: len(frame),
				}
				if d != nil {
					sample.Dictionary = d.ID()
				}
				l.Observe(sample)
				if i%10 == 0 {
					l.Stats()
				}
			}
		})
	}
	visitors.Wait()
	for end := time.Now().Add(20 * time.Second); l.Current(project, host) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no dictionary: %+v", l.Stats())
		}
	}
	cancel()
	running.Wait()
}

// hangingReads is a bucket that does not answer reads of some keys until whoever
// asked gives up.
type hangingReads struct {
	objectstore.Bucket
	match func(key string) bool
}

func (b hangingReads) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if b.match(key) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return b.Bucket.Get(ctx, key, offset, length)
}

// A site whose look-up hangs does not keep others from their dictionaries.
func TestALookUpThatHangs(t *testing.T) {
	const stuck = "stuck.example"
	bucket := newBucket(t)
	hangs := func(key string) bool { return key == segment.SiteKey(project, stuck) }
	s := newServer(hangingReads{bucket, hangs}, Options{})
	s.patience = time.Second
	sheet := words(newRand(1), 70_000)
	for range 4 {
		s.visit(stuck, sheet)
		s.visit(host, sheet)
	}
	s.pass(t, time.Second)
	if s.Current(project, host) == nil {
		t.Errorf("no dictionary: %+v", s.Stats())
	}
	if got := s.Stats().Failures; got != 1 {
		t.Errorf("%d failures, want 1", got)
	}
}
