package dom

import (
	"encoding/binary"
	"slices"
	"strings"
)

// hidingBlock is what a style sheet says of the properties that hide: a rule
// with those nested in it, or a group of them with its condition.
type hidingBlock struct {
	condition string // an at-rule up to its block, "" for a rule
	statement bool   // at-rule without a block: it puts cascade layers into their order
	inner     []hidingBlock
	selectors selectorList
	shared    bool // the selectors are those of the rule around
	says      said
}

// sheetBlocks are what the text of a style sheet says.
type sheetBlocks struct {
	blocks []hidingBlock
	// conditions are those of the groups, each once.
	conditions []string
	whole      bool // every block that is opened is closed
	selectors  int
	key        textKey // of the text: others have other ones
}

func newSheetBlocks(text string) *sheetBlocks {
	s := &sheetBlocks{key: keyOf(text, false)}
	stripped := stripComments(text)
	s.whole = strings.Count(stripped, "{") == strings.Count(stripped, "}") && strings.Count(text, "/*") == strings.Count(text, "*/")
	s.blocks, _ = scanHiding(stripped, 0)
	s.own(s.blocks, make(words), make(map[string]bool))
	return s
}

// own makes the blocks independent of the text, and takes notes.
func (s *sheetBlocks) own(blocks []hidingBlock, w words, conditions map[string]bool) {
	for k := range blocks {
		b := &blocks[k]
		b.condition = w.of(b.condition)
		if !b.shared {
			b.selectors.own(w)
			s.selectors += len(b.selectors)
		}
		if b.condition != "" && !conditions[b.condition] {
			conditions[b.condition] = true
			s.conditions = append(s.conditions, b.condition)
		}
		s.own(b.inner, w, conditions)
	}
}

// size estimates the bytes of memory that the blocks hold.
func (s *sheetBlocks) size() int {
	const perSheet, perSelector = 256, 400
	return perSheet + s.selectors*perSelector
}

// sheetText is the text of a style sheet, or of a part of it, and what it says.
type sheetText struct {
	text   string         // of a part
	parts  []*sheetBlocks // of a style sheet whose parts mean something together only
	blocks *sheetBlocks
}

// hidingOf returns what the text of a style element says, part by part. Most
// of a style sheet is about something else, and is passed over without being
// parsed.
func (d *Document) hidingOf(i int32) []*sheetBlocks {
	parts, whole := []*sheetBlocks(nil), true
	for c := d.nodes[i].first; c != 0; c = d.nodes[c].next {
		if d.nodes[c].kind == kindText {
			blocks := d.blocksOf(c)
			parts = append(parts, blocks)
			whole = whole && blocks.whole
		}
	}
	if whole || len(parts) < 2 {
		return parts
	}
	known := d.sheetTexts[i]
	if !slices.Equal(known.parts, parts) {
		known = sheetText{parts: parts, blocks: d.shared.joined(parts, func() *sheetBlocks { return newSheetBlocks(d.rawText(i)) })}
		d.rememberSheet(i, known)
	}
	return []*sheetBlocks{known.blocks}
}

func (d *Document) rememberSheet(i int32, t sheetText) {
	if d.sheetTexts == nil {
		d.sheetTexts = make(map[int32]sheetText)
	}
	d.sheetTexts[i] = t
}

// blocksOf returns what the text of a node says of hiding.
func (d *Document) blocksOf(i int32) *sheetBlocks {
	if t := d.sharedOf(i); t != nil {
		return t.blocks
	}
	text := d.nodes[i].text
	if known := d.sheetTexts[i]; known.blocks != nil && known.text == text {
		return known.blocks
	}
	blocks := newSheetBlocks(text)
	d.rememberSheet(i, sheetText{text: text, blocks: blocks})
	return blocks
}

// baseIndex is what style sheets together say whose rules are those of their
// text.
type baseIndex struct {
	positions []int
	sheets    []*sheetBlocks
}

func (b *baseIndex) add(position int, sheets []*sheetBlocks) {
	for _, s := range sheets {
		if len(s.blocks) > 0 {
			b.positions, b.sheets = append(b.positions, position), append(b.sheets, s)
		}
	}
}

// baseOf makes the index of style sheets, or finds that of another document
// with the same ones.
func (d *Document) baseOf(b *baseIndex) *hidingIndex {
	build := func() *hidingIndex {
		h := newHidingIndex()
		for k, s := range b.sheets {
			h.addBlocks(d, s.blocks, b.positions[k]*maxSheetRules, 0)
		}
		h.finish()
		return h
	}
	for _, s := range b.sheets {
		d.work += len(s.conditions)
	}
	if d.shared == nil || len(b.sheets) == 0 {
		return build()
	}
	var key []byte
	for k, s := range b.sheets {
		key = binary.AppendUvarint(key, uint64(b.positions[k]))
		key = binary.LittleEndian.AppendUint64(key, s.key.sums[0])
		key = binary.LittleEndian.AppendUint64(key, s.key.sums[1])
		for _, condition := range s.conditions {
			if d.applies(condition) {
				key = append(key, '+')
			} else {
				key = append(key, '-')
			}
		}
	}
	return d.shared.index(key, build)
}

