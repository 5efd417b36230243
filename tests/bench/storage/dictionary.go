package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/scrub"
	"github.com/playhead/playhead/pkg/segment"
	"github.com/playhead/playhead/tests/bench/rig"
	"github.com/playhead/playhead/tests/traffic"
)

// leastPeople is how many people must share a run of bytes before it may enter
// a dictionary.
const leastPeople = 3

// trainTime bounds the making of one dictionary.
const trainTime = time.Minute

// lookTime is much longer than a training takes; after it the library has
// found too little in common.
const lookTime = 5 * time.Second

// knownSites measures each recording of a site with several, compressed with
// a dictionary that the real library made from the others.
func knownSites(ctx context.Context, dir string, recordings []*traffic.Recording) ([]rig.Result, error) {
	var known []*traffic.Recording
	others := map[*traffic.Recording][]*traffic.Recording{}
	for _, r := range recordings {
		for _, o := range recordings {
			if o != r && o.Site == r.Site {
				others[r] = append(others[r], o)
			}
		}
		if len(others[r]) >= 2 {
			known = append(known, r)
		}
	}
	plain, err := storeOurs(ctx, filepath.Join(dir, "known"), known)
	if err != nil {
		return nil, err
	}
	table, err := storeClickStack(ctx, filepath.Join(dir, "known-clickstack"), known)
	if err != nil {
		return nil, err
	}
	frames, dictionaries, err := leaveOneOut(ctx, filepath.Join(dir, "dictionaries"), known, others)
	if err != nil {
		return nil, err
	}
	raw, snappy, _ := peerBytes(known)
	// All but the frames stays as it is without dictionaries.
	all := float64(frames + plain.objects - plain.frames + plain.tables)
	rig.Say("known sites: %d raw, ours %.0f (without dictionaries %d), ClickStack %d, snappy %d", raw, all, plain.objects+plain.tables, table, snappy)
	method := fmt.Sprintf("%d recordings of sites that have others, %.1f MB raw; each compressed segment by segment with the dictionary that the library makes from the other recordings of its site alone, as sessions of different people; packs' footers and index rows as a real ingest made them; the dictionary itself (mean %.0f KB, once for all sessions of a site) not counted; without dictionaries %d B",
		len(known), float64(raw)/1e6, dictionaries/1e3, plain.objects+plain.tables)
	result := func(name, peer string, value int64) rig.Result {
		return rig.Result{Name: name, Value: all, Unit: "B", Method: method}.Against(peer, float64(value))
	}
	return []rig.Result{
		result("storage.bytes_known_site", "ClickStack hyperdx_sessions after OPTIMIZE FINAL", table),
		result("storage.bytes_known_site_vs_snappy", "PostHog block: snappy of a session in blocks of 64 KiB, without its index", snappy),
	}, nil
}

// leaveOneOut returns the sum of the frames of recordings, each made with a
// dictionary from the others of its site, and the mean size of these.
func leaveOneOut(ctx context.Context, dir string, known []*traffic.Recording, others map[*traffic.Recording][]*traffic.Recording) (frames int64, meanDictionary float64, err error) {
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return 0, 0, err
	}
	defer rig.Stop(&err, stores)
	var sizes, count float64
	for _, r := range known {
		bucket, err := bucketOf(stores, r.Name)
		if err != nil {
			return 0, 0, err
		}
		d, err := makeDictionary(ctx, bucket, others[r])
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", r.Name, err)
		}
		var size, without int64
		for _, s := range r.Segments {
			events := scrubbed(s.NDJSON)
			size += int64(len(segment.Encode(nil, events, segment.EncodeOptions{Dictionary: d})))
			without += int64(len(segment.Encode(nil, events, segment.EncodeOptions{})))
		}
		if d != nil {
			sizes += float64(d.Size())
			count++
		}
		rig.Say("%s: %d raw, frames %d, without dictionary %d", r.Name, r.RawBytes, size, without)
		frames += size
	}
	return frames, sizes / max(count, 1), nil
}

func bucketOf(stores *rig.Stores, prefix string) (objectstore.Bucket, error) {
	a := stores.Addresses.S3
	return s3.New(s3.Config{Endpoint: a.Endpoint, Region: a.Region, Bucket: a.Bucket, Prefix: prefix, PathStyle: true, AccessKey: a.AccessKey, SecretKey: a.SecretKey}, s3.Options{})
}

// makeDictionary lets the library make a dictionary from recordings of one
// site; nil when it finds too little in common. Where there are fewer
// recordings than people are needed, each is of two people: a run must then
// still be in both.
func makeDictionary(ctx context.Context, bucket objectstore.Bucket, recordings []*traffic.Recording) (*segment.Dictionary, error) {
	people := 1
	if len(recordings) < leastPeople {
		people = leastPeople - 1
	}
	// The library keeps a few samples a minute.
	now := time.Now()
	library := dictionary.NewLibrary(bucket, dictionary.Options{Now: func() time.Time { return now }})
	random := rig.Random(1)
	for _, r := range recordings {
		for range people {
			session := traffic.NewSession(r, random, traffic.SessionOptions{})
			for _, s := range r.Segments {
				now = now.Add(time.Minute)
				events := scrubbed(s.NDJSON)
				library.Observe(dictionary.Sample{
					Project: rig.Project, Site: r.Site, Session: session.ID,
					Person: dictionary.Person{UserID: session.User}, NDJSON: events, RawBytes: len(events),
				})
			}
		}
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); library.Run(running) }()
	defer func() { stop(); <-ended }()
	looking := time.Time{}
	var made *segment.Dictionary
	err := rig.Eventually(ctx, trainTime, "the library has looked", func() (bool, error) {
		made = library.Current(rig.Project, recordings[0].Site)
		stats := library.Stats()
		if stats.Failures > 0 {
			return false, fmt.Errorf("the library failed: %+v", stats)
		}
		if stats.Trainings > 0 && looking.IsZero() {
			looking = time.Now()
		}
		return made != nil || !looking.IsZero() && time.Since(looking) > lookTime, nil
	})
	return made, err
}

// scrubbed is events as ingest stores them.
func scrubbed(ndjson []byte) []byte {
	events := bytes.Clone(ndjson)
	for _, line := range rrweb.Lines(events) {
		scrub.Line(line)
	}
	return events
}
