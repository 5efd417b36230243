package moments_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

const clockOffset = -1000

func newSegment() recording.Segment {
	return recording.Segment{
		SegmentID:     recording.SegmentID{Project: "shop", Session: "session-1", Window: "window-1", Seq: 3},
		Page:          "page-0001",
		ClockOffsetMs: clockOffset,
		ReceivedMs:    77,
	}
}

// moment is one of newSegment's.
func moment(event int, at int64, m recording.Moment) recording.Moment {
	s := newSegment()
	m.SegmentID, m.Page, m.Event, m.TimestampMs = s.SegmentID, s.Page, event, at
	return m
}

func custom(tag, payload string) string {
	return fmt.Sprintf(`{"type":5,"timestamp":10000,"data":{"tag":%q,"payload":%s}}`, tag, payload)
}

func TestDeriveFillsEachKind(t *testing.T) {
	const traceID, spanID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	tests := []struct {
		name, line string
		want       recording.Moment
		counts     recording.Counts
	}{
		{
			"page load", `{"type":4,"timestamp":10000,"data":{"href":"https://shop.example/","width":1,"height":2}}`,
			recording.Moment{Kind: recording.KindPageLoad, URL: "https://shop.example/"},
			recording.Counts{Pages: 1},
		},
		{
			"navigation", custom("playhead.navigation", `{"url.full":"https://shop.example/cart","navigation.type":"push"}`),
			recording.Moment{Kind: recording.KindNavigation, Name: "push", URL: "https://shop.example/cart"},
			recording.Counts{},
		},
		{
			"click", custom("playhead.click", `{"node_id":7,"tag":"button","text":"Order","selector":"#order","x":1.5,"y":2}`),
			recording.Moment{Kind: recording.KindClick, Name: "button", Text: "Order", Selector: "#order"},
			recording.Counts{Clicks: 1},
		},
		{
			"request", custom("playhead.request", `{"http.request.method":"POST","url.full":"https://api/","http.response.status_code":201,"duration_ms":149.6,"trace_id":"`+strings.ToUpper(traceID)+`","span_id":"`+spanID+`"}`),
			recording.Moment{Kind: recording.KindRequest, Name: "POST", URL: "https://api/", Status: 201, DurationMs: 150, TraceID: traceID, SpanID: spanID, TimestampMs: -150},
			recording.Counts{Requests: 1},
		},
		{
			"request with status 400", custom("playhead.request", `{"http.request.method":"GET","http.response.status_code":400}`),
			recording.Moment{Kind: recording.KindRequest, Name: "GET", Status: 400},
			recording.Counts{Requests: 1, FailedRequests: 1},
		},
		{
			"request without answer", custom("playhead.request", `{"http.request.method":"GET","error.type":"network","duration_ms":-5,"trace_id":"00000000000000000000000000000000","span_id":"xyz"}`),
			recording.Moment{Kind: recording.KindRequest, Name: "GET", Text: "network"},
			recording.Counts{Requests: 1, FailedRequests: 1},
		},
		{
			"console", custom("playhead.console", `{"level":"warn","message":"slow"}`),
			recording.Moment{Kind: recording.KindConsole, Name: "warn", Text: "slow"},
			recording.Counts{},
		},
		{
			"console error", custom("playhead.console", `{"level":"error","message":"bad"}`),
			recording.Moment{Kind: recording.KindConsole, Name: "error", Text: "bad"},
			recording.Counts{Errors: 1},
		},
		{
			"console of rrweb's plugin", `{"type":6,"timestamp":10000,"data":{"plugin":"rrweb/console@1","payload":{"level":"error","trace":["x"],"payload":["\"a \\\"b\\\"\"","{\"c\":1}","undefined"]}}}`,
			recording.Moment{Kind: recording.KindConsole, Name: "error", Text: `a "b" {"c":1} undefined`},
			recording.Counts{Errors: 1},
		},
		{
			"error", custom("playhead.error", `{"exception.type":"TypeError","exception.message":"x is undefined","exception.stacktrace":"at a.js:1","source":"error"}`),
			recording.Moment{Kind: recording.KindError, Name: "TypeError", Text: "x is undefined", Attributes: map[string]string{"exception.stacktrace": "at a.js:1", "source": "error"}},
			recording.Counts{Errors: 1},
		},
		{
			"visibility", custom("playhead.visibility", `{"state":"hidden"}`),
			recording.Moment{Kind: recording.KindVisibility, Name: "hidden"},
			recording.Counts{},
		},
		{
			"vital", custom("playhead.vital", `{"name":"LCP","value":2530.5,"rating":"needs-improvement","url.full":"https://shop/cart?x=*"}`),
			recording.Moment{Kind: recording.KindVital, Name: "LCP", Text: "needs-improvement", URL: "https://shop/cart?x=*", Attributes: map[string]string{"value": "2530.5"}},
			recording.Counts{},
		},
		{
			"long frame", custom("playhead.long_frame", `{"duration_ms":812.4,"blocking_ms":0,"script":"https://shop/a.js","invoker":"BUTTON.onclick"}`),
			recording.Moment{Kind: recording.KindLongFrame, Text: "https://shop/a.js", DurationMs: 812, Attributes: map[string]string{"blocking_ms": "0", "invoker": "BUTTON.onclick"}},
			recording.Counts{},
		},
		{
			"identify", custom("playhead.identify", `{"user.id":"u7","attributes":{"plan":"pro","age":7,"x":null,"y":{}}}`),
			recording.Moment{Kind: recording.KindIdentify, Name: "u7", Attributes: map[string]string{"plan": "pro"}},
			recording.Counts{},
		},
		{
			"custom", custom("playhead.custom", `{"name":"checkout","attributes":["odd"]}`),
			recording.Moment{Kind: recording.KindCustom, Name: "checkout"},
			recording.Counts{},
		},
		{
			"state", custom("playhead.state", `{"state":"dropped","reason":"budget","count":12}`),
			recording.Moment{Kind: recording.KindState, Name: "dropped", Text: "budget", Attributes: map[string]string{"count": "12"}},
			recording.Counts{},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSegment()
			got := moments.Derive(&s, []byte(tt.line+"\n"))
			want := []recording.Moment{moment(0, 10000+clockOffset+tt.want.TimestampMs, tt.want)}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if s.Counts != tt.counts {
				t.Errorf("counts %+v, want %+v", s.Counts, tt.counts)
			}
		})
	}
}

