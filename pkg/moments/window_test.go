package moments_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
)

// TestKeyframes: a window that begins with a keyframe shows the same as the one
// that made it, to the end of the recording.
func TestKeyframes(t *testing.T) {
	const instants = 20
	for _, name := range []string{"vanished-message", "double-order", "layout-thrash"} {
		t.Run(name, func(t *testing.T) {
			lines := readRecording(t, filepath.Join("..", "..", "examples", "shop", "recordings", name+".json"))
			step := max(1, len(lines)/instants)
			compared := 0
			for at := 2; at < len(lines); at += step {
				whole := moments.NewWindow(moments.WindowOptions{})
				apply(whole, 0, lines[:at])
				keyframe, page, ok := whole.AppendKeyframe(nil)
				if !ok || page != "page" {
					t.Fatalf("event %d: no keyframe", at)
				}
				other := moments.NewWindow(moments.WindowOptions{})
				apply(other, 0, [][]byte{bytes.TrimSuffix(keyframe, []byte("\n"))})
				apply(whole, 1, lines[at:])
				apply(other, 1, lines[at:])
				want, _, _ := whole.AppendKeyframe(nil)
				got, _, _ := other.AppendKeyframe(nil)
				if !bytes.Equal(got, want) {
					t.Fatalf("from the keyframe at event %d\n%.600s\nwant\n%.600s", at, got, want)
				}
				compared++
			}
			if compared < instants {
				t.Errorf("%d keyframes compared, want %d", compared, instants)
			}
		})
	}
}

func apply(w *moments.Window, seq uint32, lines [][]byte) moments.Findings {
	s := recording.Segment{Page: "page"}
	s.Seq = seq
	return w.Apply(&s, append(bytes.Join(lines, []byte{'\n'}), '\n'))
}

const (
	blankPage = `{"type":4,"timestamp":1000,"data":{"href":"https://shop.test/","width":800,"height":600}}
{"type":2,"timestamp":1001,"data":{"node":{"type":0,"id":1,"childNodes":[{"type":2,"tagName":"html","attributes":{},"id":2,"childNodes":[{"type":2,"tagName":"body","attributes":{},"id":3,"childNodes":[{"type":2,"tagName":"p","attributes":{"id":"p"},"id":4,"childNodes":[{"type":3,"textContent":"Hello there","id":5}]}]}]}]},"initialOffset":{"left":0,"top":0}}}`
	mutation = `{"type":3,"timestamp":%d,"data":{"source":0,"texts":[{"id":5,"value":"%s"}],"attributes":[],"removes":[],"adds":[]}}`
)

func lines(events ...string) [][]byte {
	return bytes.Split([]byte(strings.Join(events, "\n")), []byte{'\n'})
}

// What is counted by page says on which it happened.
func TestWhatHappensOnAPage(t *testing.T) {
	own := func(at int, kind, payload string) string {
		return fmt.Sprintf(`{"type":5,"timestamp":%d,"data":{"tag":"playhead.%s","payload":%s}}`, at, kind, payload)
	}
	found := apply(moments.NewWindow(moments.WindowOptions{}), 0, lines(blankPage,
		own(2000, "error", `{"exception.type":"TypeError","exception.message":"x","source":"error"}`),
		own(3000, "navigation", `{"url.full":"https://shop.test/cart","navigation.type":"push"}`),
		own(4000, "console", `{"level":"error","message":"y"}`),
		own(5000, "vital", `{"name":"LCP","value":1,"rating":"good","url.full":"https://shop.test/"}`),
		own(5001, "vital", `{"name":"INP","value":1,"rating":"good"}`)))
	got := map[string]string{}
	for _, m := range found.Moments {
		if m.Part == 0 && m.Kind != recording.KindPageLoad && m.Kind != recording.KindNavigation {
			got[m.Name] = m.URL
		}
	}
	want := map[string]string{"TypeError": "https://shop.test/", "error": "https://shop.test/cart", "LCP": "https://shop.test/", "INP": "https://shop.test/cart"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("pages %v, want %v", got, want)
	}
}

func TestKeyframeDue(t *testing.T) {
	w := moments.NewWindow(moments.WindowOptions{})
	if _, _, ok := w.AppendKeyframe(nil); ok || w.KeyframeDue() {
		t.Error("a keyframe of nothing")
	}
	apply(w, 0, lines(blankPage))
	if w.KeyframeDue() {
		t.Error("due right after a full snapshot")
	}
	for second := range 31 {
		apply(w, uint32(second+1), lines(fmt.Sprintf(mutation, 2000+second*1000, "Hello")))
	}
	if !w.KeyframeDue() {
		t.Error("not due after 31 s of activity")
	}
	if _, _, ok := w.AppendKeyframe(nil); !ok || w.KeyframeDue() {
		t.Error("still due after a keyframe")
	}
	many := make([]string, 0, 2000)
	for range 2000 {
		many = append(many, fmt.Sprintf(mutation, 40_000, "Hello"))
	}
	apply(w, 40, lines(many...))
	if !w.KeyframeDue() {
		t.Error("not due after 2000 mutations")
	}
	gap := w.Gap(recording.SegmentID{Seq: 50}, 41_000)
	if len(gap.Moments) != 1 || gap.Moments[0].Kind != recording.KindGap || gap.Moments[0].Seq != 50 {
		t.Errorf("a gap is %+v", gap.Moments)
	}
	apply(w, 50, lines(fmt.Sprintf(mutation, 42_000, "Hello")))
	if _, _, ok := w.AppendKeyframe(nil); ok || w.KeyframeDue() {
		t.Error("a keyframe of a document that is not whole")
	}
	apply(w, 51, lines(blankPage))
	if !w.KeyframeDue() {
		t.Error("not due when the document is whole again")
	}
}

