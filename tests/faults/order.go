//go:build unix

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// lateTape makes a session that lasted a day and ended now.
func lateTape(seed uint64, name string, id recording.SessionID, length int) []*upload {
	start := time.Now().Add(-24 * time.Hour).UnixMilli()
	step := (24 * time.Hour).Milliseconds() / int64(length)
	t := newTape(seed, name)
	if id != "" {
		t.session = id
	}
	t.every = 10
	var all []*upload
	for i := range length {
		t.clock = func() int64 { return start + int64(i)*step }
		all = append(all, t.cut())
	}
	return all
}

// late is row 10: one session in order, the same one shuffled and up to a day
// late, half of it to a second server and after a restart. What a player gets
// is the same.
func late(t *trial) error {
	length := t.pick(200, 40)
	v, err := t.openVault()
	if err != nil {
		return err
	}
	o := newOracle()
	first, err := t.serve("ingest0", t.settings(v, "ingest0"))
	if err != nil {
		return err
	}
	s := newSender(o, first.url)
	seed := t.rng.Uint64()
	ordered := lateTape(seed, "late", "", length)
	shuffled := lateTape(seed, "late", recording.SessionID(uuid7(t.rng, time.Now())), length)
	for i := range shuffled { // the same events to the byte
		shuffled[i].events, shuffled[i].firstMs, shuffled[i].lastMs = ordered[i].events, ordered[i].firstMs, ordered[i].lastMs
	}
	inOrder := slices.Clone(ordered)
	t.rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if err := deliverAll(t.ctx, s, inOrder); err != nil {
		return err
	}
	servers, err := t.deliverApart(s, v, first, shuffled)
	if err != nil {
		return err
	}
	for _, srv := range servers {
		if err := srv.drained(time.Minute); err != nil {
			return err
		}
	}
	if err := t.compareReplays(v, ordered, shuffled[0].id.Session); err != nil {
		return err
	}
	gone, err := t.afterRetention(v)
	if err != nil {
		return err
	}
	t.figure("answer_after_retention", float64(gone))
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	result, err := o.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.judge(result)
	return nil
}