func TestDeriveSkipsWhatItCannotRead(t *testing.T) {
	for _, line := range []string{
		custom("playhead.click", `null`),
		custom("playhead.click", `[]`),
		custom("playhead.click", `"x"`),
		custom("playhead.click", `{"tag":7}`),
		custom("playhead.request", `{"http.response.status_code":"200"}`),
		custom("playhead.error", `{"exception.message":{}}`),
		custom("playhead.console", `{"level":"error","message":"`+strings.Repeat("x", 300_000)+`"}`),
		custom("playhead.unknown", `{}`),
		custom("Performance", `{"level":"error"}`),
		`{"type":5,"timestamp":10000,"data":{"tag":"playhead.click"}}`,
		`{"type":5,"timestamp":10000}`,
		`{"type":4,"timestamp":10000,"data":{"href":5}}`,
		`{"type":4,"timestamp":10000}`,
		`{"type":6,"timestamp":10000,"data":{"plugin":"rrweb/console@1","payload":{"payload":[1]}}}`,
		`{"type":9,"timestamp":10000}`,
	} {
		s := newSegment()
		if got := moments.Derive(&s, []byte(line)); len(got) != 0 || s.Counts != (recording.Counts{}) {
			t.Errorf("%.200s: got %+v, counts %+v", line, got, s.Counts)
		}
		if s.Events != 1 || s.StartMs != 10000+clockOffset {
			t.Errorf("%.200s: %d events from %d", line, s.Events, s.StartMs)
		}
	}
}

func TestDeriveSumsUpTheSegment(t *testing.T) {
	ndjson := strings.Join([]string{
		`{"type":3,"timestamp":5000,"data":{"source":1}}`,
		`{"type":4,"timestamp":4000,"data":{"href":"https://shop/a"}}`,
		`{"type":2,"timestamp":4001.9,"data":{}}`,
		`not an event`,
		`{"type":2,"timestamp":3999,"data":{}}`,
		custom("playhead.navigation", `{"url.full":"https://shop/b"}`),
		custom("playhead.navigation", `{"url.full":"https://shop/a"}`),
		`{"type":4,"timestamp":4002,"data":{"href":""}}`,
		"",
	}, "\n")
	s := newSegment()
	s.Counts.Errors, s.URLs = 9, []string{"left from before"}
	got := moments.Derive(&s, []byte(ndjson))

	want := newSegment()
	want.StartMs, want.EndMs = 3999+clockOffset, 10000+clockOffset
	want.Events, want.RawBytes = 8, len(ndjson)
	want.FullSnapshots = []int64{3999 + clockOffset, 4001 + clockOffset}
	want.Counts.Pages = 2
	want.URLs = []string{"https://shop/a", "https://shop/b"}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	var places []int
	for _, m := range got {
		places = append(places, m.Event)
	}
	if !slices.Equal(places, []int{1, 5, 6, 7}) {
		t.Errorf("moments of the events %v", places)
	}
}

