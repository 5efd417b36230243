package moments

import (
	"fmt"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
)

// blank watches whether a page shows anything.
type blank struct {
	since place // when it may have begun to show nothing
	dueMs int64 // raw time at which to look; 0: never
	told  bool
}

// expect looks at a page some time after its full snapshot.
func (b *blank) expect(w *Window) {
	if !b.told && b.dueMs == 0 && !showsAnything(w.document) {
		b.since, b.dueMs = w.place, w.now+blankMs
	}
}

// changed looks again some time after much was taken away.
func (b *blank) changed(w *Window, changes *dom.Changes) {
	if b.told || b.dueMs != 0 {
		return
	}
	for _, r := range changes.Removed {
		if tag := r.From.Tag(); tag == "body" || r.From.Parent().Tag() == "body" {
			if !showsAnything(w.document) {
				b.since, b.dueMs = w.place, w.now+blankMs
			}
			return
		}
	}
}

func (b *blank) tick(w *Window) {
	if b.dueMs == 0 || w.now < b.dueMs {
		return
	}
	b.dueMs = 0
	if w.hidden || w.lost || !w.document.Ready() || showsAnything(w.document) {
		return
	}
	b.told = true
	w.signal(b.since, recording.SignalBlankPage, recording.Moment{
		Text:       fmt.Sprintf("the page showed nothing for %s and more", seconds(blankMs)),
		DurationMs: w.now - b.since.rawMs,
		Attributes: map[string]string{"interval_ms": decimal(float64(w.now - b.since.rawMs))},
	})
}

// showsAnything reports whether there is something to see in a document: text,
// an image, a field. It stops at the first, and gives up on large ones.
func showsAnything(d *dom.Document) bool {
	left := maxWalked
	return shows(d.Root(), &left)
}

func shows(n dom.Node, left *int) bool {
	if *left--; *left < 0 {
		return true
	}
	switch n.Type() {
	case dom.TypeText:
		return says(n.Data())
	case dom.TypeElement:
		if n.IsBlocked() {
			return true
		}
		switch n.Tag() {
		case "head", "noscript", "style", "template", "title", "meta", "link":
			return false
		case "img", "svg", "canvas", "video", "audio", "iframe", "object", "embed", "input", "button", "select", "textarea", "picture":
			return !n.Hides()
		}
		if n.Hides() {
			return false
		}
	}
	for c := range n.Children() {
		if shows(c, left) {
			return true
		}
	}
	for _, inner := range [2]dom.Node{n.ShadowRoot(), n.ContentDocument()} {
		if inner.Exists() && shows(inner, left) {
			return true
		}
	}
	return false
}