func deliverAll(ctx context.Context, s *sender, uploads []*upload) error {
	for _, u := range uploads {
		if err := s.deliver(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// deliverApart sends a third of the segments to a server, a third to another
// one, and the rest to the first one after it was started again.
func (t *trial) deliverApart(s *sender, v *vault, first *server, all []*upload) ([]*server, error) {
	third := len(all) / 3
	if err := deliverAll(t.ctx, s, all[:third]); err != nil {
		return nil, err
	}
	second, err := t.serve("ingest1", t.settings(v, "ingest1"))
	if err != nil {
		return nil, err
	}
	s.target = second.url
	if err := deliverAll(t.ctx, s, all[third:2*third]); err != nil {
		return nil, err
	}
	if _, err := first.stop(readyLimit); err != nil {
		return nil, err
	}
	again, err := t.serve("ingest0", t.settings(v, "ingest0"))
	if err != nil {
		return nil, err
	}
	s.target = again.url
	return []*server{second, again}, deliverAll(t.ctx, s, all[2*third:])
}

// compareReplays compares what a player gets of the ordered session and of the
// other one, and both with what happened.
func (t *trial) compareReplays(v *vault, ordered []*upload, other recording.SessionID) error {
	reader := v.reader(mainProject)
	var want bytes.Buffer
	for _, u := range ordered {
		want.Write(u.events)
	}
	lasted := ordered[len(ordered)-1].lastMs - ordered[0].firstMs
	for _, id := range []recording.SessionID{ordered[0].id.Session, other} {
		manifest, err := reader.Manifest(t.ctx, id)
		if err != nil {
			return err
		}
		events, err := playedEvents(t.ctx, reader, manifest)
		if err != nil {
			return err
		}
		t.expect(bytes.Equal(events, want.Bytes()), "session %s plays other events, or in another order", id)
		t.expect(manifest.Session.DurationMs == lasted, "session %s lasted %d ms, not %d", id, manifest.Session.DurationMs, lasted)
		for _, w := range manifest.Windows {
			t.expect(len(w.Gaps) == 0, "session %s has gaps %v", id, w.Gaps)
		}
	}
	return nil
}

// playedEvents returns all events of a session in the player's order.
func playedEvents(ctx context.Context, reader *playback.Reader, manifest *playback.Manifest) ([]byte, error) {
	var all []byte
	for _, w := range manifest.Windows {
		var b bytes.Buffer
		sel := playback.Selection{Window: w.ID, BySeq: true, ToSeq: math.MaxUint32}
		if err := reader.WriteSegments(ctx, &b, manifest.Session.ID, sel); err != nil {
			return nil, err
		}
		segments, _, err := splitPlayed(&b)
		if err != nil {
			return nil, err
		}
		for _, s := range segments {
			all = append(all, s.events...)
		}
	}
	return all, nil
}

// afterRetention sends a segment of yesterday to a server that keeps
// recordings for an hour, and returns its answer.
func (t *trial) afterRetention(v *vault) (int, error) {
	config := t.settings(v, "ingest2")
	config["retention"] = settings{"normal": "1h"}
	config["projects"] = []settings{projectSettings("kept", mainKey)}
	srv, err := t.serve("ingest2", config)
	if err != nil {
		return 0, err
	}
	old := lateTape(t.rng.Uint64(), "old", "", 10)[0]
	old.id.Project = "kept"
	return newSender(newOracle(), srv.url).send(t.ctx, old).status, nil
}

// missing is row 11: every seventh segment never comes. The player hears of
// every gap and its cause, and the recorder is asked for a full snapshot.
func missing(t *trial) error {
	length := t.pick(140, 35)
	v, err := t.openVault()
	if err != nil {
		return err
	}
	srv, err := t.serve("ingest", t.settings(v, "ingest"))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	tape := newTape(t.rng.Uint64(), "missing")
	tape.every = 10
	dropped, asked := 0, false
	for range length {
		u := tape.cut()
		if u.id.Seq%7 == 3 {
			dropped++
			continue
		}
		out := s.send(t.ctx, u)
		if !out.acknowledged() {
			return fmt.Errorf("segment %d is answered %d: %w", u.id.Seq, out.status, out.err)
		}
		asked = asked || out.snapshot
	}
	if !asked && !t.short {
		// The server waits up to half a minute for a segment that may be late.
		err := t.until(gapLimit, "the server asks for a full snapshot", func() bool {
			asked = s.send(t.ctx, tape.cut()).snapshot
			return asked || pause(t.ctx, time.Second) != nil
		})
		t.expect(err == nil, "no reply says snapshot:true: %v", err)
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	if err := t.checkGaps(v, tape, dropped); err != nil {
		return err
	}
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("missing", float64(dropped))
	t.figure("snapshot_asked", boolean(asked))
	t.judge(result)
	return nil
}

// gapLimit is longer than ingest waits for a late segment.
const gapLimit = 40 * time.Second

// checkGaps looks at the gaps of a session's manifest.
func (t *trial) checkGaps(v *vault, tape *tape, dropped int) error {
	manifest, err := v.reader(mainProject).Manifest(t.ctx, tape.session)
	if err != nil {
		return err
	}
	gaps, unexplained := 0, 0
	for _, w := range manifest.Windows {
		for _, g := range w.Gaps {
			gaps++
			if g.Cause == "" || g.BeforeSeq != g.AfterSeq+2 || g.AfterSeq%7 != 2 {
				unexplained++
			}
		}
	}
	t.figure("gaps", float64(gaps))
	t.expect(gaps == dropped, "%d gaps in the manifest, %d segments are missing", gaps, dropped)
	t.expect(unexplained == 0, "%d gaps have no cause or are elsewhere", unexplained)
	return nil
}

// wrongClock is what is wrong with a browser's clock.
type wrongClock struct {
	name string
	off  func(segment int) time.Duration // to add to the true time
}

// epoch returns a clock that stands near an instant.
func epoch(at time.Time) func(int) time.Duration {
	off := time.Until(at)
	return func(int) time.Duration { return off }
}

// clocks is row 12: browsers whose clocks are wrong.
func clocks(t *trial) error {
	length := t.pick(20, 6)
	v, err := t.openVault()
	if err != nil {
		return err
	}
	srv, err := t.serve("ingest", t.settings(v, "ingest"))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	jump := func(d time.Duration) func(int) time.Duration {
		return func(segment int) time.Duration {
			if segment >= length/2 {
				return d
			}
			return 0
		}
	}
	cases := []wrongClock{
		{"day_ahead", func(int) time.Duration { return 24 * time.Hour }},
		{"day_behind", func(int) time.Duration { return -24 * time.Hour }},
		{"jump_back", jump(-time.Hour)},
		{"jump_ahead", jump(time.Hour)},
		{"year_1970", epoch(time.UnixMilli(86_400_000))},
		{"year_2106", epoch(time.Unix(math.MaxUint32, 0))},
	}
	for _, c := range cases {
		if err := t.playClock(s, v, srv, c, length); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	partitions, err := t.partitions(v)
	if err != nil {
		return err
	}
	t.figure("partitions", float64(partitions))
	t.expect(partitions > 0 && partitions <= 2, "%d partitions", partitions)
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.judge(result)
	return nil
}

// playClock records a session with a wrong clock and compares the manifest's
// times with the true ones.
func (t *trial) playClock(s *sender, v *vault, srv *server, c wrongClock, length int) error {
	tape := newTape(t.rng.Uint64(), c.name)
	var truth []int64
	for i := range length {
		now := time.Now()
		truth = append(truth, now.UnixMilli())
		tape.clock = func() int64 { return now.Add(c.off(i)).UnixMilli() }
		u := tape.cut()
		u.header = map[string]any{"sent_at": time.Now().Add(c.off(i)).UnixMilli()}
		if err := s.deliver(t.ctx, u); err != nil {
			return err
		}
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	manifest, err := v.reader(mainProject).Manifest(t.ctx, tape.session)
	if err != nil {
		return err
	}
	if len(manifest.Windows) != 1 || len(manifest.Windows[0].Segments) != length {
		return fmt.Errorf("the manifest has not the one window with %d segments", length)
	}
	worst := int64(0)
	for i, seg := range manifest.Windows[0].Segments {
		t.expect(seg.Seq == uint32(i), "%s: segment %d stands at place %d", c.name, seg.Seq, i)
		worst = max(worst, seg.StartMs-truth[i], truth[i]-seg.StartMs)
	}
	t.figure(c.name+"_error_s", float64(worst)/1000)
	t.expect(worst <= 2000, "%s: times are wrong by %d ms", c.name, worst)
	return nil
}

// partitions returns the number of the partitions of the table that has most.
func (t *trial) partitions(v *vault) (int, error) {
	text, err := t.query("SELECT max(n) FROM (SELECT uniqExact(partition) AS n FROM system.parts WHERE active AND database = '" + v.database + "' GROUP BY table) FORMAT TSV")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(text))
}

// query asks ClickHouse past the proxy.
func (t *trial) query(sql string) (string, error) {
	at := t.engines.Addresses().ClickHouse
	values := url.Values{"user": {at.User}, "password": {at.Password}, "query": {sql}}
	r, err := http.NewRequestWithContext(t.ctx, http.MethodPost, "http://"+at.Address+"/?"+values.Encode(), http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := plainClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("ClickHouse answers %d: %.200s", answer.StatusCode, data)
	}
	return string(data), err
}

// rolling is row 13: two servers are stopped and started in turns under load;
// then one reads what the first version wrote.
func rolling(t *trial) error {
	rounds := t.pick(6, 1)
	v, err := t.openVault()
	if err != nil {
		return err
	}
	pool := newPool(2)
	for i := range pool.servers {
		name := fmt.Sprintf("ingest%d", i)
		srv, err := t.serve(name, t.settings(v, name))
		if err != nil {
			return err
		}
		pool.put(i, srv)
	}
	s := newSender(newOracle(), pool.next)
	f := t.begin(s, load{rate: 300, workers: 16, length: 200, name: "rolling", patient: true})
	slowest, err := t.rollOver(v, pool, rounds)
	if err = errors.Join(err, f.end()); err != nil {
		return err
	}
	for i := range pool.servers {
		if err := pool.get(i).drained(time.Minute); err != nil {
			return err
		}
	}
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("restarts", float64(2*rounds))
	t.figure("slowest_exit_s", slowest.Seconds())
	t.figure("cut_after_ack", float64(f.cut.Load()))
	t.figure("no_answer", float64(f.failed.Load()))
	t.judge(result)
	t.expect(slowest < 30*time.Second, "a server needed %s to end", slowest)
	t.expect(f.cut.Load() == 0, "%d connections were cut after the acknowledgement", f.cut.Load())
	return t.readGolden(v)
}

// rollOver stops and starts every server in turn and returns the longest time
// that one needed to end.
func (t *trial) rollOver(v *vault, pool *pool, rounds int) (slowest time.Duration, err error) {
	for range rounds {
		for i := range pool.servers {
			if err := pause(t.ctx, 500*time.Millisecond); err != nil {
				return 0, err
			}
			srv := pool.get(i)
			took, err := srv.stop(time.Minute)
			if err != nil {
				return 0, err
			}
			slowest = max(slowest, took)
			name := fmt.Sprintf("ingest%d", i)
			if srv, err = t.serve(name, t.settings(v, name)); err != nil {
				return 0, err
			}
			pool.put(i, srv)
		}
	}
	return slowest, nil
}

// goldenSegment is a segment of testdata/journal-v1.
type goldenSegment struct {
	Session recording.SessionID
	Window  recording.WindowID
	Seq     uint32
	Events  string
}

// readGolden gives a server a journal that the first version wrote, and packs
// of the oldest format, and plays both.
func (t *trial) readGolden(v *vault) error {
	var want []goldenSegment
	folder := filepath.Join(t.root, "tests", "faults", "testdata", "journal-v1")
	data, err := os.ReadFile(filepath.Join(folder, "segments.json"))
	if err == nil {
		err = json.Unmarshal(data, &want)
	}
	if err != nil {
		return fmt.Errorf("read golden journal: %w", err)
	}
	config := t.settings(v, "golden")
	if err := os.CopyFS(config.journal(), os.DirFS(folder)); err != nil {
		return fmt.Errorf("copy golden journal: %w", err)
	}
	srv, err := t.serve("golden", config)
	if err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	packed, err := t.putGoldenPacks(v)
	if err != nil {
		return err
	}
	if err := t.reindex(v); err != nil {
		return err
	}
	want = append(want, packed...)
	missing := 0
	for _, g := range want {
		played, err := t.playOne(v, g)
		if err != nil || played != g.Events {
			missing++
			t.note("golden segment %s/%s/%d: %v", g.Session, g.Window, g.Seq, err)
		}
	}
	t.figure("golden_segments", float64(len(want)))
	t.figure("golden_missing", float64(missing))
	t.expect(missing == 0, "%d segments of the oldest version cannot be played", missing)
	return nil
}

func (t *trial) playOne(v *vault, g goldenSegment) (string, error) {
	var b bytes.Buffer
	sel := playback.Selection{Window: g.Window, BySeq: true, FromSeq: g.Seq, ToSeq: g.Seq}
	if err := v.reader(mainProject).WriteSegments(t.ctx, &b, g.Session, sel); err != nil {
		return "", err
	}
	segments, gaps, err := splitPlayed(&b)
	if err != nil || len(segments) != 1 {
		return "", errors.Join(err, fmt.Errorf("%d segments, gaps %v", len(segments), gaps))
	}
	return string(segments[0].events), nil
}

// goldenPack is a pack of pkg/segment/testdata with what it holds.
type goldenPack struct {
	Footer segment.Footer
	Events []string // NDJSON of each segment
	data   []byte
}

// putGoldenPacks stores the golden packs of pkg/segment and returns what they
// hold. Of packs with the same key, the one that holds most.
func (t *trial) putGoldenPacks(v *vault) ([]goldenSegment, error) {
	files, err := filepath.Glob(filepath.Join(t.root, "pkg", "segment", "testdata", "v1", "*.pack"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, errors.New("no golden packs"))
	}
	packs := map[string]goldenPack{}
	for _, file := range files {
		pack, err := readGoldenPack(file)
		if err != nil {
			return nil, err
		}
		key := segment.PackKey(pack.Footer.Project, pack.Footer.Class, pack.Footer.ID)
		if pack.Footer.Project == mainProject && len(pack.Events) > len(packs[key].Events) {
			packs[key] = pack
		}
	}
	var out []goldenSegment
	for key, pack := range packs {
		if err := v.bucket.Put(t.ctx, key, bytes.NewReader(pack.data), int64(len(pack.data))); err != nil {
			return nil, err
		}
		for i, e := range pack.Footer.Entries {
			out = append(out, goldenSegment{Session: e.Session, Window: e.Window, Seq: e.Seq, Events: pack.Events[i]})
		}
	}
	return out, nil
}

func readGoldenPack(path string) (pack goldenPack, err error) {
	if pack.data, err = os.ReadFile(path); err != nil {
		return pack, fmt.Errorf("read golden pack: %w", err)
	}
	text, err := os.ReadFile(strings.TrimSuffix(path, ".pack") + ".json")
	if err == nil {
		err = json.Unmarshal(text, &pack)
	}
	if err != nil {
		return pack, fmt.Errorf("read golden pack: %w", err)
	}
	return pack, nil
}

// reindex runs the command on the row's stores.
func (t *trial) reindex(v *vault) error {
	config := filepath.Join(t.dir, "reindex.yaml")
	if err := t.settings(v, "reindex").write(config); err != nil {
		return err
	}
	out, err := exec.CommandContext(t.ctx, t.binary, "reindex", "--config", config).CombinedOutput()
	if err != nil {
		return fmt.Errorf("reindex: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