func TestDeriveOfNothing(t *testing.T) {
	for _, ndjson := range []string{"", "no event\n"} {
		s := newSegment()
		if got := moments.Derive(&s, []byte(ndjson)); len(got) != 0 {
			t.Errorf("%q: %+v", ndjson, got)
		}
		if s.StartMs != s.ReceivedMs || s.EndMs != s.ReceivedMs || s.Events != strings.Count(ndjson, "\n") {
			t.Errorf("%q: %+v", ndjson, s)
		}
	}
}

func TestDeriveTakesClicksOfRRWebWhenThereAreNoOthers(t *testing.T) {
	const plain = `{"type":3,"timestamp":10000,"data":{"source":2,"type":2,"id":7,"x":1,"y":2}}`
	const mouseUp = `{"type":3,"timestamp":10000,"data":{"source":2,"type":0,"id":7}}`
	const meta = `{"type":4,"timestamp":10000,"data":{"href":"https://shop/"}}`

	s := newSegment()
	got := moments.Derive(&s, []byte(plain+"\n"+mouseUp+"\n"+meta+"\n"+plain+"\n"))
	want := []recording.Moment{
		moment(0, 10000+clockOffset, recording.Moment{Kind: recording.KindClick}),
		moment(2, 10000+clockOffset, recording.Moment{Kind: recording.KindPageLoad, URL: "https://shop/"}),
		moment(3, 10000+clockOffset, recording.Moment{Kind: recording.KindClick}),
	}
	if !reflect.DeepEqual(got, want) || s.Counts.Clicks != 2 {
		t.Errorf("got %+v, counts %+v", got, s.Counts)
	}

	got = moments.Derive(&s, []byte(plain+"\n"+custom("playhead.click", `{"tag":"a"}`)+"\n"))
	want = []recording.Moment{moment(1, 10000+clockOffset, recording.Moment{Kind: recording.KindClick, Name: "a"})}
	if !reflect.DeepEqual(got, want) || s.Counts.Clicks != 1 {
		t.Errorf("got %+v, counts %+v", got, s.Counts)
	}
}

func TestDeriveKnowsTheRecorder(t *testing.T) {
	const (
		plain = `{"type":3,"timestamp":1700000100000,"data":{"source":2,"type":2,"id":7,"x":1,"y":2}}`
		meta  = `{"type":4,"timestamp":1700000100000,"data":{"href":"https://shop/"}}`
		began = "018bcfe6-ed0a-7abc-8def-0123456789ab" // at 1700000099594
		early = "018bcfe6-69d0-7abc-8def-0123456789ab" // 34 s before
		other = "018bcfe6-69d0-4abc-8def-0123456789ab" // says nothing of time
	)
	for _, tt := range []struct {
		name          string
		recorder      string
		page          recording.PageID
		seq           uint32
		pages, clicks int
	}{
		{"its click was described in another segment", "playhead", began, 3, 1, 0},
		{"another recorder does not describe clicks", "rrweb", early, 3, 1, 1},
		{"a later full snapshot of a page", "playhead", early, 3, 0, 0},
		{"the first of a session in an open page", "playhead", early, 0, 1, 0},
		{"a page that does not say when it began", "playhead", other, 3, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSegment()
			s.Page, s.Seq, s.Origin.Recorder.Name = tt.page, tt.seq, tt.recorder
			got := moments.Derive(&s, []byte(plain+"\n"+meta+"\n"))
			if s.Counts.Pages != tt.pages || s.Counts.Clicks != tt.clicks || len(got) != tt.pages+tt.clicks {
				t.Errorf("got %+v, counts %+v", got, s.Counts)
			}
			if !slices.Equal(s.URLs, []string{"https://shop/"}) {
				t.Errorf("URLs %q", s.URLs)
			}
		})
	}
}

