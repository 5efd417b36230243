// Package dictionary gives every site the zstd dictionary that shrinks its
// segments: it collects samples, finds what the sessions of different people
// have in common, stores that as a dictionary and says which one is current;
// and it finds the dictionary that a stored segment needs.
//
// The bytes of a dictionary and its object are those of pkg/segment. Who
// encodes with a dictionary, and when, is the business of its callers.
package dictionary

import (
	"container/list"
	"log/slog"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// Options are what a Library may be told; zero fields take the defaults.
type Options struct {
	Now func() time.Time
	Log *slog.Logger

	// SampleBytes bounds the samples that are held, compressed; 24 MiB.
	SampleBytes int

	// DictionaryBytes bounds the current dictionaries that are held; 32 MiB.
	DictionaryBytes int

	// WorthBytes is what a site must have stored in vain before a dictionary is
	// made that would have spared it; 1 MiB. Storing a dictionary is two PUTs,
	// which cost about what keeping so much for two weeks does: so a site never
	// costs twice what knowing its future would have.
	WorthBytes int
}

// maxSites bounds the sites that are known: host names are strangers' words.
const maxSites = 10_000

// Library knows the current dictionary of every site that this server has seen
// lately. It is safe for concurrent use.
type Library struct {
	bucket          objectstore.Bucket
	now             func() time.Time
	log             *slog.Logger
	sampleBytes     int
	dictionaryBytes int
	worthBytes      int64
	patience        time.Duration // storePatience
	wake            chan struct{}

	mu        sync.Mutex
	sites     map[siteKey]*list.Element // of *site
	recent    *list.List                // most recently used first
	intake    intake
	stats     Stats
	idleUntil time.Time // no training before
}

type siteKey struct {
	project recording.ProjectID
	site    string
}

// site is what is known of a site.
type site struct {
	key        siteKey
	dictionary *segment.Dictionary // the current one, or nil
	samples    samples
	drift      drift
	used       bool                   // since it was looked up
	lookUp     time.Time              // when to look for the current dictionary; zero: now
	confirmed  time.Time              // when the bucket last said what is current; zero: never
	broken     recording.DictionaryID // the bucket says it is current, but has it not
	train      time.Time              // no training before
	looked     time.Time              // when the current dictionary was made or last compared
	lookedAt   int                    // with how many sessions
	stored     int64                  // bytes of its segments, since it has this dictionary or none
	enough     int64                  // so many stored bytes make another dictionary worth its PUTs, or more do
}

// NewLibrary returns a library over the given store. It does nothing of itself
// until Run.
func NewLibrary(bucket objectstore.Bucket, opts Options) *Library {
	l := &Library{
		bucket: bucket, now: opts.Now, log: opts.Log,
		sampleBytes: opts.SampleBytes, dictionaryBytes: opts.DictionaryBytes, worthBytes: int64(opts.WorthBytes),
		patience: storePatience,
		wake:     make(chan struct{}, 1),
		sites:    map[siteKey]*list.Element{},
		recent:   list.New(),
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.sampleBytes == 0 {
		l.sampleBytes = 24 << 20
	}
	if l.dictionaryBytes == 0 {
		l.dictionaryBytes = 32 << 20
	}
	if l.worthBytes == 0 {
		l.worthBytes = 1 << 20
	}
	return l
}

// Current returns the dictionary to encode the segments of a site with, or nil
// when there is none yet. It never waits: a site that the library does not know
// is looked up in the background. The dictionary is in the store already; one
// that the store did not confirm for an hour is not given any more, because a
// sweep may have deleted it.
func (l *Library) Current(project recording.ProjectID, site string) *segment.Dictionary {
	if site == "" {
		return nil
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.site(siteKey{project, site})
	if now.Sub(s.confirmed) > trustFor {
		return nil
	}
	return s.dictionary
}

// Sample is a segment as it was stored.
type Sample struct {
	Project     recording.ProjectID
	Site        string
	Session     recording.SessionID
	Person      Person
	NDJSON      []byte // scrubbed
	RawBytes    int
	StoredBytes int
	Dictionary  recording.DictionaryID // that the segment was stored with; empty: none

	// Frame is the segment as it was stored, which spares compressing it again
	// when it needs no dictionary. The library may keep it: nobody changes it.
	Frame []byte
}

// usualRatio is how many times smaller the frame of a sample is than the sample,
// or more.
const usualRatio = 4

// Person is what tells people apart. It never leaves memory.
type Person struct {
	UserID      string
	AddressHash uint64 // of the network address, keyed with a random key of this process; 0: unknown
	Previous    recording.SessionID
}

// Observe tells the library of a segment that was encoded. Of what it keeps it
// copies all but the frame, and it never waits; of a busy site it keeps little.
func (l *Library) Observe(s Sample) {
	if s.Site == "" {
		return
	}
	key := siteKey{s.Project, s.Site}
	now := l.now()
	l.mu.Lock()
	st := l.site(key)
	if st.dictionary != nil && st.dictionary.ID() == s.Dictionary {
		st.drift.add(s.RawBytes, s.StoredBytes)
	}
	st.stored += int64(s.StoredBytes)
	session, n := st.samples.reserve(&s, now, &l.intake)
	l.mu.Unlock()
	if n == 0 {
		return
	}
	frame := s.Frame
	if frame == nil || s.Dictionary != "" || n < len(s.NDJSON) {
		frame = segment.Encode(make([]byte, 0, n/usualRatio), s.NDJSON[:n], segment.EncodeOptions{Fast: true})
		frame = append(make([]byte, 0, len(frame)), frame...) // without spare capacity
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.sites[key]; e != nil && e.Value.(*site) == st {
		l.stats.SampleBytes -= int64(st.samples.bytes)
		st.samples.keep(session, frame, n)
		l.stats.SampleBytes += int64(st.samples.bytes)
		l.evict(st)
	}
}

// site finds a site or makes it known; l.mu is held.
func (l *Library) site(key siteKey) *site {
	if e := l.sites[key]; e != nil {
		l.recent.MoveToFront(e)
		s := e.Value.(*site)
		s.used = true
		return s
	}
	s := &site{key: key, used: true, enough: l.worthBytes}
	l.sites[key] = l.recent.PushFront(s)
	l.stats.Sites = len(l.sites)
	l.evict(s)
	l.nudge()
	return s
}

// evict forgets the sites that were not used for longest until all bounds hold,
// but never the given one; l.mu is held.
func (l *Library) evict(keep *site) {
	for l.stats.SampleBytes > int64(l.sampleBytes) || l.stats.DictionaryBytes > int64(l.dictionaryBytes) || len(l.sites) > maxSites {
		e := l.recent.Back()
		if s := e.Value.(*site); s != keep {
			l.forget(e)
			continue
		}
		if e.Prev() == nil {
			return
		}
		l.forget(e.Prev())
	}
}

func (l *Library) forget(e *list.Element) {
	s := l.recent.Remove(e).(*site)
	delete(l.sites, s.key)
	l.stats.Sites = len(l.sites)
	l.stats.SampleBytes -= int64(s.samples.bytes)
	l.stats.DictionaryBytes -= int64(sizeOf(s.dictionary))
}

// use makes a dictionary, which may be nil, the current one of a site.
func (l *Library) use(s *site, d *segment.Dictionary, info segment.DictionaryInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.sites[s.key]; e == nil || e.Value.(*site) != s {
		return // forgotten meanwhile
	}
	l.stats.DictionaryBytes += int64(sizeOf(d) - sizeOf(s.dictionary))
	if d != s.dictionary {
		s.stored, s.enough = 0, l.worthBytes
	}
	s.dictionary, s.drift = d, drift{}
	s.looked, s.lookedAt = time.UnixMilli(info.CreatedMs), info.Sessions
	l.evict(s)
}

func sizeOf(d *segment.Dictionary) int {
	if d == nil {
		return 0
	}
	return d.Size()
}

func (l *Library) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Stats are figures of a library.
type Stats struct {
	Sites           int   // known now
	SampleBytes     int64 // held now, compressed
	DictionaryBytes int64 // held now

	// Since the library was made.
	Trainings int64 // tried
	Made      int64 // dictionaries made and stored here
	Loaded    int64 // dictionaries read from the store
	Failures  int64 // of the store, or damaged objects
}

// Stats returns the library's figures.
func (l *Library) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// driftBytes is the raw bytes over which a ratio is taken: less is noise.
const driftBytes = 4 << 20

// drift notices that a dictionary has become worse than it was when it was new.
type drift struct {
	baseRaw, baseStored int64
	raw, stored         int64
	worse               bool
}

func (d *drift) add(raw, stored int) {
	if d.baseRaw < driftBytes {
		d.baseRaw += int64(raw)
		d.baseStored += int64(stored)
		return
	}
	d.raw += int64(raw)
	d.stored += int64(stored)
	if d.raw < driftBytes {
		return
	}
	// A fifth worse: stored/raw > 1.25 × baseStored/baseRaw.
	d.worse = 4*float64(d.stored)*float64(d.baseRaw) > 5*float64(d.baseStored)*float64(d.raw)
	d.raw, d.stored = 0, 0
}
