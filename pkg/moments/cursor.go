package moments

import (
	"fmt"
	"math"
	"strconv"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
)

// cursor follows the mouse pointer. Its way is made of legs, each from where it
// turned to the farthest point since.
type cursor struct {
	begun     bool
	last      point
	turn, far point
	turns     []reversal
	travel    float64 // px in all
	toldMs    int64   // raw time of the last signal
}

// reversal is a turn back.
type reversal struct {
	place
	atMs   int64   // raw
	travel float64 // until then
}

// pressed: what follows is not thrashing.
func (c *cursor) pressed() { c.turns = nil }

// moved takes a mouse move event.
func (c *cursor) moved(w *Window, line []byte) {
	positions(rrweb.Data(line), w.place.rawMs, func(p point) { c.to(w, p) })
}

// to takes the next point of the way.
func (c *cursor) to(w *Window, p point) {
	if math.Abs(p.x) > maxScreenPx || math.Abs(p.y) > maxScreenPx {
		return
	}
	if !c.begun || p.rawMs-c.last.rawMs > cursorMs || p.rawMs < c.last.rawMs {
		c.begun, c.last, c.turn, c.far, c.turns = true, p, p, p, nil
		return
	}
	c.travel += c.last.to(p)
	c.last = p
	switch {
	case c.turn.to(p) > c.turn.to(c.far):
		c.far = p
	case c.far.to(p) >= cursorTravelPx:
		if c.turn.to(c.far) >= cursorTravelPx && isBack(c.turn, c.far, p) {
			c.turned(w, p)
		}
		c.turn, c.far = c.far, p
	}
}

func (p point) to(other point) float64 { return math.Hypot(other.x-p.x, other.y-p.y) }

// isBack reports whether the way from b to c goes back on that from a to b: by
// more than 120 degrees.
func isBack(a, b, c point) bool {
	along := (b.x-a.x)*(c.x-b.x) + (b.y-a.y)*(c.y-b.y)
	return along < -0.5*a.to(b)*b.to(c)
}

// turned counts a reversal.
func (c *cursor) turned(w *Window, p point) {
	for len(c.turns) > 0 && p.rawMs-c.turns[0].atMs > cursorMs {
		c.turns = c.turns[1:]
	}
	if len(c.turns) == maxTurns {
		c.turns = append(c.turns[:0], c.turns[1:]...)
	}
	c.turns = append(c.turns, reversal{w.place, p.rawMs, c.travel})
	if len(c.turns) < cursorReversals || c.toldMs != 0 && p.rawMs-c.toldMs <= cursorPauseMs {
		return
	}
	c.toldMs = p.rawMs
	first := c.turns[0]
	span := p.rawMs - first.atMs
	w.signal(first.place, recording.SignalThrashedCursor, recording.Moment{
		Text:       fmt.Sprintf("the pointer was thrown back and forth %d times within %s", len(c.turns), seconds(span)),
		DurationMs: span,
		Attributes: map[string]string{
			"reversals": strconv.Itoa(len(c.turns)), "pixels": decimal(c.travel - first.travel), "interval_ms": decimal(float64(span)),
		},
	})
	c.turns = nil
}