func TestDeriveKeepsErrorsAndRequestsWhenThereAreTooMany(t *testing.T) {
	const otherCount, errorCount = 3000, 100
	lines := slices.Repeat([]string{custom("playhead.visibility", `{"state":"hidden"}`)}, otherCount)
	lines = append(lines, slices.Repeat([]string{custom("playhead.error", `{}`)}, errorCount/2)...)
	lines = append(lines, slices.Repeat([]string{custom("playhead.request", `{}`)}, errorCount/2)...)

	s := newSegment()
	got := moments.Derive(&s, []byte(strings.Join(lines, "\n")))
	if len(got) != moments.MaxMoments {
		t.Fatalf("%d moments, want %d", len(got), moments.MaxMoments)
	}
	kinds := map[recording.MomentKind]int{}
	for _, m := range got {
		kinds[m.Kind]++
	}
	if kinds[recording.KindError] != errorCount/2 || kinds[recording.KindRequest] != errorCount/2 {
		t.Errorf("kept %v", kinds)
	}
	notice := got[len(got)-1]
	dropped := fmt.Sprint(otherCount + errorCount - (moments.MaxMoments - 1))
	want := moment(len(lines), s.EndMs, recording.Moment{Kind: recording.KindState, Name: moments.DroppedState, Attributes: map[string]string{"count": dropped}})
	if !reflect.DeepEqual(notice, want) {
		t.Errorf("notice %+v, want %+v", notice, want)
	}
	if s.Counts.Errors != errorCount/2 || s.Counts.Requests != errorCount/2 {
		t.Errorf("counts %+v leave out dropped moments", s.Counts)
	}
	checkInvariants(t, s, got)
}

func TestDeriveDropsNothingAtTheLimit(t *testing.T) {
	lines := strings.Repeat(custom("playhead.error", `{}`)+"\n", moments.MaxMoments)
	s := newSegment()
	got := moments.Derive(&s, []byte(lines))
	if len(got) != moments.MaxMoments || got[len(got)-1].Kind != recording.KindError {
		t.Errorf("%d moments, the last is %+v", len(got), got[len(got)-1])
	}
	got = moments.Derive(&s, []byte(lines+custom("playhead.error", `{}`)))
	if last := got[len(got)-1]; len(got) != moments.MaxMoments || last.Attributes["count"] != "2" {
		t.Errorf("%d moments, the last is %+v", len(got), last)
	}
	if s.Counts.Errors != moments.MaxMoments+1 {
		t.Errorf("%d errors counted", s.Counts.Errors)
	}
}

func TestDeriveBoundsStrings(t *testing.T) {
	long := strings.Repeat("é", 5000)
	var attributes []string
	for i := range 100 {
		attributes = append(attributes, fmt.Sprintf(`"%03d%s":%q`, i, long, long))
	}
	ndjson := []string{
		custom("playhead.error", fmt.Sprintf(`{"exception.type":%q,"exception.message":%q,"exception.stacktrace":%q}`, long, long, long)),
		custom("playhead.click", fmt.Sprintf(`{"tag":%q,"text":%q,"selector":%q}`, long, long, long)),
		custom("playhead.custom", fmt.Sprintf(`{"name":%q,"attributes":{%s}}`, long, strings.Join(attributes[:5], ","))),
		custom("playhead.request", fmt.Sprintf(`{"url.full":%q,"duration_ms":1e300,"http.response.status_code":1e300}`, long)),
	}
	for i := range 200 {
		ndjson = append(ndjson, fmt.Sprintf(`{"type":4,"timestamp":1,"data":{"href":"https://%d/%s"}}`, i, long))
	}
	s := newSegment()
	checkInvariants(t, s, moments.Derive(&s, []byte(strings.Join(ndjson, "\n"))))
	if len(s.URLs) != 100 {
		t.Errorf("%d URLs", len(s.URLs))
	}

	small := strings.ReplaceAll(strings.Join(attributes, ","), long, "x")
	got := moments.Derive(&s, []byte(custom("playhead.custom", "{\"attributes\":{"+small+"}}")))
	if a := got[0].Attributes; len(a) != 64 || a["000x"] != "x" || a["063x"] != "x" {
		t.Errorf("attributes %v", a)
	}
}

