package dom

import (
	"strconv"
	"strings"
)

// cascadeLayers are the cascade layers (@layer) of style sheets that count
// together, by what they are named and in the order in which they come.
type cascadeLayers struct {
	ids   map[string]int32 // by the names around it and its own, divided by dots
	inner [][]int32        // layers in a layer, by its id; 0 is what is in none
}

// Bounds of the names of layers, in bytes, and of their number.
const (
	maxLayerName     = 256
	maxCascadeLayers = 4096
)

// What a rule has for a layer that is in none, and one of a shadow tree for
// its host, which all others go before.
const (
	unlayered = 1 << 30
	hostLayer = -1
)

// open returns the id of a layer in another one. A layer without a name is one
// of its own each time.
func (l *cascadeLayers) open(around int32, name string) int32 {
	if len(name) > maxLayerName || len(l.inner) > maxCascadeLayers {
		return around
	}
	if l.ids == nil {
		l.ids, l.inner = make(map[string]int32), make([][]int32, 1)
	}
	if name = strings.TrimSpace(name); name == "" {
		return l.add(around)
	}
	at := around
	for part := range strings.SplitSeq(name, ".") {
		key := strconv.Itoa(int(at)) + "." + part
		id, known := l.ids[key]
		if !known {
			id = l.add(at)
			l.ids[strings.Clone(key)] = id
		}
		at = id
	}
	return at
}

func (l *cascadeLayers) add(around int32) int32 {
	id := int32(len(l.inner))
	l.inner = append(l.inner, nil)
	l.inner[around] = append(l.inner[around], id)
	return id
}

// ranks orders the layers: a later one goes before an earlier one, and what is
// in a layer itself before the layers in it.
func (l *cascadeLayers) ranks() []int32 {
	ranks, next := make([]int32, len(l.inner)), int32(0)
	var number func(id int32)
	number = func(id int32) {
		for _, inner := range l.inner[id] {
			number(inner)
		}
		next++
		ranks[id] = next
	}
	number(0)
	ranks[0] = unlayered
	return ranks
}

// layerNames reads the names in an at-rule that opens layers, or orders them.
func layerNames(prelude string) (names string, ok bool) {
	const keyword = "@layer"
	if len(prelude) < len(keyword) || !strings.EqualFold(prelude[:len(keyword)], keyword) {
		return "", false
	}
	names = prelude[len(keyword):]
	return names, names == "" || isSpace(names[0])
}

// announce puts layers into their order.
func (l *cascadeLayers) announce(around int32, names string) {
	for name := range strings.SplitSeq(names, ",") {
		l.open(around, name)
	}
}
