package playhead

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/playhead/playhead/pkg/recording"
)

var limits = Limits{DecompressedBytes: 1 << 20, DecompressionRatio: 200, Events: 10, EventBytes: 1000, Depth: 8}

const (
	header = `{"v":1,"session_id":"session-1","window_id":"window-1","page_id":"page-0001","seq":7,"sent_at":1763791872123}`
	event  = `{"type":3,"timestamp":1763791872000,"data":{}}`
)

func TestDecodeHeader(t *testing.T) {
	got, err := DecodeHeader([]byte(`{"v":1,"token":"t","session_id":"session-1","previous_id":"session-0","window_id":"window-1","page_id":"page-0001",` +
		`"seq":4294967295,"sent_at":8640000000000000,"reason":"error","final":true,"recorder":{"name":"playhead","version":"1.0.0","rrweb":"2.1.6"},` +
		`"page":{"url":"https://shop.test/","referrer":"https://search.test/","viewport":[1280,720]},"user":{"id":"u","attributes":{"plan":"pro"}},` +
		`"release":"r","environment":"e","unknown":[{"to":"newer recorders"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Header{
		Session: "session-1", Window: "window-1", Page: "page-0001", Seq: 4294967295, SentAtMs: 8640000000000000, Token: "t",
		Origin: recording.Origin{
			PreviousSession: "session-0", Reason: recording.ReasonError, Final: true,
			Recorder: recording.Recorder{Name: "playhead", Version: "1.0.0", RRWeb: "2.1.6"},
			URL:      "https://shop.test/", Referrer: "https://search.test/", Viewport: [2]int{1280, 720},
			UserID: "u", UserAttributes: map[string]string{"plan": "pro"}, Release: "r", Environment: "e",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestHeaderFields: every field at its limit and beyond it. A value replaces
// the field's in a valid header; "" removes it.
func TestHeaderFields(t *testing.T) {
	text := func(n int) string { return `"` + strings.Repeat("a", n) + `"` }
	attributes := func(n int, value string) string {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"k%d":%s`, i, value))
		}
		return `{"attributes":{` + strings.Join(members, ",") + `}}`
	}
	cases := []struct {
		field, good, bad string
		blamed           string // when it is not the field itself
	}{
		{field: "v", good: `1`, bad: `2`},
		{field: "v", good: `1`, bad: `"1"`},
		{field: "v", good: `1`, bad: ``},
		{field: "session_id", good: text(64), bad: text(65)},
		{field: "session_id", good: text(8), bad: text(7)},
		{field: "session_id", good: `"aA0_-bcd"`, bad: `"../../etc"`},
		{field: "session_id", good: `"aaaaaaaa"`, bad: `"aaaa%2e%2e"`},
		{field: "session_id", good: `"aaaaaaaa"`, bad: `"aaaaaaaa\u0000"`},
		{field: "session_id", good: `"aaaaaaaa"`, bad: `"aaaaaaaa\r\n"`},
		{field: "session_id", good: `"aaaaaaaa"`, bad: `"аaaaaaaaa"`},
		{field: "session_id", good: `"aaaaaaaa"`, bad: `12345678`},
		{field: "session_id", good: `"aaaaaaaa"`, bad: ``},
		{field: "window_id", good: text(64), bad: text(65)},
		{field: "window_id", good: text(8), bad: `null`},
		{field: "page_id", good: text(64), bad: text(65)},
		{field: "page_id", good: text(8), bad: `["aaaaaaaa"]`},
		{field: "previous_id", good: `null`, bad: `""`},
		{field: "previous_id", good: `"session-0"`, bad: `"session-1"`},
		{field: "seq", good: `0`, bad: `-1`},
		{field: "seq", good: `4294967295`, bad: `4294967296`},
		{field: "seq", good: `1`, bad: `1.5`},
		{field: "seq", good: `1`, bad: `"1"`},
		{field: "seq", good: `1`, bad: ``},
		{field: "sent_at", good: `0`, bad: `-1`},
		{field: "sent_at", good: `8640000000000000`, bad: `8640000000000001`},
		{field: "sent_at", good: `1`, bad: `true`},
		{field: "reason", good: `"sampled"`, bad: `"because"`},
		{field: "reason", good: `null`, bad: `""`},
		{field: "final", good: `true`, bad: `1`},
		{field: "token", good: text(256), bad: text(257)},
		{field: "release", good: text(128), bad: text(129)},
		{field: "environment", good: text(128), bad: text(129)},
		{field: "recorder", good: `{}`, bad: `"playhead"`},
		{field: "recorder", good: `{"name":` + text(64) + `}`, bad: `{"name":` + text(65) + `}`, blamed: "recorder.name"},
		{field: "recorder", good: `{"version":` + text(64) + `}`, bad: `{"version":` + text(65) + `}`, blamed: "recorder.version"},
		{field: "recorder", good: `{"rrweb":` + text(64) + `}`, bad: `{"rrweb":` + text(65) + `}`, blamed: "recorder.rrweb"},
		{field: "page", good: `{"url":` + text(4096) + `}`, bad: `{"url":` + text(4097) + `}`, blamed: "page.url"},
		{field: "page", good: `{"referrer":` + text(4096) + `}`, bad: `{"referrer":` + text(4097) + `}`, blamed: "page.referrer"},
		{field: "page", good: `{"viewport":[0,0]}`, bad: `{"viewport":[1]}`, blamed: "page.viewport"},
		{field: "page", good: `{"viewport":null}`, bad: `{"viewport":[1,2,3]}`, blamed: "page.viewport"},
		{field: "page", good: `{"viewport":[1,2]}`, bad: `{"viewport":[1,-2]}`, blamed: "page.viewport"},
		{field: "page", good: `{"viewport":[1,2]}`, bad: `{"viewport":["1","2"]}`, blamed: "page.viewport"},
		{field: "user", good: `{"id":` + text(256) + `}`, bad: `{"id":` + text(257) + `}`, blamed: "user.id"},
		{field: "user", good: attributes(64, `"v"`), bad: attributes(65, `"v"`), blamed: "user.attributes"},
		{field: "user", good: attributes(1, text(1024)), bad: attributes(1, text(1025)), blamed: "user.attributes"},
		{field: "user", good: `{"attributes":{` + text(64) + `:""}}`, bad: `{"attributes":{` + text(65) + `:""}}`, blamed: "user.attributes"},
		{field: "user", good: `{}`, bad: `{"attributes":{"n":1}}`, blamed: "user.attributes"},
	}
	for _, c := range cases {
		if _, err := DecodeHeader(with(c.field, c.good)); err != nil {
			t.Errorf("%s %s is refused: %v", c.field, c.good, err)
		}
		blamed := c.blamed
		if blamed == "" {
			blamed = c.field
		}
		var refusal *Refusal
		_, err := DecodeHeader(with(c.field, c.bad))
		if !errors.As(err, &refusal) || refusal.Kind != Malformed || refusal.Line != 1 || refusal.Field != blamed {
			t.Errorf("%s %s: error %#v, want line 1, field %s", c.field, c.bad, err, blamed)
		}
	}
}

