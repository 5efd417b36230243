package moments

import (
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"strings"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
)

// click is a click of the user.
type click struct {
	place
	element
	x, y      float64
	heardMs   int64 // raw time of the latest event then: recordings can be out of order
	clickable bool  // made to be clicked, as far as a recording tells
	field     bool  // its text can be selected
	quiet     bool  // its answer is outside of the page: a download, another tab, a list of the browser's
	submit    bool  // sends a form
	answered  bool
	answer    uint64 // of what changed right after it
	told      bool   // a signal has it
	described bool   // by the recorder, not only by rrweb
	submitted bool   // as told
}

// clicks follows the clicks of a page: what they hit, and what came of them.
type clicks struct {
	list  []*click // the last ones
	chain []*click // in quick succession at one place
	dead  *deadClick
	seed  maphash.Seed
}

// describedMs is how long after a click that the recorder described rrweb's own
// event of it can come.
const describedMs = 50

// plain takes rrweb's own event of a click, unless the recorder described the
// click in the segment before.
func (c *clicks) plain(w *Window, m *recording.Moment, node int, x, y float64) {
	if n := len(c.list); n > 0 && c.list[n-1].described && w.place.rawMs-c.list[n-1].rawMs <= describedMs {
		return
	}
	c.clicked(w, m, node, x, y)
}

// described takes a click that the recorder described.
func (c *clicks) described(w *Window, m *recording.Moment, node int, x, y float64) {
	c.clicked(w, m, node, x, y)
	c.list[len(c.list)-1].described = true
}

// clicked takes a click: the moment of it, what it hit and where.
func (c *clicks) clicked(w *Window, m *recording.Moment, node int, x, y float64) {
	n := w.document.ByID(node)
	if !n.IsElement() {
		n = n.Parent()
	}
	target := n
	if clickable := n.Clickable(); clickable.Exists() {
		target = clickable
	}
	k := &click{place: w.place, x: x, y: y, heardMs: w.now}
	if !w.lost && !w.overworked() && target.Exists() {
		k.element = describe(target)
		k.clickable = target.Clickable().Exists()
		k.field = isField(target)
		k.quiet = isQuiet(target)
		k.submit = isSubmit(target)
		enrich(m, k.element)
	} else {
		k.element = element{node: node, tag: m.Name, name: unmask(m.Text), selector: m.Selector}
	}
	if k.submit {
		attributes := map[string]string{"form": k.form, "element": k.name}
		w.emit(k.place, partSubmit, recording.Moment{
			Kind: recording.KindSubmit, Name: k.form, Text: k.name, Selector: k.selector, Attributes: attributes,
		})
		w.fields.submitted(k.formNode)
	}
	w.visits.acted()
	c.remember(w, k)
}

// enrich adds to the moment of a click what the document knows.
func enrich(m *recording.Moment, e element) {
	if m.Name == "" {
		m.Name = e.tag
	}
	if m.Text == "" {
		m.Text = e.name
	}
	if e.selector != "" {
		m.Selector = e.selector
	}
	m.Attributes = present(map[string]string{"role": e.role, "name": e.name, "form": e.form})
}

func (c *clicks) remember(w *Window, k *click) {
	if len(c.chain) > 0 {
		last := c.chain[len(c.chain)-1]
		if k.rawMs-last.rawMs > rageGapMs || !last.near(k) {
			c.endChain(w)
		}
	}
	if len(c.chain) == maxChain {
		c.chain = c.chain[:maxChain-1]
	}
	c.chain = append(c.chain, k)
	if len(c.list) == maxClicks {
		c.list = append(c.list[:0], c.list[1:]...)
	}
	c.list = append(c.list, k)
}

// near reports whether two clicks hit the same thing.
func (k *click) near(other *click) bool {
	if k.node != 0 && k.node == other.node && k.clickable {
		return true
	}
	return math.Hypot(k.x-other.x, k.y-other.y) <= rageRadiusPx && (k.x != 0 || k.y != 0 || k.node == other.node)
}

// before is the last click of at most ms before a raw time, nil when there is
// none.
func (c *clicks) before(rawMs, ms int64) *click {
	for i := len(c.list) - 1; i >= 0; i-- {
		if k := c.list[i]; k.rawMs <= rawMs {
			if rawMs-k.rawMs <= ms {
				return k
			}
			return nil
		}
	}
	return nil
}

