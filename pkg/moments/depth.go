package moments

import (
	"strconv"

	"github.com/playhead/playhead/pkg/recording"
)

// depth follows how far down a page the user scrolled. How long the page is
// only its layout knows, which a recording does not have; the unit is screens.
type depth struct {
	begun   bool
	place   place // of the first scroll
	deepest float64
	told    float64
	height  int // of the screen
	lastMs  int64
}

func (d *depth) scrolled(w *Window, data []byte) {
	root := w.document.Root()
	if !root.Exists() || integer(data, "id") != root.ID() {
		return
	}
	_, height := w.document.Viewport()
	if !d.begun {
		*d = depth{begun: true, place: w.place}
	}
	d.height = max(d.height, height)
	d.deepest = max(d.deepest, number(data, "y"))
	d.lastMs = w.place.rawMs
}

// report tells how deep it was, again when it is at least a screen deeper.
func (d *depth) report(w *Window) {
	if d.begun && (d.told == 0 && d.deepest > 0 || d.deepest-d.told >= float64(max(d.height, 1))) {
		d.tell(w)
	}
}

func (d *depth) tell(w *Window) {
	d.told = d.deepest
	screens := ""
	if d.height > 0 {
		screens = strconv.FormatFloat(d.deepest/float64(d.height)+1, 'f', 1, 64)
	}
	w.emit(d.place, partScroll, recording.Moment{
		Kind: recording.KindScroll, DurationMs: d.lastMs - d.place.rawMs,
		Attributes: map[string]string{"pixels": decimal(d.deepest), "screens": screens},
	})
}

// leave ends a page.
func (d *depth) leave(w *Window) {
	if d.begun && d.deepest > d.told {
		d.tell(w)
	}
	*d = depth{}
}
