package clickhouse_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/index/indextest"
	"github.com/playhead/playhead/pkg/recording"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What makes a new database and clears a project, on one server and in a cluster, is what the
// golden files say, and the engine's parser takes all of it.
func TestStatementsAreGolden(t *testing.T) {
	parser := newIndex(t, testConfig(t), clickhouse.Options{})
	if err := parser.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, cluster := range map[string]string{"single": "", "cluster": "replays"} {
		t.Run(name, func(t *testing.T) {
			cfg := clickhouse.Config{Protocol: "http", Addresses: []string{"clickhouse.example:8123"}, Database: "playhead", Cluster: cluster}
			statements := newIndex(t, cfg, clickhouse.Options{}).Statements(t)
			got := strings.Join(statements, ";\n\n") + ";\n"
			golden := filepath.Join("testdata", "statements_"+name+".sql")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("statements (-golden +got), -update writes them anew:\n%s", diff)
			}
			for _, statement := range statements {
				if strings.ContainsAny(strings.NewReplacer("{shard}", "", "{database}", "", "{table}", "", "{replica}", "", "{project:String}", "").Replace(statement), "{}") {
					t.Errorf("braces that nothing fills in: %s", statement)
				}
				quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(statement)
				parsed := clickhouse.Read(t, parser, "SELECT formatQuerySingleLine('"+quoted+"')")
				if onCluster := strings.Contains(parsed[0], " ON CLUSTER "); onCluster != (cluster != "") {
					t.Errorf("ON CLUSTER in %q: %t", parsed[0], onCluster)
				}
			}
		})
	}
}

// oldDatabase has the tables of version 1, with a session of two segments that
// an old program wrote.
func oldDatabase(t *testing.T) clickhouse.Config {
	t.Helper()
	return databaseOf(t, "before_0003/0001_sessions_segments_moments.sql", "before_0003/rows.sql")
}

// database6 has the same session in the tables of version 6.
func database6(t *testing.T) clickhouse.Config {
	t.Helper()
	return databaseOf(t, "version_6/tables.sql", "version_6/rows.sql")
}

// database8 has the same session in the tables of version 8.
func database8(t *testing.T) clickhouse.Config {
	t.Helper()
	return databaseOf(t, "version_8/tables.sql", "version_8/rows.sql")
}

// databaseOf runs files of testdata in a new database.
func databaseOf(t *testing.T, files ...string) clickhouse.Config {
	t.Helper()
	cfg := testConfig(t)
	old := cfg
	old.Database = "default"
	x := newIndex(t, old, clickhouse.Options{})
	clickhouse.Exec(t, x, "CREATE DATABASE "+cfg.Database)
	x = newIndex(t, cfg, clickhouse.Options{})
	for _, file := range files {
		sql, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range clickhouse.SplitStatements(string(sql)) {
			clickhouse.Exec(t, x, statement)
		}
	}
	return cfg
}

// Whatever an older version wrote is found afterwards, also when several
// servers bring the schema forward at once, and when one does it again.
func TestMigrateCarriesRowsOver(t *testing.T) {
	t.Run("version 1", func(t *testing.T) { carriesRowsOver(t, oldDatabase(t)) })
	t.Run("version 6", func(t *testing.T) { carriesRowsOver(t, database6(t)) })
	t.Run("version 8", func(t *testing.T) { carriesRowsOver(t, database8(t)) })
}

func carriesRowsOver(t *testing.T, cfg clickhouse.Config) {
	t.Helper()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := newIndex(t, cfg, clickhouse.Options{}).Migrate(t.Context()); err != nil {
				t.Errorf("Migrate: %v", err)
			}
		})
	}
	wg.Wait()
	x := newIndex(t, cfg, clickhouse.Options{})
	checkCarriedOver(t, x)

	// As if the first server had died before it noted what it had done.
	clickhouse.Exec(t, x, "TRUNCATE TABLE schema_migrations")
	clickhouse.Exec(t, x, "INSERT INTO schema_migrations (version, name, applied_ts) SELECT 2, 'old', now64(3)")
	if err := x.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate again: %v", err)
	}
	checkCarriedOver(t, x)
}

