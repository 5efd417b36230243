package moments

import (
	"fmt"
	"math"
	"strconv"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
)

// frames follows frames that took long, and who wrote styles meanwhile.
type frames struct {
	burst  []frame
	writes []styleWrites
}

type frame struct {
	place
	durationMs int64
	script     string
	invoker    string
}

// styleWrites are the style attributes that one event changed.
type styleWrites struct {
	rawMs int64
	count int
	top   int // node that all of the elements are in
}

// wrote takes what a change did to style attributes.
func (f *frames) wrote(w *Window, changes *dom.Changes) {
	count := 0
	var top dom.Node
	for _, a := range changes.Attributes {
		if a.Name != "style" {
			continue
		}
		if count++; count == 1 {
			top = a.Node
		} else if count <= maxStyleWrites {
			top = common(top, a.Node)
		}
	}
	if count == 0 {
		return
	}
	if len(f.writes) == maxStyleWrites {
		f.writes = append(f.writes[:0], f.writes[1:]...)
	}
	f.writes = append(f.writes, styleWrites{w.place.rawMs, count, top.ID()})
}

// common is the nearest node that two nodes are in.
func common(a, b dom.Node) dom.Node {
	const most = 64
	if a == b || a == b.Above() {
		return a
	}
	for i := 0; a.Exists() && i < most; i++ {
		inner := b
		for j := 0; inner.Exists() && j < most; j++ {
			if inner == a {
				return a
			}
			inner = inner.Above()
		}
		a = a.Above()
	}
	return dom.Node{}
}

// long takes the moment of a long frame. It is reported up to a second or two
// after the frame.
func (f *frames) long(w *Window, m *recording.Moment) {
	if len(f.burst) < maxFrames {
		f.burst = append(f.burst, frame{w.place, m.DurationMs, m.Text, m.Attributes["invoker"]})
	}
}

func (f *frames) tick(w *Window) {
	if n := len(f.burst); n > 0 && w.now-f.burst[n-1].rawMs > frameBurstMs {
		f.finish(w)
	}
}

// finish ends a burst of long frames.
func (f *frames) finish(w *Window) {
	if len(f.burst) == 0 {
		return
	}
	burst := f.burst
	f.burst = nil
	total, longest, lost := int64(0), burst[0], 0
	for _, x := range burst {
		total += x.durationMs
		if x.durationMs > longest.durationMs {
			longest = x
		}
		lost += max(0, int(math.Round(float64(x.durationMs)/frameMs))-1)
	}
	from := burst[0].rawMs - frameBurstMs - burst[0].durationMs
	events, count, top := f.during(w, from, burst[len(burst)-1].rawMs)
	attributes := map[string]string{
		"frames": strconv.Itoa(len(burst)), "lost_frames": strconv.Itoa(lost), "longest_ms": decimal(float64(longest.durationMs)),
		"script": longest.script, "invoker": longest.invoker,
	}
	if k := w.clicks.before(burst[0].rawMs, frameBurstMs+burst[0].durationMs); k != nil {
		attributes["after"] = k.name
	}
	if len(burst) >= thrashFrames && lost >= thrashLost && events >= thrashFrames && count >= thrashWrites {
		e := describe(top)
		attributes["element"], attributes["style_writes"] = e.String(), strconv.Itoa(count)
		where := ""
		if top.Exists() {
			where = " of " + e.String()
		}
		w.signal(burst[0].place, recording.SignalLayoutThrash, recording.Moment{
			Text: fmt.Sprintf("the animation%s lost %d frames: %d in a row took %s while scripts wrote %d styles",
				where, lost, len(burst), seconds(total), count),
			Selector: e.selector, DurationMs: total, Attributes: attributes,
		})
		return
	}
	if longest.durationMs < frozenMs {
		return
	}
	text := fmt.Sprintf("the page did not answer for %s", seconds(longest.durationMs))
	if longest.script != "" {
		text += " while " + longest.script + " ran"
	}
	w.signal(longest.place, recording.SignalFrozenPage, recording.Moment{
		Text: text, DurationMs: longest.durationMs, Attributes: attributes,
	})
}

// during sums up the style writes between two raw times.
func (f *frames) during(w *Window, from, to int64) (events, count int, top dom.Node) {
	for _, s := range f.writes {
		if s.rawMs < from || s.rawMs > to {
			continue
		}
		n := w.document.ByID(s.top)
		if count += s.count; events == 0 {
			top = n
		} else if top.Exists() && n.Exists() {
			top = common(top, n)
		}
		events++
	}
	f.writes = nil
	if top.IsElement() && (top.Tag() == "body" || top.Tag() == "html") {
		top = dom.Node{}
	}
	return events, count, top
}
