package moments

import (
	"hash/maphash"
	"slices"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
)

// seenTexts collects the texts that a user could see, each once for a page.
// It does not look at the whole document but when a full snapshot came and
// when a page ends: in between only at what changed.
type seenTexts struct {
	seed  maphash.Seed
	texts map[uint64]seenTime // of the page, by the hash of the text as it was recorded
	dirty map[int]int64       // blocks whose text changes, by the raw time of the last change
	found []recording.SeenText
	place map[uint64]int // of a text in found
	total int
	stale bool // the document does not show the page any more

	settledMs int64 // raw time up to which dirty was looked at
}

// seenTime is when a text was seen, server time. Masked text has a zero
// firstMs.
type seenTime struct{ firstMs, lastMs int64 }

// seenWalk looks at texts.
type seenWalk struct {
	s       *seenTexts
	w       *Window
	firstMs int64 // of what is new
	gone    bool  // the texts are no longer there: only those that are known count
	final   bool  // all are told, with now as the last time
}

// text takes a stretch of text.
func (x *seenWalk) text(text []byte) bool {
	s := x.s
	hash := maphash.Bytes(s.seed, text)
	known, ok := s.texts[hash]
	now := x.w.place.serverMs
	switch {
	case ok && known.firstMs == 0:
	case ok && (x.gone || x.final):
		if now > known.lastMs {
			known.lastMs = now
			s.texts[hash] = known
			s.tell(x.w, hash, unmask(string(text)), known)
		}
	case ok || x.gone:
	case len(s.texts) < maxTextsOfPage && s.total < maxTextsOfWindow:
		clear := unmask(string(text))
		if !says(clear) {
			s.texts[hash] = seenTime{}
			return true
		}
		known = seenTime{x.firstMs, max(now, x.firstMs)}
		s.texts[hash] = known
		s.total++
		s.tell(x.w, hash, clear, known)
	}
	return true
}

func (s *seenTexts) tell(w *Window, hash uint64, text string, at seenTime) {
	if k, ok := s.place[hash]; ok {
		s.found[k].LastMs = at.lastMs
		return
	}
	s.place[hash] = len(s.found)
	s.found = append(s.found, recording.SeenText{
		Project: w.place.id.Project, Session: w.place.id.Session, Window: w.place.id.Window, Page: w.place.page,
		Text: text, FirstMs: at.firstMs, LastMs: at.lastMs,
	})
}

// whole looks at all of the document.
func (s *seenTexts) whole(w *Window) {
	if s.texts == nil {
		s.texts, s.dirty, s.place = make(map[uint64]seenTime), make(map[int]int64), make(map[uint64]int)
		s.seed = maphash.MakeSeed()
	}
	clear(s.dirty)
	s.stale = false
	x := seenWalk{s: s, w: w, firstMs: w.place.serverMs}
	w.document.Root().TextBlocks(maxTextBytes, false, x.text)
}

// changed looks at what a mutation changed.
func (s *seenTexts) changed(w *Window, changes *dom.Changes, toggles []toggle) {
	if s.texts == nil || s.stale {
		return
	}
	gone := seenWalk{s: s, w: w, gone: true}
	for _, r := range changes.Removed {
		if !r.Node.Connected() {
			r.Node.TextBlocks(maxTextBytes, true, gone.text)
		}
	}
	come := seenWalk{s: s, w: w, firstMs: w.place.serverMs}
	for _, n := range changes.Added {
		if n.IsElement() {
			n.TextBlocks(maxTextBytes, false, come.text)
		} else {
			s.soon(w, n.Block())
		}
	}
	for _, t := range changes.Texts {
		s.soon(w, t.Node.Block())
	}
	for _, t := range toggles {
		switch {
		case t.hides && !t.hid:
			t.Node.TextBlocks(maxTextBytes, true, gone.text)
		case t.hid && !t.hides:
			t.Node.TextBlocks(maxTextBytes, false, come.text)
		}
	}
}

// settleMs is how long a text must stay as it is to count as seen: what is
// written letter by letter would else be seen in all its lengths.
const settleMs = 500

func (s *seenTexts) soon(w *Window, block dom.Node) {
	if id := block.ID(); id != 0 && (len(s.dirty) < maxDirty || s.dirty[id] != 0) {
		s.dirty[id] = w.place.rawMs
	}
}

func (s *seenTexts) tick(w *Window) {
	if len(s.dirty) > 0 && w.now-s.settledMs >= settleMs {
		s.settledMs = w.now
		s.settle(w, w.now-settleMs)
	}
}

// settle looks at the blocks that have not changed since a raw time.
func (s *seenTexts) settle(w *Window, sinceMs int64) {
	var due []int
	for id, at := range s.dirty {
		if at <= sinceMs {
			due = append(due, id)
		}
	}
	slices.Sort(due) // the order of findings is that of the ids
	for _, id := range due {
		x := seenWalk{s: s, w: w, firstMs: s.dirty[id] + w.offset}
		delete(s.dirty, id)
		if n := w.document.ByID(id); n.Connected() {
			n.TextBlocks(maxTextBytes, false, x.text)
		}
	}
}

// leave looks at all of the document a last time: what is there was seen until
// now.
func (s *seenTexts) leave(w *Window) {
	if s.texts == nil || s.stale {
		return
	}
	s.settle(w, w.now)
	x := seenWalk{s: s, w: w, firstMs: w.place.serverMs, final: true}
	w.document.Root().TextBlocks(maxTextBytes, false, x.text)
}

// turn ends a page. place is still one of it.
func (s *seenTexts) turn(w *Window) {
	s.leave(w)
	clear(s.texts)
	clear(s.dirty)
	clear(s.place) // the same text on the next page is another one
	s.stale = true
}

// gap: what the document shows is not what the page shows.
func (s *seenTexts) gap() {
	clear(s.dirty)
	s.stale = true
}

// report hands over what was found.
func (s *seenTexts) report(w *Window) {
	w.found.Texts = append(w.found.Texts, s.found...)
	s.found = nil
	clear(s.place)
}

func (s *seenTexts) size() int {
	const perText, perDirty = 56, 32
	return len(s.texts)*perText + len(s.dirty)*perDirty
}