// TestSeenText: text is found once for a page with its first and last instant;
// masked text and what is in fields is not.
func TestSeenText(t *testing.T) {
	page := strings.Replace(blankPage, `{"type":3,"textContent":"Hello there","id":5}`,
		`{"type":3,"textContent":"Hello there","id":5},{"type":2,"tagName":"b","attributes":{},"id":6,"childNodes":[{"type":3,"textContent":" **** *****","id":7}]},`+
			`{"type":2,"tagName":"textarea","attributes":{"value":"secret words"},"id":8,"childNodes":[]},`+
			`{"type":2,"tagName":"div","attributes":{"style":"display: none"},"id":9,"childNodes":[{"type":3,"textContent":"Payment declined","id":10}]}`, 1)
	w := moments.NewWindow(moments.WindowOptions{})
	found := apply(w, 0, lines(page))
	shown := apply(w, 1, lines(`{"type":3,"timestamp":5000,"data":{"source":0,"texts":[],"removes":[],"adds":[],"attributes":[{"id":9,"attributes":{"style":{"display":"block"}}}]}}`))
	hidden := apply(w, 2, lines(`{"type":3,"timestamp":7000,"data":{"source":0,"texts":[],"removes":[],"adds":[],"attributes":[{"id":9,"attributes":{"style":{"display":"none"}}}]}}`,
		`{"type":3,"timestamp":9000,"data":{"source":3,"id":1,"x":0,"y":10}}`))
	end := w.Finish()
	got := make(map[string][2]int64)
	for _, x := range append(append(append(found.Texts, shown.Texts...), hidden.Texts...), end.Texts...) {
		first := x.FirstMs
		if known, ok := got[x.Text]; ok {
			first = min(first, known[0])
		}
		got[x.Text] = [2]int64{first, max(got[x.Text][1], x.LastMs)}
	}
	want := map[string][2]int64{"Hello there": {1001, 9000}, "Payment declined": {5000, 7000}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("seen %v, want %v", got, want)
	}
}

// FuzzWindow applies lines of bytes as segments to a window with small limits,
// with gaps in between: nothing panics, nothing grows without bound, and the
// same input finds the same.
func FuzzWindow(f *testing.F) {
	for _, name := range []string{"vanished_message", "double_submit", "validation_error", "rage_click"} {
		var ndjson []byte
		for _, s := range readSegments(f, name) {
			ndjson = append(ndjson, s.ndjson...)
		}
		f.Add(ndjson, uint8(3))
	}
	f.Add([]byte(blankPage+"\n"+fmt.Sprintf(mutation, 2000, "Hello")+"\n"), uint8(1))
	f.Fuzz(func(t *testing.T, ndjson []byte, cut uint8) {
		first, second := fuzzed(ndjson, cut), fuzzed(ndjson, cut)
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("the same events find\n%+v\nand\n%+v", first, second)
		}
		for _, m := range first.Moments {
			if len(m.Text) > 2048 || len(m.Selector) > 2048 || m.DurationMs < 0 {
				t.Fatalf("moment out of bounds: %+v", m)
			}
		}
		for _, x := range first.Texts {
			if len(x.Text) > 1024 || strings.Contains(x.Text, "**") || x.LastMs < x.FirstMs {
				t.Fatalf("text out of bounds: %+v", x)
			}
		}
	})
}

// fuzzed applies lines in segments of cut lines, every fifth of which is
// missing.
func fuzzed(ndjson []byte, cut uint8) moments.Findings {
	w := moments.NewWindow(moments.WindowOptions{Limits: dom.Limits{Nodes: 2000, Depth: 64, TextBytes: 64 << 10}})
	var all moments.Findings
	add := func(f moments.Findings) {
		all.Moments = append(all.Moments, f.Moments...)
		all.Texts = append(all.Texts, f.Texts...)
	}
	var part [][]byte
	seq := uint32(0)
	flush := func() {
		if seq++; seq%5 == 4 {
			add(w.Gap(recording.SegmentID{Seq: seq + 1}, int64(seq)))
		} else {
			add(apply(w, seq, part))
		}
		w.KeyframeDue()
		part = nil
	}
	for _, line := range rrweb.Lines(ndjson) {
		if part = append(part, line); len(part) > int(cut) {
			flush()
		}
	}
	flush()
	add(w.Finish())
	return all
}