// checkInvariants holds what the index relies on, whatever the events were.
func checkInvariants(t *testing.T, s recording.Segment, got []recording.Moment) {
	t.Helper()
	if len(got) > moments.MaxMoments {
		t.Errorf("%d moments", len(got))
	}
	last := -1
	for _, m := range got {
		if m.SegmentID != s.SegmentID || m.Page != s.Page || m.Kind == "" {
			t.Errorf("moment of nowhere: %+v", m)
		}
		if m.Event <= last || m.Event > s.Events {
			t.Errorf("moment of event %d after %d, of %d events", m.Event, last, s.Events)
		}
		last = m.Event
		checkString(t, m.Name, 2048)
		checkString(t, m.Text, 2048)
		checkString(t, m.Selector, 2048)
		checkString(t, m.URL, 4096)
		if len(m.Attributes) > 64 {
			t.Errorf("%d attributes", len(m.Attributes))
		}
		for name, value := range m.Attributes {
			checkString(t, name, 64)
			checkString(t, value, 8192)
		}
		if m.DurationMs < 0 || m.DurationMs > 86_400_000 || m.Status < 0 || m.Status > 999 {
			t.Errorf("duration %d, status %d", m.DurationMs, m.Status)
		}
	}
	if len(s.URLs) > 100 || s.StartMs > s.EndMs || !slices.IsSorted(s.FullSnapshots) {
		t.Errorf("segment %+v", s)
	}
	for _, url := range s.URLs {
		checkString(t, url, 4096)
	}
}

func checkString(t *testing.T, s string, most int) {
	t.Helper()
	if len(s) > most || !utf8.ValidString(s) {
		t.Errorf("string of %d bytes, limit %d, valid %t", len(s), most, utf8.ValidString(s))
	}
}

func TestDeriveReadsTheCorpus(t *testing.T) {
	for _, r := range rrwebtest.Corpus(t) {
		ndjson := r.NDJSON()
		s := newSegment()
		got := moments.Derive(&s, ndjson)
		checkInvariants(t, s, got)

		var want recording.Segment
		start, end := int64(1)<<62, int64(0)
		for _, line := range r.Lines {
			e, err := rrweb.Scan(line, 128)
			if err != nil {
				t.Fatal(err)
			}
			start, end = min(start, e.TimestampMs), max(end, e.TimestampMs)
			switch {
			case e.Type == rrweb.TypeMeta:
				want.Counts.Pages++
			case e.Interaction == rrweb.InteractionClick:
				want.Counts.Clicks++
			}
		}
		if s.Events != len(r.Lines) || s.RawBytes != len(ndjson) || s.StartMs != start+clockOffset || s.EndMs != end+clockOffset {
			t.Errorf("%s: %d events, %d bytes, %d to %d", r.Name, s.Events, s.RawBytes, s.StartMs, s.EndMs)
		}
		if s.Counts.Pages != want.Counts.Pages || s.Counts.Clicks != want.Counts.Clicks {
			t.Errorf("%s: counts %+v, want %+v", r.Name, s.Counts, want.Counts)
		}
	}
}

func FuzzDerive(f *testing.F) {
	f.Add([]byte(custom("playhead.request", `{"duration_ms":1e308,"trace_id":"é"}`) + "\n\n{"))
	f.Add([]byte(custom("playhead.custom", `{"name":"\ud800","attributes":{"a":"b","c":null}}`)))
	f.Add([]byte(`{"type":6,"timestamp":8640000000000000,"data":{"plugin":"rrweb/console@1","payload":{"payload":["\"a\"","x"]}}}`))
	f.Add([]byte(`{"type":4,"timestamp":1,"data":{"href":"x"}}` + "\n" + `{"type":3,"timestamp":0,"data":{"source":2,"type":2}}`))
	f.Fuzz(func(t *testing.T, ndjson []byte) {
		s := newSegment()
		got := moments.Derive(&s, ndjson)
		checkInvariants(t, s, got)
		again := newSegment()
		if !reflect.DeepEqual(moments.Derive(&again, ndjson), got) || !reflect.DeepEqual(s, again) {
			t.Error("the same events gave other moments")
		}
	})
}

func BenchmarkDerive(b *testing.B) {
	var all [][]byte
	var size int64
	for _, r := range rrwebtest.Corpus(b) {
		ndjson := r.NDJSON()
		all = append(all, ndjson)
		size += int64(len(ndjson))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, ndjson := range all {
			s := newSegment()
			moments.Derive(&s, ndjson)
		}
	}
}
