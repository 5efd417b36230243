package dictionary

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/segment"
)

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
