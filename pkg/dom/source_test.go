package dom_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/rrweb"
)

// page is a full snapshot that the tests change:
//
//	<!doctype html><html#3><head#4><style#5>…</style></head><body#7>
//	  <div#8 id=main class="a b" style="color: red; margin: 1px 2px">one#9</div>
//	  <input#10><input#11 type=checkbox><textarea#12>t</textarea><select#13><option#14 value=x>…<option#16 value=y>…</select>
//	  <iframe#18></iframe><my-card#19>shadow: <b#20>in#21</b></my-card><video#22></video>
//	</body></html>
const page = `{"type":2,"timestamp":1,"data":{"initialOffset":{"left":0,"top":0},"node":{"type":0,"id":1,"childNodes":[` +
	`{"type":1,"name":"html","publicId":"","systemId":"","id":2},` +
	`{"type":2,"tagName":"html","attributes":{},"id":3,"childNodes":[` +
	`{"type":2,"tagName":"head","attributes":{},"id":4,"childNodes":[` +
	`{"type":2,"tagName":"style","attributes":{},"id":5,"childNodes":[{"type":3,"textContent":".b { color: red } @media print { .c { top: 0 } }","isStyle":true,"id":6}]}]},` +
	`{"type":2,"tagName":"body","attributes":{},"id":7,"childNodes":[` +
	`{"type":2,"tagName":"div","attributes":{"id":"main","class":"a b","style":"color: red; margin: 1px 2px"},"id":8,"childNodes":[{"type":3,"textContent":"one","id":9}]},` +
	`{"type":2,"tagName":"input","attributes":{"value":"v"},"id":10,"childNodes":[]},` +
	`{"type":2,"tagName":"input","attributes":{"type":"checkbox"},"id":11,"childNodes":[]},` +
	`{"type":2,"tagName":"textarea","attributes":{"value":"t"},"id":12,"childNodes":[]},` +
	`{"type":2,"tagName":"select","attributes":{},"id":13,"childNodes":[` +
	`{"type":2,"tagName":"option","attributes":{"value":"x","selected":true},"id":14,"childNodes":[{"type":3,"textContent":"X","id":15}]},` +
	`{"type":2,"tagName":"option","attributes":{"value":"y"},"id":16,"childNodes":[{"type":3,"textContent":"Y","id":17}]}]},` +
	`{"type":2,"tagName":"iframe","attributes":{},"id":18,"childNodes":[]},` +
	`{"type":2,"tagName":"my-card","attributes":{},"isShadowHost":true,"id":19,"childNodes":[{"type":2,"tagName":"b","attributes":{},"isShadow":true,"id":20,"childNodes":[{"type":3,"textContent":"in","id":21}]}]},` +
	`{"type":2,"tagName":"video","attributes":{"rr_mediaState":"paused"},"id":22,"childNodes":[]}` +
	`]}]}]}}}`

func incremental(source int, data string) string {
	return fmt.Sprintf(`{"type":3,"timestamp":2,"data":{"source":%d,%s}}`, source, data)
}

// mutation is one with the lists that are given; the others are empty.
func mutation(lists ...string) string {
	data := strings.Join(lists, ",")
	for _, name := range []string{"removes", "adds", "texts", "attributes"} {
		if !strings.Contains(data, `"`+name+`":[`) || name == "attributes" && !hasAttributeList(lists) {
			data += fmt.Sprintf(`,"%s":[]`, name)
		}
	}
	return incremental(0, strings.TrimPrefix(data, ","))
}

func hasAttributeList(lists []string) bool {
	for _, l := range lists {
		if strings.HasPrefix(l, `"attributes":`) {
			return true
		}
	}
	return false
}

func text(id int, s string) string {
	return fmt.Sprintf(`{"type":3,"textContent":%q,"id":%d}`, s, id)
}

