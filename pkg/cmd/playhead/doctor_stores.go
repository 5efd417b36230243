package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// maxSkew is how far a store's clock may be from ours.
	maxSkew = 5 * time.Second

	// settled is the age from which a pack's rows should be there.
	settled = 2 * time.Minute

	// listed bounds the packs that are looked through for a sample.
	listed = 2000

	// sampledSessions are compared with object storage, newest first.
	sampledSessions = 20
)

// storesAndRecordings looks at the stores, and at what is in them when both
// answer.
func (d *doctor) storesAndRecordings(ctx context.Context) {
	s := &stores{}
	cfg := d.cfg
	if cfg.ClickHouse == nil || cfg.ObjectStorage == nil {
		if next, says := cannotRun(cfg.DataDir); says != "" {
			d.warn("stores", next, "%s", says)
			return
		}
	}
	if err := s.find(ctx, &cfg, true, d.log); err != nil {
		d.fail("stores", "free the folder, or give the addresses of stores", "%v", err)
		return
	}
	defer func() {
		if err := s.close(); err != nil {
			d.warn("stores", "look at data_dir/stores", "the stores did not stop: %v", err)
		}
	}()
	found := false
	var err error
	if s.index, err = clickhouse.New(*cfg.ClickHouse, clickhouse.Options{}); err != nil {
		d.fail("clickhouse", "correct the configuration", "%v", err)
	} else {
		d.group(ctx, func(ctx context.Context) { found = d.clickhouse(ctx, s.index, cfg.ClickHouse.Cluster) })
	}
	if s.bucket, err = s3.New(*cfg.ObjectStorage, s3.Options{}); err != nil {
		d.fail("object storage", "correct the configuration", "%v", err)
		return
	}
	reachable := false
	d.group(ctx, func(ctx context.Context) { reachable = d.objectStorage(ctx, s.bucket) })
	if !found || !reachable {
		return
	}
	for _, p := range d.cfg.Ingest.Projects {
		d.group(ctx, func(ctx context.Context) {
			r := recordings{doctor: d, check: "recordings of " + string(p.ID), project: p.ID, stores: s, dictionaries: dictionary.NewReader(s.bucket, 8<<20)}
			r.look(ctx)
		})
	}
}

// cannotRun says why the stores of this machine should not be started to look
// at them: what they write would belong to somebody else.
func cannotRun(dataDir string) (next, says string) {
	info, err := os.Stat(filepath.Join(dataDir, "stores"))
	if errors.Is(err, fs.ErrNotExist) {
		return "start playhead ingest, then run this again", "those of this machine have not been made yet"
	}
	if err != nil {
		return "give the user that runs playhead the folder", err.Error()
	}
	if owner, known := info.Sys().(*syscall.Stat_t); known && int(owner.Uid) != os.Geteuid() {
		return fmt.Sprintf("run this as the user %d", owner.Uid), "data_dir belongs to another user"
	}
	return "", ""
}

// clickhouse says whether its tables can be used.
func (d *doctor) clickhouse(ctx context.Context, x *clickhouse.Index, cluster string) bool {
	const check = "clickhouse"
	checked := x.Check(ctx)
	switch {
	case errors.Is(checked, index.ErrSchema):
		d.warn(check, "run playhead migrate, or start playhead ingest, which does it", "%v", checked)
	case checked != nil:
		d.fail(check, "do what the message says; then run this again", "%v", explainTimeout(checked))
		return false
	default:
		d.ok(check, "it answers; schema and clock fit, the tables can be read")
	}
	g, err := x.Diagnose(ctx)
	if err != nil {
		d.warn(check, "allow the user to read system.tables and its own rights", "%v", explainTimeout(err))
		return checked == nil
	}
	if g.Supported {
		d.ok(check, "version %s", g.Version)
	} else {
		d.fail(check, "upgrade ClickHouse to 26.3 or newer", "version %s is too old", g.Version)
	}
	if len(g.Unsafe) > 0 {
		d.warn(check, "ALTER TABLE … MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1", "a power cut can lose acknowledged rows of %s; playhead reindex would bring them back", strings.Join(g.Unsafe, ", "))
	}
	if missing := strings.Join(g.MissingRights, ", "); strings.Contains(missing, "SELECT") || strings.Contains(missing, "INSERT") {
		d.fail(check, "GRANT "+missing+" on the database", "the user lacks the rights %s", missing)
	} else if missing != "" {
		d.warn(check, "run playhead migrate and playhead reindex --clear as a user that may", "the user lacks the rights %s, which ingest does not need", missing)
	}
	if len(g.MissingMacros) > 0 {
		d.fail(check, "set the macros in every server's configuration", "replicated tables need the macros %s", strings.Join(g.MissingMacros, ", "))
	}
	if cluster != "" && g.ClusterHosts == 0 {
		d.fail(check, "correct clickhouse.cluster, or define the cluster under remote_servers", "the server knows no cluster %s", cluster)
	}
	return checked == nil
}