// answer says that something happened that a click can have done; hash is of
// what, 0 when it is of no importance.
func (c *clicks) answer(w *Window, hash uint64) {
	at := w.place.rawMs
	for i := len(c.list) - 1; i >= 0; i-- {
		k := c.list[i]
		last := i == len(c.list)-1
		if at-k.rawMs > lateAnswerMs {
			return
		}
		if last || at-k.rawMs <= consequenceMs {
			k.answered = true
		}
		if last && k.answer == 0 {
			k.answer = hash
		}
	}
}

// recent reports whether a change now could answer a click.
func (c *clicks) recent(at int64) bool {
	return len(c.list) > 0 && at-c.list[len(c.list)-1].rawMs <= lateAnswerMs
}

// changed takes a change of the document.
func (c *clicks) changed(w *Window, changes *dom.Changes) {
	if !c.recent(w.place.rawMs) {
		return
	}
	last := c.list[len(c.list)-1]
	if last.answer != 0 || !w.touched.fresh(changes, last.rawMs) {
		return
	}
	c.answer(w, c.hash(changes))
}

// hash tells apart what changed.
func (c *clicks) hash(changes *dom.Changes) uint64 {
	if c.seed == (maphash.Seed{}) {
		c.seed = maphash.MakeSeed()
	}
	var h maphash.Hash
	h.SetSeed(c.seed)
	left := maxTouchedOfEvent
	for _, t := range changes.Texts {
		if left--; left < 0 {
			break
		}
		h.WriteString(t.Node.Data())
	}
	for _, n := range changes.Added {
		if left--; left < 0 {
			break
		}
		h.WriteString(n.Tag())
		h.WriteString(n.VisibleText(maxNameBytes))
	}
	for _, r := range changes.Removed {
		if left--; left < 0 {
			break
		}
		h.WriteString(strconv.Itoa(r.Node.ID()))
	}
	for _, a := range changes.Attributes {
		if left--; left < 0 {
			break
		}
		h.WriteString(strconv.Itoa(a.Node.ID()))
		h.WriteString(attribute(a.Node, a.Name))
	}
	return h.Sum64() | 1
}

// focused: a click that puts the focus elsewhere is answered; a button that is
// clicked gets the focus itself, which says nothing.
func (c *clicks) focused(w *Window, node int) {
	n := w.document.ByID(node)
	if isField(n) {
		c.answer(w, 0)
		return
	}
	if k := c.before(w.place.rawMs, consequenceMs); k != nil && k.node != node && n.Clickable().ID() != k.node {
		c.answer(w, 0)
	}
}

// selected: the user marked text.
func (c *clicks) selected(w *Window) {
	if s := w.document.Selection(); s.Start != s.End || s.StartOffset != s.EndOffset {
		c.answer(w, 0)
	}
}

// requested says that a request began at a raw time.
func (c *clicks) requested(startMs int64) {
	for _, k := range c.list {
		if startMs >= k.rawMs && startMs-k.rawMs <= consequenceMs {
			k.answered = true
		}
	}
}

func (c *clicks) tick(w *Window) {
	if len(c.chain) > 0 && w.now-c.chain[len(c.chain)-1].heardMs > rageGapMs {
		c.endChain(w)
	}
	for len(c.list) > 0 && w.now-c.list[0].heardMs > deadClickWaitMs {
		c.decide(w, c.list[0])
		c.list = c.list[1:]
	}
}

// decide tells of a click that nothing came of.
func (c *clicks) decide(w *Window, k *click) {
	if k.answered || k.told || !k.clickable || k.quiet {
		return
	}
	k.told = true
	if d := c.dead; d != nil && d.same(k) && k.rawMs-d.lastMs <= deadClickWaitMs {
		d.clicks++
		d.lastMs = k.rawMs
	} else {
		c.dead = &deadClick{click: k, clicks: 1, lastMs: k.rawMs}
	}
	c.dead.tell(w)
}

// deadClick is a click that nothing came of, with those that followed on the
// same element.
type deadClick struct {
	*click
	clicks int
	lastMs int64 // raw, of the last one
}

