package moments

import (
	"bytes"
	"strconv"

	"github.com/playhead/playhead/pkg/rrweb"
)

// The mouse interactions of rrweb that matter here.
const (
	interactionMouseDown  = 1
	interactionClick      = rrweb.InteractionClick
	interactionFocus      = 5
	interactionTouchStart = 7
)

// number reads a member that is a number, 0 when it is none.
func number(object []byte, name string) float64 {
	f, err := strconv.ParseFloat(string(rrweb.Member(object, name)), 64)
	if err != nil {
		return 0
	}
	return f
}

func integer(object []byte, name string) int {
	raw := rrweb.Member(object, name)
	n, err := strconv.Atoi(string(raw))
	if err != nil {
		return int(number(object, name))
	}
	return n
}

func isFalse(object []byte, name string) bool {
	return string(rrweb.Member(object, name)) == "false"
}

// point is where the pointer was.
type point struct {
	x, y  float64
	rawMs int64
}

// positions calls f for the points of a mouse move event. Recorders write
// them in one way; what is written otherwise is passed over.
func positions(data []byte, rawMs int64, f func(point)) {
	list := rrweb.Member(data, "positions")
	for len(list) > 0 {
		end := bytes.IndexByte(list, '}')
		if end < 0 {
			return
		}
		p := list[:end]
		f(point{quick(p, `"x":`), quick(p, `"y":`), rawMs + int64(quick(p, `"timeOffset":`))})
		list = list[end+1:]
	}
}

// quick reads the number behind a name.
func quick(object []byte, name string) float64 {
	at := bytes.Index(object, []byte(name))
	if at < 0 {
		return 0
	}
	raw := object[at+len(name):]
	n := 0
	for n < len(raw) && n < 32 && (raw[n] >= '0' && raw[n] <= '9' || raw[n] == '-' || raw[n] == '.') {
		n++
	}
	if whole := bytes.IndexByte(raw[:n], '.'); whole >= 0 {
		n = whole
	}
	i, err := strconv.ParseInt(string(raw[:n]), 10, 64)
	if err != nil || i > 1<<31 || i < -1<<31 {
		return 0
	}
	return float64(i)
}