// objectStorage says whether objects can be written and read.
func (d *doctor) objectStorage(ctx context.Context, b *s3.Bucket) bool {
	const check = "object storage"
	if err := b.CheckWrite(ctx); err != nil {
		d.fail(check, "do what the message says; then run this again", "%v", explainTimeout(err))
		return false
	}
	begun := time.Now()
	if err := d.probe(ctx, b); err != nil {
		d.fail(check, "look at the server; Playhead needs ranges, lists in order and reads that see what was written", "%v", explainTimeout(err))
		return false
	}
	d.ok(check, "an object was put, read, read in part, listed and deleted in %s", time.Since(begun).Round(time.Millisecond))
	d.expiries(ctx, b)
	return true
}

// probe writes an object and reads it at once in every way that Playhead does.
func (d *doctor) probe(ctx context.Context, b *s3.Bucket) (err error) {
	key := "doctor/" + rand.Text()
	content := []byte("what is written is what is read")
	before := time.Now()
	if err := b.Put(ctx, key, bytes.NewReader(content), int64(len(content))); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, b.Delete(ctx, key))
		if _, getErr := b.Get(ctx, key, 0, -1); err == nil && !errors.Is(getErr, objectstore.ErrNotFound) {
			err = fmt.Errorf("object %s is deleted and still there", key)
		}
	}()
	for _, r := range []struct{ offset, length int64 }{{0, -1}, {5, 7}} {
		want := content[r.offset:]
		if r.length >= 0 {
			want = want[:r.length]
		}
		got, err := readObject(ctx, b, key, r.offset, r.length)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("object %s is read back changed, from %d", key, r.offset)
		}
	}
	seen := false
	err = b.List(ctx, "doctor/", func(o objectstore.Object) error {
		seen = seen || o.Key == key && o.Size == int64(len(content))
		return nil
	})
	if err == nil && !seen {
		err = fmt.Errorf("object %s was written and is not listed", key)
	}
	return errors.Join(err, d.skew(ctx, b, key, before))
}

func (d *doctor) skew(ctx context.Context, b *s3.Bucket, key string, before time.Time) error {
	stored, err := b.Modified(ctx, key)
	if err != nil {
		return err
	}
	// The server's time has whole seconds.
	ahead := max(time.Until(stored), before.Truncate(time.Second).Sub(stored))
	if ahead > maxSkew {
		d.fail("object storage", "set one of the clocks; signatures are refused beyond 15 minutes", "its clock and this machine's differ by %s", ahead.Round(time.Second))
	}
	return nil
}

// expiries warns of rules that delete what is still needed.
func (d *doctor) expiries(ctx context.Context, b *s3.Bucket) {
	const check = "bucket lifecycle"
	rules, err := b.Expiries(ctx, segment.ProjectPrefix(""))
	if err != nil {
		d.ok(check, "the server does not tell its rules")
		return
	}
	harmful := false
	for _, rule := range rules {
		if !strings.HasSuffix(strings.TrimSuffix(rule.Prefix, "/"), "/"+string(recording.ClassNormal)) {
			harmful = true
			d.warn(check, "limit the rule to v1/<project>/<class>/", "the rule %q deletes what begins with %q after %d days: dictionaries, which older packs need, too", rule.Rule, rule.Prefix, rule.Days)
		}
	}
	if !harmful {
		d.ok(check, "%d rules delete packs, none deletes dictionaries", len(rules))
	}
}

