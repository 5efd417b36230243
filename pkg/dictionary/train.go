package dictionary

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
)

const (
	// windowBytes is the shortest run that can enter a dictionary. Shorter
	// ones save less than the reference to them costs.
	windowBytes = 32

	// anchorBits makes one position in 8 an anchor.
	anchorBits = 3

	// witnesses bounds how many occurrences of a run in one session are
	// compared with each other.
	witnesses = 4

	// minPeople is in how many people's sessions a run must occur.
	minPeople = 3

	// maxSessions is what a sessionSet holds.
	maxSessions = 64
)

// sessionSet is a set of sessions, by their numbers.
type sessionSet uint64

// all is the set of the first n sessions.
func all(n int) sessionSet { return 1<<n - 1 }

func (s sessionSet) with(session int) sessionSet { return s | 1<<session }

// crowd says which sessions are of different people, so that it can be asked
// whether a set of sessions has minPeople of them.
type crowd []sessionSet

// enough reports whether there are minPeople sessions in s of which any two are
// of different people.
func (c crowd) enough(s sessionSet) bool { return c.mutual(s, minPeople) }

func (c crowd) mutual(s sessionSet, n int) bool {
	if n == 0 {
		return true
	}
	for rest := s; bits.OnesCount64(uint64(rest)) >= n; {
		i := bits.TrailingZeros64(uint64(rest))
		rest &^= 1 << i
		if c.mutual(rest&c[i], n-1) {
			return true
		}
	}
	return false
}

// people returns a number of sessions of which any two are of different people:
// not always the greatest, never too great.
func (c crowd) people() (n int) {
	for rest := all(len(c)); rest != 0; n++ {
		i := bits.TrailingZeros64(uint64(rest))
		rest &= c[i] &^ (1 << i)
	}
	return n
}

// corpus is the text that is searched: segments of sessions, one after another.
type corpus struct {
	text   []byte
	pieces []piece
}

// piece is a segment of a session.
type piece struct {
	start, end int // in the text
	session    int
}

// add says that the text from the end of the last piece on is a segment.
func (c *corpus) add(session int) {
	start := 0
	if n := len(c.pieces); n > 0 {
		start = c.pieces[n-1].end
	}
	c.pieces = append(c.pieces, piece{start: start, end: len(c.text), session: session})
}

// anchor is a position in the text that its own bytes chose, so that equal runs
// have their anchors at equal places.
type anchor struct {
	hash  uint64 // of the windowBytes before end
	end   uint32 // in the text
	piece uint32
}

// group are the anchors with the same hash, when they are of enough people.
type group struct {
	members  []uint32 // at most witnesses of each session
	segments int      // that have such an anchor
	run      int      // that holds them, or -1
}

// span is a run of bytes in the text.
type span struct {
	start, end int
	value      float64 // what it saves, in bytes of raw text per byte of its own
}

// trainer finds what sessions have in common.
type trainer struct {
	corpus
	crowd   crowd
	anchors []anchor // in the order of the text
	groups  []group
	group   []int32 // of each anchor, or -1
	runs    []span
}

// train returns the content of a dictionary for segments like those of the
// given sessions, at most limit bytes: runs that occur in sessions of at least
// minPeople different people, the most valuable ones last, where a reference
// to them is cheapest. It is empty when there are none.
func train(sessions corpus, c crowd, limit int) []byte {
	t := findCommon(sessions, c)
	t.rateRuns()
	return t.assemble(limit)
}

// findCommon finds the runs that occur in sessions of enough people.
func findCommon(sessions corpus, c crowd) *trainer {
	usual := len(sessions.text) >> anchorBits
	t := &trainer{corpus: sessions, crowd: c, anchors: make([]anchor, 0, usual+usual/4+100)}
	for i := range t.pieces {
		t.findAnchors(i)
	}
	t.groupAnchors()
	t.findRuns()
	return t
}

// findAnchors walks a piece with a rolling hash of the last windowBytes. Text
// that was made to have many anchors gets little more than the usual number.
func (t *trainer) findAnchors(number int) {
	const factor = 0x9e3779b97f4a7c15
	var leaving uint64 = 1
	for range windowBytes {
		leaving *= factor
	}
	p := t.pieces[number]
	var hash uint64
	for i := p.start; i < p.end; i++ {
		hash = hash*factor + uint64(t.text[i]) + 1
		if i-p.start >= windowBytes {
			hash -= leaving * (uint64(t.text[i-windowBytes]) + 1)
		}
		if i-p.start >= windowBytes-1 && hash>>(64-anchorBits) == 0 && len(t.anchors) < cap(t.anchors) {
			t.anchors = append(t.anchors, anchor{hash: hash, end: uint32(i + 1), piece: uint32(number)})
		}
	}
}

// groupAnchors puts the anchors with the same hash together.
func (t *trainer) groupAnchors() {
	t.group = make([]int32, len(t.anchors))
	for i := range t.group {
		t.group[i] = -1
	}
	for order := t.sortAnchors(); len(order) > 0; {
		n := 1
		for n < len(order) && t.anchors[order[n]].hash == t.anchors[order[0]].hash {
			n++
		}
		t.addGroup(order[:n])
		order = order[n:]
	}
}

// sortAnchors returns the anchors by hash, those with the same in the order of
// the text. It deals them into small heaps first: sorting all at once would take
// most of the time of training, waiting for memory.
func (t *trainer) sortAnchors() []uint32 {
	const bits = 16
	heap := func(a anchor) uint64 { return a.hash << anchorBits >> (64 - bits) } // the bits before are zero
	ends := make([]uint32, 1<<bits+1)
	for _, a := range t.anchors {
		ends[heap(a)+1]++
	}
	for h := range 1 << bits {
		ends[h+1] += ends[h]
	}
	order := make([]uint32, len(t.anchors))
	for i, a := range t.anchors { // afterwards ends[h] is the end of heap h
		h := heap(a)
		order[ends[h]] = uint32(i)
		ends[h]++
	}
	start := uint32(0)
	for _, end := range ends[:1<<bits] {
		slices.SortStableFunc(order[start:end], func(a, b uint32) int { return cmp.Compare(t.anchors[a].hash, t.anchors[b].hash) })
		start = end
	}
	return order
}

