package dom

import "fmt"

// What Document keeps for documents whose iframe is not there yet.
const (
	// maxQueued bounds the documents that wait for their iframe; rrweb has no
	// bound. Recorders send an iframe's document within a second of it.
	maxQueued = 64
	// maxQueuedBytes bounds one of them.
	maxQueuedBytes = 4 << 20
	// maxFrameDepth bounds iframes inside one another.
	maxFrameDepth = 64
)

// queuedDocument is the document of an iframe that is not there yet.
type queuedDocument struct {
	parentID int32
	raw      []byte
}

// queueDocument keeps the document of an iframe that is still to come.
func (d *Document) queueDocument(m *add) {
	if len(m.raw) > maxQueuedBytes || d.bytes+len(m.raw) > d.limits.TextBytes {
		d.stats.Missing++
		return
	}
	if len(d.queued) == maxQueued {
		d.bytes -= len(d.queued[0].raw)
		d.queued = d.queued[1:]
	}
	d.bytes += len(m.raw)
	d.queued = append(d.queued, queuedDocument{m.parentID.id, append([]byte(nil), m.raw...)})
}

// attachQueued gives iframes the documents that were sent before them.
func (d *Document) attachQueued(frames []int32) error {
	for _, frame := range frames {
		for q := range d.queued {
			if d.queued[q].parentID != d.nodes[frame].id {
				continue
			}
			raw := d.queued[q].raw
			d.bytes -= len(raw)
			d.queued = append(d.queued[:q:q], d.queued[q+1:]...)
			e := event{strings: new(interned)}
			e.reset(d.limits.Depth)
			root := e.parseNode(&reader{b: raw}, 1)
			if root == 0 {
				break
			}
			if err := d.fillFrame(&builder{d: d, e: &e}, root, frame); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// fillFrame builds the document of an iframe.
func (d *Document) fillFrame(b *builder, at, frame int32) error {
	defer func() {
		if content := d.contentDocument(frame); content != 0 {
			d.changes.Added = append(d.changes.Added, Node{d, content})
		}
	}()
	if !d.connected(frame) {
		return errThrown // an iframe that is not in the page has no document
	}
	if d.frameDepth(frame) > maxFrameDepth {
		return fmt.Errorf("iframes nested more than %d deep: %w", maxFrameDepth, ErrLimit)
	}
	sn := &b.e.nodes[at]
	if i, ok := d.byID[sn.id]; ok && d.nodes[i].meta == b.meta(sn) {
		return nil // rrweb takes it for the same and builds nothing
	}
	inner := builder{d: d, e: b.e, deep: true, doc: d.contentDocument(frame)}
	if sn.kind != kindDocument {
		_, err := inner.build(at)
		return err
	}
	// The browser empties the iframe before the new document comes.
	m := d.details(frame)
	if m.content != 0 {
		d.more[m.content].owner = 0
		m.content = 0
	}
	root, err := d.linkFrame(&inner, at, frame)
	if err != nil {
		return err
	}
	if err := inner.children(at, root); err != nil {
		return err
	}
	return d.attachQueued(inner.frames)
}

// frameDepth counts the documents around a node.
func (d *Document) frameDepth(i int32) int {
	depth := 0
	for ; i != 0; i = d.above(i) {
		if d.nodes[i].kind == kindDocument {
			depth++
		}
	}
	return depth
}

func (d *Document) linkFrame(b *builder, at, frame int32) (int32, error) {
	root, err := b.newNode(at)
	if err != nil {
		return 0, err
	}
	b.doc = root
	d.details(root).owner = frame
	d.details(frame).content = root
	return root, nil
}

func (d *Document) isFrame(i int32) bool {
	return d.nodes[i].kind == kindElement && d.nodes[i].flags&nodeSVG == 0 && d.tag(i) == "iframe"
}