func readObject(ctx context.Context, b objectstore.Bucket, key string, offset, length int64) ([]byte, error) {
	body, err := b.Get(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// recordings compares what the stores hold of one project.
type recordings struct {
	*doctor
	check        string
	project      recording.ProjectID
	stores       *stores
	dictionaries *dictionary.Reader
}

func (r *recordings) look(ctx context.Context) {
	packs, err := r.choose(ctx)
	if err != nil {
		r.fail(r.check, "look at object storage", "%v", explainTimeout(err))
		return
	}
	before := r.counts[levelFail] + r.counts[levelWarn]
	for _, o := range packs {
		if err := r.pack(ctx, o); err != nil {
			r.fail(r.check, "restore the object from a backup; the rest plays, with a gap", "%s: %v", o.Key, explainTimeout(err))
		}
	}
	rows, err := r.rows(ctx)
	if err != nil {
		r.fail(r.check, "look at ClickHouse", "%v", explainTimeout(err))
		return
	}
	if r.counts[levelFail]+r.counts[levelWarn] == before {
		r.ok(r.check, "%d packs are whole and indexed; the packs of %d sessions are there", len(packs), rows)
	}
}

// choose returns packs of today and yesterday, or the first ones when there
// are none, without those that may not be indexed yet.
func (r *recordings) choose(ctx context.Context) ([]objectstore.Object, error) {
	now := time.Now()
	for _, prefix := range []string{r.day(now), r.day(now.Add(-24 * time.Hour)), segment.ProjectPrefix(r.project)} {
		found, err := r.list(ctx, prefix, now)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

func (r *recordings) day(t time.Time) string {
	key := segment.PackKey(r.project, recording.ClassNormal, ulid.MustNew(ulid.Timestamp(t), rand.Reader)) // fails after the year 10889
	return path.Dir(path.Dir(key)) + "/"
}

var errEnough = errors.New("enough")

// list returns packs spread over the first of a prefix.
func (r *recordings) list(ctx context.Context, prefix string, now time.Time) ([]objectstore.Object, error) {
	var all []objectstore.Object
	err := r.stores.bucket.List(ctx, prefix, func(o objectstore.Object) error {
		_, _, id, err := segment.ParsePackKey(o.Key)
		if err == nil && now.Sub(id.Timestamp()) > settled {
			all = append(all, o)
		}
		if len(all) == listed {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	var spread []objectstore.Object
	for i := range min(r.sample, len(all)) {
		spread = append(spread, all[i*len(all)/min(r.sample, len(all))])
	}
	return spread, nil
}

// pack reads a pack, one segment for each dictionary in it, and asks whether
// it is indexed.
func (r *recordings) pack(ctx context.Context, o objectstore.Object) error {
	content, err := readObject(ctx, r.stores.bucket, o.Key, 0, -1)
	if errors.Is(err, objectstore.ErrNotFound) {
		return nil // expired since it was listed
	}
	if err != nil {
		return err
	}
	footer, err := segment.ReadFooter(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	if err := r.frames(ctx, footer, content); err != nil {
		return err
	}
	sessions := map[recording.SessionID]uint32{}
	for _, e := range footer.Entries {
		sessions[e.Session] = 0
	}
	stored, err := r.stores.index.Stored(ctx, r.project, sessions)
	if err != nil {
		return err
	}
	missing := 0
	for _, e := range footer.Entries {
		if _, found := stored[e.SegmentID]; !found {
			missing++
		}
	}
	if missing > 0 {
		r.warn(r.check, "run playhead reindex --project "+string(r.project)+", unless retention has taken the rows", "%d of %d segments of %s are not indexed", missing, len(footer.Entries), o.Key)
	}
	return nil
}

func (r *recordings) frames(ctx context.Context, footer *segment.Footer, content []byte) error {
	tried := map[recording.DictionaryID]bool{}
	for _, e := range footer.Entries {
		frame := content[e.Offset : e.Offset+e.Length]
		if err := e.Verify(frame); err != nil {
			return err
		}
		if tried[e.Dictionary] {
			continue
		}
		tried[e.Dictionary] = true
		d, err := r.dictionaries.Get(ctx, e.StoredSegment)
		if err != nil {
			return err
		}
		if _, err := segment.Decode(nil, frame, recording.MaxSegmentBytes, d); err != nil {
			return err
		}
	}
	for _, k := range footer.Keyframes {
		if err := k.Verify(content[k.Offset : k.Offset+k.Length]); err != nil {
			return err
		}
	}
	return nil
}

// rows looks whether the packs that the newest sessions point to are there, and
// returns the number of sessions.
func (r *recordings) rows(ctx context.Context) (int, error) {
	page, err := r.stores.index.Sessions(ctx, index.SessionQuery{Project: r.project, Limit: sampledSessions})
	if err != nil {
		return 0, err
	}
	known := map[string]bool{}
	for _, s := range page.Sessions {
		segments, err := r.stores.index.Segments(ctx, r.project, s.ID)
		if errors.Is(err, index.ErrNotFound) {
			continue // expired since it was listed
		}
		if err != nil {
			return 0, err
		}
		for _, stored := range segments {
			known[stored.Object] = true
		}
	}
	gone := 0
	for object := range known {
		_, err := readObject(ctx, r.stores.bucket, object, 0, 1)
		if errors.Is(err, objectstore.ErrNotFound) {
			gone++
		} else if err != nil {
			return 0, err
		}
	}
	if gone > 0 {
		r.fail(r.check, "restore the objects, or make retention no longer than the bucket's lifecycle; playhead reindex --clear forgets what is gone", "%d of the %d packs of the newest sessions are gone", gone, len(known))
	}
	return len(page.Sessions), nil
}
