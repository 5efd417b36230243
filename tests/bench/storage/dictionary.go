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
	"github.com/playhead/playhead/pkg/recording"
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

// knownBytes is what a known site has stored without a dictionary: more than
// makes it worth having one.
const knownBytes = 64 << 20

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
	dictionaries, err := leaveOneOut(ctx, filepath.Join(dir, "dictionaries"), known, others)
	if err != nil {
		return nil, err
	}
	ours, err := storeOurs(ctx, filepath.Join(dir, "known"), known, dictionaries)
	if err != nil {
		return nil, err
	}
	delete(ours, "dictionaries")
	table, err := storeClickStack(ctx, filepath.Join(dir, "known-clickstack"), known)
	if err != nil {
		return nil, err
	}
	size := 0.0
	for _, d := range dictionaries {
		size += float64(d.Size()) / float64(len(dictionaries))
	}
	raw, snappy, _ := peerBytes(known)
	all := float64(ours.sum(""))
	rig.Say("known sites: %d raw, ours %.0f (index %d), ClickStack %d, snappy %d", raw, all, ours.sum("table_"), table, snappy)
	method := fmt.Sprintf("%d recordings of sites that have others, %.1f MB raw; each sent through ingest as the only session of a site whose dictionary the library made from the other recordings of its site alone, as sessions of different people; the dictionary itself (mean %.0f KB before compression, once for all sessions of a site) not counted",
		len(known), float64(raw)/1e6, size/1e3)
	result := func(name, peer string, value int64) rig.Result {
		return rig.Result{Name: name, Value: all, Unit: "B", Method: method}.Against(peer, float64(value))
	}
	return append([]rig.Result{
		result("storage.bytes_known_site", "ClickStack hyperdx_sessions after OPTIMIZE FINAL", table),
		result("storage.bytes_known_site_vs_snappy", "PostHog block: snappy of a session in blocks of 64 KiB, without its index", snappy),
	}, ours.results("storage.bytes_known_site")...), nil
}

// leaveOneOut returns for each recording a dictionary from the others of its
// site, by the site that it is sent as; there is none where they have too
// little in common.
func leaveOneOut(ctx context.Context, dir string, known []*traffic.Recording, others map[*traffic.Recording][]*traffic.Recording) (made map[string]*segment.Dictionary, err error) {
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer rig.Stop(&err, stores)
	made = map[string]*segment.Dictionary{}
	for _, r := range known {
		bucket, err := bucketOf(stores, r.Name)
		if err != nil {
			return nil, err
		}
		d, err := makeDictionary(ctx, bucket, others[r])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		if d != nil {
			made[siteOf(r)] = d
		}
	}
	return made, nil
}

// putDictionaries stores dictionaries as the current ones of their sites.
func putDictionaries(ctx context.Context, stores *rig.Stores, dictionaries map[string]*segment.Dictionary) error {
	bucket, err := bucketOf(stores, "")
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	for site, d := range dictionaries {
		object, err := segment.AppendDictionaryObject(nil, d, segment.DictionaryInfo{Project: rig.Project, Site: site, CreatedMs: now, Sessions: leastPeople, People: leastPeople})
		if err != nil {
			return err
		}
		if err := bucket.Put(ctx, segment.DictionaryKey(rig.Project, d.ID()), bytes.NewReader(object), int64(len(object))); err != nil {
			return err
		}
		object, err = segment.AppendSiteObject(nil, segment.Site{Site: site, Dictionary: d.ID(), ChangedMs: now})
		if err != nil {
			return err
		}
		if err := bucket.Put(ctx, segment.SiteKey(rig.Project, site), bytes.NewReader(object), int64(len(object))); err != nil {
			return err
		}
	}
	return nil
}

// warmUpUser is whose sessions make a server look for the dictionaries of
// sites, as earlier sessions of a site do.
const warmUpUser = "warm-up"

// warmUp sends tiny sessions of each site with a dictionary until they are
// stored with it.
func warmUp(ctx context.Context, stores *rig.Stores, p *rig.Playhead, dictionaries map[string]*segment.Dictionary) error {
	if len(dictionaries) == 0 {
		return nil
	}
	r, err := traffic.Read(warmUpUser, []byte(`[{"type":4,"data":{"href":"https://warm-up.example/","width":1280,"height":720},"timestamp":0}]`), time.Now())
	if err != nil {
		return err
	}
	sender := &traffic.Sender{URL: p.URL, Key: rig.Key, Client: traffic.NewClient(1), Attempts: -1}
	defer sender.Client.CloseIdleConnections()
	random := rig.Random(2)
	different := map[recording.DictionaryID]bool{}
	for _, d := range dictionaries {
		different[d.ID()] = true
	}
	return rig.Eventually(ctx, storeTime, "dictionaries are used", func() (bool, error) {
		for site := range dictionaries {
			session := traffic.NewSession(r, random, traffic.SessionOptions{User: warmUpUser, Site: site})
			if _, err := sender.Send(ctx, session.Upload(0)); err != nil {
				return false, err
			}
		}
		if err := p.Drain(ctx, storeTime); err != nil {
			return false, err
		}
		used, err := stores.Number(ctx, "SELECT count(DISTINCT dictionary) FROM segments WHERE dictionary != ''")
		return used == float64(len(different)), err
	})
}

// forgetWarmUp deletes the rows of warmUp. Its packs are not counted.
func forgetWarmUp(ctx context.Context, stores *rig.Stores) error {
	for _, table := range []string{"sessions_by_start", "sessions", "postings", "texts", "keyframes", "signals", "moments", "segments"} {
		statement := "DELETE FROM " + table + " WHERE session_id IN (SELECT session_id FROM segments WHERE user_id = '" + warmUpUser + "') SETTINGS lightweight_deletes_sync = 2"
		if _, err := stores.Query(ctx, statement); err != nil {
			return fmt.Errorf("delete rows of the warm-up: %w", err)
		}
	}
	return nil
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
					Person: dictionary.Person{UserID: session.User}, NDJSON: events, RawBytes: len(events), StoredBytes: knownBytes,
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
