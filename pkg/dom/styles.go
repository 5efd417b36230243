package dom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/maphash"
	"io"
	"strings"
	"sync"
)

// Styles remembers style sheets, and what they say of display and visibility.
// Documents that share it read and hold the style sheets of a site once, not
// once for every window. It is safe for concurrent use.
type Styles struct {
	mu    sync.RWMutex
	most  int
	bytes int // of recorded and texts, about
	// generation counts how often everything was forgotten.
	generation uint64
	recorded   map[textKey]*sharedText // by what stands in an event, escapes and all
	texts      map[textKey]*sharedText // by the text itself
	indexes    map[string]*hidingIndex // of some style sheets together, see Document.baseOf
	indexBytes int
}

// textKey tells texts apart. The seeds are not known outside of the process, so
// that nobody can make two texts that agree.
type textKey struct {
	sums    [2]uint64
	length  int
	escaped bool // of a string of an event that holds escapes
}

var textSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func keyOf[T string | []byte](text T, escaped bool) textKey {
	k := textKey{length: len(text), escaped: escaped}
	for n, seed := range textSeeds {
		switch text := any(text).(type) {
		case string:
			k.sums[n] = maphash.String(seed, text)
		case []byte:
			k.sums[n] = maphash.Bytes(seed, text)
		}
	}
	return k
}

// sharedText is the text of a style sheet, which is seldom asked for, and what
// it says, which often is.
type sharedText struct {
	length int    // of the text
	packed []byte // DEFLATE
	blocks *sheetBlocks
}

// minStyleBytes: reading a shorter style sheet again costs less than keeping
// it.
const minStyleBytes = 512

// NewStyles remembers so many bytes together.
func NewStyles(maxBytes int) *Styles {
	s := &Styles{most: maxBytes, indexes: make(map[string]*hidingIndex)}
	s.forget()
	return s
}

// Size estimates the bytes of memory that are held.
func (s *Styles) Size() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bytes + s.indexBytes
}

func (s *Styles) forget() {
	s.bytes = 0
	s.generation++
	s.recorded, s.texts = make(map[textKey]*sharedText), make(map[textKey]*sharedText)
}

// takes reports whether a text of a length is shared. A nil Styles shares
// nothing.
func (s *Styles) takes(length int) bool {
	return s != nil && length >= minStyleBytes && length <= s.most/2
}

// of returns the shared form of a text that takes allows.
func (s *Styles) of(text string) (shared *sharedText, generation uint64) {
	key := keyOf(text, false)
	s.mu.RLock()
	shared, known := s.texts[key]
	generation = s.generation
	s.mu.RUnlock()
	if known {
		return shared, generation
	}
	return s.keep(key, &sharedText{length: len(text), packed: pack(text), blocks: newSheetBlocks(text)})
}

// read returns the shared form of a string of an event, without reading it
// again when it came before.
func (s *Styles) read(v value) (shared *sharedText, generation uint64) {
	key := keyOf(v.raw, v.escaped)
	s.mu.RLock()
	shared, known := s.recorded[key]
	generation = s.generation
	s.mu.RUnlock()
	if known {
		return shared, generation
	}
	shared, generation = s.of(v.text())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == generation {
		s.recorded[key] = shared
	}
	return shared, generation
}

// joined returns what parts of a style sheet say together, which build finds
// out. A nil Styles remembers nothing.
func (s *Styles) joined(parts []*sheetBlocks, build func() *sheetBlocks) *sheetBlocks {
	if s == nil {
		return build()
	}
	var all []byte
	for _, p := range parts {
		all = binary.LittleEndian.AppendUint64(all, p.key.sums[0])
		all = binary.LittleEndian.AppendUint64(all, p.key.sums[1])
	}
	key := keyOf(all, false)
	key.length = -key.length // no text is so long
	s.mu.RLock()
	known := s.texts[key]
	s.mu.RUnlock()
	if known == nil {
		known = &sharedText{blocks: build()}
		s.keep(key, known)
	}
	return known.blocks
}

// keep remembers a text unless another one came first, and returns the one
// that is remembered.
func (s *Styles) keep(key textKey, t *sharedText) (kept *sharedText, generation uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, known := s.texts[key]; known {
		return first, s.generation
	}
	size := len(t.packed) + t.blocks.size()
	if s.bytes+size > s.most {
		s.forget()
	}
	s.bytes += size
	s.texts[key] = t
	return t, s.generation
}

