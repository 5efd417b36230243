package dom_test

import (
	"errors"
	"testing"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

// TestKeyframesOfTheCorpus plays every recording twice from 20 instants: from
// the start, and from a keyframe made at that instant. Both must be the same
// document all the way to the next instant.
func TestKeyframesOfTheCorpus(t *testing.T) {
	const instants = 20
	for _, r := range rrwebtest.Corpus(t) {
		t.Run(r.Name, func(t *testing.T) {
			whole := dom.New(dom.Limits{})
			var other *dom.Document
			step := max(1, len(r.Lines)/instants)
			for i, line := range r.Lines {
				apply(t, whole, line)
				if other != nil {
					apply(t, other, line)
				}
				if (i+1)%step != 0 && i != len(r.Lines)-1 || !whole.Ready() {
					continue
				}
				want := dom.Outline(whole)
				if other != nil {
					if got := dom.Outline(other); got != want {
						t.Fatalf("event %d: from the last keyframe\n%s", i, difference(got, want))
					}
				}
				other = dom.New(dom.Limits{})
				for _, line := range rrweb.Lines(whole.AppendKeyframe(nil, 1)) {
					apply(t, other, line)
				}
				if got := dom.Outline(other); got != want {
					t.Fatalf("event %d: a document of the keyframe\n%s", i, difference(got, want))
				}
				if err := dom.CheckInvariants(whole); err != nil {
					t.Fatalf("event %d: %v", i, err)
				}
			}
		})
	}
}

func apply(t *testing.T, d *dom.Document, line []byte) {
	t.Helper()
	if err := d.Apply(line); err != nil && !errors.Is(err, dom.ErrSyntax) {
		t.Fatalf("%v: %.200s", err, line)
	}
}

// difference shows two texts from where they differ.
func difference(got, want string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	around := func(s string) string { return s[max(0, i-150):min(len(s), i+150)] }
	return "got  " + around(got) + "\nwant " + around(want)
}

// TestQueriesOfTheCorpus asks everything about every element of the last
// document of every recording.
func TestQueriesOfTheCorpus(t *testing.T) {
	for _, r := range rrwebtest.Corpus(t) {
		t.Run(r.Name, func(t *testing.T) {
			d := dom.New(dom.Limits{})
			for _, line := range r.Lines {
				apply(t, d, line)
			}
			asked := 0
			ask(d.Root(), &asked)
		})
	}
}

func ask(n dom.Node, asked *int) {
	if *asked++; *asked > 2000 {
		return
	}
	n.Name()
	n.Label()
	n.Visible()
	n.VisibleText(200)
	if *asked < 100 {
		n.Selector()
	}
	for c := range n.Children() {
		ask(c, asked)
	}
	for _, inner := range []dom.Node{n.ShadowRoot(), n.ContentDocument()} {
		if inner.Exists() {
			ask(inner, asked)
		}
	}
}
