//go:build unix

package faults

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
)

// strange is a body that a parser may choke on.
type strange struct {
	name   string
	event  string // the line
	status int    // that is right
}

// strangeBodies are events that are too much of something, or not JSON, or JSON
// that other parsers read differently. Some may be taken, and are then stored as
// they came: many values within the limits of size cost a reader of bytes
// nothing; the last of repeated names counts, as in JavaScript; and browsers do
// write lone surrogates.
func strangeBodies() []strange {
	wrap := func(data string) string { return `{"type":3,"timestamp":1763791872123,"data":` + data + `}` }
	keys := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"k":0`)
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":0`, i)
		}
		b.WriteByte('}')
		return b.String()
	}
	const taken, malformed, unstorable = http.StatusAccepted, http.StatusBadRequest, http.StatusUnprocessableEntity
	return []strange{
		{"depth_5m", wrap(strings.Repeat("[", 5_000_000) + strings.Repeat("]", 100)), unstorable},
		{"empty_objects_6_5m", wrap("[" + strings.Repeat("{},", 6_500_000) + "{}]"), taken},
		{"empty_objects_2_6m", wrap("[" + strings.Repeat("{},", 2_600_000) + "{}]"), taken},
		{"keys_1_2m", wrap(keys(1_200_000)), taken},
		{"keys_500k", wrap(keys(500_000)), taken},
		{"number_1mb", `{"type":3,"timestamp":` + strings.Repeat("1", 1<<20) + `,"data":{}}`, unstorable},
		{"nul", wrap("\"a\x00b\""), malformed},
		{"bad_utf8", wrap("\"a\xff\xfeb\""), malformed},
		{"overlong_utf8", wrap("\"a\xc0\xafb\""), malformed},
		{"raw_newline_split", `{"type":3,` + "\n" + `"timestamp":1763791872123}`, malformed},
		{"not_closed", `{"type":3,"timestamp":1763791872123,"data":{`, malformed},
		{"duplicate_keys", `{"type":2,"type":3,"timestamp":1,"timestamp":1763791872123,"data":{"source":1,"source":0}}`, taken},
		{"lone_surrogates", wrap(`"\ud800 \udfff"`), taken},
	}
}

const (
	// usualGrowth is by how much the heap of a server comes and goes, with frames,
	// packs and what finding out about windows takes: what a body's growth is not
	// charged with, and all that one of less than largeStrange may cost.
	usualGrowth = 8 << 20

	// largeStrange is the size from which a body's growth is compared with it.
	largeStrange = 4 << 20
)

// quietHeap returns the heap's size when what was stored last has been followed
// too, and nothing of it is left to collect: the smallest within a while, in
// which asking makes the collector run.
func (t *trial) quietHeap(srv *server) (float64, error) {
	smallest := math.Inf(1)
	for end := time.Now().Add(t.pickTime(2*time.Second, 100*time.Millisecond)); time.Now().Before(end); {
		now, _, err := srv.metric(heapInUse)
		if err != nil {
			return 0, err
		}
		smallest = min(smallest, now)
	}
	return smallest, nil
}

// hostileJSON is row 16.
func hostileJSON(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	// Or the bodies would be refused as bombs, before anything reads them. The heap
	// is to be what is in use, not what is not collected yet.
	config := t.settings(v, "ingest").with("limits", "decompression_ratio", 100_000)
	srv, err := t.serve("ingest", config, "env", "GOGC=10")
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	if err := t.warmUp(s); err != nil {
		return err
	}
	// What compressing a large body takes is kept for the next one.
	large := newTape(t.rng.Uint64(), "large")
	large.lines, large.text = 100, 80_000
	if err := s.deliver(t.ctx, large.cut()); err != nil {
		return err
	}
	if err := srv.followed(time.Minute); err != nil {
		return err
	}
	wrong, worst, plain := 0, 0.0, 0.0
	for _, b := range strangeBodies() {
		before, err := t.quietHeap(srv)
		if err != nil {
			return err
		}
		u := newTape(t.rng.Uint64(), b.name).cut()
		u.events, u.count, u.moments = []byte(b.event+"\n"), 1, 0
		var out outcome
		var heap float64
		growth, _, err := t.memoryGrowth(srv, func() (err error) {
			heap, err = t.watch(srv, heapInUse, func() error {
				out = s.send(t.ctx, u)
				if out.acknowledged() {
					return srv.followed(time.Minute)
				}
				return nil
			})
			return err
		})
		if err != nil {
			return err
		}
		heap = max(0, heap-before)
		if out.status != b.status {
			wrong++
			t.note("%s is answered %d: %s %v", b.name, out.status, out.problem, out.err)
		}
		t.note("%s: %d, %.1f MB, the heap grew by %.1f MB, resident memory by %.1f MB", b.name, out.status, float64(len(u.events))/1e6, heap/1e6, growth/1e6)
		if len(u.events) < largeStrange {
			t.expect(heap < usualGrowth, "the heap grew by %.1f MB for %s", heap/1e6, b.name)
			continue
		}
		worst, plain = max(worst, (heap-usualGrowth)/float64(len(u.events))), max(plain, heap/float64(len(u.events)))
	}
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("bodies", float64(len(strangeBodies())))
	t.figure("wrong_answers", float64(wrong))
	t.figure("heap_per_body", plain)
	t.figure("heap_per_body_beyond_usual", worst)
	t.judge(result)
	t.expect(wrong == 0, "%d bodies are answered wrongly", wrong)
	t.expect(worst <= 3, "the heap grew by %.1f times the body and %d MiB", worst, usualGrowth>>20)
	return nil
}
