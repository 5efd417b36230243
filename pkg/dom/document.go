package dom

import (
	"fmt"

	"github.com/playhead/playhead/pkg/rrweb"
)

// Document is one page as it stands after the events that were applied. It is
// not safe for concurrent use.
type Document struct {
	limits Limits
	stats  Stats

	nodes []node // the first is none; indexes are what nodes call each other by
	free  int32  // list of unused nodes, linked by next
	live  int    // nodes in use
	slab  []attr // room for attributes of elements to come
	names names
	byID  map[int32]int32 // rrweb's mirror: the node that an id means
	more  map[int32]*more
	bytes int // of text, attribute values and rules
	// sweepAt is the number of live nodes, and sweepBytes of bytes, at which
	// what nothing refers to is looked for.
	sweepAt, sweepBytes int

	root       int32
	incomplete bool

	url           string
	width, height int
	selection     Selection
	styles        map[int32]*sheet // of style elements whose rules were asked for or changed
	adoptable     map[int32]*sheet // by the id that rrweb gives a constructed style sheet
	unadopted     []int32          // nodes that adopted style sheets which are still to come
	hiding        map[int32]*hidingRules
	sheetTexts    map[int32]sheetText // of nodes in style elements, what their text says of hiding
	shared        *Styles
	sharedTexts   map[int32]*sharedText // of text nodes in style elements
	generation    uint64                // of shared that packedBytes is of
	sharedBytes   int                   // of bytes, those of sharedTexts
	// packedBytes are what sharedTexts take in memory, forgottenBytes what those
	// of an earlier generation take, which are shared no longer.
	packedBytes, forgottenBytes int

	queued  []queuedDocument
	missing map[int32]misplaced

	words   usedWords
	event   uint32 // counts events
	work    int    // nodes and selectors that queries looked at since New
	enough  int    // work at which queries give up
	sighted [maxSighted]sighted
	slot    slot

	changes Changes
	scratch mutationScratch
}

// node is a node of the tree. What few nodes have is in more.
type node struct {
	parent, first, last, prev, next int32
	id                              int32  // rrweb's id, 0 for nodes that rrweb made itself
	meta                            uint32 // of the serialized node that this was built from
	name                            nameID
	kind                            uint8
	flags                           uint8
	text                            string
	attrs                           []attr
}

const (
	nodeSVG         = 1 << iota
	nodeMore        // has an entry in Document.more
	nodeWasLink     // a style element that the recording calls a link
	nodeHadChildren // its serialized form has child nodes: a style element is then filled by them
	nodeAdapted     // text that rrweb adapts for hovering when it builds it
	nodeBackCompat  // document in quirks mode
	nodeBlocked     // rrweb blocked it: a box of its size
	nodeMarked      // reached, during a sweep

	nodeShared = nodeBackCompat // of text: it is in Document.sharedTexts
)

// attr is an attribute as the replayed document has it.
type attr struct {
	name  nameID
	value string
}

// more is what few nodes have.
type more struct {
	shadow   int32 // shadow root of an element
	content  int32 // document of an iframe
	owner    int32 // host of a shadow root, iframe of a document
	scrollX  float64
	scrollY  float64
	input    *input
	chosen   bool              // an input event chose of a select element's options
	looping  answer            // of an audio or video element, as rrweb knows it
	media    map[string]string // rr_media… attributes, as JSON
	canvas   string            // data URL of a canvas
	original []attr            // attributes of a style sheet's element as it was serialized, once they have changed
	adopted  []adopted         // style sheets of a shadow root's host or a document
	doctype  *doctype
}

type doctype struct{ publicID, systemID string }

// input is the state of a form field that an input event left.
type input struct {
	value   string
	typed   bool // value counts, not the attribute
	checked bool // or selected, of an option
}

// New returns an empty document. Limits of zero are the default ones.
func New(limits Limits) *Document {
	standard := DefaultLimits()
	if limits.Nodes <= 0 {
		limits.Nodes = standard.Nodes
	}
	if limits.Depth <= 0 {
		limits.Depth = standard.Depth
	}
	if limits.TextBytes <= 0 {
		limits.TextBytes = standard.TextBytes
	}
	d := &Document{limits: limits}
	d.clear()
	return d
}

