package dictionary

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
