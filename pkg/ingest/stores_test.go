package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// stores are real ones, empty, whose failures a test can order.
type stores struct {
	addresses storeAddresses
	bucket    *buckettest.Faulty
	index     *faultyIndex
}

// storeAddresses is all that another process needs to open the same stores.
type storeAddresses struct {
	ClickHouse clickhouse.Config
	S3         s3.Config
}

func newStores(t testing.TB) *stores {
	t.Helper()
	addresses := addressesFor(embeddedtest.Start(t), strings.ToLower(rand.Text()[:12]))
	bucket, idx, err := openStores(addresses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := idx.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := idx.Migrate(deadline(t)); err != nil {
		t.Fatal(err)
	}
	return &stores{addresses: addresses, bucket: buckettest.NewFaulty(bucket), index: &faultyIndex{Index: idx}}
}

func addressesFor(a embedded.Addresses, name string) storeAddresses {
	return storeAddresses{
		ClickHouse: clickhouse.Config{
			Protocol: clickhouse.ProtocolHTTP, Addresses: []string{a.ClickHouse.Address}, Database: "ingest_" + name,
			Username: a.ClickHouse.User, Password: a.ClickHouse.Password,
		},
		S3: s3.Config{
			Endpoint: a.S3.Endpoint, Region: a.S3.Region, Bucket: a.S3.Bucket, Prefix: name, PathStyle: true,
			AccessKey: a.S3.AccessKey, SecretKey: a.S3.SecretKey,
		},
	}
}

func openStores(a storeAddresses) (*s3.Bucket, *clickhouse.Index, error) {
	bucket, err := s3.New(a.S3, s3.Options{})
	if err != nil {
		return nil, nil, err
	}
	idx, err := clickhouse.New(a.ClickHouse, clickhouse.Options{})
	return bucket, idx, err
}

// faultyIndex is a real index whose calls fail, before or after they had
// their effect.
type faultyIndex struct {
	index.Index

	mu     sync.Mutex
	before error
	refuse recording.ProjectID // whose batches are never taken
	after  int                 // how many more writes lose their answer
	writes int
}

var (
	errLostAnswer = errors.New("the answer is lost")
	errRefused    = errors.New("a row is not valid")
)

func (f *faultyIndex) fail(before error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

func (f *faultyIndex) state() (lose bool, before error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after--
	return f.after >= 0, f.before
}

func (f *faultyIndex) Write(ctx context.Context, b ...index.Batch) error {
	lose, before := f.state()
	if before != nil {
		return before
	}
	f.mu.Lock()
	refuse := f.refuse
	f.mu.Unlock()
	if slices.ContainsFunc(b, func(b index.Batch) bool { return b.Project == refuse }) {
		return errRefused
	}
	if err := f.Index.Write(ctx, b...); err != nil {
		return err
	}
	f.mu.Lock()
	f.writes++
	f.mu.Unlock()
	if lose {
		return errLostAnswer
	}
	return nil
}

func (f *faultyIndex) Stored(ctx context.Context, p recording.ProjectID, from map[recording.SessionID]uint32) (map[recording.SegmentID]struct{}, error) {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		return nil, before
	}
	return f.Index.Stored(ctx, p, from)
}

// oracle remembers what was acknowledged.
type oracle struct {
	mu    sync.Mutex
	acked map[recording.SegmentID]string // events
}

func newOracle() *oracle { return &oracle{acked: map[recording.SegmentID]string{}} }

func segmentID(session string, seq int) recording.SegmentID {
	return recording.SegmentID{Project: testProject, Session: recording.SessionID(session), Window: "window-1", Seq: uint32(seq)}
}

func (o *oracle) ack(session string, seq int, events string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acked[segmentID(session, seq)] = events
}

// clickLines are events of which one becomes a moment.
func clickLines(session string, seq int) string {
	return eventLines(session, seq, 2) +
		fmt.Sprintf(`{"type":5,"timestamp":1763791872000,"data":{"tag":"playhead.click","payload":{"tag":"button","text":"%s %d"}}}`+"\n", session, seq)
}

// send uploads a segment of the oracle, again if it was sent before.
func (o *oracle) send(t testing.TB, s *Server, session string, seq int) {
	t.Helper()
	o.mu.Lock()
	events, again := o.acked[segmentID(session, seq)]
	o.mu.Unlock()
	if !again {
		events = clickLines(session, seq)
	}
	if w := serve(s, request(headerLine(session, seq)+"\n"+events)); w.Code != 202 {
		t.Fatalf("segment %d of %s: %d %s", seq, session, w.Code, w.Body)
	}
	o.ack(session, seq, events)
}

// check compares the stores with what was acknowledged: each segment is in
// exactly one pack, byte for byte, and counted once in the index.
func (o *oracle) check(t testing.TB, st *stores) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	ctx := deadline(t)
	packed := map[recording.SegmentID]recording.Location{}
	err := st.bucket.List(ctx, "", func(obj objectstore.Object) error {
		data := readObject(t, st.bucket, obj.Key)
		footer, err := segment.ReadFooter(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return fmt.Errorf("%s: %w", obj.Key, err)
		}
		for _, e := range footer.Entries {
			if first, twice := packed[e.SegmentID]; twice {
				t.Errorf("%v is stored twice: %v and %v", e.SegmentID, first, e.Location)
			}
			packed[e.SegmentID] = e.Location
			events, err := segment.Decode(nil, data[e.Offset:e.Offset+e.Length], e.RawBytes, nil)
			if err != nil {
				t.Errorf("%v: %v", e.SegmentID, err)
			}
			if want, acked := o.acked[e.SegmentID]; acked && string(events) != want {
				t.Errorf("%v holds %q, want %q", e.SegmentID, events, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sessions := map[recording.SessionID]int{}
	for id := range o.acked {
		sessions[id.Session]++
		if _, stored := packed[id]; !stored {
			t.Errorf("%v is acknowledged and lost", id)
		}
	}
	for session := range sessions {
		o.checkSession(ctx, t, st, session, packed)
	}
}

func (o *oracle) checkSession(ctx context.Context, t testing.TB, st *stores, session recording.SessionID, packed map[recording.SegmentID]recording.Location) {
	t.Helper()
	rows, err := st.index.Segments(ctx, testProject, session)
	if err != nil {
		t.Errorf("%s: %v", session, err)
		return
	}
	events, stored := 0, map[recording.SegmentID]bool{}
	for _, r := range rows {
		if stored[r.SegmentID] {
			t.Errorf("%v has two rows", r.SegmentID)
		}
		stored[r.SegmentID] = true
		events += r.Events
		if r.Location != packed[r.SegmentID] {
			t.Errorf("the row of %v points to %v, it lies at %v", r.SegmentID, r.Location, packed[r.SegmentID])
		}
	}
	for id := range packed {
		if id.Session == session && !stored[id] {
			t.Errorf("%v has no row", id)
		}
	}
	page, err := st.index.Sessions(ctx, index.SessionQuery{Project: testProject, SessionID: session})
	if err != nil || len(page.Sessions) != 1 {
		t.Errorf("%d sessions %s (%v)", len(page.Sessions), session, err)
		return
	}
	if s := page.Sessions[0]; s.Events != events || s.Segments != len(rows) || s.Counts.Clicks != len(rows) {
		t.Errorf("session %s counts %d events, %d segments, %d clicks, want %d, %d, %d", session, s.Events, s.Segments, s.Counts.Clicks, events, len(rows), len(rows))
	}
	moments, err := st.index.Moments(ctx, index.MomentQuery{Project: testProject, SessionID: session, Limit: 100_000, Kinds: []recording.MomentKind{recording.KindClick}})
	if err != nil || len(moments) != len(rows) {
		t.Errorf("session %s has %d moments (%v), want %d", session, len(moments), err, len(rows))
	}
}

func readObject(t testing.TB, b objectstore.Bucket, key string) []byte {
	t.Helper()
	r, err := b.Get(deadline(t), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func packKeys(t testing.TB, b objectstore.Bucket) []string {
	t.Helper()
	var keys []string
	if err := b.List(deadline(t), "", func(o objectstore.Object) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}
