package dom_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/dom"
)

// TestHostileEvents applies events that were made to take long, and asks about
// what they leave. Each is done in a fraction of the time that is allowed;
// without the bound that it is for it takes minutes or ends the process.
func TestHostileEvents(t *testing.T) {
	const allowed = 20 * time.Second
	style := func(css string) string { return mutation(fmt.Sprintf(`"texts":[{"id":6,"value":%q}]`, css)) }
	tests := []struct {
		name   string
		events func() []string
	}{
		{"declarations that end no rule", func() []string { return []string{style(strings.Repeat("a}", 1_000_000) + "{")} }},
		{"lists of selectors in one another", func() []string { return []string{style(strings.Repeat(":is(", 300_000) + "{ display: none }")} }},
		{"selectors of nested rules", func() []string {
			return []string{style(strings.Repeat("& &, & & {", 31) + "display: none" + strings.Repeat("}", 31) +
				"#main {" + strings.Repeat("& &, & & {", 31) + "display: none" + strings.Repeat("}", 32))}
		}},
		{"media queries in one another", func() []string {
			return []string{style("@media " + strings.Repeat("not ", 2_000_000) + "screen { a { display: none } }"),
				style("@media " + strings.Repeat("(", 2_000_000) + " { a { display: none } }")}
		}},
		{"groups of rules each with its condition", func() []string {
			var css strings.Builder
			for i := range 60_000 {
				fmt.Fprintf(&css, "@media (min-width: %dpx) { a { display: none } }", i)
			}
			return []string{style(css.String())}
		}},
		{"layers in one another", func() []string {
			return []string{style("@layer " + strings.Repeat("a.", 3_000_000) + "a { a { display: none } }")}
		}},
		{"rules before all others", func() []string {
			adds := strings.Repeat(`{"rule":"a{}","index":[1,0]},`, 300_000)
			return []string{incremental(8, `"id":5,"adds":[`+adds[:len(adds)-1]+`]`)}
		}},
		{"rules taken away from before all others", func() []string {
			removes := strings.Repeat(`{"index":0},`, 300_000)
			return []string{style(strings.Repeat("a{}", 2_000_000)), incremental(8, `"id":5,"removes":[`+removes[:len(removes)-1]+`]`)}
		}},
		{"many declarations", func() []string {
			var css strings.Builder
			for i := range 50_000 {
				fmt.Fprintf(&css, `"margin-%d":"1px","p%d":"1","--c%d":"1",`, i, i, i)
			}
			return []string{mutation(`"attributes":[{"id":8,"attributes":{"style":{` + strings.TrimSuffix(css.String(), ",") + `}}}]`)}
		}},
		{"iframes in one another", func() []string {
			events, frame := []string(nil), 18
			for i := range 5000 {
				root := 1000 + 3*i
				events = append(events, mutation(fmt.Sprintf(`"adds":[{"parentId":%d,"nextId":null,"node":{"type":0,"id":%d,"childNodes":[{"type":2,"tagName":"html","attributes":{},"id":%d,"rootId":%[2]d,"childNodes":[%[4]s]}]}}]`,
					frame, root, root+1, element(root+2, "iframe", ""))))
				frame = root + 2
			}
			return events
		}},
		{"shadow roots in one another", func() []string {
			adds, host := []string(nil), 19
			for i := range 20_000 {
				adds = append(adds, fmt.Sprintf(`{"parentId":%d,"nextId":null,"node":{"type":2,"tagName":"my-card","isShadowHost":true,"isShadow":true,"attributes":{},"childNodes":[],"id":%d}}`, host, 1000+i))
				host = 1000 + i
			}
			return []string{mutation(`"adds":[` + strings.Join(adds, ",") + `]`)}
		}},
		{"each before the one before it", func() []string {
			var events []string
			next := "9"
			for i := range 10_000 {
				events = append(events, mutation(`"adds":[`+addition(8, "null", next, element(1000+i, "i", ""))+`]`))
				next = fmt.Sprint(1000 + i)
			}
			return events
		}},
		{"all before one another, in the wrong order", func() []string {
			var adds []string
			for i := range 10_000 {
				adds = append(adds, addition(8, "null", fmt.Sprint(1000+(i*7919+1)%10_000), element(1000+i*7919%10_000, "i", "")))
			}
			return []string{mutation(`"adds":[` + strings.Join(adds, ",") + `]`)}
		}},
		{"radio buttons of forms that are looked for", func() []string {
			events := []string{}
			for i := range 5000 {
				events = append(events, mutation(`"adds":[`+addition(8, "9", "null", element(1000+i, "input", fmt.Sprintf(`"type":"radio","name":"r","form":"f%d","checked":true`, i)))+`]`))
			}
			for i := range 300 {
				events = append(events, incremental(5, fmt.Sprintf(`"id":%d,"text":"on","isChecked":true`, 1000+i)))
			}
			return events
		}},
		{"rules about siblings", func() []string {
			var css, adds strings.Builder
			for i := range 300 {
				fmt.Fprintf(&css, ".a ~ .b%d ~ .c { display: none }", i)
			}
			for i := range 5000 {
				adds.WriteString("," + addition(8, "9", "null", element(1000+i, "i", fmt.Sprintf(`"class":"c b%d"`, i%300))))
			}
			return []string{style(css.String()), mutation(`"attributes":[{"id":8,"attributes":{"class":"a"}}]`, `"adds":[`+adds.String()[1:]+`]`)}
		}},
		{"style sheets that nobody adopts", func() []string {
			var styles strings.Builder
			for i := range 100_000 {
				fmt.Fprintf(&styles, `,{"styleId":%d,"rules":[]}`, i+1)
			}
			return []string{incremental(15, `"id":1,"styleIds":[],"styles":[`+styles.String()[1:]+`]`)}
		}},
		{"documents that wait", func() []string {
			var events []string
			for i := range 100 {
				events = append(events, mutation(fmt.Sprintf(`"adds":[{"parentId":%d,"nextId":null,"node":{"type":0,"id":40,"x":"%s","childNodes":[]}}]`, 5000+i, strings.Repeat("x", 1_000_000))))
			}
			return append(events, page)
		}},
		{"a long class", func() []string {
			return []string{style(".x { display: none }"), mutation(`"attributes":[{"id":8,"attributes":{"class":"` + strings.Repeat("x ", 1_000_000) + `"}}]`)}
		}},
		{"a selector among twins", func() []string {
			var events []string
			for i := range 20_000 {
				events = append(events, mutation(`"adds":[`+addition(8, "9", "null", element(1000+i, "section", `"id":"twin","aria-labelledby":"none","role":"button","title":"T"`))+`]`))
			}
			return events
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := playAll(t, page)
			events := tt.events()
			start := time.Now()
			for _, line := range events {
				if err := d.Apply([]byte(line)); err != nil && !errors.Is(err, dom.ErrLimit) {
					t.Fatal(err)
				}
			}
			d.Root().VisibleText(1000)
			for _, id := range []int{8, 11, 1000} {
				d.ByID(id).Selector()
				d.ByID(id).Visible()
			}
			if took := time.Since(start); took > allowed {
				t.Errorf("took %s", took)
			}
			if n := dom.TextBytes(d); n > dom.DefaultLimits().TextBytes+16<<20 {
				t.Errorf("%d bytes of text", n)
			}
			if err := dom.CheckInvariants(d); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOddValues puts what no recorder sends where ids and numbers belong.
func TestOddValues(t *testing.T) {
	values := []string{"-1", "0", "-7", "2147483648", "99999999999999999999", "1e9", "-1e308", "1.5", `"8"`, `"NaN"`, "null", "true", "[]", `{"a":[1]}`, `[8]`}
	templates := []string{
		mutation(`"removes":[{"parentId":%[1]s,"id":%[1]s},{"parentId":8,"id":%[1]s},{"parentId":%[1]s,"id":9}]`),
		mutation(`"texts":[{"id":%[1]s,"value":%[1]s},{"id":9,"value":%[1]s}]`),
		mutation(`"attributes":[{"id":%[1]s,"attributes":{"a":%[1]s}},{"id":8,"attributes":{"style":{"top":%[1]s,"left":[%[1]s,%[1]s]},"class":%[1]s}}]`),
		mutation(`"adds":[{"parentId":%[1]s,"previousId":%[1]s,"nextId":%[1]s,"node":{"type":3,"textContent":%[1]s,"id":%[1]s}},{"parentId":8,"previousId":%[1]s,"nextId":%[1]s,"node":{"type":2,"tagName":"i","attributes":%[1]s,"childNodes":%[1]s,"id":%[1]s,"rootId":%[1]s}}]`),
		incremental(3, `"id":%[1]s,"x":%[1]s,"y":%[1]s`), incremental(3, `"id":8,"x":%[1]s,"y":%[1]s`),
		incremental(4, `"width":%[1]s,"height":%[1]s`),
		incremental(5, `"id":%[1]s,"text":%[1]s,"isChecked":%[1]s`), incremental(5, `"id":13,"text":%[1]s,"isChecked":%[1]s`),
		incremental(7, `"id":22,"type":%[1]s,"currentTime":%[1]s,"loop":%[1]s`),
		incremental(8, `"id":5,"adds":[{"rule":%[1]s,"index":%[1]s}],"removes":[{"index":%[1]s}]`),
		incremental(8, `"styleId":%[1]s,"replace":%[1]s`),
		incremental(13, `"id":5,"index":%[1]s,"set":%[1]s,"remove":{"property":%[1]s}`),
		incremental(14, `"ranges":[{"start":%[1]s,"startOffset":%[1]s,"end":%[1]s,"endOffset":%[1]s}]`),
		incremental(15, `"id":%[1]s,"styles":[{"styleId":%[1]s,"rules":[{"rule":%[1]s}]}],"styleIds":[%[1]s]`),
		`{"type":4,"timestamp":1,"data":{"href":%[1]s,"width":%[1]s,"height":%[1]s}}`,
		`{"type":3,"timestamp":1,"data":{"source":%[1]s}}`,
	}
	for _, value := range values {
		d := playAll(t, page)
		for _, template := range templates {
			line := strings.ReplaceAll(template, "%[1]s", value)
			if err := d.Apply([]byte(line)); err != nil && !errors.Is(err, dom.ErrLimit) {
				t.Errorf("%v: %s", err, line)
			}
			if err := dom.CheckInvariants(d); err != nil {
				t.Fatalf("%v after %s", err, line)
			}
		}
		again := playAll(t, strings.Split(strings.TrimSpace(string(d.AppendKeyframe(nil, 1))), "\n")...)
		if got, want := dom.Outline(again), dom.Outline(d); got != want {
			t.Errorf("%s: from its keyframe\n%s", value, difference(got, want))
		}
	}
}