func element(id int, tag, more string) string {
	return fmt.Sprintf(`{"type":2,"tagName":%q,"attributes":{%s},"childNodes":[],"id":%d}`, tag, more, id)
}

func addition(parent int, previous, next, node string) string {
	return fmt.Sprintf(`{"parentId":%d,"previousId":%s,"nextId":%s,"node":%s}`, parent, previous, next, node)
}

// html writes a subtree as people write HTML, without ids.
func html(n dom.Node) string {
	var b strings.Builder
	writeHTML(&b, n)
	return b.String()
}

func writeHTML(b *strings.Builder, n dom.Node) {
	switch n.Type() {
	case dom.TypeText, dom.TypeCDATA:
		b.WriteString(n.Data())
		return
	case dom.TypeComment:
		fmt.Fprintf(b, "<!--%s-->", n.Data())
		return
	case dom.TypeDoctype:
		fmt.Fprintf(b, "<!%s>", n.Data())
		return
	case dom.TypeElement:
		b.WriteString("<" + n.Tag())
		for name, value := range n.Attributes() {
			fmt.Fprintf(b, " %s=%s", name, value)
		}
		b.WriteString(">")
	}
	if n.ShadowRoot().Exists() {
		b.WriteString("#(")
		writeHTML(b, n.ShadowRoot())
		b.WriteString(")")
	}
	if n.ContentDocument().Exists() {
		b.WriteString("[")
		writeHTML(b, n.ContentDocument())
		b.WriteString("]")
	}
	for c := range n.Children() {
		writeHTML(b, c)
	}
	if n.IsElement() {
		b.WriteString("</" + n.Tag() + ">")
	}
}

