package dom_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/dom"
)

// document makes a document of a body and some rules. Elements are written as
// <tag#id attributes>, so that tests can ask about ids.
func document(t *testing.T, css, body string) *dom.Document {
	t.Helper()
	p := &markup{s: body, next: 1000}
	content := p.children("")
	page := fmt.Sprintf(`{"type":2,"timestamp":1,"data":{"node":{"type":0,"id":900,"childNodes":[{"type":2,"tagName":"html","attributes":{},"id":901,"childNodes":[`+
		`{"type":2,"tagName":"head","attributes":{},"id":902,"childNodes":[{"type":2,"tagName":"style","attributes":{"_cssText":%q},"id":903,"childNodes":[]}]},`+
		`{"type":2,"tagName":"body","attributes":{},"id":904,"childNodes":[%s]}]}]}}}`, css, content)
	return playAll(t, `{"type":4,"timestamp":1,"data":{"href":"https://a.test/","width":1000,"height":600}}`, page)
}

// markup reads a small part of HTML: every element is closed, attributes are
// name=value or name='some words'.
type markup struct {
	s    string
	next int
}

func (p *markup) children(end string) string {
	var list []string
	for p.s != "" && !strings.HasPrefix(p.s, "</") {
		if p.s[0] != '<' {
			n := strings.IndexByte(p.s+"<", '<')
			p.next++
			list = append(list, text(p.next, p.s[:n]))
			p.s = p.s[n:]
			continue
		}
		list = append(list, p.element())
	}
	p.s = strings.TrimPrefix(p.s, "</"+end+">")
	return strings.Join(list, ",")
}

func (p *markup) element() string {
	tag, rest, _ := strings.Cut(p.s[1:], ">")
	p.s = rest
	name, attributes, _ := strings.Cut(tag, " ")
	name, id, ok := strings.Cut(name, "#")
	if !ok {
		p.next++
		id = fmt.Sprint(p.next)
	}
	var list []string
	for attributes != "" {
		key, value, _ := strings.Cut(attributes, "=")
		if strings.HasPrefix(value, "'") {
			value, attributes, _ = strings.Cut(value[1:], "'")
			attributes = strings.TrimPrefix(attributes, " ")
		} else {
			value, attributes, _ = strings.Cut(value, " ")
		}
		list = append(list, fmt.Sprintf("%q:%q", key, value))
	}
	return fmt.Sprintf(`{"type":2,"tagName":%q,"attributes":{%s},"id":%s,"childNodes":[%s]}`, name, strings.Join(list, ","), id, p.children(name))
}

func TestNameAndRole(t *testing.T) {
	tests := []struct{ body, role, name string }{
		{`<button#1>Place <b>order</b></button>`, "button", "Place order"},
		{`<button#1 aria-label='Close dialog'>×</button>`, "button", "Close dialog"},
		{`<h2 id=t>Your cart</h2><section#1 aria-labelledby=t>x</section>`, "region", "Your cart"},
		{`<section#1>x</section>`, "", ""},
		{`<a#1 href=/>Home <img alt=page></img></a>`, "link", "Home page"},
		{`<a#1>no link</a>`, "", ""},
		{`<label for=m>E-mail</label><input#1 id=m></input>`, "textbox", "E-mail"},
		{`<label>Delivery <input#1 type=date></input></label>`, "", "Delivery"},
		{`<label>I agree <input#1 type=checkbox></input></label>`, "checkbox", "I agree"},
		{`<input#1 placeholder=Search type=search></input>`, "searchbox", "Search"},
		{`<input#1 type=submit></input>`, "button", "Submit"},
		{`<input#1 type=button value=Go></input>`, "button", "Go"},
		{`<img#1 alt='A cat'></img>`, "img", "A cat"},
		{`<img#1 alt=''></img>`, "presentation", ""},
		{`<div#1 role=TAB>One<span style='display: none'>two</span></div>`, "tab", "One"},
		{`<div#1>text</div>`, "", ""},
		{`<div#1 title=Hint>text</div>`, "", "Hint"},
		{`<fieldset#1><legend>Payment</legend></fieldset>`, "group", "Payment"},
		{`<button#1><svg><title>Delete</title></svg></button>`, "button", "Delete"},
		{`<select#1 aria-label=Size><option>S</option></select>`, "combobox", "Size"},
		{`<main><header#1>x</header></main>`, "", ""},
		{`<header#1>x</header>`, "banner", ""},
	}
	for _, tt := range tests {
		n := document(t, "", tt.body).ByID(1)
		if n.Role() != tt.role || n.Name() != tt.name {
			t.Errorf("%s: role %q, name %q; want %q, %q", tt.body, n.Role(), n.Name(), tt.role, tt.name)
		}
	}
}

