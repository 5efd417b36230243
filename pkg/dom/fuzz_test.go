package dom_test

import (
	"errors"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

// FuzzApply applies lines of bytes as events to a document with small limits:
// nothing panics, the document stays whole and small, every question has an
// answer, and its keyframe is made of events.
func FuzzApply(f *testing.F) {
	addEvents(f)
	limits := dom.Limits{Nodes: 2000, Depth: 64, TextBytes: 64 << 10}
	f.Fuzz(func(t *testing.T, ndjson []byte) {
		d := dom.New(limits)
		for _, line := range rrweb.Lines(ndjson) {
			err := d.Apply(line)
			switch {
			case err == nil, errors.Is(err, dom.ErrSyntax), errors.Is(err, dom.ErrSnapshot):
			case errors.Is(err, dom.ErrLimit):
				if !d.Incomplete() {
					t.Fatal("a limit was met and the document says that it is whole")
				}
			default:
				t.Fatalf("undocumented error: %v", err)
			}
			if n := dom.LiveNodes(d); n > limits.Nodes {
				t.Fatalf("%d nodes", n)
			}
			// One event can go over the limit by what it brings itself.
			if n := dom.TextBytes(d); n > limits.TextBytes+4*len(line) {
				t.Fatalf("%d bytes of text after %d bytes of event", n, len(line))
			}
		}
		if err := dom.CheckInvariants(d); err != nil {
			t.Fatal(err)
		}
		asked := 0
		ask(d.Root(), &asked)
		for _, line := range rrweb.Lines(d.AppendKeyframe(nil, 1)) {
			if _, err := rrweb.Scan(line, 10_000); err != nil {
				t.Fatalf("keyframe: %v: %.300s", err, line)
			}
		}
	})
}

// FuzzKeyframe does the same, and plays the keyframe: it gives the document that
// it was made of.
func FuzzKeyframe(f *testing.F) {
	addEvents(f)
	f.Fuzz(func(t *testing.T, ndjson []byte) {
		d := dom.New(dom.Limits{Nodes: 2000, Depth: 64, TextBytes: 64 << 10})
		for _, line := range rrweb.Lines(ndjson) {
			_ = d.Apply(line) // what is wrong with it is FuzzApply's
		}
		// What is not UTF-8, which ingest refuses, is written as U+FFFD.
		if d.Ready() && utf8.Valid(ndjson) {
			checkKeyframe(t, d)
		}
	})
}

// addEvents adds small recordings, and events of every source.
func addEvents(f *testing.F) {
	f.Helper()
	const most = 8 << 10 // bytes; larger seeds are slow to change
	for _, r := range rrwebtest.Corpus(f) {
		if ndjson := r.NDJSON(); len(ndjson) <= most {
			f.Add(ndjson)
		}
	}
	for _, tt := range sourceTests {
		lines := []byte(page + "\n")
		for _, line := range tt.events {
			lines = append(append(lines, line...), '\n')
		}
		f.Add(lines)
	}
}

// FuzzMutations makes well-formed events of a byte string, about few ids, so
// that nodes are moved, repeated, put into one another and taken away in every
// way, and checks what FuzzApply and FuzzKeyframe check.
func FuzzMutations(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"))
	f.Add([]byte("zkq81mzpqk18fnvmz0187skq01mzkajhfgqieruthgkz"))
	limits := dom.Limits{Nodes: 200, Depth: 16, TextBytes: 8 << 10}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dom.New(limits)
		if err := d.Apply([]byte(page)); err != nil {
			t.Fatal(err)
		}
		for len(data) > 0 {
			var line string
			line, data = eventOf(data)
			if err := d.Apply([]byte(line)); err != nil && !errors.Is(err, dom.ErrLimit) {
				t.Fatalf("%v: %s", err, line)
			}
			if err := dom.CheckInvariants(d); err != nil {
				t.Fatalf("%v after %s", err, line)
			}
		}
		asked := 0
		ask(d.Root(), &asked)
		if d.Ready() {
			checkKeyframe(t, d)
		}
	})
}