// addGroup makes a group of anchors, which are in the order of the text, when
// they are of enough people.
func (t *trainer) addGroup(anchors []uint32) {
	var seen sessionSet
	for _, a := range anchors {
		seen = seen.with(t.session(a))
	}
	if !t.crowd.enough(seen) {
		return
	}
	g := group{run: -1}
	var count [maxSessions]int
	piece := -1
	for _, a := range anchors {
		t.group[a] = int32(len(t.groups))
		if p := int(t.anchors[a].piece); p != piece {
			piece = p
			g.segments++
		}
		if session := t.session(a); count[session] < witnesses {
			count[session]++
			g.members = append(g.members, a)
		}
	}
	t.groups = append(t.groups, g)
}

func (t *trainer) session(anchor uint32) int { return t.pieces[t.anchors[anchor].piece].session }

// findRuns walks the text and takes, at every anchor that no run holds yet, the
// longest run around it.
func (t *trainer) findRuns() {
	end := 0
	for i, a := range t.anchors {
		if t.group[i] < 0 {
			continue
		}
		if t.groups[t.group[i]].run >= 0 {
			end = max(end, int(a.end))
		}
		if int(a.end)-windowBytes < end {
			continue
		}
		r, ok := t.longest(i, max(end, t.pieces[a.piece].start))
		if !ok {
			continue
		}
		end = r.end
		for b := i; b < len(t.anchors) && int(t.anchors[b].end) <= r.end; b++ {
			if g := t.group[b]; g >= 0 && t.groups[g].run < 0 {
				t.groups[g].run = len(t.runs)
			}
		}
		t.runs = append(t.runs, r)
	}
}

// twin is another place where the window of an anchor occurs, and how many more
// bytes are equal there.
type twin struct {
	session       int
	before, after int
}

// longest returns the longest run around an anchor, not before first, that as a
// whole occurs in sessions of enough people: as far as possible to the right,
// then as far as that allows to the left.
func (t *trainer) longest(anchor, first int) (span, bool) {
	twins := t.twins(anchor, first)
	self := sessionSet(0).with(t.session(uint32(anchor)))
	slices.SortStableFunc(twins, func(x, y twin) int { return cmp.Compare(y.after, x.after) })
	n := t.fewest(twins, self)
	if n == 0 {
		return span{}, false
	}
	after := twins[n-1].after
	for n < len(twins) && twins[n].after == after {
		n++
	}
	twins = twins[:n]
	slices.SortStableFunc(twins, func(x, y twin) int { return cmp.Compare(y.before, x.before) })
	before := twins[t.fewest(twins, self)-1].before
	end := int(t.anchors[anchor].end)
	return span{start: end - windowBytes - before, end: end + after}, true
}

// fewest returns how many of the first twins are enough people, or 0.
func (t *trainer) fewest(twins []twin, seen sessionSet) int {
	for i, w := range twins {
		if next := seen.with(w.session); next != seen {
			seen = next
			if t.crowd.enough(seen) {
				return i + 1
			}
		}
	}
	return 0
}

// twins compares an anchor byte by byte with those of its group in other
// sessions: equal hashes are a hint and no proof.
func (t *trainer) twins(anchor, first int) []twin {
	here := t.anchors[anchor]
	start, session := int(here.end)-windowBytes, t.session(uint32(anchor))
	window := t.text[start:here.end]
	left, right := t.text[first:start], t.text[here.end:t.pieces[here.piece].end]
	var found []twin
	for _, b := range t.groups[t.group[anchor]].members {
		there := t.anchors[b]
		other := t.session(b)
		if other == session || !bytes.Equal(t.text[there.end-windowBytes:there.end], window) {
			continue
		}
		p := t.pieces[there.piece]
		found = append(found, twin{
			session: other,
			before:  commonSuffix(left, t.text[p.start:there.end-windowBytes]),
			after:   commonPrefix(right, t.text[there.end:p.end]),
		})
	}
	return found
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for i+64 <= n && bytes.Equal(a[i:i+64], b[i:i+64]) {
		i += 64
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

func commonSuffix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[len(a)-1-i] == b[len(b)-1-i] {
		i++
	}
	return i
}

// rateRuns counts, for every anchor in a run, the segments that have it, and
// makes that the value of the run per byte.
func (t *trainer) rateRuns() {
	for _, g := range t.groups {
		if g.run >= 0 {
			t.runs[g.run].value += float64(g.segments)
		}
	}
	for i := range t.runs {
		r := &t.runs[i]
		r.value /= float64(r.end - r.start)
	}
}

// assemble puts the most valuable runs together. A run that does not fit any
// more is cut: a part of what is common is common.
func (t *trainer) assemble(limit int) []byte {
	slices.SortStableFunc(t.runs, func(a, b span) int { return cmp.Compare(b.value, a.value) })
	size, n := 0, 0
	for n < len(t.runs) && size+windowBytes <= limit {
		r := &t.runs[n]
		r.end = min(r.end, r.start+limit-size)
		size += r.end - r.start
		n++
	}
	content := make([]byte, 0, size)
	for i := n - 1; i >= 0; i-- {
		content = append(content, t.text[t.runs[i].start:t.runs[i].end]...)
	}
	return content
}