func TestLabel(t *testing.T) {
	tests := []struct{ body, want string }{
		{`<label for=m>E-mail <b>address</b></label><input#1 id=m></input>`, "E-mail address"},
		{`<label>Delivery <input#1 type=date></input></label>`, "Delivery"},
		{`<label for=m>First</label><label for=m>second</label><input#1 id=m></input>`, "First second"},
		{`<label for=other>Other</label><input#1 id=m placeholder=Search aria-label=Hint></input>`, ""},
	}
	for _, tt := range tests {
		if got := document(t, "", tt.body).ByID(1).Label(); got != tt.want {
			t.Errorf("%s: label %q, want %q", tt.body, got, tt.want)
		}
	}
}

func TestVisibleText(t *testing.T) {
	tests := []struct{ name, css, body, want string }{
		{"plain", "", `<p>one  two</p><p>three</p>`, "one two three"},
		{"runs on", "", `<p>o<b>n</b>e</p>`, "one"},
		{"hidden", "", `<p hidden=''>no</p>yes`, "yes"},
		{"rule beats hidden", `p { display: block }`, `<p hidden=''>yes</p>`, "yes"},
		{"aria-hidden", "", `<p aria-hidden=true>no</p>yes`, "yes"},
		{"style attribute", "", `<p style='display: none'>no</p>yes`, "yes"},
		{"class", `.off { display: none }`, `<p class='a off'>no</p>yes`, "yes"},
		{"id beats class", `#p { display: block } .off { display: none }`, `<p id=p class=off>yes</p>`, "yes"},
		{"later beats earlier", `.a { display: none } .b { display: block }`, `<p class='a b'>yes</p>`, "yes"},
		{"important", `.a { display: none !important } #p { display: block }`, `<p id=p class=a style='display: block'>no</p>yes`, "yes"},
		{"descendant and child", `.a .x { display: none } .a > .y { display: none }`, `<div class=a><div><i class=x>no</i><i class=y>yes</i></div><i class=y>no</i></div>`, "yes"},
		{"attribute", `[data-state="closed"] { display: none }`, `<p data-state=closed>no</p><p data-state=open>yes</p>`, "yes"},
		{"not", `.menu:not(.open) { display: none }`, `<p class=menu>no</p><p class='menu open'>yes</p>`, "yes"},
		{"sibling", `.on + p, .on ~ .z { display: none }`, `<i class=on>a</i><p>no</p><p>b</p><p class=z>no</p>`, "a b"},
		{"hover is not now", `p:hover { display: none }`, `<p>yes</p>`, "yes"},
		{"media that holds", `@media (max-width: 1200px) and (min-height: 2em) { p { display: none } }`, `<p>no</p>yes`, "yes"},
		{"media that does not", `@media print, (max-width: 600px) { p { display: none } }`, `<p>yes</p>`, "yes"},
		{"media range", `@media (400px < width <= 1000px) { p { display: none } }`, `<p>no</p>yes`, "yes"},
		{"layer and supports", `@layer a { .x { display: none } } @supports (display: grid) { .y { display: none } } @supports not (display: grid) { .z { display: none } }`, `<i class=x>no</i><i class=y>no</i><i class=z>yes</i>`, "yes"},
		{"visibility", `.v { visibility: hidden } .w { visibility: visible }`, `<p class=v>no<b class=w>yes</b></p>`, "yes"},
		{"dialog", "", `<dialog>no</dialog><dialog open=''>yes</dialog>`, "yes"},
		{"details", "", `<details><summary>more</summary><p>no</p></details>`, "more"},
		{"text in closed details", "", `<details>no<summary>more</summary></details>`, "more"},
		{"visible in hidden", `.v { visibility: hidden } .w { visibility: visible }`, `<div class=v><p>no</p><p class=w>yes</p></div>`, "yes"},
		{"slot's own text", "", `<p>a</p><slot>b</slot>`, "a b"},
		{"never shown", "", `<script>no</script><template>no</template><style>no</style><title>no</title>yes`, "yes"},
		{"fields", "", `<input value=secret></input><input type=submit value=Go></input><textarea>secret</textarea><select><option>A</option><option selected=''>B</option></select>`, "Go B"},
		{"of what is too long, the beginning", "", strings.Repeat("<p>wörd</p>", 30), strings.TrimSpace(strings.Repeat("wörd ", 16)) + " wör"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := document(t, tt.css, tt.body)
			if got := d.ByID(904).VisibleText(100); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestVisibleTextFollowsChanges(t *testing.T) {
	d := document(t, `.toast { display: none } .toast.show { display: block } @media (max-width: 500px) { .toast.show { display: none } }`, `<p#1 class=toast>Something went wrong</p>`)
	seen := func() string { return d.Root().VisibleText(100) }
	steps := []struct{ event, want string }{
		{mutation(`"attributes":[{"id":1,"attributes":{"class":"toast show"}}]`), "Something went wrong"},
		{incremental(4, `"width":400,"height":600`), ""},
		{incremental(4, `"width":900,"height":600`), "Something went wrong"},
		{incremental(8, `"id":903,"adds":[{"rule":"p { display: none !important }","index":0}]`), ""},
		{incremental(8, `"id":903,"removes":[{"index":0}]`), "Something went wrong"},
		{incremental(8, `"id":903,"adds":[{"rule":"p { display: none !important }","index":3}]`), ""},
		{incremental(8, `"id":903,"adds":[{"rule":"p.show { display: block !important }","index":4}]`), "Something went wrong"},
		{incremental(8, `"id":903,"adds":[{"rule":"p.toast { display: none !important }","index":5}]`), ""},
		{incremental(8, `"id":903,"removes":[{"index":5},{"index":4},{"index":3}]`), "Something went wrong"},
		{incremental(13, `"id":903,"index":[1],"set":{"property":"display","value":"none"}`), ""},
		{mutation(`"adds":[{"parentId":904,"previousId":null,"nextId":null,"node":{"type":2,"tagName":"div","attributes":{},"childNodes":[],"id":20}},` +
			`{"parentId":20,"previousId":null,"nextId":null,"node":{"type":2,"tagName":"style","attributes":{"_cssText":"p { display: none }"},"childNodes":[],"id":21}}]`), ""},
		{mutation(`"removes":[{"parentId":902,"id":903}]`), ""},
		{mutation(`"removes":[{"parentId":904,"id":20}]`), "Something went wrong"},
		{mutation(`"attributes":[{"id":1,"attributes":{"style":{"visibility":"hidden"}}}]`), ""},
	}
	if got := seen(); got != "" {
		t.Fatalf("at first: %q", got)
	}
	for i, s := range steps {
		if err := d.Apply([]byte(s.event)); err != nil {
			t.Fatal(err)
		}
		if got := seen(); got != s.want || d.ByID(1).Visible() != (s.want != "") {
			t.Errorf("step %d: %q, visible %v; want %q", i, got, d.ByID(1).Visible(), s.want)
		}
	}
}

func TestVisibleTextOfShadowTreesAndFrames(t *testing.T) {
	d := playAll(t, page,
		mutation(`"adds":[`+addition(19, "null", "null", text(30, "given "))+`,{"parentId":19,"nextId":null,"node":{"type":2,"tagName":"slot","attributes":{},"childNodes":[],"isShadow":true,"id":31}}]`),
		incremental(15, `"id":19,"styles":[{"styleId":1,"rules":[{"rule":"b { display: none }"}]}],"styleIds":[1]`),
		mutation(`"adds":[{"parentId":18,"nextId":null,"node":{"type":0,"id":40,"childNodes":[{"type":2,"tagName":"html","attributes":{},"id":41,"rootId":40,"childNodes":[{"type":3,"textContent":"framed","id":42,"rootId":40}]}]}}]`),
	)
	if got, want := d.Root().VisibleText(200), "one X framed given"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := d.ByID(42).Above().Selector(), "iframe >> html"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want …%q", got, want)
	}
}

func TestSelector(t *testing.T) {
	tests := []struct{ body, want string }{
		{`<button#1 id=order>x</button>`, `#order`},
		{`<button#1 id=':r1:'>Save</button>`, `role=button[name="Save"]`},
		{`<button#1 id=ember12345>Save</button>`, `role=button[name="Save"]`},
		{`<p id=twin>a</p><p#1 id=twin>b</p>`, `html > body > p:nth-of-type(2)`},
		{`<div#1 data-testid=cart>x</div>`, `[data-testid="cart"]`},
		{`<button>Save</button><button#1>Save</button>`, `html > body > button:nth-of-type(2)`},
		{`<div id=list><i>a</i><i#1>b</i></div>`, `#list > i:nth-of-type(2)`},
		{`<p><em#1>x</em></p>`, `html > body > p > em`},
		{`<p#1 id=1a>x</p>`, `#\31 a`},
	}
	for _, tt := range tests {
		if got := document(t, "", tt.body).ByID(1).Selector(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.body, got, tt.want)
		}
	}
}

func TestClickableAndForm(t *testing.T) {
	d := document(t, "", `<form#2><button#3><b#4>Pay</b></button></form><div#5 onclick='x()'><i#6>x</i></div><p#7>text</p><form#8 id=f></form><input#9 form=f></input>`)
	tests := []struct {
		name      string
		got, want int
	}{
		{"inside a button", d.ByID(4).Clickable().ID(), 3},
		{"inside an element with a handler", d.ByID(6).Clickable().ID(), 5},
		{"text", d.ByID(7).Clickable().ID(), 0},
		{"form around", d.ByID(3).Form().ID(), 2},
		{"form by id", d.ByID(9).Form().ID(), 8},
		{"no form", d.ByID(7).Form().ID(), 0},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, tt.got, tt.want)
		}
	}
}