var sourceTests = []struct {
	name   string
	events []string
	id     int // the node that is looked at, after the events
	want   string
}{
	{"text changed", []string{mutation(`"texts":[{"id":9,"value":"two"}]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>two</div>`},
	{"the last text of a node counts", []string{mutation(`"texts":[{"id":9,"value":"two"},{"id":9,"value":"three"}]`)}, 9, `three`},
	{"attribute set, changed, removed", []string{mutation(`"attributes":[{"id":8,"attributes":{"style":null,"class":"c","title":"T"}}]`)}, 8, `<div id=main class=c title=T>one</div>`},
	{"style properties", []string{mutation(`"attributes":[{"id":8,"attributes":{"style":{"color":false,"top":"1px","margin-top":["5px","important"]}}}]`)}, 8, `<div id=main class=a b style=margin-right: 2px; margin-bottom: 1px; margin-left: 2px; top: 1px; margin-top: 5px !important;>one</div>`},
	{"style property again", []string{mutation(`"attributes":[{"id":8,"attributes":{"style":{"color":"blue"}}}]`)}, 8, `<div id=main class=a b style=color: blue; margin: 1px 2px;>one</div>`},
	{"removed", []string{mutation(`"removes":[{"parentId":8,"id":9}]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px></div>`},
	{"removed from another parent", []string{mutation(`"removes":[{"parentId":7,"id":9}]`, `"attributes":[{"id":8,"attributes":{"title":"T"}}]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>one</div>`},
	{"added between", []string{mutation(`"adds":[` + addition(8, "null", "9", element(30, "i", "")) + "," + addition(8, "9", "null", element(31, "u", "")) + `]`)}, 8,
		`<div id=main class=a b style=color: red; margin: 1px 2px><i></i>one<u></u></div>`},
	{"added in any order", []string{mutation(`"adds":[` + addition(30, "null", "32", text(31, "a")) + "," + addition(30, "null", "null", text(32, "b")) + "," + addition(8, "null", "9", element(30, "i", "")) + `]`)}, 8,
		`<div id=main class=a b style=color: red; margin: 1px 2px><i>ab</i>one</div>`},
	{"added beside nodes that never come", []string{mutation(`"adds":[`+addition(8, "null", "99", element(30, "i", ""))+`]`, `"texts":[{"id":9,"value":"two"}]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>two</div>`},
	{"added to a parent that is not there", []string{mutation(`"adds":[` + addition(99, "null", "null", element(30, "i", "")) + `]`)}, 30, ``},
	{"waits for its neighbour, as old recorders sent it", []string{mutation(`"adds":[` + addition(8, "9", "-1", element(30, "i", "")) + "," + addition(8, "30", "null", element(31, "u", "")) + `]`)}, 8,
		`<div id=main class=a b style=color: red; margin: 1px 2px>one<i></i><u></u></div>`},
	{"waits for a neighbour that never comes", []string{mutation(`"adds":[` + addition(8, "-1", "9", element(30, "i", "")) + `]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>one</div>`},
	{"moved", []string{mutation(`"removes":[{"parentId":7,"id":8}]`, `"adds":[`+addition(20, "null", "null", element(8, "div", ""))+","+addition(8, "null", "null", text(9, "one"))+`]`)}, 19, `<my-card>#(<b>in<div>one</div></b>)</my-card>`},
	{"moved into a shadow root", []string{mutation(`"removes":[{"parentId":7,"id":10}]`, `"adds":[{"parentId":19,"nextId":null,"node":{"type":2,"tagName":"p","attributes":{},"childNodes":[],"id":10,"isShadow":true}}]`)}, 19, `<my-card>#(<b>in</b><p></p>)</my-card>`},
	{"removed from a shadow root", []string{mutation(`"removes":[{"parentId":19,"id":20,"isShadow":true}]`)}, 19, `<my-card>#()</my-card>`},
	{"shadow root that was not announced", []string{mutation(`"adds":[{"parentId":8,"nextId":null,"node":{"type":3,"textContent":"s","id":30,"isShadow":true}}]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>#(s)one</div>`},
	{"unknown nodes are passed over", []string{mutation(`"removes":[{"parentId":7,"id":99}]`, `"texts":[{"id":98,"value":"x"},{"id":9,"value":"two"}]`, `"attributes":[{"id":97,"attributes":{"a":"b"}}]`)}, 9, `two`},
	{"gives up where the browser throws", []string{mutation(`"adds":[`+addition(9, "null", "null", element(30, "i", ""))+`]`, `"texts":[{"id":9,"value":"two"}]`)}, 9, `one`},
	{"gives up when a list is missing", []string{incremental(0, `"removes":[],"texts":[{"id":9,"value":"two"}],"attributes":[]`)}, 9, `one`},
	{"attribute that must not run", []string{mutation(`"adds":[` + addition(8, "9", "null", element(30, "a", `"onclick":"x()","onmouseover":"y()","href":"/"`)) + `]`)}, 30, `<a _onclick=x() _onmouseover=y() href=/></a>`},
	{"script", []string{mutation(`"adds":[` + addition(8, "9", "null", element(30, "script", `"src":"/x.js"`)) + `]`)}, 30, `<noscript src=/x.js></noscript>`},
	{"preloaded script", []string{mutation(`"adds":[` + addition(4, "5", "null", element(30, "link", `"rel":"preload","as":"script","href":"/x.js"`)) + `]`)}, 30, `<link></link>`},
	{"inlined style sheet", []string{mutation(`"adds":[` + addition(4, "5", "null", element(30, "link", `"rel":"stylesheet","_cssText":".x { top: 0 }"`)) + `]`)}, 30, `<style rel=stylesheet>.x { top: 0 }</style>`},
	{"style sheet that loaded later", []string{
		mutation(`"adds":[` + addition(4, "5", "null", element(30, "link", `"rel":"stylesheet","href":"/x.css"`)) + `]`),
		mutation(`"attributes":[{"id":30,"attributes":{"_cssText":".x { top: 0 }"}}]`),
	}, 30, `<style rel=stylesheet href=/x.css>.x { top: 0 }</style>`},
	{"blocked element", []string{mutation(`"adds":[` + addition(8, "9", "null", element(30, "div", `"class":"rr-block","rr_width":"10px","rr_height":"20px"`)) + `]`)}, 30, `<div class=rr-block style=width: 10px; height: 20px;></div>`},
	{"image with inlined pixels", []string{mutation(`"adds":[` + addition(8, "9", "null", element(30, "img", `"src":"/a.png","rr_dataURL":"data:,"`)) + `]`)}, 30, `<img src=data:, rrweb-original-src=/a.png></img>`},
	{"SVG keeps its case", []string{mutation(`"adds":[` + addition(8, "9", "null", `{"type":2,"tagName":"lineargradient","isSVG":true,"attributes":{"viewBox":"0"},"childNodes":[],"id":30}`) + `]`)}, 30, `<linearGradient viewBox=0></linearGradient>`},
	{"comment", []string{mutation(`"adds":[` + addition(8, "9", "null", `{"type":5,"textContent":"c","id":30}`) + `]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>one<!--c--></div>`},
	{"CDATA, which the browser refuses", []string{mutation(`"adds":[`+addition(8, "9", "null", `{"type":4,"textContent":"d","id":31}`)+`]`, `"texts":[{"id":9,"value":"two"}]`)}, 9, `one`},
	{"typed", []string{incremental(5, `"id":10,"text":"new","isChecked":false,"userTriggered":true`)}, 10, `<input value=v autocomplete=off></input>`},
	{"document of an iframe", []string{mutation(`"adds":[{"parentId":18,"nextId":null,"node":{"type":0,"id":40,"childNodes":[{"type":2,"tagName":"html","attributes":{},"id":41,"rootId":40,"childNodes":[{"type":3,"textContent":"f","id":42,"rootId":40}]}]}}]`, `"isAttachIframe":true`)}, 18, `<iframe>[<html>f</html>]</iframe>`},
	{"document before its iframe", []string{
		mutation(`"adds":[{"parentId":50,"nextId":null,"node":{"type":0,"id":40,"childNodes":[{"type":2,"tagName":"html","attributes":{},"id":41,"rootId":40,"childNodes":[]}]}}]`),
		mutation(`"adds":[` + addition(8, "9", "null", element(50, "iframe", "")) + `]`),
	}, 50, `<iframe>[<html></html>]</iframe>`},
	{"iframe that moves is empty", []string{
		mutation(`"adds":[{"parentId":18,"nextId":null,"node":{"type":0,"id":40,"childNodes":[]}}]`),
		mutation(`"removes":[{"parentId":7,"id":18}]`, `"adds":[`+addition(8, "9", "null", element(18, "iframe", ""))+`]`),
	}, 18, `<iframe></iframe>`},
	{"second snapshot", []string{strings.Replace(page, `"one"`, `"again"`, 1)}, 9, `again`},
	{"unknown source", []string{incremental(77, `"id":9,"text":"x"`)}, 9, `one`},
	{"duplicate id", []string{mutation(`"adds":[`+addition(8, "9", "null", text(9, "twin"))+`]`, `"texts":[{"id":9,"value":"two"}]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>onetwo</div>`},
	{"behind the body", []string{mutation(`"adds":[` + addition(3, "7", "null", element(30, "aside", "")) + "," + addition(30, "null", "null", text(31, "late")) + `]`)}, 30, `<aside>late</aside>`},
	{"body comes last", []string{`{"type":2,"timestamp":1,"data":{"node":{"type":0,"id":1,"childNodes":[{"type":2,"tagName":"html","attributes":{},"id":2,"childNodes":[` + element(3, "head", "") + `,` + element(4, "body", "") + `,` + text(5, " ") + `]}]}}}`}, 2, `<html><head></head> <body></body></html>`},
	{"node of what is no document", []string{mutation(`"adds":[{"parentId":8,"nextId":null,"node":{"type":3,"textContent":"of","id":30,"rootId":7}},` + addition(8, "9", "null", text(31, "late")) + `]`)}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>one</div>`},
	{"host into its own shadow root", []string{
		mutation(`"adds":[{"parentId":20,"previousId":null,"nextId":null,"node":{"type":2,"tagName":"my-card","attributes":{},"childNodes":[],"isShadowHost":true,"id":19}},` + addition(8, "9", "null", text(31, "late")) + `]`),
	}, 8, `<div id=main class=a b style=color: red; margin: 1px 2px>one</div>`},
	{"text and comment in a style sheet", []string{
		mutation(`"texts":[{"id":5,"value":"i { top: 0 }"}]`),
		mutation(`"adds":[{"parentId":5,"nextId":null,"node":{"type":5,"textContent":"note","id":30}}]`),
	}, 5, `<style>i { top: 0 }<!--note--></style>`},
}

func TestSources(t *testing.T) {
	for _, tt := range sourceTests {
		t.Run(tt.name, func(t *testing.T) {
			d := playAll(t, append([]string{page}, tt.events...)...)
			if got := html(d.ByID(tt.id)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if err := dom.CheckInvariants(d); err != nil {
				t.Error(err)
			}
			again := playAll(t, strings.Split(strings.TrimSpace(string(d.AppendKeyframe(nil, 1))), "\n")...)
			if got, want := dom.Outline(again), dom.Outline(d); got != want {
				t.Errorf("from its keyframe\n%s", difference(got, want))
			}
		})
	}
}

func playAll(t *testing.T, events ...string) *dom.Document {
	t.Helper()
	d := dom.New(dom.Limits{})
	for _, line := range events {
		if err := d.Apply([]byte(line)); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	return d
}

func TestState(t *testing.T) {
	tests := []struct {
		name  string
		event string
		state func(d *dom.Document) any
		want  any
	}{
		{"field", incremental(5, `"id":10,"text":"new","isChecked":false`), func(d *dom.Document) any { return d.ByID(10).Value() }, "new"},
		{"field as it came", "", func(d *dom.Document) any { return d.ByID(10).Value() }, "v"},
		{"checkbox", incremental(5, `"id":11,"text":"on","isChecked":true`), func(d *dom.Document) any { return d.ByID(11).Checked() }, true},
		{"textarea", incremental(5, `"id":12,"text":"long","isChecked":false`), func(d *dom.Document) any { return d.ByID(12).Value() }, "long"},
		{"textarea as it came", "", func(d *dom.Document) any { return d.ByID(12).Value() }, "t"},
		{"textarea by attribute", mutation(`"attributes":[{"id":12,"attributes":{"value":"set"}}]`), func(d *dom.Document) any { return d.ByID(12).Value() }, "set"},
		{"list", incremental(5, `"id":13,"text":"y","isChecked":false`), func(d *dom.Document) any { return d.ByID(13).Value() + fmt.Sprint(d.ByID(14).Checked()) }, "yfalse"},
		{"list as it came", "", func(d *dom.Document) any { return d.ByID(13).Value() }, "x"},
		{"scroll", incremental(3, `"id":8,"x":3,"y":40.5`), func(d *dom.Document) any { x, y := d.ByID(8).Scroll(); return [2]float64{x, y} }, [2]float64{3, 40.5}},
		{"scroll of the page", incremental(3, `"id":1,"x":0,"y":9`), func(d *dom.Document) any { _, y := d.Root().Scroll(); return y }, 9.0},
		{"viewport", incremental(4, `"width":320,"height":200`), func(d *dom.Document) any { w, h := d.Viewport(); return [2]int{w, h} }, [2]int{320, 200}},
		{"selection", incremental(14, `"ranges":[{"start":9,"startOffset":1,"end":9,"endOffset":3}]`), func(d *dom.Document) any { return d.Selection() }, dom.Selection{Start: 9, StartOffset: 1, End: 9, EndOffset: 3}},
		{"meta", `{"type":4,"timestamp":1,"data":{"href":"https://a.test/b","width":10,"height":20}}`, func(d *dom.Document) any { return d.URL() }, "https://a.test/b"},
		{"custom element", incremental(16, `"define":{"name":"my-card"}`), func(d *dom.Document) any { return d.Stats().Skipped }, int64(1)},
		{"media plays for ever", incremental(7, `"id":22,"type":0,"currentTime":1.5,"muted":true,"loop":true`), func(d *dom.Document) any {
			_, loop := d.ByID(22).Attribute("loop")
			return fmt.Sprint(loop, strings.Contains(string(d.AppendSnapshot(nil)), `"rr_mediaCurrentTime":1.5,"rr_mediaLoop":true,"rr_mediaMuted":true,"rr_mediaState":"played"`))
		}, "true true"},
		{"media pauses", incremental(7, `"id":22,"type":1,"loop":false`), func(d *dom.Document) any {
			_, loop := d.ByID(22).Attribute("loop")
			return fmt.Sprint(loop, strings.Contains(string(d.AppendSnapshot(nil)), `"rr_mediaLoop":false,"rr_mediaState":"paused"`))
		}, "false true"},
		{"missing node", incremental(3, `"id":99,"x":0,"y":0`), func(d *dom.Document) any { return d.Stats().Missing }, int64(1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events := []string{page}
			if tt.event != "" {
				events = append(events, tt.event)
			}
			d := playAll(t, events...)
			if got := tt.state(d); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			again := playAll(t, strings.Split(strings.TrimSpace(string(d.AppendKeyframe(nil, 1))), "\n")...)
			if got, want := dom.Outline(again), dom.Outline(d); got != want {
				t.Errorf("from its keyframe\n%s", difference(got, want))
			}
		})
	}
}

// TestSourcesWithoutADocument: what changes no document changes nothing, and is
// counted. ApplyScanned does not even read it.
func TestSourcesWithoutADocument(t *testing.T) {
	events := map[string]string{
		"mouse move":        incremental(1, `"positions":[{"x":1,"y":2,"id":8,"timeOffset":0}]`),
		"mouse interaction": incremental(2, `"type":2,"id":8,"x":1,"y":2`),
		"touch move":        incremental(6, `"positions":[{"x":1,"y":2,"id":8,"timeOffset":0}]`),
		"canvas mutation":   incremental(9, `"id":8,"type":0,"commands":[{"property":"fillRect","args":[0,0,1,1]}]`),
		"font":              incremental(10, `"family":"A","fontSource":"url(a)","buffer":false`),
		"log":               incremental(11, `"level":"log","payload":["x"],"trace":[]`),
		"drag":              incremental(12, `"positions":[{"x":1,"y":2,"id":8,"timeOffset":0}]`),
		"custom element":    incremental(16, `"define":{"name":"my-card"}`),
		"source to come":    incremental(17, `"id":8,"adds":[{"id":9}]`),
		"load":              `{"type":1,"timestamp":2,"data":{}}`,
		"custom":            `{"type":5,"timestamp":2,"data":{"tag":"x","payload":{"source":0}}}`,
	}
	for name, line := range events {
		t.Run(name, func(t *testing.T) {
			d := playAll(t, page)
			want := dom.Outline(d)
			if err := d.Apply([]byte(line)); err != nil {
				t.Fatal(err)
			}
			event, err := rrweb.Scan([]byte(line), 100)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.ApplyScanned(event, []byte(line)); err != nil {
				t.Fatal(err)
			}
			if got := dom.Outline(d); got != want || d.Stats().Skipped != 2 || d.Changes().Any() {
				t.Errorf("skipped %d, %s", d.Stats().Skipped, difference(got, want))
			}
		})
	}
}

func TestStyleSheets(t *testing.T) {
	const styled = `.b { color: red }|@media print { .c { top: 0 } }`
	tests := []struct {
		name   string
		events []string
		id     int
		want   string // rules, divided by |
	}{
		{"as it came", nil, 5, styled},
		{"inserted", []string{incremental(8, `"id":5,"adds":[{"rule":".n { top: 1px }","index":1}]`)}, 5, `.b { color: red }|.n { top: 1px }|@media print { .c { top: 0 } }`},
		{"inserted far behind", []string{incremental(8, `"id":5,"adds":[{"rule":".n { top: 1px }","index":99}]`)}, 5, styled + `|.n { top: 1px }`},
		{"inserted in a group", []string{incremental(8, `"id":5,"adds":[{"rule":".n { top: 1px }","index":[1,1]}]`)}, 5, `.b { color: red }|@media print { .c { top: 0 } .n { top: 1px } }`},
		{"not a rule", []string{incremental(8, `"id":5,"adds":[{"rule":"nonsense"},{"rule":"a{} b{}"},{"rule":":-moz-any(a) { top: 0 }"}]`)}, 5, styled},
		{"deleted", []string{incremental(8, `"id":5,"removes":[{"index":0},{"index":7}]`)}, 5, `@media print { .c { top: 0 } }`},
		{"deleted from a group", []string{incremental(8, `"id":5,"removes":[{"index":[1,0]}]`)}, 5, `.b { color: red }|@media print { }`},
		{"declaration", []string{incremental(13, `"id":5,"index":[0],"set":{"property":"color","value":"blue","priority":"important"}`)}, 5, `.b { color: blue !important }|@media print { .c { top: 0 } }`},
		{"declaration removed in a group", []string{incremental(13, `"id":5,"index":[1,0],"remove":{"property":"top"}`)}, 5, `.b { color: red }|@media print { .c { } }`},
		{"text changes all of it", []string{
			incremental(8, `"id":5,"adds":[{"rule":".n { top: 1px }","index":1}]`),
			mutation(`"texts":[{"id":6,"value":".z { left: 0 }"}]`),
		}, 5, `.z { left: 0 }`},
		{"adopted by a shadow root", []string{incremental(15, `"id":19,"styles":[{"styleId":1,"rules":[{"rule":"b { top: 0 }","index":0}]}],"styleIds":[1]`)}, 19, `b { top: 0 }`},
		{"adopted before it comes", []string{
			incremental(15, `"id":19,"styleIds":[1]`),
			incremental(15, `"id":1,"styles":[{"styleId":1,"rules":[{"rule":"b { top: 0 }"}]}],"styleIds":[1]`),
		}, 19, `b { top: 0 }`},
		{"adopted and replaced", []string{
			incremental(15, `"id":1,"styles":[{"styleId":1,"rules":[{"rule":"b { top: 0 }"}]}],"styleIds":[1]`),
			incremental(8, `"styleId":1,"replaceSync":"i { left: 0 } u { right: 0 }"`),
		}, 1, `i { left: 0 }|u { right: 0 }`},
		{"no longer adopted", []string{
			incremental(15, `"id":1,"styles":[{"styleId":1,"rules":[{"rule":"b { top: 0 }"}]}],"styleIds":[1]`),
			incremental(15, `"id":1,"styleIds":[]`),
		}, 1, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := playAll(t, append([]string{page}, tt.events...)...)
			if got := strings.ReplaceAll(strings.Join(dom.Rules(d, tt.id), "|"), "; }", " }"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			again := playAll(t, strings.Split(strings.TrimSpace(string(d.AppendKeyframe(nil, 1))), "\n")...)
			if got, want := dom.Outline(again), dom.Outline(d); got != want {
				t.Errorf("from its keyframe\n%s", difference(got, want))
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	small := dom.Limits{Nodes: 40, Depth: 8, TextBytes: 2000}
	long := strings.Repeat("x", 3000)
	deep := strings.Repeat(`{"type":2,"tagName":"p","attributes":{},"childNodes":[`, 9)
	many := make([]string, 50)
	for i := range many {
		many[i] = addition(8, "null", "9", element(100+i, "i", ""))
	}
	tests := []struct {
		name, event string
		want        error
		incomplete  bool
	}{
		{"not JSON", `{"type":3,"data":`, dom.ErrSyntax, false},
		{"not an object", `[]`, dom.ErrSyntax, false},
		{"no type", `{"data":{}}`, dom.ErrSyntax, false},
		{"snapshot without a node", `{"type":2,"data":{}}`, dom.ErrSyntax, false},
		{"snapshot of an element", `{"type":2,"data":{"node":{"type":2,"tagName":"p","attributes":{},"childNodes":[],"id":1}}}`, dom.ErrSnapshot, true},
		{"text in a document", `{"type":2,"data":{"node":{"type":0,"id":1,"childNodes":[{"type":3,"textContent":"x","id":2}]}}}`, dom.ErrSnapshot, true},
		{"nested too deep", mutation(`"adds":[{"parentId":8,"nextId":null,"node":` + deep + strings.Repeat(`],"id":50}`, 9) + `}]`), dom.ErrLimit, true},
		{"too many nodes", mutation(`"adds":[` + strings.Join(many, ",") + `]`), dom.ErrLimit, true},
		{"too much text", mutation(`"texts":[{"id":9,"value":"` + long + `"}]`), dom.ErrLimit, true},
		{"too long an attribute", mutation(`"attributes":[{"id":8,"attributes":{"title":"` + long + `"}}]`), dom.ErrLimit, true},
		{"too much typed", incremental(5, `"id":10,"isChecked":false,"text":"`+long+`"`), dom.ErrLimit, true},
		{"too many rules", incremental(8, `"id":5,"adds":[{"rule":".x { content: '`+long+`' }"}]`), dom.ErrLimit, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := dom.New(small)
			if err := d.Apply([]byte(page)); err != nil {
				t.Fatal(err)
			}
			if err := d.Apply([]byte(tt.event)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if d.Incomplete() != tt.incomplete || d.Ready() == tt.incomplete {
				t.Errorf("incomplete %v, ready %v", d.Incomplete(), d.Ready())
			}
			if err := dom.CheckInvariants(d); err != nil {
				t.Error(err)
			}
			if err := d.Apply([]byte(page)); err != nil || !d.Ready() {
				t.Errorf("not whole after the next full snapshot: %v", err)
			}
		})
	}
}

// TestLongSessionStaysSmall adds and removes elements with shadow roots, which
// rrweb never forgets, for ever.
func TestLongSessionStaysSmall(t *testing.T) {
	d := dom.New(dom.Limits{Nodes: 20_000})
	if err := d.Apply([]byte(page)); err != nil {
		t.Fatal(err)
	}
	for i := range 30_000 {
		id := 100 + 3*i
		host := fmt.Sprintf(`{"type":2,"tagName":"my-card","isShadowHost":true,"attributes":{},"childNodes":[],"id":%d}`, id)
		inner := fmt.Sprintf(`{"parentId":%d,"nextId":null,"node":{"type":3,"textContent":"text %d","isShadow":true,"id":%d}}`, id, i, id+1)
		lines := []string{
			mutation(`"adds":[` + addition(8, "9", "null", host) + "," + inner + `]`),
			mutation(fmt.Sprintf(`"removes":[{"parentId":8,"id":%d}]`, id)),
		}
		for _, line := range lines {
			if err := d.Apply([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := dom.CheckInvariants(d); err != nil {
		t.Fatal(err)
	}
	if n := dom.LiveNodes(d); n > 15_000 {
		t.Errorf("%d nodes for a page of 22", n)
	}
	if got := html(d.ByID(8)); got != `<div id=main class=a b style=color: red; margin: 1px 2px>one</div>` {
		t.Error(got)
	}
}
