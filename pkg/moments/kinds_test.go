package moments_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

const formPage = `{"type":4,"timestamp":1000,"data":{"href":"https://shop.test/","width":800,"height":600}}
{"type":2,"timestamp":1001,"data":{"node":{"type":0,"id":1,"childNodes":[{"type":2,"tagName":"html","attributes":{},"id":2,"childNodes":[{"type":2,"tagName":"body","attributes":{},"id":3,"childNodes":[` +
	`{"type":2,"tagName":"form","attributes":{"id":"order","name":"order"},"id":4,"childNodes":[` +
	`{"type":2,"tagName":"label","attributes":{"for":"street"},"id":5,"childNodes":[{"type":3,"textContent":"Street","id":6}]},` +
	`{"type":2,"tagName":"input","attributes":{"id":"street"},"id":7,"childNodes":[]},` +
	`{"type":2,"tagName":"button","attributes":{"id":"send"},"id":8,"childNodes":[{"type":3,"textContent":"Place order","id":9}]}]},` +
	`{"type":2,"tagName":"div","attributes":{"id":"toasts","role":"status"},"id":10,"childNodes":[]}]}]}]},"initialOffset":{"left":0,"top":0}}}`

// TestKindsOfTheDocument: the moments that only the document tells, and what
// it adds to a click.
func TestKindsOfTheDocument(t *testing.T) {
	const secret = "Bahnhofstrasse 1"
	w := moments.NewWindow(moments.WindowOptions{})
	found := apply(w, 0, lines(formPage,
		`{"type":3,"timestamp":2000,"data":{"source":5,"id":7,"text":"Bahn","isChecked":false,"userTriggered":true}}`,
		`{"type":3,"timestamp":2600,"data":{"source":5,"id":7,"text":"`+secret+`","isChecked":false,"userTriggered":true}}`,
		`{"type":3,"timestamp":3000,"data":{"source":3,"id":1,"x":0,"y":1200}}`,
		`{"type":3,"timestamp":4000,"data":{"source":2,"type":2,"id":9,"x":1,"y":2}}`,
		`{"type":3,"timestamp":4100,"data":{"source":0,"texts":[],"attributes":[],"removes":[],"adds":[{"parentId":10,"nextId":null,"node":{"type":3,"textContent":"Order accepted","id":11}}]}}`,
		`{"type":3,"timestamp":6100,"data":{"source":0,"texts":[],"attributes":[],"removes":[{"parentId":10,"id":11}],"adds":[]}}`,
		`{"type":3,"timestamp":9000,"data":{"source":1,"positions":[{"x":1,"y":1,"id":3,"timeOffset":0}]}}`)).Moments
	found = append(found, w.Finish().Moments...)
	got := make(map[recording.MomentKind]string)
	for _, m := range found {
		if strings.Contains(fmt.Sprintf("%+v", m), "Bahn") {
			t.Errorf("what was written is in %+v", m)
		}
		attributes := ""
		for _, name := range []string{"field", "form", "element", "role", "changes", "pixels", "screens", "after"} {
			if value := m.Attributes[name]; value != "" {
				attributes += " " + name + "=" + value
			}
		}
		got[m.Kind] = fmt.Sprintf("%d %q %q %s %d ms%s", m.TimestampMs, m.Name, m.Text, m.Selector, m.DurationMs, attributes)
	}
	want := map[recording.MomentKind]string{
		recording.KindPageLoad:     `1000 "" ""  0 ms`,
		recording.KindInput:        `2000 "text" "Street" #street 600 ms field=Street form=order changes=2`,
		recording.KindScroll:       `3000 "" ""  0 ms pixels=1200 screens=3.0`,
		recording.KindClick:        `4000 "button" "Place order" #send 0 ms form=order role=button`,
		recording.KindSubmit:       `4000 "order" "Place order" #send 0 ms form=order element=Place order`,
		recording.KindTextAppeared: `4100 "status" "Order accepted" #toasts 0 ms after=Place order`,
		recording.KindTextVanished: `6100 "status" "Order accepted" #toasts 2000 ms`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", byKind(got), byKind(want))
	}
}

func byKind(list map[recording.MomentKind]string) string {
	var b strings.Builder
	for _, kind := range []recording.MomentKind{recording.KindPageLoad, recording.KindInput, recording.KindScroll, recording.KindClick,
		recording.KindSubmit, recording.KindTextAppeared, recording.KindTextVanished, recording.KindSignal} {
		fmt.Fprintf(&b, "%s: %s\n", kind, list[kind])
	}
	return b.String()
}

// TestTooManyMomentsOfAWindow: what is over the bounds of a window is counted,
// and said at its end.
func TestTooManyMomentsOfAWindow(t *testing.T) {
	const most, clicks = 5000, 5200
	w := moments.NewWindow(moments.WindowOptions{})
	found := apply(w, 0, lines(formPage)).Moments
	for seq := range clicks / 100 {
		var events []string
		for i := range 100 {
			events = append(events, fmt.Sprintf(`{"type":3,"timestamp":%d,"data":{"source":2,"type":2,"id":8,"x":%d,"y":2}}`, 2000+30_000*(100*seq+i), 100*i))
		}
		found = append(found, apply(w, uint32(seq+1), lines(events...)).Moments...)
	}
	found = append(found, w.Finish().Moments...)
	submits, said := 0, ""
	for _, m := range found {
		switch {
		case m.Kind == recording.KindSubmit:
			submits++
		case m.Kind == recording.KindState && m.Name == moments.DroppedState:
			said += m.Text + " " + m.Attributes["count"]
		}
	}
	if submits != most || !strings.HasPrefix(said, "window ") {
		t.Errorf("%d submits, want %d; said %q", submits, most, said)
	}
}

// TestTranscriptLine: what came of a click stands in its line.
func TestTranscriptLine(t *testing.T) {
	const start = 1_700_000_000_000
	at := func(ms int64, m recording.Moment) recording.Moment {
		m.TimestampMs = start + ms
		return m
	}
	list := []recording.Moment{
		at(12_400, recording.Moment{Kind: recording.KindClick, Name: "button", Text: "Place order", Attributes: map[string]string{"role": "button", "name": "Place order"}}),
		at(12_410, recording.Moment{Kind: recording.KindRequest, Name: "POST", URL: "https://shop.test/api/orders", Status: 500, DurationMs: 312, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}),
		at(12_730, recording.Moment{Kind: recording.KindTextAppeared, Name: "alert", Text: "Something went wrong"}),
		at(14_630, recording.Moment{Kind: recording.KindTextVanished, Name: "alert", Text: "Something went wrong", DurationMs: 1900}),
	}
	got := moments.Transcript(list, start)
	const want = `clicked button "Place order" → POST /api/orders 500 in 312 ms (trace 4bf9…) → message "Something went wrong" shown for 1.9 s`
	if len(got) != 1 || got[0].Text != want || got[0].OffsetMs != 12_400 || got[0].Level != moments.LevelError || got[0].TraceID != list[1].TraceID {
		t.Errorf("got  %+v\nwant %s", got, want)
	}
}