// clear makes the document empty. Documents that wait for their iframe stay,
// as they do in rrweb.
func (d *Document) clear() {
	clear(d.nodes)
	d.nodes = append(d.nodes[:0], node{})
	d.names.reset()
	d.byID = make(map[int32]int32)
	d.more = make(map[int32]*more)
	d.styles = make(map[int32]*sheet)
	d.adoptable = make(map[int32]*sheet)
	d.hiding, d.sheetTexts, d.unadopted, d.missing = nil, nil, nil, nil
	d.free, d.live, d.bytes, d.root = 0, 0, 0, 0
	for _, q := range d.queued {
		d.bytes += len(q.raw)
	}
	d.sweepAt, d.sweepBytes = sweepNodes, sweepText
	d.words = usedWords{}
	d.sharedTexts, d.sharedBytes, d.packedBytes, d.forgottenBytes = nil, 0, 0, 0
	d.incomplete, d.selection = false, Selection{}
}

// Apply applies one event. line is not kept. The errors are ErrSyntax,
// ErrLimit and ErrSnapshot, wrapped; after any of them further events can be
// applied.
func (d *Document) Apply(line []byte) error {
	e := events.Get().(*event)
	defer e.release()
	d.begin()
	if !e.parse(line, d.limits.Depth) {
		if e.tooDeep {
			d.incomplete = true
			return fmt.Errorf("nodes nested more than %d deep: %w", d.limits.Depth, ErrLimit)
		}
		return ErrSyntax
	}
	d.stats.Events++
	switch e.typ {
	case rrweb.TypeFullSnapshot:
		d.changes.Rebuilt = true
		return d.applySnapshot(e)
	case rrweb.TypeIncremental:
		return d.applyIncremental(e)
	case rrweb.TypeMeta:
		d.applyMeta(e)
	default:
		d.stats.Skipped++
	}
	return nil
}

// begin ends what is said of the last event.
func (d *Document) begin() {
	d.freeRemoved()
	d.changes.reset()
	d.event++
	d.enough = d.work + maxWork
}

// maxWork bounds the nodes and selectors that are looked at between two events.
// What is over it takes selectors for such that do not match.
const maxWork = 5_000_000

// ApplyScanned is Apply for an event whose envelope is known: one that has
// nothing to do with the document is not read.
func (d *Document) ApplyScanned(event rrweb.Event, line []byte) error {
	switch event.Type {
	case rrweb.TypeFullSnapshot, rrweb.TypeMeta:
		return d.Apply(line)
	case rrweb.TypeIncremental:
		switch event.Source {
		case rrweb.SourceMutation, rrweb.SourceScroll, rrweb.SourceViewportResize, rrweb.SourceInput,
			rrweb.SourceMediaInteraction, rrweb.SourceStyleSheetRule, rrweb.SourceStyleDeclaration,
			rrweb.SourceSelection, rrweb.SourceAdoptedStyleSheet:
			return d.Apply(line)
		}
	}
	d.begin()
	d.stats.Events++
	d.stats.Skipped++
	return nil
}

func (d *Document) applyMeta(e *event) {
	d.url = e.href.text()
	d.resize(e.width, e.height)
}

func (d *Document) resize(width, height value) {
	if width.kind == jsonNumber && height.kind == jsonNumber {
		d.width, d.height = int(width.float()), int(height.float())
		d.hiding = nil
	}
}

func (d *Document) applyIncremental(e *event) error {
	d.makeRoom()
	switch e.source {
	case rrweb.SourceMutation:
		return d.applyMutation(e)
	case rrweb.SourceScroll:
		d.applyScroll(e.data)
	case rrweb.SourceViewportResize:
		d.resize(e.width, e.height)
	case rrweb.SourceInput:
		return d.applyInput(e.data)
	case rrweb.SourceMediaInteraction:
		d.applyMedia(e.data)
	case rrweb.SourceStyleSheetRule:
		return d.applyStyleSheetRule(e.data)
	case rrweb.SourceStyleDeclaration:
		return d.applyStyleDeclaration(e.data)
	case rrweb.SourceSelection:
		d.applySelection(e.data)
	case rrweb.SourceAdoptedStyleSheet:
		return d.applyAdoptedStyleSheets(e.data)
	default:
		d.stats.Skipped++
	}
	return nil
}

// Work is about how many nodes and selectors were looked at for questions since
// New: what questions cost does not depend on the bytes that came.
func (d *Document) Work() int { return d.work }

// Stats says what Apply did so far.
func (d *Document) Stats() Stats { return d.stats }

// Ready reports whether there is a document: a full snapshot came, and nothing
// was lost since.
func (d *Document) Ready() bool { return d.root != 0 && !d.incomplete }

// Incomplete reports whether the document lacks something that the page had,
// because a limit was met or a full snapshot could not be rebuilt.
func (d *Document) Incomplete() bool { return d.incomplete }

// URL is the address of the last meta event, "" before it.
func (d *Document) URL() string { return d.url }

