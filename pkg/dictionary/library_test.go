package dictionary

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

var now = time.UnixMilli(1763791872123)

const project, host = recording.ProjectID("shop"), "shop.example"

func newBucket(t *testing.T) *buckettest.Faulty {
	t.Helper()
	a := embeddedtest.Start(t).S3
	b, err := s3.New(s3.Config{
		Endpoint: a.Endpoint, Region: a.Region, Bucket: a.Bucket, Prefix: "test/" + t.Name(),
		PathStyle: true, AccessKey: a.AccessKey, SecretKey: a.SecretKey,
	}, s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return buckettest.NewFaulty(b)
}

// madeWith is a segment whose frame needs a dictionary.
func madeWith(id recording.DictionaryID) recording.StoredSegment {
	return recording.StoredSegment{Segment: recording.Segment{SegmentID: recording.SegmentID{Project: project}}, Dictionary: id}
}

// server is a library with a clock and visitors of its own.
type server struct {
	*Library
	clock  time.Time
	random *rand.Rand
	visits int
}

func newServer(bucket objectstore.Bucket, opts Options) *server {
	s := &server{clock: now, random: newRand(rand.Uint64())}
	opts.Now = func() time.Time { return s.clock }
	if opts.WorthBytes == 0 {
		opts.WorthBytes = 1 // TestADictionaryIsWorthItsPuts has the rule
	}
	s.Library = NewLibrary(bucket, opts)
	return s
}

// visit observes a session of somebody new, who saw the given text, and stores
// it with what is current. It returns the bytes stored.
func (s *server) visit(site string, common []byte) int {
	s.visits++
	person := Person{UserID: fmt.Sprintf("user-%d-%d", s.visits, s.random.Uint64())}
	ndjson := slices.Concat(words(s.random, 500), common, words(s.random, 500))
	d := s.Current(project, site)
	frame := segment.Encode(nil, ndjson, segment.EncodeOptions{Dictionary: d})
	sample := Sample{
		Project: project, Site: site, Session: recording.SessionID("session-" + person.UserID), Person: person,
		NDJSON: ndjson, RawBytes: len(ndjson), StoredBytes: len(frame), Frame: frame,
	}
	if d != nil {
		sample.Dictionary = d.ID()
	}
	s.Observe(sample)
	return len(frame)
}

// pass lets time go by and does what is due then.
func (s *server) pass(t *testing.T, d time.Duration) {
	t.Helper()
	s.clock = s.clock.Add(d)
	s.step(t.Context())
}

func keys(t *testing.T, b objectstore.Bucket) (list []string) {
	t.Helper()
	err := b.List(t.Context(), "", func(o objectstore.Object) error {
		list = append(list, o.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestASiteGetsADictionaryThatServersAndReadersShare(t *testing.T) {
	bucket := newBucket(t)
	sheet := words(newRand(1), 70_000)
	one, two := newServer(bucket, Options{}), newServer(bucket, Options{})
	for i := range 3 {
		if d := one.Current(project, host); d != nil {
			t.Fatalf("a dictionary after %d people", i)
		}
		one.visit(host, sheet)
		one.pass(t, time.Minute)
	}
	d := one.Current(project, host)
	if d == nil {
		t.Fatalf("no dictionary after three people: %+v", one.Stats())
	}
	want := []string{segment.DictionaryKey(project, d.ID()), segment.SiteKey(project, host)}
	slices.Sort(want)
	if got := keys(t, bucket); !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	if small := one.visit(host, sheet); small > 3000 {
		t.Errorf("%d bytes of a segment whose bulk is in the dictionary", small)
	}

	if two.Current(project, host) != nil {
		t.Error("another server did not have to look")
	}
	two.pass(t, 0)
	if got := two.Current(project, host); got == nil || got.ID() != d.ID() {
		t.Fatal("another server has not the same dictionary")
	}
	if two.Current("other", host) != nil || two.Current(project, "other.example") != nil {
		t.Error("another site has the dictionary")
	}
	read, err := NewReader(bucket, 1<<20).Get(t.Context(), madeWith(d.ID()))
	if err != nil {
		t.Fatal(err)
	}
	frame := segment.Encode(nil, sheet, segment.EncodeOptions{Dictionary: d})
	if got, err := segment.Decode(nil, frame, len(sheet), read); err != nil || !bytes.Equal(got, sheet) {
		t.Errorf("a frame is not read back: %v", err)
	}
	info, _, err := readDictionary(t.Context(), bucket, project, d.ID())
	if err != nil || info.Site != host || info.Sessions != 3 || info.People != 3 || info.CreatedMs != one.clock.UnixMilli() {
		t.Errorf("%+v (%v)", info, err)
	}
}

func TestALittleInCommonWaitsForMoreSessions(t *testing.T) {
	s := newServer(newBucket(t), Options{})
	text := words(newRand(1), 10_000)
	for s.visits < sampleSessions {
		s.visit(host, text)
		s.pass(t, 10*time.Minute)
		if d := s.Current(project, host); (d != nil) != (s.visits == sampleSessions) {
			t.Fatalf("after %d sessions with 10 kB in common, a dictionary: %t", s.visits, d != nil)
		}
	}
}

// A dictionary is two PUTs, which cost as much as keeping a megabyte for two
// weeks.
func TestADictionaryIsWorthItsPuts(t *testing.T) {
	const worth = 1 << 20
	s := newServer(newBucket(t), Options{WorthBytes: worth})
	s.visit("quiet.example", words(newRand(2), 70_000))
	sheet := words(newRand(1), 70_000)
	stored := 0
	for s.Current(project, host) == nil {
		stored += s.visit(host, sheet)
		s.visit("small.example", []byte("hello"))
		s.pass(t, time.Minute)
		if s.visits > 1000 {
			t.Fatalf("no dictionary after %d stored bytes: %+v", stored, s.Stats())
		}
	}
	first := stored * 2 / s.visits
	with := s.visit(host, sheet)
	spared := stored * (first - with) / first
	if spared < worth || spared > worth*5/4 {
		t.Errorf("a dictionary when it would have spared %d bytes, want %d", spared, worth)
	}
	for _, site := range []string{"quiet.example", "small.example"} {
		if s.Current(project, site) != nil {
			t.Errorf("%s has a dictionary", site)
		}
	}
	if stats := s.Stats(); stats.Made != 1 || stats.Trainings > 3 {
		t.Errorf("%+v", stats)
	}
}

func TestMoreSamplesAreComparedOnceAnHour(t *testing.T) {
	s := newServer(newBucket(t), Options{})
	few, more := words(newRand(1), 70_000), words(newRand(2), 70_000)
	for range 3 {
		s.visit(host, few)
	}
	s.pass(t, time.Minute)
	first := s.Current(project, host)
	for range 11 { // too little for its ratio to be called worse
		s.visit(host, slices.Concat(few, more))
		s.pass(t, time.Minute)
	}
	s.pass(t, compareEvery-13*time.Minute)
	if stats := s.Stats(); s.Current(project, host) != first || stats.Trainings != 1 {
		t.Errorf("another dictionary within the hour: %+v", stats)
	}
	s.pass(t, 2*time.Minute)
	if stats := s.Stats(); s.Current(project, host) == first || stats.Made != 2 {
		t.Errorf("no better dictionary after an hour: %+v", stats)
	}
}

func TestAWorseRatioBringsANewDictionary(t *testing.T) {
	s := newServer(newBucket(t), Options{})
	before, after := words(newRand(1), 70_000), words(newRand(2), 70_000)
	for range 3 {
		s.visit(host, before)
	}
	s.pass(t, time.Minute)
	first := s.Current(project, host)
	if first == nil {
		t.Fatal("no dictionary")
	}
	// All is well: no training but that which a fuller store is worth.
	for range 60 {
		s.visit(host, before)
		s.pass(t, time.Minute)
	}
	if s.Stats().Made != 1 || s.Current(project, host) != first {
		t.Errorf("the dictionary changed while the site did not: %+v", s.Stats())
	}
	visits := 0
	for s.Current(project, host) == first {
		s.visit(host, after)
		s.pass(t, time.Minute)
		if visits++; visits > 200 {
			t.Fatalf("no new dictionary: %+v", s.Stats())
		}
	}
	if raw := visits * len(after); raw < driftBytes {
		t.Errorf("a new dictionary after %d raw bytes: that is noise", raw)
	}
	if small := s.visit(host, after); small > 3000 {
		t.Errorf("%d bytes with the new dictionary", small)
	}
}

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

func TestMemoryIsBounded(t *testing.T) {
	const sampleBytes, dictionaryBytes = 300_000, 250_000
	s := newServer(newBucket(t), Options{SampleBytes: sampleBytes, DictionaryBytes: dictionaryBytes})
	sheets := map[string][]byte{}
	for i := range 8 {
		sheets[fmt.Sprintf("site-%d.example", i)] = words(newRand(uint64(i)), 70_000)
	}
	for round := range 2 {
		for _, site := range slices.Sorted(maps.Keys(sheets)) {
			for range 3 {
				s.visit(site, sheets[site])
			}
			s.pass(t, time.Minute)
			stats := s.Stats()
			if stats.SampleBytes > sampleBytes || stats.DictionaryBytes > dictionaryBytes {
				t.Fatalf("round %d: %+v", round, stats)
			}
			if round > 0 && s.Current(project, site) == nil {
				t.Errorf("round %d: %s has no dictionary while it is used", round, site)
			}
		}
	}
	if stats := s.Stats(); stats.Made != int64(len(sheets)) {
		t.Errorf("dictionaries were forgotten instead of read again: %+v", stats)
	}
	for i := range maxSites + 100 {
		s.Current(project, fmt.Sprintf("flood-%d.example", i))
	}
	if stats := s.Stats(); stats.Sites != maxSites || stats.SampleBytes != 0 || stats.DictionaryBytes != 0 {
		t.Errorf("after a flood: %+v", stats)
	}
}

func TestSamplingIsBounded(t *testing.T) {
	text := words(newRand(1), 500_000)
	var in intake
	taken := 0
	flood := func(at time.Time) {
		for i := range 1000 {
			var s samples // of one site of many
			_, n := s.reserve(&Sample{Session: recording.SessionID(fmt.Sprint("session-", i)), NDJSON: text}, at, &in)
			taken += n
		}
	}
	flood(now)
	if taken < intakeBurst || taken > intakeBurst+len(text) {
		t.Errorf("%d raw bytes taken at once", taken)
	}
	taken = 0
	for second := range 60 {
		flood(now.Add(time.Duration(second+1) * time.Second))
	}
	if most := 60*intakeRate + len(text); taken < most/2 || taken > most {
		t.Errorf("%d raw bytes taken in a minute", taken)
	}
}

func TestABusySiteIsSampledNowAndThen(t *testing.T) {
	var s samples
	var in intake
	admitted := 0
	for second := range 3600 {
		for i := range 5 {
			o := Sample{Session: recording.SessionID(fmt.Sprintf("session-%d-%d", second, i)), NDJSON: []byte("text")}
			if session, _ := s.reserve(&o, now.Add(time.Duration(second)*time.Second), &in); session != nil {
				admitted++
			}
		}
	}
	if want := sampleSessions + 59; admitted != want || len(s.sessions) != sampleSessions {
		t.Errorf("%d sessions of 18 000 sampled in an hour, want %d", admitted, want)
	}
	if newest := s.sessions[sampleSessions-1].id; newest != "session-3600-0" && newest < "session-35" {
		t.Errorf("the newest sample is %s", newest)
	}
}

func TestASessionOfTheSamePersonTakesTheirPlace(t *testing.T) {
	var s samples
	var in intake
	at := now
	observe := func(session, user string) {
		at = at.Add(sampleEvery)
		o := Sample{Session: recording.SessionID(session), Person: Person{UserID: user}, NDJSON: []byte("text")}
		s.reserve(&o, at, &in)
	}
	for i := range sampleSessions {
		observe(fmt.Sprint("session-", i), fmt.Sprint("user-", i))
	}
	observe("again", "user-5")
	if s.find("session-5") != nil || s.find("session-0") == nil || s.find("again") == nil {
		t.Error("another person's sample went")
	}
	observe("new", "user-new")
	if s.find("session-0") != nil || s.find("new") == nil {
		t.Error("the oldest sample stayed")
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

func TestSiteOf(t *testing.T) {
	for url, want := range map[string]string{
		"https://Shop.Example/cart?x=1#y":       "shop.example",
		"http://localhost:3000/":                "localhost:3000",
		"https://user:secret@shop.example:8443": "shop.example:8443",
		"https://[::1]:80/":                     "[::1]:80",
		"about:blank":                           "",
		"/cart":                                 "",
		"":                                      "",
		"://":                                   "",
		"https://" + strings.Repeat("a", 300) + ".de": "",
	} {
		if got := SiteOf(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}
