package dom

import "strings"

// hidingBlock is what a style sheet says of display and visibility: a rule, or
// a group of them with its condition.
type hidingBlock struct {
	condition string // an at-rule up to its block, "" for a rule
	inner     []hidingBlock
	selectors selectorList
	says      said
}

// sheetText is the text of a style sheet and what it says.
type sheetText struct {
	text   string
	blocks []hidingBlock
}

// hidingOf returns what the text of a style element says. Most of a style
// sheet is about something else, and is passed over without being parsed.
func (d *Document) hidingOf(i int32) []hidingBlock {
	text := d.rawText(i)
	if known := d.sheetTexts[i]; known != nil && known.text == text {
		return known.blocks
	}
	blocks := d.shared.of(text)
	if d.sheetTexts == nil {
		d.sheetTexts = make(map[int32]*sheetText)
	}
	d.sheetTexts[i] = &sheetText{text, blocks}
	return blocks
}

// scanHiding reads rules up to the brace that closes the group they are in.
func scanHiding(s string, depth int) (blocks []hidingBlock, rest string) {
	for {
		s = strings.TrimLeft(s, "; \t\n\r\f")
		if s == "" {
			return blocks, ""
		}
		if s[0] == '}' {
			if s = s[1:]; depth > 0 {
				return blocks, s
			}
			continue
		}
		open := strings.IndexByte(s, '{')
		if open < 0 {
			return blocks, ""
		}
		prelude := s[:open]
		if early := strings.IndexByte(prelude, '}'); early >= 0 {
			s = s[early:] // declarations of the group itself
			continue
		}
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
	if strings.IndexByte(body, '{') >= 0 {
		// Rules inside rules, or a brace in a string.
		body, rest = blockOf(s)
		body, _ = parseBlock(body, 0)
	}
	if says, any := saysOf(body); any {
		if block.selectors = parseSelectors(prelude); block.selectors != nil {
			block.says = says
		}
	}
	return block, rest
}

// saysOf is what declarations say. It looks for the two properties alone: they
// stand at the beginning or behind a semicolon.
func saysOf(body string) (s said, any bool) {
	for _, name := range [2]string{"display", "visibility"} {
		into := &s.display
		if name == "visibility" {
			into = &s.visibility
		}
		for rest := body; ; {
			at := strings.Index(rest, name)
			if at < 0 {
				break
			}
			before := strings.TrimRight(rest[:at], " \t\n\r\f")
			start := before == "" && len(rest) == len(body) || strings.HasSuffix(before, ";") || strings.HasSuffix(before, "*/")
			rest = rest[at+len(name):]
			value, found := strings.CutPrefix(strings.TrimLeft(rest, " \t\n\r\f"), ":")
			if !start || !found {
				continue
			}
			value, _, _ = strings.Cut(value, ";")
			value, important := strings.CutSuffix(strings.TrimSpace(stripComments(value)), "!important")
			if p := (property{strings.ToLower(strings.TrimSpace(value)), important}); p.value != "" && (!into.important || important) {
				*into, any = p, true
			}
		}
	}
	return s, any
}

// addBlocks takes the rules whose conditions hold now.
func (h *hidingRules) addBlocks(d *Document, blocks []hidingBlock) {
	for k := range blocks {
		b := &blocks[k]
		if b.condition != "" {
			if d.applies(b.condition) {
				h.addBlocks(d, b.inner)
			}
			continue
		}
		for _, c := range b.selectors {
			h.count++
			h.put(&hidingRule{c, h.count, b.says})
		}
	}
}
