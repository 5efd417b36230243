package moments_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

// TestTooComplexPage: a page whose every event would have the whole document
// looked at is followed no further than its bytes are worth; the next page is.
func TestTooComplexPage(t *testing.T) {
	const rules, elements, events = 300, 2000, 30
	var css, list strings.Builder
	for i := range rules {
		fmt.Fprintf(&css, ".a ~ .b%d ~ .c { display: none }", i)
	}
	for i := range elements {
		fmt.Fprintf(&list, `,{"type":2,"tagName":"p","attributes":{"class":"c b%d"},"id":%d,"childNodes":[{"type":3,"textContent":"text","id":%d}]}`, i%rules, 100+2*i, 101+2*i)
	}
	page := strings.Replace(blankPage, `{"type":2,"tagName":"p","attributes":{"id":"p"}`,
		fmt.Sprintf(`{"type":2,"tagName":"style","attributes":{"_cssText":%q},"id":50,"childNodes":[]},{"type":2,"tagName":"i","attributes":{"class":"a"},"id":51,"childNodes":[]}%s,{"type":2,"tagName":"p","attributes":{"id":"p"}`,
			css.String(), list.String()), 1)
	all := []string{page}
	for i := range events {
		all = append(all, fmt.Sprintf(`{"type":3,"timestamp":%d,"data":{"source":0,"texts":[],"removes":[],"adds":[],"attributes":[{"id":3,"attributes":{"hidden":%s}}]}}`,
			2000+i, []string{`""`, `null`}[i%2]))
	}
	w := moments.NewWindow(moments.WindowOptions{})
	found := apply(w, 0, lines(all...))
	stopped := 0
	for _, m := range found.Moments {
		if m.Kind == recording.KindState && m.Name == moments.StoppedState {
			stopped++
		}
	}
	if stopped != 1 {
		t.Errorf("the page is said to be too complex %d times", stopped)
	}
	if _, _, ok := w.AppendKeyframe(nil); !ok {
		t.Error("its document is not kept")
	}
}

// TestBurstsStaySmall: clicks and turns of the pointer without end, at one
// instant, do not gather.
func TestBurstsStaySmall(t *testing.T) {
	const most = 8 << 20
	page := strings.Replace(blankPage, `"tagName":"p"`, `"tagName":"button"`, 1)
	w := moments.NewWindow(moments.WindowOptions{})
	apply(w, 0, lines(page))
	before := heapBytes()
	for seq := range 40 {
		var events []string
		for i := range 2000 {
			events = append(events, `{"type":3,"timestamp":2000,"data":{"source":2,"type":2,"id":4,"x":1,"y":2}}`,
				fmt.Sprintf(`{"type":3,"timestamp":2000,"data":{"source":1,"positions":[{"x":%d,"y":5,"id":4,"timeOffset":0}]}}`, 1000*(i%2)))
		}
		apply(w, uint32(seq+1), lines(events...))
	}
	if grown := heapBytes() - before; grown > most {
		t.Errorf("80 000 clicks and turns hold %d bytes", grown)
	}
	w.Finish()
}
