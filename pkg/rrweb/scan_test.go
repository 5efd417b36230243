package rrweb_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

// wireDepth is the default limit of the wire format.
const wireDepth = 128

func TestScanReadsTheEnvelope(t *testing.T) {
	const none = rrweb.InteractionNone
	tests := []struct {
		name, line string
		want       rrweb.Event
	}{
		{"load", `{"type":1,"data":{},"timestamp":1700000000000}`,
			rrweb.Event{Type: rrweb.TypeLoad, TimestampMs: 1700000000000, Source: rrweb.SourceNone, Interaction: none}},
		{"type after data", `{"timestamp":5,"data":{"type":2,"source":2,"id":7},"type":3}`,
			rrweb.Event{Type: rrweb.TypeIncremental, TimestampMs: 5, Source: rrweb.SourceMouseInteraction, Interaction: rrweb.InteractionClick}},
		{"mutation", `{"type":3,"timestamp":5,"data":{"source":0,"type":2,"adds":[{"source":9}]}}`,
			rrweb.Event{Type: rrweb.TypeIncremental, TimestampMs: 5, Source: rrweb.SourceMutation, Interaction: none}},
		{"source of a snapshot is not read", `{"type":2,"timestamp":5,"data":{"source":3}}`,
			rrweb.Event{Type: rrweb.TypeFullSnapshot, TimestampMs: 5, Source: rrweb.SourceNone, Interaction: none}},
		{"known tag", `{"type":5,"timestamp":5,"data":{"tag":"playhead.click","payload":{"tag":"button"}}}`,
			rrweb.Event{Type: rrweb.TypeCustom, TimestampMs: 5, Source: rrweb.SourceNone, Tag: "playhead.click", Interaction: none}},
		{"foreign tag", `{"type":5,"timestamp":5,"data":{"tag":"a\u00e9\n"}}`,
			rrweb.Event{Type: rrweb.TypeCustom, TimestampMs: 5, Source: rrweb.SourceNone, Tag: "aé\n", Interaction: none}},
		{"tag of another type", `{"type":5,"timestamp":5,"data":{"tag":7}}`,
			rrweb.Event{Type: rrweb.TypeCustom, TimestampMs: 5, Source: rrweb.SourceNone, Interaction: none}},
		{"plugin", `{"type":6,"timestamp":5,"data":{"plugin":"rrweb/console@1","payload":{}}}`,
			rrweb.Event{Type: rrweb.TypePlugin, TimestampMs: 5, Source: rrweb.SourceNone, Tag: "rrweb/console@1", Interaction: none}},
		{"type of the future", `{"type":7,"timestamp":5}`,
			rrweb.Event{Type: 7, TimestampMs: 5, Source: rrweb.SourceNone, Interaction: none}},
		{"fraction dropped", `{"type":0,"timestamp":1700000000000.875}`,
			rrweb.Event{TimestampMs: 1700000000000, Source: rrweb.SourceNone, Interaction: none}},
		{"exponent", `{"type":3e0,"timestamp":1.7e12,"data":{"source":1.0}}`,
			rrweb.Event{Type: rrweb.TypeIncremental, TimestampMs: 1700000000000, Source: rrweb.SourceMouseMove, Interaction: none}},
		{"last date", `{"type":0,"timestamp":8640000000000000}`,
			rrweb.Event{TimestampMs: rrweb.MaxTimestampMs, Source: rrweb.SourceNone, Interaction: none}},
		{"last of a repeated name", `{"type":1,"type":3,"data":{"source":2,"type":2},"data":{"source":1},"timestamp":1,"timestamp":2}`,
			rrweb.Event{Type: rrweb.TypeIncremental, TimestampMs: 2, Source: rrweb.SourceMouseMove, Interaction: none}},
		{"escaped names", `{"\u0074ype":3,"d\u0061ta":{"s\u006furce":1},"timestam\u0070":4}`,
			rrweb.Event{Type: rrweb.TypeIncremental, TimestampMs: 4, Source: rrweb.SourceMouseMove, Interaction: none}},
		{"space everywhere", " \t{ \"type\" : 0 , \"data\" : [ ] ,\r\n\"timestamp\" : 4 } \r",
			rrweb.Event{TimestampMs: 4, Source: rrweb.SourceNone, Interaction: none}},
		{"data is no object", `{"type":3,"data":"x","timestamp":4}`,
			rrweb.Event{Type: rrweb.TypeIncremental, TimestampMs: 4, Source: rrweb.SourceNone, Interaction: none}},
		{"lone surrogate escape", `{"type":0,"data":"\ud800","timestamp":4}`,
			rrweb.Event{TimestampMs: 4, Source: rrweb.SourceNone, Interaction: none}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rrweb.Scan([]byte(tt.line), wireDepth)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestScanRefuses(t *testing.T) {
	const good = `"type":0,"timestamp":1`
	tests := []struct {
		name, line string
		want       error
	}{
		{"nothing", ``, rrweb.ErrSyntax},
		{"only space", "  ", rrweb.ErrSyntax},
		{"an array", `[]`, rrweb.ErrNotObject},
		{"null", `null`, rrweb.ErrNotObject},
		{"byte order mark", "\ufeff{" + good + "}", rrweb.ErrNotObject},
		{"torn", `{"type":0,"timestamp":1`, rrweb.ErrSyntax},
		{"torn string", `{"type":0,"timesta`, rrweb.ErrSyntax},
		{"torn escape", `{"type":0,"x":"\u00`, rrweb.ErrSyntax},
		{"torn after colon", `{"type":`, rrweb.ErrSyntax},
		{"two objects", `{` + good + `}{}`, rrweb.ErrSyntax},
		{"trailing comma", `{` + good + `,}`, rrweb.ErrSyntax},
		{"leading comma", `{,` + good + `}`, rrweb.ErrSyntax},
		{"comma in array", `{` + good + `,"x":[1,]}`, rrweb.ErrSyntax},
		{"name without quotes", `{type:0,"timestamp":1}`, rrweb.ErrSyntax},
		{"leading zero", `{` + good + `,"x":01}`, rrweb.ErrSyntax},
		{"bare point", `{` + good + `,"x":1.}`, rrweb.ErrSyntax},
		{"bare exponent", `{` + good + `,"x":1e+}`, rrweb.ErrSyntax},
		{"bare minus", `{` + good + `,"x":-}`, rrweb.ErrSyntax},
		{"plus", `{` + good + `,"x":+1}`, rrweb.ErrSyntax},
		{"NaN", `{` + good + `,"x":NaN}`, rrweb.ErrSyntax},
		{"literal", `{` + good + `,"x":nul}`, rrweb.ErrSyntax},
		{"control character", "{" + good + ",\"x\":\"a\tb\"}", rrweb.ErrSyntax},
		{"escape", `{` + good + `,"x":"\x41"}`, rrweb.ErrSyntax},
		{"comment", `{` + good + `/**/}`, rrweb.ErrSyntax},
		{"invalid UTF-8", "{" + good + ",\"x\":\"\xff\"}", rrweb.ErrSyntax},
		{"overlong UTF-8", "{" + good + ",\"x\":\"\xc0\xaf\"}", rrweb.ErrSyntax},
		{"surrogate in UTF-8", "{" + good + ",\"x\":\"\xed\xa0\x80\"}", rrweb.ErrSyntax},
		{"torn UTF-8", "{" + good + ",\"x\":\"\xe2\x82\"}", rrweb.ErrSyntax},
		{"no type", `{"timestamp":1}`, rrweb.ErrType},
		{"negative type", `{"type":-1,"timestamp":1}`, rrweb.ErrType},
		{"type with fraction", `{"type":1.5,"timestamp":1}`, rrweb.ErrType},
		{"huge type", `{"type":99999999999,"timestamp":1}`, rrweb.ErrType},
		{"type as text", `{"type":"1","timestamp":1}`, rrweb.ErrType},
		{"no timestamp", `{"type":1}`, rrweb.ErrTimestamp},
		{"timestamp as text", `{"type":1,"timestamp":"1"}`, rrweb.ErrTimestamp},
		{"timestamp null", `{"type":1,"timestamp":null}`, rrweb.ErrTimestamp},
		{"negative timestamp", `{"type":1,"timestamp":-1}`, rrweb.ErrTimestamp},
		{"timestamp after the last date", `{"type":1,"timestamp":8640000000000001}`, rrweb.ErrTimestamp},
		{"infinite timestamp", `{"type":1,"timestamp":1e999}`, rrweb.ErrTimestamp},
		{"endless timestamp", `{"type":1,"timestamp":1` + strings.Repeat("0", 100) + `}`, rrweb.ErrTimestamp},
		{"syntax before type", `{"type":-1,"timestamp":1`, rrweb.ErrSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := rrweb.Scan([]byte(tt.line), wireDepth); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestScanNamesTheByteAndTheField(t *testing.T) {
	tests := []struct{ line, want string }{
		{`{"type":1,}`, "not JSON (RFC 8259) at byte 10"},
		{`{"type":1,"x":[[[]]]}`, "nested too deeply at byte 16"},
		{`{"timestamp":1}`, "type must be an integer of 0 or more"},
	}
	for _, tt := range tests {
		if _, err := rrweb.Scan([]byte(tt.line), 3); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.line, err, tt.want)
		}
	}
}

func TestScanCountsDepth(t *testing.T) {
	nested := func(depth int) []byte {
		n := depth - 1 // the event itself counts
		return []byte(`{"type":0,"timestamp":1,"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
	}
	if _, err := rrweb.Scan(nested(wireDepth), wireDepth); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := rrweb.Scan(nested(wireDepth+1), wireDepth); !errors.Is(err, rrweb.ErrDepth) {
		t.Errorf("beyond the limit: %v", err)
	}
	for _, path := range []string{`{"data":{}}`, `{"data":[]}`} {
		if _, err := rrweb.Scan([]byte(path), 1); !errors.Is(err, rrweb.ErrDepth) {
			t.Errorf("%s at depth 1: %v", path, err)
		}
	}
	if _, err := rrweb.Scan([]byte(`{}`), 0); !errors.Is(err, rrweb.ErrDepth) {
		t.Errorf("depth 0: %v", err)
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	line := []byte(`{"type":5,"data":{"tag":"playhead.request","payload":{"url.full":"https://a/é\n","duration_ms":1.5}},"timestamp":1700000000000}`)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := rrweb.Scan(line, wireDepth); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLines(t *testing.T) {
	tests := []struct {
		ndjson string
		want   []string
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a\n", []string{"a"}},
		{"a\nb", []string{"a", "b"}},
		{"a\n\nb\n", []string{"a", "", "b"}},
		{"\n", []string{""}},
		{"a\r\n", []string{"a\r"}},
	}
	for _, tt := range tests {
		var got []string
		for i, line := range rrweb.Lines([]byte(tt.ndjson)) {
			if i != len(got) {
				t.Errorf("%q: index %d, want %d", tt.ndjson, i, len(got))
			}
			got = append(got, string(line))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.ndjson, got, tt.want)
		}
	}
}

func TestMember(t *testing.T) {
	tests := []struct{ object, name, want string }{
		{`{"a":1,"b":[ 2 ]}`, "b", `[ 2 ]`},
		{`{"a":1,"a":{"a":3}}`, "a", `{"a":3}`},
		{`{"\u0061":"x"}`, "a", `"x"`},
		{`{"b":{"a":1}}`, "a", ``},
		{`[1]`, "a", ``},
		{`{"a":1`, "a", ``},
		{``, "a", ``},
	}
	for _, tt := range tests {
		if got := rrweb.Member([]byte(tt.object), tt.name); string(got) != tt.want {
			t.Errorf("%s of %s: got %s, want %s", tt.name, tt.object, got, tt.want)
		}
	}
	line := []byte(`{"type":5,"timestamp":1,"data":{"tag":"t","payload":{"x":1}}}`)
	if got := rrweb.Payload(line); string(got) != `{"x":1}` {
		t.Errorf("payload %s", got)
	}
}

// envelope is what encoding/json makes of an event, to compare with.
type envelope struct {
	Type      rrweb.Type `json:"type"`
	Timestamp float64    `json:"timestamp"`
	Data      struct {
		Source *rrweb.Source   `json:"source"`
		Tag    string          `json:"tag"`
		Plugin string          `json:"plugin"`
		Type   json.RawMessage `json:"type"`
	} `json:"data"`
}

func TestScanReadsTheCorpus(t *testing.T) {
	for _, r := range rrwebtest.Corpus(t) {
		for i, line := range r.Lines {
			got, err := rrweb.Scan(line, wireDepth)
			if err != nil {
				t.Errorf("%s: event %d: %v", r.Name, i, err)
				continue
			}
			var want envelope
			if err := json.Unmarshal(line, &want); err != nil {
				t.Fatalf("%s: event %d: %v", r.Name, i, err)
			}
			if got.Type != want.Type || got.TimestampMs != int64(want.Timestamp) ||
				got.Type == rrweb.TypeIncremental && got.Source != *want.Data.Source ||
				got.Type == rrweb.TypeCustom && got.Tag != want.Data.Tag ||
				got.Type == rrweb.TypePlugin && got.Tag != want.Data.Plugin {
				t.Errorf("%s: event %d: got %+v, want %+v", r.Name, i, got, want)
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, line := range []string{
		`{"type":3,"data":{"source":2,"type":2,"id":7,"x":1.5},"timestamp":1700000000000}`,
		`{"type":5,"data":{"tag":"playhead.click","payload":{"text":"é\n\ud83d\ude00"}},"timestamp":1.7e12}`,
		`{"\u0074ype":0,"timestamp":8640000000000000,"x":[true,false,null,-0.0e-1,{}]}`,
		"{\"type\":0,\"timestamp\":1,\"x\":\"\xed\xa0\x80\"}",
		` [1] `, `{}`, ``, `{"a":[[[[[[[[[[]]]]]]]]]]}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		const maxDepth = 8
		_, err := rrweb.Scan(line, maxDepth)
		if errors.Is(err, rrweb.ErrDepth) || errors.Is(err, rrweb.ErrNotObject) {
			return
		}
		// encoding/json accepts invalid UTF-8 in strings, RFC 8259 does not.
		valid := json.Valid(line) && utf8.Valid(line)
		if refused := errors.Is(err, rrweb.ErrSyntax); refused == valid {
			t.Fatalf("%q: valid JSON %t, Scan says %v", line, valid, err)
		}
		for _, name := range []string{"type", "data", "x"} {
			checkMember(t, line, name, valid)
		}
	})
}

// checkMember compares Member with a map, in which the last of a repeated name
// counts too.
func checkMember(t *testing.T, object []byte, name string, valid bool) {
	var want map[string]json.RawMessage
	if !valid || json.Unmarshal(object, &want) != nil {
		if got := rrweb.Member(object, name); got != nil && !valid {
			t.Fatalf("member %s of %q: got %q of invalid JSON", name, object, got)
		}
		return
	}
	if got := rrweb.Member(object, name); string(got) != string(want[name]) {
		t.Fatalf("member %s of %q: got %q, want %q", name, object, got, want[name])
	}
}

func BenchmarkScan(b *testing.B) {
	recordings := rrwebtest.Corpus(b)
	var size int64
	for _, r := range recordings {
		size += int64(len(r.NDJSON()))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range recordings {
			for _, line := range r.Lines {
				if _, err := rrweb.Scan(line, wireDepth); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}