func (d *deadClick) tell(w *Window) {
	text := fmt.Sprintf("nothing happened after a click on %s", d.element)
	attributes := map[string]string{"element": d.name, "tag": d.tag}
	if d.clicks > 1 {
		text = fmt.Sprintf("nothing happened after %d clicks on %s", d.clicks, d.element)
		attributes["clicks"] = strconv.Itoa(d.clicks)
	}
	waited := min(w.now-d.lastMs, deadClickWaitMs)
	attributes["interval_ms"] = decimal(float64(waited))
	w.signal(d.place, recording.SignalDeadClick, recording.Moment{
		Text: text, Selector: d.selector, DurationMs: d.lastMs - d.rawMs + waited, Attributes: attributes,
	})
}

// endChain decides whether the clicks that came in quick succession were
// rage.
func (c *clicks) endChain(w *Window) {
	chain := c.chain
	c.chain = nil
	if len(chain) < rageClicks {
		return
	}
	least := rageClicks
	if !chain[0].clickable || chain[0].field {
		least = rageTextClicks
	}
	if !quickly(chain, least) {
		return
	}
	answers := make(map[uint64]bool)
	for _, k := range chain {
		if k.answer != 0 {
			answers[k.answer] = true
		}
	}
	// Each click did something new: the user counts up, or turns pages.
	if len(answers) >= len(chain)-1 || chain[0].isRepeatable() {
		return
	}
	first, last := chain[0], chain[len(chain)-1]
	for _, k := range chain {
		k.told = true
	}
	span := last.rawMs - first.rawMs
	w.signal(first.place, recording.SignalRageClick, recording.Moment{
		Text:       fmt.Sprintf("clicked %s %d times within %s", first.element, len(chain), seconds(span)),
		Selector:   first.selector,
		DurationMs: span,
		Attributes: map[string]string{
			"element": first.name, "tag": first.tag, "clicks": strconv.Itoa(len(chain)), "interval_ms": decimal(float64(span) / float64(len(chain)-1)),
		},
	})
}

// quickly reports whether so many of the clicks came within rageMs.
func quickly(chain []*click, least int) bool {
	for i := least - 1; i < len(chain); i++ {
		if chain[i].rawMs-chain[i-least+1].rawMs <= rageMs {
			return true
		}
	}
	return false
}

// isRepeatable reports whether an element is there to be clicked many times.
func (k *click) isRepeatable() bool {
	if k.role == "spinbutton" || k.role == "slider" {
		return true
	}
	name := strings.ToLower(k.name)
	switch name {
	case "+", "-", "−", "–", "<", ">", "‹", "›", "«", "»", "←", "→":
		return true
	}
	for _, word := range []string{"next", "previous", "prev", "increase", "decrease", "increment", "decrement", "undo", "redo", "zoom", "plus", "minus"} {
		if strings.HasPrefix(name, word) {
			return true
		}
	}
	return false
}

// isQuiet reports whether what an element does cannot be seen in the page.
func isQuiet(n dom.Node) bool {
	if isField(n) {
		return true // it gets the focus, or the browser opens a list of its own
	}
	switch n.Tag() {
	case "label", "option", "summary", "video", "audio":
		return true
	case "a", "area":
		href := strings.ToLower(attribute(n, "href"))
		_, download := n.Attribute("download")
		return download || attribute(n, "target") != "" && attribute(n, "target") != "_self" ||
			strings.HasPrefix(href, "mailto:") || strings.HasPrefix(href, "tel:")
	}
	if _, disabled := n.Attribute("disabled"); disabled || attribute(n, "aria-disabled") == "true" {
		return false
	}
	name := strings.ToLower(n.Name())
	for _, word := range []string{"copy", "print", "download", "share", "export"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// gap forgets what waits: what came of it is not known.
func (c *clicks) gap() { c.list, c.chain, c.dead = nil, nil, nil }

// leave ends a page: going to another one answers the last clicks.
func (c *clicks) leave(w *Window) {
	c.endChain(w)
	w.requests.left(w)
	for i, k := range c.list {
		// The page that comes answers the last click, however long it took.
		if i < len(c.list)-1 && w.now-k.heardMs > lateAnswerMs {
			c.decide(w, k)
		}
	}
	c.list, c.dead = nil, nil
}

func (c *clicks) finish(w *Window) {
	c.endChain(w)
	for _, k := range c.list {
		if w.now-k.heardMs >= lateAnswerMs {
			c.decide(w, k)
		}
	}
	c.list = nil
}

// seconds writes a duration for people.
func seconds(ms int64) string {
	if ms < 1000 {
		return strconv.FormatInt(ms, 10) + " ms"
	}
	return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) + " s"
}