// index returns what build makes of style sheets that a key stands for.
func (s *Styles) index(key []byte, build func() *hidingIndex) *hidingIndex {
	s.mu.RLock()
	h, known := s.indexes[string(key)]
	s.mu.RUnlock()
	if known {
		return h
	}
	h = build()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indexBytes += h.size() + len(key); s.indexBytes > s.most/4 {
		clear(s.indexes)
		s.indexBytes = h.size() + len(key)
	}
	s.indexes[string(key)] = h
	return h
}

// packer is one for all: it takes a megabyte, and style sheets that are new are
// few.
var packer struct {
	mu     sync.Mutex
	writer *flate.Writer
}

var unpackers = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

func pack(text string) []byte {
	var packed bytes.Buffer
	packer.mu.Lock()
	defer packer.mu.Unlock()
	if packer.writer == nil {
		// The level is one that exists, which is all that can be wrong.
		packer.writer, _ = flate.NewWriter(nil, flate.BestSpeed)
	}
	packer.writer.Reset(&packed)
	// Writing to a buffer does not fail.
	_, _ = io.WriteString(packer.writer, text)
	_ = packer.writer.Close()
	return bytes.Clone(packed.Bytes())
}

// text is the text again.
func (t *sharedText) text() string {
	var b strings.Builder
	b.Grow(t.length)
	// What pack made can be read.
	r := unpackers.Get().(io.Reader)
	defer unpackers.Put(r)
	_ = r.(flate.Resetter).Reset(bytes.NewReader(t.packed), nil)
	_, _ = io.Copy(&b, r)
	return b.String()
}

// ShareStyles makes the document use what others know of style sheets.
func (d *Document) ShareStyles(s *Styles) { d.shared = s }

// textOf is the text of a node.
func (d *Document) textOf(i int32) string {
	if t := d.sharedOf(i); t != nil {
		return t.text()
	}
	return d.nodes[i].text
}

// sharedOf is the text of a node if it is shared, else nil.
func (d *Document) sharedOf(i int32) *sharedText {
	if n := &d.nodes[i]; n.kind == kindText && n.flags&nodeShared != 0 {
		return d.sharedTexts[i]
	}
	return nil
}

func (d *Document) setText(i int32, s string) {
	d.dropText(i)
	d.bytes += len(s)
	d.nodes[i].text = s
}

// setRecorded gives a node the text that a string of an event is. That of a
// style sheet is shared.
func (d *Document) setRecorded(i int32, e *event, v value, style bool) {
	if style && d.nodes[i].kind == kindText && v.kind == jsonString && d.shared.takes(len(v.raw)) {
		shared, generation := d.shared.read(v)
		d.setShared(i, shared, generation)
		return
	}
	d.setText(i, e.text(v))
}

// setStyleText gives a text node the text of a style sheet.
func (d *Document) setStyleText(i int32, s string) {
	if !d.shared.takes(len(s)) {
		d.setText(i, s)
		return
	}
	shared, generation := d.shared.of(s)
	d.setShared(i, shared, generation)
}

func (d *Document) setShared(i int32, t *sharedText, generation uint64) {
	d.dropText(i)
	if generation != d.generation {
		// The others do not share with us any more what came earlier.
		d.forgottenBytes += d.packedBytes
		d.generation, d.packedBytes = generation, 0
	}
	if d.sharedTexts == nil {
		d.sharedTexts = make(map[int32]*sharedText)
	}
	d.sharedTexts[i] = t
	d.nodes[i].flags |= nodeShared
	d.bytes += t.length
	d.sharedBytes += t.length
	d.packedBytes += len(t.packed)
}

// dropText takes the text of a node away.
func (d *Document) dropText(i int32) {
	n := &d.nodes[i]
	if t := d.sharedOf(i); t != nil {
		d.bytes -= t.length
		d.sharedBytes -= t.length
		d.packedBytes = max(0, d.packedBytes-len(t.packed))
		delete(d.sharedTexts, i)
		n.flags &^= nodeShared
	}
	d.bytes -= len(n.text)
	n.text = ""
}

// ownBytes are the bytes of text, attribute values and rules that no other
// document holds, too.
func (d *Document) ownBytes() int {
	own := d.bytes - d.sharedBytes + d.forgottenBytes
	if d.shared == nil {
		return own
	}
	d.shared.mu.RLock()
	defer d.shared.mu.RUnlock()
	if d.shared.generation != d.generation {
		own += d.packedBytes
	}
	return own
}