func TestNoNodeAnswersWithNothing(t *testing.T) {
	var n dom.Node
	if n.Exists() || n.ID() != 0 || n.Tag() != "" || n.Name() != "" || n.Role() != "" || n.Label() != "" || n.Selector() != "" ||
		n.Visible() || n.VisibleText(10) != "" || n.Clickable().Exists() || n.Form().Exists() || n.Value() != "" || n.Checked() ||
		n.Parent().Exists() || n.Above().Exists() || n.ShadowRoot().Exists() || n.ContentDocument().Exists() || n.Data() != "" {
		t.Error("the zero Node says something")
	}
	for range n.Children() {
		t.Error("the zero Node has children")
	}
	if d := dom.New(dom.Limits{}); d.Root().Exists() || d.ByID(1).Exists() || d.Ready() || len(d.AppendSnapshot(nil))+len(d.AppendKeyframe(nil, 1)) != 0 {
		t.Error("an empty document says something")
	}
}

// TestSnapshotStandsAlone plays the data of AppendSnapshot as a full snapshot:
// the state of fields and rules is in its attributes.
func TestSnapshotStandsAlone(t *testing.T) {
	d := playAll(t, page,
		incremental(5, `"id":10,"text":"new","isChecked":false`),
		incremental(5, `"id":11,"text":"on","isChecked":true`),
		incremental(5, `"id":12,"text":"long","isChecked":false`),
		incremental(5, `"id":13,"text":"y","isChecked":false`),
		incremental(8, `"id":5,"adds":[{"rule":".n { top: 1px }","index":1}]`),
	)
	alone := playAll(t, `{"type":2,"timestamp":1,"data":`+string(d.AppendSnapshot(nil))+`}`)
	for _, id := range []int{10, 12, 13} {
		if got, want := alone.ByID(id).Value(), d.ByID(id).Value(); got != want {
			t.Errorf("value of %d: got %q, want %q", id, got, want)
		}
	}
	if !alone.ByID(11).Checked() || alone.ByID(14).Checked() || !alone.ByID(16).Checked() {
		t.Error("checkbox or list is in another state")
	}
	if got, want := fmt.Sprint(dom.Rules(alone, 5)), fmt.Sprint(dom.Rules(d, 5)); got != want {
		t.Errorf("rules: got %s, want %s", got, want)
	}
}