// Viewport is the size of the page's window in CSS pixels, zero when unknown.
func (d *Document) Viewport() (width, height int) { return d.width, d.height }

// Size estimates the bytes of memory that the document holds, what it shares
// with others through Styles left aside.
func (d *Document) Size() int {
	const perNode, perAttribute, perName, perID, perMore, perText = 72, 24, 64, 20, 224, 64
	attrs := len(d.slab)
	for i := range d.nodes {
		attrs += cap(d.nodes[i].attrs)
	}
	return cap(d.nodes)*perNode + attrs*perAttribute + len(d.names.list)*perName + len(d.byID)*perID + len(d.more)*perMore +
		len(d.sharedTexts)*perText + d.ownBytes()
}

// nameID is an interned tag or attribute name.
type nameID uint16

// The names that are asked for most. They have these ids in every document.
const (
	_ nameID = iota
	nameIDAttribute
	nameClass
	nameStyle
	nameHidden
	nameAriaHidden
	nameOpen
	nameContentEditable
	nameRole
	nameType
)

var commonNames = [...]string{"", "id", "class", "style", "hidden", "aria-hidden", "open", "contenteditable", "role", "type"}

// What is known of a tag.
const (
	tagNever   = 1 << iota // no browser shows what is in it
	tagInline              // its text runs on in the text around it
	tagDetails             // folds away what is in it
	tagStyle
	tagLink
	tagAsIs       // an element that is recorded under this name has it
	attributeAsIs // an attribute that is recorded under this name has it
	tagHollow     // shows something else than what is in it
)

// names are the tag and attribute names of a document.
type names struct {
	list  []string
	flags []uint8 // of tags, by name
	ids   map[string]nameID
	// recent are the names that were asked for last, by nameSlot.
	recent [64]nameID
}

// maxNames is the most names of one document; the others are taken for one
// that no node should have.
const maxNames = 1<<16 - 2

const tooManyNames = "too-many-names"

// nameSlot tells most names apart.
func nameSlot[T string | []byte](name T) int {
	if len(name) == 0 {
		return 0
	}
	return (len(name)*37 + int(name[0])*5 + int(name[len(name)-1]) + int(name[len(name)/2])*11) % 64
}

func (n *names) reset() {
	n.list, n.flags, n.ids = n.list[:0], n.flags[:0], make(map[string]nameID, max(len(n.ids), len(commonNames)))
	clear(n.recent[:])
	for _, name := range commonNames {
		n.add(name)
	}
	delete(n.ids, "")
}

func (n *names) add(name string) nameID {
	id := nameID(len(n.list))
	flags := uint8(0)
	for flag, on := range [...]bool{never[name], inline[name], name == "details", name == "style", name == "link"} {
		if on {
			flags |= 1 << flag
		}
	}
	if hollow[name] {
		flags |= tagHollow
	}
	n.list, n.flags, n.ids[name] = append(n.list, name), append(n.flags, flags), id
	return id
}

// is reports whether the tag of an element has a flag.
func (d *Document) is(i int32, flag uint8) bool { return d.names.flags[d.nodes[i].name]&flag != 0 }

// attr returns an attribute of one of the common names.
func (d *Document) attr(i int32, name nameID) (string, bool) {
	for k := range d.nodes[i].attrs {
		if a := &d.nodes[i].attrs[k]; a.name == name {
			return a.value, true
		}
	}
	return "", false
}

func (n *names) of(id nameID) string { return n.list[id] }

// find returns the id of a name, 0 when no node has it.
func (n *names) find(name string) nameID {
	recent := &n.recent[nameSlot(name)]
	if n.list[*recent] == name {
		return *recent
	}
	id := n.ids[name]
	if id != 0 {
		*recent = id
	}
	return id
}

func (n *names) findBytes(name []byte) nameID {
	recent := &n.recent[nameSlot(name)]
	if n.list[*recent] == string(name) {
		return *recent
	}
	id := n.ids[string(name)]
	if id != 0 {
		*recent = id
	}
	return id
}

// intern returns the id of a name. It does not allocate for names that it
// knows.
func (d *Document) intern(name []byte) nameID {
	if id := d.names.findBytes(name); id != 0 {
		return id
	}
	return d.internNew(string(name))
}

func (d *Document) internString(name string) nameID {
	if id := d.names.find(name); id != 0 {
		return id
	}
	return d.internNew(name)
}

// internNew gives a name an id.
func (d *Document) internNew(name string) nameID {
	if len(d.names.list) >= maxNames {
		d.incomplete = true
		if id := d.names.find(tooManyNames); id != 0 {
			return id
		}
		name = tooManyNames
	}
	d.bytes += len(name)
	return d.names.add(name)
}
