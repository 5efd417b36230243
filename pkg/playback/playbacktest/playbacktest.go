//go:build unix

// Package playbacktest puts recordings into real stores, for tests of what
// reads them.
package playbacktest

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// Stores are the stores of the test process, with a database and a prefix of
// one test's own.
type Stores struct {
	Addresses embedded.Addresses
	Database  string
	Prefix    string
	Index     *clickhouse.Index
	Bucket    *s3.Bucket
}

var opened atomic.Int64

// Open opens the stores for a test. The package's TestMain is
// embeddedtest.Main, or does what that does.
func Open(t testing.TB) *Stores {
	t.Helper()
	name := "playback" + time.Now().Format("150405") + string(rune('a'+opened.Add(1)))
	s := &Stores{Addresses: embeddedtest.Start(t), Database: name, Prefix: name}
	var err error
	s.Index, err = clickhouse.New(clickhouse.Config{
		Protocol:  clickhouse.ProtocolHTTP,
		Addresses: []string{s.Addresses.ClickHouse.Address},
		Database:  name,
		Username:  s.Addresses.ClickHouse.User,
		Password:  s.Addresses.ClickHouse.Password,
	}, clickhouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Index.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Bucket, err = s3.New(s3.Config{
		Endpoint:  s.Addresses.S3.Endpoint,
		Region:    s.Addresses.S3.Region,
		Bucket:    s.Addresses.S3.Bucket,
		Prefix:    name,
		PathStyle: true,
		AccessKey: s.Addresses.S3.AccessKey,
		SecretKey: s.Addresses.S3.SecretKey,
	}, s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Index.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// Segment is a segment and its events, one to a line.
type Segment struct {
	recording.Segment
	Lines      []string
	Dictionary *segment.Dictionary // to make the frame with; nil: none
	Keyframe   []string            // event lines of the keyframe after it; nil: none
}

// NDJSON is what is stored of the events.
func (s Segment) NDJSON() []byte {
	return []byte(strings.Join(s.Lines, "\n") + "\n")
}

// Write stores the segments in one pack, in this order, and indexes them. It
// fills in the number and the bytes of the events, and returns the pack's key.
func (s *Stores) Write(t testing.TB, segments []Segment, moments []recording.Moment) string {
	t.Helper()
	project := segments[0].Project
	id := ulid.Make()
	pack := segment.NewPack(project, recording.ClassNormal, id)
	for _, one := range segments {
		one.Events = len(one.Lines)
		one.RawBytes = len(one.NDJSON())
		var dictionary recording.DictionaryID
		if one.Dictionary != nil {
			dictionary = one.Dictionary.ID()
		}
		frame := segment.Encode(nil, one.NDJSON(), segment.EncodeOptions{Dictionary: one.Dictionary})
		if err := pack.Add(one.Segment, frame, dictionary, recording.Base{}); err != nil {
			t.Fatal(err)
		}
		if one.Keyframe != nil {
			addKeyframe(t, pack, one)
		}
	}
	content, stored, err := pack.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key := segment.PackKey(project, recording.ClassNormal, id)
	if err := s.Bucket.Put(t.Context(), key, bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
	batch := index.Batch{Project: project, Token: key, Segments: stored, Moments: moments, Keyframes: pack.Keyframes(), Class: recording.ClassNormal}
	if err := s.Index.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return key
}

func addKeyframe(t testing.TB, pack *segment.Pack, after Segment) {
	t.Helper()
	ndjson := []byte(strings.Join(after.Keyframe, "\n") + "\n")
	k := recording.Keyframe{SegmentID: after.SegmentID, Page: after.Page, TimestampMs: after.EndMs, ClockOffsetMs: after.ClockOffsetMs, RawBytes: len(ndjson)}
	if err := pack.AddKeyframe(k, segment.Encode(nil, ndjson, segment.EncodeOptions{})); err != nil {
		t.Fatal(err)
	}
}

// WriteDictionary stores a dictionary of a project and returns it and the
// object's key.
func (s *Stores) WriteDictionary(t testing.TB, project recording.ProjectID, content string) (*segment.Dictionary, string) {
	t.Helper()
	d, err := segment.NewDictionary([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	object, err := segment.AppendDictionaryObject(nil, d, segment.DictionaryInfo{Project: project, Site: "shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	key := segment.DictionaryKey(project, d.ID())
	if err := s.Bucket.Put(t.Context(), key, bytes.NewReader(object), int64(len(object))); err != nil {
		t.Fatal(err)
	}
	return d, key
}