// A new database whose making was cut off after any of the migrations.
func TestMigrateGoesOnWhereItWasCutOff(t *testing.T) {
	for cut := range 10 {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			x := newIndex(t, testConfig(t), clickhouse.Options{})
			if err := x.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			clickhouse.Exec(t, x, fmt.Sprintf("ALTER TABLE schema_migrations DELETE WHERE version > %d SETTINGS mutations_sync = 1", cut))
			if err := x.Migrate(t.Context()); err != nil {
				t.Fatalf("Migrate again: %v", err)
			}
			if err := x.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func checkCarriedOver(t *testing.T, x *clickhouse.Index) {
	t.Helper()
	if err := x.Check(t.Context()); err != nil {
		t.Fatalf("Check: %v", err)
	}
	const project, session = recording.ProjectID("shop"), recording.SessionID("0199a1b2-0000-7000-8000-000000000001")
	for name, q := range map[string]index.SessionQuery{
		"all": {}, "id": {SessionID: session}, "user": {UserID: "Anna"}, "URL": {URL: "shop.example/CART"},
		"text of the user": {Text: "ann"}, "trace": {TraceID: "0af7651916cd43dd8448eb211c80319c"}, "errors": {Errors: true},
	} {
		q.Project = project
		page, err := x.Sessions(t.Context(), q)
		if err != nil {
			t.Errorf("Sessions by %s: %v", name, err)
			continue
		}
		if len(page.Sessions) != 1 || page.Sessions[0].ID != session || page.Sessions[0].Segments != 2 || page.Sessions[0].Events != 30 {
			t.Errorf("Sessions by %s = %+v, want the one that was there", name, page.Sessions)
		}
	}
	segments, err := x.Segments(t.Context(), project, session)
	if err != nil || len(segments) != 2 || segments[1].Object != "v1/shop/normal/b.pack" || segments[1].Dictionary != "" {
		t.Errorf("Segments = %+v, %v, want the two that were there", segments, err)
	}
	moments, err := x.Moments(t.Context(), index.MomentQuery{Project: project, TraceID: "0af7651916cd43dd8448eb211c80319c"})
	if err != nil || len(moments) != 1 || moments[0].Text != "GET /cart" {
		t.Errorf("Moments = %+v, %v, want the one that was there", moments, err)
	}
}

// Rows go when their class has been kept long enough, and sessions with their
// last segment.
func TestRowsExpire(t *testing.T) {
	const day = 24 * time.Hour
	cfg := testConfig(t)
	cfg.Retention = map[recording.Class]time.Duration{recording.ClassNormal: 14 * day, "short": 36 * time.Hour}
	x := newIndex(t, cfg, clickhouse.Options{})
	if err := x.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	write := func(session string, seq uint32, class recording.Class, received time.Time) {
		t.Helper()
		s := recording.StoredSegment{Class: class, Segment: recording.Segment{
			SegmentID: recording.SegmentID{Project: "shop", Session: recording.SessionID(session), Window: "window-1", Seq: seq},
			StartMs:   received.UnixMilli(), EndMs: received.UnixMilli(), ReceivedMs: received.UnixMilli(),
			Origin: recording.Origin{UserID: session}, URLs: []string{"https://shop.example/" + session},
		}}
		m := recording.Moment{SegmentID: s.SegmentID, TimestampMs: s.StartMs, Kind: recording.KindClick, TraceID: session}
		found := recording.Moment{SegmentID: s.SegmentID, Part: 1, TimestampMs: s.StartMs, Kind: recording.KindSignal, Name: recording.SignalError}
		b := index.Batch{Project: "shop", Token: fmt.Sprint(session, seq), Segments: []recording.StoredSegment{s}, Moments: []recording.Moment{m, found},
			Keyframes: []recording.Keyframe{{SegmentID: s.SegmentID, Class: class}},
			Texts:     []recording.SeenText{{Project: "shop", Session: s.Session, Window: s.Window, Text: fmt.Sprint("text ", seq), FirstMs: s.StartMs, LastMs: s.EndMs}}}
		if err := x.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	write("gone-0001", 0, recording.ClassNormal, now.Add(-15*day))
	write("short-001", 0, "short", now.Add(-3*day))
	write("kept-0001", 0, recording.ClassNormal, now.Add(-13*day))
	write("partly-01", 0, recording.ClassNormal, now.Add(-20*day))
	write("partly-01", 1, recording.ClassNormal, now)
	write("forever-1", 0, "ticket", now.Add(-3000*day))

	for _, table := range []string{"segments", "moments", "signals", "texts", "keyframes", "sessions", "sessions_by_start", "postings", "terms"} {
		clickhouse.Exec(t, x, "OPTIMIZE TABLE "+table+" FINAL")
	}
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, s := range page.Sessions {
		left = append(left, string(s.ID))
	}
	// Whether the session of which a part is left began with that depends on
	// whether the other part was merged away when the session was summed up.
	slices.Sort(left)
	if diff := cmp.Diff([]string{"forever-1", "kept-0001", "partly-01"}, left); diff != "" {
		t.Errorf("sessions that are left (-want +got):\n%s", diff)
	}
	for table, want := range map[string][]string{
		"segments":  {"forever-1 0", "kept-0001 0", "partly-01 1"},
		"moments":   {"forever-1 0", "kept-0001 0", "partly-01 1"},
		"signals":   {"forever-1 0", "kept-0001 0", "partly-01 1"},
		"keyframes": {"forever-1 0", "kept-0001 0", "partly-01 1"},
		"texts":     {"forever-1 0", "kept-0001 0", "partly-01 1"},
	} {
		seq := "toString(seq)"
		if table == "texts" {
			seq = "substring(text, 6)"
		}
		got := clickhouse.Read(t, x, "SELECT DISTINCT concat(session_id, ' ', "+seq+") AS row FROM "+table+" ORDER BY row")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s that are left (-want +got):\n%s", table, diff)
		}
	}
	for _, gone := range []string{"gone-0001", "short-001"} {
		if got := clickhouse.Read(t, x, "SELECT term FROM terms WHERE position(term, '"+gone+"') > 0"); len(got) > 0 {
			t.Errorf("terms of %s: %v", gone, got)
		}
	}
	if got := clickhouse.Read(t, x, "SELECT toString(count()) FROM postings"); got[0] != "12" {
		t.Errorf("%s postings, want the user, URL, trace and signal of three sessions", got[0])
	}
}

// A batch of one day, whatever the browsers' clocks said, makes one part in
// each table: many would have to be merged.
func TestBatchMakesOnePart(t *testing.T) {
	cfg := testConfig(t)
	cfg.Retention = map[recording.Class]time.Duration{recording.ClassNormal: 14 * 24 * time.Hour}
	x := newIndex(t, cfg, clickhouse.Options{})
	if err := x.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	received := time.Now().UTC().Truncate(24 * time.Hour).UnixMilli()
	b := index.Batch{Project: "shop", Token: "pack"}
	for n := range 50 {
		start := received + int64(n-25)*90*24*3_600_000
		s := recording.StoredSegment{Class: recording.ClassNormal, Segment: recording.Segment{
			SegmentID: recording.SegmentID{Project: "shop", Session: recording.SessionID(fmt.Sprintf("session-%02d", n)), Window: "window-1"},
			StartMs:   start, EndMs: start, ReceivedMs: received + int64(n)*60_000, Origin: recording.Origin{UserID: "anna"},
		}}
		b.Segments = append(b.Segments, s)
		b.Moments = append(b.Moments, recording.Moment{SegmentID: s.SegmentID, TimestampMs: start, Kind: recording.KindSignal})
		b.Keyframes = append(b.Keyframes, recording.Keyframe{SegmentID: s.SegmentID})
		b.Texts = append(b.Texts, recording.SeenText{Project: "shop", Session: s.Session, Text: "Welcome", FirstMs: start, LastMs: start})
	}
	if err := x.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	got := clickhouse.Read(t, x, "SELECT concat(table, ' ', toString(count())) AS made FROM system.parts WHERE database = currentDatabase() AND active AND table != 'schema_migrations' GROUP BY table ORDER BY table")
	want := []string{"keyframes 1", "moments 1", "postings 1", "segments 1", "sessions 1", "sessions_by_start 1", "signals 1", "terms 1", "texts 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

// Whatever statement of a migration the database goes away at, the next try
// goes on, and ends with the same tables.
func TestMigrateGoesOn(t *testing.T) {
	for name, database := range map[string]func(*testing.T) clickhouse.Config{"new": testConfig, "old": oldDatabase, "version 6": database6, "version 8": database8} {
		t.Run(name, func(t *testing.T) {
			cfg := database(t)
			server := cfg.Addresses[0]
			for cut := 0; ; cut++ {
				statements := 0
				proxy := httptest.NewServer(&httputil.ReverseProxy{
					Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: server}) },
					ModifyResponse: func(r *http.Response) error {
						if r.Request.Method != http.MethodPost {
							return nil
						}
						if statements++; statements > cut {
							return errors.New("the answer is lost") // what was asked has been done
						}
						return nil
					},
					ErrorLog: log.New(io.Discard, "", 0),
				})
				cfg.Addresses = []string{proxy.Listener.Addr().String()}
				err := newIndex(t, cfg, clickhouse.Options{}).Migrate(t.Context())
				proxy.Close()
				if err == nil {
					break
				}
				if errors.Is(err, index.ErrSchema) {
					t.Fatalf("cut after %d statements: %v, which nobody would try again", cut, err)
				}
				if cut > 100 {
					t.Fatal(err)
				}
			}
			cfg.Addresses = []string{server}
			x := newIndex(t, cfg, clickhouse.Options{})
			if name != "new" {
				checkCarriedOver(t, x)
			}
			if err := x.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// forgetful is an index of which some rows were written by a version before 14:
// they do not say by when a session had begun.
type forgetful struct {
	*clickhouse.Index
	t *testing.T
}

func (x forgetful) Write(ctx context.Context, batches ...index.Batch) error {
	if err := x.Index.Write(ctx, batches...); err != nil {
		return err
	}
	clickhouse.Exec(x.t, x.Index, "ALTER TABLE postings UPDATE begun_hour = 4294967295 WHERE cityHash64(session_id) % 2 = 0 SETTINGS mutations_sync = 1")
	return nil
}

func TestFindsWhatAnOlderVersionPosted(t *testing.T) {
	x := newIndex(t, testConfig(t), clickhouse.Options{})
	if err := x.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	indextest.FindsWhatSomeHave(t, forgetful{x, t})
}

// A posting says the next full hour, of the segment that is kept longest: the
// session can have begun no later, also when the other segments are gone.
func TestPostingsSayByWhenASessionHadBegun(t *testing.T) {
	cfg := testConfig(t)
	cfg.Retention = map[recording.Class]time.Duration{recording.ClassNormal: 14 * 24 * time.Hour}
	x := newIndex(t, cfg, clickhouse.Options{})
	if err := x.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Hour)
	of := func(seq uint32, class recording.Class, after time.Duration) recording.StoredSegment {
		ms := at.Add(after).UnixMilli()
		return recording.StoredSegment{Class: class, Segment: recording.Segment{
			SegmentID: recording.SegmentID{Project: "shop", Session: "session-1", Window: "window-1", Seq: seq},
			StartMs:   ms, EndMs: ms, ReceivedMs: ms, URLs: []string{"https://shop.example/"},
		}}
	}
	short, long := of(0, recording.ClassNormal, 5*time.Minute), of(1, "ticket", 3*time.Hour)
	traced := recording.Moment{SegmentID: short.SegmentID, TimestampMs: short.StartMs, Kind: recording.KindRequest, TraceID: "0af7651916cd43dd8448eb211c80319c"}
	found := recording.Moment{SegmentID: long.SegmentID, Part: 1, TimestampMs: at.Add(55 * time.Minute).UnixMilli(), Kind: recording.KindSignal, Name: recording.SignalError}
	b := index.Batch{Project: "shop", Token: "pack", Segments: []recording.StoredSegment{long, short}, Moments: []recording.Moment{traced, found}}
	if err := x.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	got := clickhouse.Read(t, x, fmt.Sprintf("SELECT if(begun_hour = 4294967295, 'unknown', toString(begun_hour - %d)) AS hour FROM postings ORDER BY hour", at.Unix()/3600))
	want := []string{"2", "4", "unknown"} // signal: ten minutes more could be the next hour
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hours by which the session had begun (-want +got):\n%s", diff)
	}
}