// checkKeyframe plays a keyframe and compares the documents.
func checkKeyframe(t *testing.T, d *dom.Document) {
	t.Helper()
	keyframe := d.AppendKeyframe(nil, 1)
	if len(keyframe) == 0 {
		return // a document without an element has none
	}
	again := dom.New(dom.Limits{})
	for _, line := range rrweb.Lines(keyframe) {
		if err := again.Apply(line); err != nil {
			t.Fatalf("keyframe: %v: %.300s", err, line)
		}
	}
	if err := dom.CheckInvariants(again); err != nil {
		t.Fatal(err)
	}
	if got, want := dom.Outline(again), dom.Outline(d); got != want {
		t.Fatalf("from the keyframe\n%s", difference(got, want))
	}
}

// eventOf takes some bytes and makes an event of them.
func eventOf(data []byte) (string, []byte) {
	next := func(n int) int {
		if len(data) == 0 {
			return 0
		}
		b := int(data[0])
		data = data[1:]
		return b % n
	}
	id := func() int { return 1 + next(40) }
	reference := func() string { return [...]string{"null", "-1", fmt.Sprint(id()), fmt.Sprint(id())}[next(4)] }
	node := func() string {
		flags := [...]string{"", `,"isShadow":true`, `,"isShadowHost":true`, `,"isSVG":true`, `,"rootId":1`, `,"rootId":40`}[next(6)]
		tag := [...]string{"div", "iframe", "my-card", "style", "textarea", "html", "link", "select", "dialog"}[next(9)]
		attributes := [...]string{"", `"_cssText":"a { top: 0 }"`, `"value":"v"`, `"rr_width":"1px"`, `"open":"","rr_open_mode":"modal"`}[next(5)]
		child := [...]string{"", fmt.Sprintf(`{"type":3,"textContent":"x","id":%d}`, id())}[next(2)]
		return fmt.Sprintf([...]string{
			`{"type":2,"tagName":%[1]q,"attributes":{%[2]s},"childNodes":[%[3]s],"id":%[4]d%[5]s}`,
			`{"type":3,"textContent":"text","id":%[4]d%[5]s}`,
			`{"type":0,"childNodes":[{"type":2,"tagName":"html","attributes":{},"childNodes":[%[3]s],"id":%[6]d}],"id":%[4]d}`,
			`{"type":5,"textContent":"comment","id":%[4]d%[5]s}`,
			`{"type":1,"name":"html","publicId":"","systemId":"","id":%[4]d}`,
		}[[...]int{0, 0, 0, 1, 1, 2, 3, 4}[next(8)]], tag, attributes, child, id(), flags, id())
	}
	switch next(8) {
	case 0, 1, 2:
		adds := addition(id(), reference(), reference(), node())
		for range next(3) {
			adds += "," + addition(id(), reference(), reference(), node())
		}
		return mutation(`"adds":[` + adds + `]`), data
	case 3, 4:
		return mutation(fmt.Sprintf(`"removes":[{"parentId":%d,"id":%d},{"parentId":%d,"id":%d,"isShadow":true}]`, id(), id(), id(), id()),
			fmt.Sprintf(`"adds":[%s]`, addition(id(), reference(), reference(), node()))), data
	case 5:
		return mutation(fmt.Sprintf(`"texts":[{"id":%d,"value":"changed"}]`, id())), data
	case 6:
		change := [...]string{`"_cssText":"b { left: 0 }"`, `"value":"w"`, `"style":{"top":"1px"}`, `"open":null`, `"class":"c"`}[next(5)]
		return mutation(fmt.Sprintf(`"attributes":[{"id":%d,"attributes":{%s}}]`, id(), change)), data
	}
	return [...]string{
		incremental(5, fmt.Sprintf(`"id":%d,"text":"typed","isChecked":true`, id())),
		incremental(8, fmt.Sprintf(`"id":%d,"adds":[{"rule":"i { top: 0 }","index":%d}],"removes":[{"index":%d}]`, id(), next(3), next(3))),
		incremental(15, fmt.Sprintf(`"id":%d,"styles":[{"styleId":%d,"rules":[{"rule":"u { top: 0 }"}]}],"styleIds":[1,2]`, id(), 1+next(3))),
		incremental(13, fmt.Sprintf(`"id":%d,"index":[%d],"set":{"property":"top","value":"3px"}`, id(), next(2))),
	}[next(4)], data
}