// scanHiding reads rules up to the brace that closes the group they are in.
func scanHiding(s string, depth int) (blocks []hidingBlock, rest string) {
	for {
		s = strings.TrimLeft(s, "; \t\n\r\f")
		if s == "" {
			return slices.Clip(blocks), ""
		}
		if s[0] == '}' {
			if s = s[1:]; depth > 0 {
				return slices.Clip(blocks), s
			}
			continue
		}
		open := strings.IndexAny(s, "{}")
		if open < 0 {
			return slices.Clip(blocks), ""
		}
		prelude := s[:open]
		if s[open] == '}' {
			s = s[open:] // declarations of the group itself
			continue
		}
		blocks = append(blocks, statements(prelude)...)
		if semicolon := strings.LastIndexByte(prelude, ';'); semicolon >= 0 {
			prelude = prelude[semicolon+1:] // behind statements like @import
		}
		prelude = strings.TrimSpace(prelude)
		var block hidingBlock
		if strings.HasPrefix(prelude, "@") {
			block, s = scanGroup(prelude, s[open:], depth)
		} else {
			block, s = scanRule(prelude, s[open:])
		}
		if len(block.inner) > 0 || len(block.selectors) > 0 {
			blocks = append(blocks, block)
		}
	}
}

// statements are those before a rule that put cascade layers into their order.
func statements(s string) []hidingBlock {
	var list []hidingBlock
	for {
		end := strings.IndexByte(s, ';')
		if end < 0 {
			return list
		}
		if item := strings.TrimSpace(s[:end]); strings.HasPrefix(item, "@layer") {
			list = append(list, hidingBlock{condition: item, statement: true})
		}
		s = s[end+1:]
	}
}

// scanGroup reads an at-rule from its opening brace.
func scanGroup(prelude, s string, depth int) (block hidingBlock, rest string) {
	name, _, _ := strings.Cut(strings.ToLower(prelude[1:]), " ")
	name, _, _ = strings.Cut(name, "(")
	switch name {
	case "media", "supports", "layer":
		if depth < maxRuleDepth {
			block.condition = prelude
			block.inner, rest = scanHiding(s[1:], depth+1)
			return block, rest
		}
	}
	_, rest = blockOf(s)
	return block, rest
}

// scanRule reads a rule from its opening brace.
func scanRule(prelude, s string) (block hidingBlock, rest string) {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		end = len(s)
	}
	body := s[1:end]
	rest = s[min(end+1, len(s)):]
	var nested []*rule
	if strings.IndexByte(body, '{') >= 0 {
		// Rules inside rules, or a brace in a string.
		body, rest = blockOf(s)
		body, nested = parseBlock(body, 0)
	}
	says, any := saysOf(body)
	if !any && len(nested) == 0 {
		return block, rest
	}
	selectors := parseSelectors(prelude, nil)
	block.inner = blocksIn(selectors, nested)
	if any {
		block.selectors, block.says = selectors, says
	}
	return block, rest
}

// blocksIn are the rules nested in a rule.
func blocksIn(around selectorList, rules []*rule) []hidingBlock {
	if around == nil {
		return nil
	}
	var blocks []hidingBlock
	for _, r := range rules {
		selectors, group := around, strings.HasPrefix(r.prelude, "@")
		if !group {
			selectors = parseSelectors(r.prelude, around)
		}
		inner := blocksIn(selectors, r.rules)
		own := hidingBlock{shared: group || r.prelude == "&"}
		if says, any := saysOf(r.body); any {
			own.selectors, own.says = selectors, says
		}
		if group {
			inner = append([]hidingBlock{own}, inner...)
			own = hidingBlock{condition: r.prelude}
		}
		if own.inner = inner; len(own.selectors) > 0 || len(inner) > 0 {
			blocks = append(blocks, own)
		}
	}
	return blocks
}

// saysOf is what declarations say of the properties that hide. A semicolon in
// a string ends a declaration here; what is behind it hardly reads as one.
func saysOf(body string) (s said, any bool) {
	if strings.Contains(body, "/*") {
		body = stripComments(body)
	}
	for len(body) > 0 {
		var item string
		if end := strings.IndexByte(body, ';'); end >= 0 {
			item, body = body[:end], body[end+1:]
		} else {
			item, body = body, ""
		}
		property, value := hidingProperty(item)
		if value == "" {
			continue
		}
		value, mark, _ := strings.Cut(value, "!")
		important := strings.EqualFold(strings.TrimSpace(mark), "important")
		if v := saidValueOf(property, strings.TrimSpace(value)); v != saidNothing && (!s[property].important || important) {
			s[property], any = propertySaid{v, important}, true
		}
	}
	return s, any
}

// hidingProperty reads a declaration of one of the properties that hide. The
// value is empty when it is another one.
func hidingProperty(item string) (property int, value string) {
	start := 0
	for start < len(item) && isSpace(item[start]) {
		start++
	}
	if item = item[start:]; item == "" || strings.IndexByte("dvocaDVOCA", item[0]) < 0 {
		return 0, ""
	}
	name, value, _ := strings.Cut(item, ":")
	name = strings.TrimRight(name, " \t\n\r\f")
	for property, names := range hidingNames {
		for _, known := range names {
			if strings.EqualFold(name, known) {
				return property, value
			}
		}
	}
	return 0, ""
}

var hidingNames = [saidProperties][]string{
	saysDisplay: {"display"}, saysVisibility: {"visibility"}, saysOpacity: {"opacity"}, saysContent: {"content-visibility"},
	saysAnimation: {"animation", "animation-name"},
}

// addBlocks takes the rules whose conditions hold now, of a cascade layer.
func (h *hidingIndex) addBlocks(d *Document, blocks []hidingBlock, base int, layer int32) {
	for k := range blocks {
		b := &blocks[k]
		inner := layer
		if b.condition != "" {
			if names, ok := layerNames(b.condition); ok && b.statement {
				h.cascade.announce(layer, names)
				continue
			} else if ok {
				inner = h.cascade.open(layer, names)
			} else if !d.applies(b.condition) {
				continue
			}
		} else {
			h.put(b.selectors, b.says, base, layer)
		}
		h.addBlocks(d, b.inner, base, inner)
	}
}
