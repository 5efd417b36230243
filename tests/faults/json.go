//go:build unix

package faults

import (
	"fmt"
	"strings"
	"time"
)

// strange is a body that a parser may choke on.
type strange struct {
	name     string
	event    string // the line
	statuses []int  // that are right
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
	refused := []int{400, 413, 422}
	return []strange{
		{"depth_5m", wrap(strings.Repeat("[", 5_000_000) + strings.Repeat("]", 100)), refused},
		{"empty_objects_6_5m", wrap("[" + strings.Repeat("{},", 6_500_000) + "{}]"), append(refused, 202)},
		{"empty_objects_2_6m", wrap("[" + strings.Repeat("{},", 2_600_000) + "{}]"), append(refused, 202)},
		{"keys_1_2m", wrap(keys(1_200_000)), append(refused, 202)},
		{"keys_500k", wrap(keys(500_000)), append(refused, 202)},
		{"number_1mb", `{"type":3,"timestamp":` + strings.Repeat("1", 1<<20) + `,"data":{}}`, refused},
		{"nul", wrap("\"a\x00b\""), refused},
		{"bad_utf8", wrap("\"a\xff\xfeb\""), refused},
		{"overlong_utf8", wrap("\"a\xc0\xafb\""), refused},
		{"raw_newline_split", `{"type":3,` + "\n" + `"timestamp":1763791872123}`, refused},
		{"not_closed", `{"type":3,"timestamp":1763791872123,"data":{`, refused},
		{"duplicate_keys", `{"type":2,"type":3,"timestamp":1,"timestamp":1763791872123,"data":{"source":1,"source":0}}`, append(refused, 202)},
		{"lone_surrogates", wrap(`"\ud800 \udfff"`), append(refused, 202)},
	}
}

// usualGrowth is by how much the resident memory of a server comes and goes
// without any hostile body, and how much of a body's growth is not looked at.
const usualGrowth = 8 << 20

// hostileJSON is row 16.
func hostileJSON(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	// Or the bodies would be refused as bombs, before anything reads them.
	srv, err := t.serve("ingest", t.settings(v, "ingest").with("limits", "decompression_ratio", 100_000))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	if err := t.warmUp(s); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	wrong, worst := 0, 0.0
	for _, b := range strangeBodies() {
		u := newTape(t.rng.Uint64(), b.name).cut()
		u.events, u.count, u.moments = []byte(b.event+"\n"), 1, 0
		var out outcome
		growth, _, err := t.memoryGrowth(srv, func() error {
			out = s.send(t.ctx, u)
			if out.acknowledged() {
				return srv.drained(time.Minute)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !contains(b.statuses, out.status) {
			wrong++
			t.note("%s is answered %d: %s %v", b.name, out.status, out.problem, out.err)
		}
		factor := max(0, growth-usualGrowth) / float64(len(u.events))
		t.note("%s: %d, memory grew by %.1f MB, %.1f bodies", b.name, out.status, growth/1e6, factor)
		worst = max(worst, factor)
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
	t.figure("memory_per_body", worst)
	t.judge(result)
	t.expect(wrong == 0, "%d bodies are answered wrongly", wrong)
	t.expect(worst <= 3, "memory grew by %.1f times the body", worst)
	return nil
}
