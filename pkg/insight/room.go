package insight

import "time"

// Hurry says whether segments come faster than they can be followed. Then other
// windows get no room beyond half of Bytes, and after longHurry all together a
// quarter: they would be read back anyway, and others need the memory. It returns
// whether it has been so for longHurry.
func (t *Tracker) Hurry(now bool) (long bool) {
	switch {
	case !now:
		t.hurried = time.Time{}
	case t.hurried.IsZero():
		t.hurried = t.Now()
	}
	if t.longHurried() {
		t.shrink(nil)
	}
	return t.longHurried()
}

// longHurry is longer than a burst: documents are not given up for one.
const longHurry = 15 * time.Second

func (t *Tracker) longHurried() bool {
	return !t.hurried.IsZero() && t.Now().Sub(t.hurried) >= longHurry
}

// room is how much memory the windows may take now.
func (t *Tracker) room() int {
	if t.longHurried() {
		return t.Bytes / 4
	}
	return t.Bytes
}

// crowded says that there is no room for another document, and none that is not
// needed. Taking turns would mean that each window is read from its beginning
// again with every segment; read once in a while it costs little.
func (t *Tracker) crowded() bool {
	room := t.room()
	if !t.hurried.IsZero() {
		room = min(room, t.Bytes/2)
	}
	if t.bytes < room-room/4 { // documents grow
		return false
	}
	for e := t.recent.Back(); e != nil; e = e.Prev() {
		if w := e.Value.(*window); w.state != nil {
			return t.Now().Sub(w.last) < quiet
		}
	}
	return false
}

// shrink takes documents from windows that had nothing for the longest time,
// until the rest fits; never that of the window in hand. Such a window is read
// from its beginning again, and the later the more there is to read: a window
// that loses its document again and again costs a few times its own size.
func (t *Tracker) shrink(except *window) {
	for e := t.recent.Back(); e != nil && t.bytes > t.room(); {
		w, before := e.Value.(*window), e.Prev()
		if w.state != nil && w != except {
			t.drop(w)
		}
		e = before
	}
	for e := t.recent.Back(); e != nil && len(t.windows) > maxWindows; {
		w, before := e.Value.(*window), e.Prev()
		if w.state == nil && !w.behind {
			t.recent.Remove(e)
			delete(t.windows, w.key)
		}
		e = before
	}
}

// drop takes the document of a window. When all that it waited for is out there
// is nothing to read until it goes on.
func (t *Tracker) drop(w *window) {
	t.stats.Dropped++
	lasted := time.Duration(w.latest.EndMs-w.begunMs) * time.Millisecond
	finished := w.finished
	t.restart(w)
	if !finished {
		t.later(w, max(quiet, lasted/2))
	}
}
