package dom

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// CheckInvariants lets tests of other packages' kind see that the tree is
// whole: links go both ways, ids mean nodes in use, counts are right.
func CheckInvariants(d *Document) error {
	live := 0
	for j := 1; j < len(d.nodes); j++ {
		i := int32(j)
		n := &d.nodes[i]
		if n.kind == kindFree {
			continue
		}
		live++
		if n.flags&nodeMarked != 0 {
			return fmt.Errorf("node %d is marked", i)
		}
		for a, height := i, 0; a != 0; a = d.above(a) {
			if height++; height > len(d.nodes) {
				return fmt.Errorf("node %d is in itself", i)
			}
		}
		if err := checkChildren(d, i); err != nil {
			return err
		}
		if n.parent != 0 && d.nodes[n.parent].kind == kindFree {
			return fmt.Errorf("node %d has a parent that is not in use", i)
		}
		if m := d.has(i); m != nil {
			if m.shadow != 0 && d.more[m.shadow].owner != i || m.content != 0 && d.more[m.content].owner != i {
				return fmt.Errorf("node %d does not own its shadow root or document", i)
			}
		}
	}
	if live != d.live {
		return fmt.Errorf("%d nodes in use, counted %d", live, d.live)
	}
	for id, i := range d.byID {
		if i == 0 || d.nodes[i].kind == kindFree {
			return fmt.Errorf("id %d means no node", id)
		}
	}
	if d.bytes < 0 {
		return fmt.Errorf("%d bytes", d.bytes)
	}
	return nil
}

func checkChildren(d *Document, i int32) error {
	previous, count := int32(0), 0
	for c := d.nodes[i].first; c != 0; c = d.nodes[c].next {
		if count++; count > len(d.nodes) {
			return fmt.Errorf("children of node %d go round", i)
		}
		if d.nodes[c].parent != i || d.nodes[c].prev != previous || d.nodes[c].kind == kindFree {
			return fmt.Errorf("child %d of node %d is linked wrongly", c, i)
		}
		previous = c
	}
	if d.nodes[i].last != previous {
		return fmt.Errorf("node %d has another last child", i)
	}
	return nil
}

// LiveNodes is the number of nodes in use.
func LiveNodes(d *Document) int { return d.live }

// TextBytes is what counts against Limits.TextBytes.
func TextBytes(d *Document) int { return d.bytes }

// Outline writes a document so that two can be compared: attributes sorted,
// the rules of style sheets instead of their text, the state of fields.
func Outline(d *Document) string {
	var b strings.Builder
	if d.root != 0 {
		outline(d, &b, d.root, 0)
	}
	fmt.Fprintf(&b, "%s %d %d %+v\n", d.url, d.width, d.height, d.selection)
	return b.String()
}

func outline(d *Document, b *strings.Builder, i int32, depth int) {
	n := &d.nodes[i]
	id := n.id
	if d.byID[id] != i || id >= firstOwnID {
		id = 0
	}
	fmt.Fprintf(b, "%s%d#%d %s", strings.Repeat(" ", depth), n.kind, id, d.names.of(n.name))
	attrs := slices.Clone(n.attrs)
	slices.SortFunc(attrs, func(x, y attr) int { return cmp.Compare(d.names.of(x.name), d.names.of(y.name)) })
	for _, a := range attrs {
		if name := d.names.of(a.name); !strings.HasPrefix(name, "rr_") || name == "rr_open_mode" {
			fmt.Fprintf(b, " %s=%q", name, a.value)
		}
	}
	fmt.Fprintf(b, " svg=%v blocked=%v quirks=%v", n.flags&nodeSVG != 0, n.flags&nodeBlocked != 0, n.kind == kindDocument && n.flags&nodeBackCompat != 0)
	if n.kind != kindElement && (n.parent == 0 || !d.isStyle(n.parent)) {
		fmt.Fprintf(b, " %q", n.text)
	}
	if n.kind == kindElement {
		outlineElement(d, b, i)
	}
	b.WriteByte('\n')
	if shadow := d.shadowRoot(i); shadow != 0 {
		outline(d, b, shadow, depth+2)
	}
	if content := d.contentDocument(i); content != 0 {
		outline(d, b, content, depth+4)
	}
	for c := n.first; c != 0; c = d.nodes[c].next {
		if id := d.nodes[c].id; d.nodes[c].kind != kindText || d.byID[id] == c && id < firstOwnID {
			outline(d, b, c, depth+1)
		}
	}
}

func outlineElement(d *Document, b *strings.Builder, i int32) {
	switch d.tag(i) {
	case "input", "textarea", "select", "option":
		fmt.Fprintf(b, " value=%q checked=%v", d.fieldValue(i), d.checked(i))
	case "style":
		if s := d.sheetOf(i); s != nil {
			outlineRules(b, s.rules)
		}
	}
	if m := d.has(i); m != nil {
		fmt.Fprintf(b, " scroll=%v,%v media=%v canvas=%q", m.scrollX, m.scrollY, m.media, m.canvas)
		for _, a := range m.adopted {
			fmt.Fprintf(b, " adopted=%d", a.id)
			if a.sheet != nil {
				outlineRules(b, a.sheet.rules)
			}
		}
	} else {
		b.WriteString(` scroll=0,0 media=map[] canvas=""`)
	}
}

func outlineRules(b *strings.Builder, rules []*rule) {
	for _, r := range rules {
		fmt.Fprintf(b, " {%s}", r.appendText(nil))
	}
}

// Rules are the rules of a style element, a document or a shadow root's host.
func Rules(d *Document, id int) []string {
	i := d.byID[int32(id)]
	var sheets []*sheet
	if d.isStyle(i) {
		sheets = append(sheets, d.sheetOf(i))
	} else if m := d.has(i); m != nil {
		for _, a := range m.adopted {
			sheets = append(sheets, a.sheet)
		}
	}
	var list []string
	for _, s := range sheets {
		for _, r := range s.rules {
			list = append(list, string(r.appendText(nil)))
		}
	}
	return list
}
