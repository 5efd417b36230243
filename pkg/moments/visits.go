package moments

import (
	"fmt"

	"github.com/playhead/playhead/pkg/recording"
)

// visits follows the addresses that a window showed.
type visits struct {
	before, current visit
}

type visit struct {
	url     string
	enterMs int64 // raw
	acted   bool  // the user clicked or wrote there
}

// acted: the user did something on the page.
func (v *visits) acted() { v.current.acted = true }

// visit takes the next address; back: the browser's history was used.
func (v *visits) visit(w *Window, url string, back bool) {
	if url == "" || url == v.current.url {
		return
	}
	stayed := w.place.rawMs - v.current.enterMs
	if url == v.before.url && stayed <= quickBackMs && stayed >= quickBackMinMs && (back || !v.current.acted) {
		w.signal(w.place, recording.SignalQuickBack, recording.Moment{
			Text:       fmt.Sprintf("back after %s on %s", seconds(stayed), path(v.current.url)),
			URL:        v.current.url,
			DurationMs: stayed,
			Attributes: map[string]string{"back_to": url, "interval_ms": decimal(float64(stayed))},
		})
	}
	v.before, v.current = v.current, visit{url: url, enterMs: w.place.rawMs}
}
