package moments

import (
	"fmt"
	"math"
	"strconv"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
)

// cursor follows the mouse pointer.
type cursor struct {
	begun   bool
	last    point
	turn    point   // where it last turned
	heading [2]int  // -1, 0 or 1 on each axis
	turns   []int64 // raw times of the turns
	first   place   // of the event with the first of them
	travel  float64 // since then
	told    int64   // raw time of the last signal
}

// pressed: what follows is not thrashing.
func (c *cursor) pressed() { c.turns = nil }

// moved takes a mouse move event.
func (c *cursor) moved(w *Window, line []byte) {
	positions(rrweb.Data(line), w.place.rawMs, func(p point) { c.to(w, p) })
}

// to takes the next point of the way.
func (c *cursor) to(w *Window, p point) {
	if !c.begun || p.rawMs-c.last.rawMs > cursorMs || p.rawMs < c.last.rawMs {
		c.begun, c.last, c.turn, c.heading, c.turns = true, p, p, [2]int{}, nil
		return
	}
	dx, dy := p.x-c.turn.x, p.y-c.turn.y
	axis, way := 0, dx
	if math.Abs(dy) > math.Abs(dx) {
		axis, way = 1, dy
	}
	heading := 1
	if way < 0 {
		heading = -1
	}
	c.travel += math.Hypot(p.x-c.last.x, p.y-c.last.y)
	c.last = p
	switch {
	case c.heading[axis] == heading:
		c.turn = p // still the same way: it can only turn from here
	case math.Abs(way) >= cursorTravelPx:
		if c.heading[axis] != 0 {
			c.turned(w, p)
		}
		c.heading[axis], c.turn = heading, p
	}
}

// turned counts a reversal.
func (c *cursor) turned(w *Window, p point) {
	for len(c.turns) > 0 && p.rawMs-c.turns[0] > cursorMs {
		c.turns = c.turns[1:]
	}
	if len(c.turns) == 0 {
		c.first, c.travel = w.place, 0
	}
	c.turns = append(c.turns, p.rawMs)
	if len(c.turns) < cursorReversals || p.rawMs-c.told <= vanishedMs && c.told != 0 {
		return
	}
	c.told = p.rawMs
	span := p.rawMs - c.turns[0]
	w.signal(c.first, recording.SignalThrashedCursor, recording.Moment{
		Text:       fmt.Sprintf("the pointer was thrown back and forth %d times within %s", len(c.turns), seconds(span)),
		DurationMs: span,
		Attributes: map[string]string{"reversals": strconv.Itoa(len(c.turns)), "pixels": decimal(c.travel), "interval_ms": decimal(float64(span))},
	})
	c.turns = nil
}