// with returns a valid header with one field replaced or removed.
func with(field, value string) []byte {
	fields := []struct{ name, value string }{
		{"v", `1`}, {"session_id", `"session-1"`}, {"window_id", `"window-1"`}, {"page_id", `"page-0001"`}, {"seq", `7`}, {"sent_at", `1763791872123`},
	}
	var members []string
	for _, f := range fields {
		if f.name != field {
			members = append(members, fmt.Sprintf("%q:%s", f.name, f.value))
		}
	}
	if value != "" {
		members = append(members, fmt.Sprintf("%q:%s", field, value))
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}

func TestDecode(t *testing.T) {
	lines := func(lines ...string) []byte { return []byte(strings.Join(lines, "\n")) }
	many := func(n int) []byte {
		return lines(append([]string{header}, strings.Split(strings.Repeat(event+" ", n-1)+event, " ")...)...)
	}
	sized := func(n int) []byte {
		e := strings.Replace(event, `{}`, `{"s":""}`, 1)
		return lines(header, strings.Replace(e, `""`, `"`+strings.Repeat("x", n-len(e))+`"`, 1))
	}
	deep := func(n int) []byte { // the event itself and its data are two levels
		return lines(header, strings.Replace(event, `{}`, `{"d":`+strings.Repeat("[", n-2)+strings.Repeat("]", n-2)+`}`, 1))
	}
	cases := []struct {
		name string
		body []byte
		want *Refusal // without Detail
	}{
		{"one event", lines(header, event), nil},
		{"a final newline", lines(header, event, ""), nil},
		{"events at the limit", many(10), nil},
		{"events beyond it", many(11), &Refusal{Kind: TooLarge, Limit: "events"}},
		{"event bytes at the limit", sized(1000), nil},
		{"event bytes beyond it", sized(1001), &Refusal{Kind: Unstorable, Line: 2, Limit: "event_bytes"}},
		{"depth at the limit", deep(8), nil},
		{"depth beyond it", deep(9), &Refusal{Kind: Unstorable, Line: 2, Limit: "depth"}},
		{"header at the limit", lines(padded(64<<10), event), nil},
		{"header beyond it", lines(padded(64<<10+1), event), &Refusal{Kind: TooLarge, Line: 1, Limit: "header"}},
		{"no body", nil, &Refusal{Kind: Malformed, Line: 1}},
		{"no events", lines(header), &Refusal{Kind: Malformed, Line: 2}},
		{"no events, but a newline", lines(header, ""), &Refusal{Kind: Malformed, Line: 2}},
		{"an empty line", lines(header, event, "", event), &Refusal{Kind: Malformed, Line: 3}},
		{"an empty line at the end", lines(header, event, "", ""), &Refusal{Kind: Malformed, Line: 3}},
		{"header is no JSON", lines("header", event), &Refusal{Kind: Malformed, Line: 1}},
		{"header is an array", lines("["+header+"]", event), &Refusal{Kind: Malformed, Line: 1}},
		{"header is not UTF-8", lines(header[:len(header)-1]+",\"x\":\"\xff\"}", event), &Refusal{Kind: Malformed, Line: 1}},
		{"two headers in one line", lines(header+header, event), &Refusal{Kind: Malformed, Line: 1}},
		{"event is no JSON", lines(header, event, "{"), &Refusal{Kind: Malformed, Line: 3}},
		{"event is an array", lines(header, "[1]"), &Refusal{Kind: Malformed, Line: 2}},
		{"event is not UTF-8", lines(header, "{\"type\":3,\"timestamp\":1,\"data\":\"\xff\"}"), &Refusal{Kind: Malformed, Line: 2}},
		{"two events in one line", lines(header, event+event), &Refusal{Kind: Malformed, Line: 2}},
		{"no type", lines(header, `{"timestamp":1}`), &Refusal{Kind: Malformed, Line: 2, Field: "type"}},
		{"negative type", lines(header, `{"type":-1,"timestamp":1}`), &Refusal{Kind: Malformed, Line: 2, Field: "type"}},
		{"type is a string", lines(header, `{"type":"3","timestamp":1}`), &Refusal{Kind: Malformed, Line: 2, Field: "type"}},
		{"unknown type", lines(header, `{"type":99,"timestamp":1}`), nil},
		{"no timestamp", lines(header, `{"type":3}`), &Refusal{Kind: Unstorable, Line: 2, Field: "timestamp", Limit: "timestamp"}},
		{"timestamp at the limit", lines(header, `{"type":3,"timestamp":8640000000000000}`), nil},
		{"timestamp beyond it", lines(header, `{"type":3,"timestamp":8640000000000001}`), &Refusal{Kind: Unstorable, Line: 2, Field: "timestamp", Limit: "timestamp"}},
		{"timestamp before 1970", lines(header, `{"type":3,"timestamp":-1}`), &Refusal{Kind: Unstorable, Line: 2, Field: "timestamp", Limit: "timestamp"}},
		{"timestamp is infinite", lines(header, `{"type":3,"timestamp":1e999}`), &Refusal{Kind: Unstorable, Line: 2, Field: "timestamp", Limit: "timestamp"}},
		{"timestamp with a fraction", lines(header, `{"type":3,"timestamp":1763791872000.5}`), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.body, limits)
			var got *Refusal
			if errors.As(err, &got) {
				if got.Detail == "" {
					t.Error("the refusal says nothing")
				}
				got = &Refusal{Kind: got.Kind, Line: got.Line, Field: got.Field, Limit: got.Limit}
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// padded returns a valid header line of n bytes.
func padded(n int) string {
	return header[:len(header)-1] + `,"x":"` + strings.Repeat("x", n-len(header)-7) + `"}`
}

func TestDecodeSummarizesEvents(t *testing.T) {
	ndjson := `{"type":3,"timestamp":30}` + "\n" + `{"type":2,"timestamp":20}` + "\n" + `{"type":4,"timestamp":10.9}` + "\n" + `{"type":2,"timestamp":15}` + "\n"
	got, err := DecodeEvents([]byte(ndjson), limits)
	if err != nil {
		t.Fatal(err)
	}
	want := Events{NDJSON: []byte(ndjson), Count: 4, FirstMs: 10, LastMs: 30, FullSnapshots: []int64{15, 20}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func gzipped(t testing.TB, members ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&out)
		if _, err := w.Write(m); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// zstandard compresses as a stream, which does not say its size beforehand, or
// as one frame, which does.
func zstandard(t testing.TB, content []byte, sized bool, opts ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if sized {
		return w.EncodeAll(content, nil)
	}
	for part := range slices.Chunk(content, 100<<10) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestDecompress(t *testing.T) {
	// Noise compresses about 1.3 times, zeros a thousand times.
	noise := func(n int) []byte {
		b := make([]byte, n)
		x := uint32(1)
		for i := range b {
			x = x*1664525 + 1013904223
			b[i] = byte(x>>24) & 0x3f
		}
		return b
	}
	zeros := func(n int) []byte { return make([]byte, n) }
	const most = 1 << 20
	text := noise(300_000)
	huge := zstandard(t, zeros(100<<20), true)
	cases := []struct {
		name     string
		encoding Encoding
		body     []byte
		want     []byte   // nil when refused
		refusal  *Refusal // without Detail
	}{
		{"identity", Identity, text, text, nil},
		{"gzip", Gzip, gzipped(t, text), text, nil},
		{"gzip in two members", Gzip, gzipped(t, text[:1000], text[1000:]), text, nil},
		{"gzip at the size", Gzip, gzipped(t, noise(most)), noise(most), nil},
		{"gzip beyond the size", Gzip, gzipped(t, noise(most+1)), nil, &Refusal{Kind: TooLarge, Limit: "decompressed_bytes"}},
		{"gzip below the free ratio", Gzip, gzipped(t, zeros(64<<10)), zeros(64 << 10), nil},
		{"gzip beyond the ratio", Gzip, gzipped(t, zeros(64<<10+1)), nil, &Refusal{Kind: TooLarge, Limit: "decompression_ratio"}},
		{"gzip bomb", Gzip, gzipped(t, zeros(100<<20)), nil, &Refusal{Kind: TooLarge, Limit: "decompressed_bytes"}},
		{"gzip bomb in members", Gzip, gzipped(t, text, zeros(1<<20), zeros(1<<20)), nil, &Refusal{Kind: TooLarge, Limit: "decompressed_bytes"}},
		{"gzip of gzip", Gzip, gzipped(t, gzipped(t, text)), nil, &Refusal{Kind: Unsupported, Field: "Content-Encoding"}},
		{"gzip of zstd", Gzip, gzipped(t, zstandard(t, text, true)), nil, &Refusal{Kind: Unsupported, Field: "Content-Encoding"}},
		{"zstd of gzip", Zstd, zstandard(t, gzipped(t, text), true), nil, &Refusal{Kind: Unsupported, Field: "Content-Encoding"}},
		{"gzip that is called identity", Identity, gzipped(t, text), nil, &Refusal{Kind: Unsupported, Field: "Content-Encoding"}},
		{"gzip with garbage after it", Gzip, append(gzipped(t, text), "garbage"...), nil, &Refusal{Kind: Malformed, Field: "Content-Encoding"}},
		{"gzip torn", Gzip, gzipped(t, text)[:1000], nil, &Refusal{Kind: Malformed, Field: "Content-Encoding"}},
		{"gzip of nothing", Gzip, nil, nil, &Refusal{Kind: Malformed, Field: "Content-Encoding"}},
		{"no gzip", Gzip, text, nil, &Refusal{Kind: Malformed, Field: "Content-Encoding"}},
		{"zstd that says its size", Zstd, zstandard(t, text, true), text, nil},
		{"zstd that does not", Zstd, zstandard(t, text, false), text, nil},
		{"zstd in two frames", Zstd, append(zstandard(t, text[:1000], true), zstandard(t, text[1000:], false)...), text, nil},
		{"zstd at the size", Zstd, zstandard(t, noise(most), true), noise(most), nil},
		{"zstd at the size, unsaid", Zstd, zstandard(t, noise(most), false), noise(most), nil},
		{"zstd beyond the size", Zstd, zstandard(t, noise(most+1), true), nil, &Refusal{Kind: TooLarge, Limit: "decompressed_bytes"}},
		{"zstd beyond the size, unsaid", Zstd, zstandard(t, noise(most+1), false), nil, &Refusal{Kind: TooLarge, Limit: "decompressed_bytes"}},
		{"zstd below the free ratio", Zstd, zstandard(t, zeros(64<<10), true), zeros(64 << 10), nil},
		{"zstd beyond the ratio", Zstd, zstandard(t, zeros(64<<10+1), true), nil, &Refusal{Kind: TooLarge, Limit: "decompression_ratio"}},
		{"zstd beyond the ratio, unsaid", Zstd, zstandard(t, zeros(500<<10), false), nil, &Refusal{Kind: TooLarge, Limit: "decompression_ratio"}},
		{"zstd bomb", Zstd, huge, nil, &Refusal{Kind: TooLarge, Limit: "decompressed_bytes"}},
		{"zstd bomb, unsaid", Zstd, zstandard(t, zeros(50<<20), false), nil, &Refusal{Kind: TooLarge, Limit: "decompressed_bytes"}},
		{"zstd bomb in frames", Zstd, bytes.Repeat(zstandard(t, zeros(64<<10), true), 100), nil, &Refusal{Kind: TooLarge, Limit: "decompression_ratio"}},
		{"zstd window beyond 8 MiB", Zstd, windowFrame(16 << 20), nil, &Refusal{Kind: TooLarge, Limit: "decompressed_bytes"}},
		{"zstd with garbage after it", Zstd, append(zstandard(t, text, true), "garbage"...), nil, &Refusal{Kind: Malformed, Field: "Content-Encoding"}},
		{"zstd torn", Zstd, zstandard(t, text, true)[:100_000], nil, &Refusal{Kind: Malformed, Field: "Content-Encoding"}},
		{"zstd of nothing", Zstd, nil, nil, &Refusal{Kind: Malformed, Field: "Content-Encoding"}},
		{"no zstd", Zstd, text, nil, &Refusal{Kind: Malformed, Field: "Content-Encoding"}},
	}
	d, err := NewDecompressor(limits)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, buf := range [][]byte{nil, make([]byte, 10, 4<<20)} { // fresh, and used before
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				got, err := d.Decompress(buf, c.body, c.encoding)
				runtime.ReadMemStats(&after)
				if grown := after.TotalAlloc - before.TotalAlloc; grown > 6<<20 {
					t.Errorf("%d bytes were allocated", grown)
				}
				var refusal *Refusal
				if errors.As(err, &refusal) {
					refusal = &Refusal{Kind: refusal.Kind, Field: refusal.Field, Limit: refusal.Limit}
				} else if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.refusal, refusal); diff != "" {
					t.Error(diff)
				}
				if c.refusal == nil && !bytes.Equal(got, c.want) {
					t.Errorf("%d bytes come out, want %d", len(got), len(c.want))
				}
			}
		})
	}
}

func TestParseEncodings(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  Encoding
	}{
		{nil, Identity},
		{[]string{""}, Identity},
		{[]string{"identity", ""}, Identity},
		{[]string{"gzip"}, Gzip},
		{[]string{" GZIP "}, Gzip},
		{[]string{"", "zstd"}, Zstd},
		{[]string{"identity", "zstd"}, Zstd},
		{[]string{"gzip", "gzip"}, ""},
		{[]string{"gzip", "zstd"}, ""},
		{[]string{"gzip, gzip"}, ""},
		{[]string{"identity, gzip"}, ""},
		{[]string{"deflate"}, ""},
		{[]string{"br"}, ""},
		{[]string{"compress"}, ""},
		{[]string{"x-gzip"}, ""},
		{[]string{"gzip\x00"}, ""},
	} {
		got, err := ParseEncodings(c.names)
		var refusal *Refusal
		if got != c.want || (c.want == "") != (errors.As(err, &refusal) && refusal.Kind == Unsupported && refusal.Field == "Content-Encoding") {
			t.Errorf("%q is %q (%v), want %q", c.names, got, err, c.want)
		}
	}
}

// windowFrame is a zstd frame that wants a window of size bytes (a power of 2)
// for one empty block (RFC 8878, section 3.1.1).
func windowFrame(size int) []byte {
	exponent := 0
	for 1<<(10+exponent) < size {
		exponent++
	}
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, byte(exponent << 3), 0x01, 0x00, 0x00}
}

func TestParseEncoding(t *testing.T) {
	for s, want := range map[string]Encoding{"": Identity, "identity": Identity, "gzip": Gzip, "zstd": Zstd} {
		if got, err := ParseEncoding(s); got != want || err != nil {
			t.Errorf("%q is %q (%v), want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"br", "deflate", "gzip, gzip", "GZIP2"} {
		var refusal *Refusal
		if _, err := ParseEncoding(s); !errors.As(err, &refusal) || refusal.Kind != Unsupported {
			t.Errorf("%q: error %v, want Unsupported", s, err)
		}
	}
}

// FuzzDecode: whatever a body holds, it is an upload whose lines are all
// there, or a refusal with a detail.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(header + "\n" + event + "\n" + event))
	f.Add([]byte(header + "\n" + event + "\n"))
	f.Add([]byte(header))
	f.Add([]byte("\n\n"))
	f.Add(with("user", `{"attributes":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		up, err := Decode(body, limits)
		var refusal *Refusal
		if err != nil {
			if !errors.As(err, &refusal) || refusal.Detail == "" || refusal.Kind == 0 {
				t.Errorf("error %#v", err)
			}
			return
		}
		lines := bytes.Count(up.Events.NDJSON, []byte{'\n'})
		if !bytes.HasSuffix(up.Events.NDJSON, []byte{'\n'}) {
			lines++
		}
		if up.Events.Count != lines || up.Events.FirstMs > up.Events.LastMs {
			t.Errorf("%d lines: %+v", lines, up.Events)
		}
	})
}

// FuzzDecodeHeader: whatever a header line holds, what is taken from it is safe
// in object keys and log lines, within its limits, and the same when it is
// written again.
func FuzzDecodeHeader(f *testing.F) {
	f.Add([]byte(header))
	f.Add([]byte(`{"v":1,"token":"t","session_id":"session-1","previous_id":"session-0","window_id":"window-1","page_id":"page-0001",` +
		`"seq":4294967295,"sent_at":8640000000000000,"reason":"error","final":true,"recorder":{"name":"playhead","version":"1.0.0","rrweb":"2.1.6"},` +
		`"page":{"url":"https://shop.test/","referrer":"","viewport":[1280,720]},"user":{"id":"u","attributes":{"plan":"pro"}},"release":"r","environment":"e"}`))
	for _, field := range []string{"session_id", "token", "page", "user", "seq", "previous_id", "recorder"} {
		for _, value := range []string{`"../../etc"`, `"aaaaaaaa\u0000"`, `null`, `1e400`, `[[[]]]`, `{"id":"\ud800"}`, `{"viewport":[1,2,3]}`} {
			f.Add(with(field, value))
		}
	}
	f.Add([]byte(`{"v":1,"v":2}`))
	f.Add([]byte("{\"v\":1,\"session_id\":\"\xff\xfe\"}"))
	f.Fuzz(func(t *testing.T, line []byte) {
		h, err := DecodeHeader(line)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Detail == "" || refusal.Line != 1 || refusal.Kind == 0 {
				t.Errorf("error %#v", err)
			}
			return
		}
		for _, id := range []string{string(h.Session), string(h.Window), string(h.Page)} {
			if _, err := recording.ParseSessionID(id); err != nil {
				t.Errorf("id %q: %v", id, err)
			}
		}
		o := h.Origin
		if len(h.Token) > maxToken || len(o.URL) > maxURL || len(o.Referrer) > maxURL || len(o.UserID) > maxUserID || len(o.UserAttributes) > maxAttributes ||
			len(o.Release) > maxLabel || len(o.Environment) > maxLabel || len(o.Recorder.Name) > maxRecorderString || h.SentAtMs < 0 || o.Viewport[0] < 0 {
			t.Errorf("beyond a limit: %+v", h)
		}
		if again, err := DecodeHeader(append([]byte(" "), line...)); err != nil && len(line) < maxHeader || err == nil && !cmp.Equal(h, again) {
			t.Errorf("read again it is %+v (%v)", again, err)
		}
	})
}

// FuzzDecompress: whatever a body holds, no more than allowed comes out.
func FuzzDecompress(f *testing.F) {
	small := Limits{DecompressedBytes: 100_000, DecompressionRatio: 50}
	d, err := NewDecompressor(small)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(gzipped(f, []byte(event)), true)
	f.Add(gzipped(f, make([]byte, 99_999)), true)
	f.Add(zstandard(f, []byte(event), true), false)
	f.Add(zstandard(f, make([]byte, 200_000), false), false)
	f.Fuzz(func(t *testing.T, body []byte, isGzip bool) {
		encoding := Zstd
		if isGzip {
			encoding = Gzip
		}
		out, err := d.Decompress(nil, body, encoding)
		if err == nil && (len(out) > small.DecompressedBytes || len(out) > max(ratioFree, small.DecompressionRatio*len(body))) {
			t.Errorf("%d bytes come out of %d", len(out), len(body))
		}
	})
}
