package native

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// The revisions at which a block changes its shape, and one beyond.
var revisions = []uint64{0, 1, 54453, 54454, 54479, 54480, 54513}

// readByClient reads blocks at a revision as clickhouse-go does, and gives what
// it read at revision 0. The client panics on some types that it cannot parse.
func readByClient(b []byte, revision uint64) (read []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("client panicked: %v", p)
		}
	}()
	r := chproto.NewReader(bytes.NewReader(b))
	out := new(chproto.Buffer)
	for {
		block := proto.NewBlock()
		err := block.Decode(r, revision)
		if errors.Is(err, io.EOF) {
			return out.Buf, nil
		}
		if err != nil {
			return nil, err
		}
		if err := block.Encode(out, 0); err != nil {
			return nil, err
		}
	}
}

// column is a column of a block at revision 0.
type column struct {
	name, typ string
	data      []byte
}

func block(rows int, columns ...column) []byte {
	b := binary.AppendUvarint(nil, uint64(len(columns)))
	b = binary.AppendUvarint(b, uint64(rows))
	for _, c := range columns {
		b = appendString(b, c.name)
		b = appendString(b, c.typ)
		b = append(b, c.data...)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// expected is what a block of columns must become.
func expected(revision uint64, rows int, columns ...column) []byte {
	var b []byte
	switch {
	case revision >= revisionOutOfOrderBuckets:
		b = append(b, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 3, 0, 0)
	case revision > 0:
		b = append(b, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(columns)))
	b = binary.AppendUvarint(b, uint64(rows))
	for _, c := range columns {
		b = appendString(b, c.name)
		b = appendString(b, c.typ)
		if revision >= revisionCustomSerialization {
			b = append(b, 0)
		}
		b = append(b, c.data...)
	}
	return b
}

func u64(values ...uint64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func join(pieces ...[]byte) []byte { return bytes.Join(pieces, nil) }

// columnsOfThree are columns of three rows, one for each way of lying in a block.
var columnsOfThree = []column{
	{"fixed", "UInt64", u64(1, 2, 3)},
	{"decimal", "Decimal(10, 2)", u64(1, 2, 3)},
	{"time", "DateTime64(3, 'Europe/Berlin')", u64(1, 2, 3)},
	{"enum", "Enum8('a(, \\'b' = 1, 'c' = 2)", []byte{1, 2, 1}},
	{"chars", "FixedString(2)", []byte("aabbcc")},
	{"string", "String", []byte("\x01a\x00\x02bc")},
	{"nullable", "Nullable(String)", []byte("\x00\x01\x00\x01a\x00\x01c")},
	{"array", "Array(String)", join(u64(2, 2, 3), []byte("\x01a\x01b\x01c"))},
	{"arrays", "Array(Array(UInt8))", join(u64(1, 1, 2), u64(2, 3), []byte{7, 8, 9})},
	{"empty arrays", "Array(LowCardinality(String))", join(u64(1), u64(0, 0, 0))},
	{"map", "Map(String, Array(UInt8))", join(u64(1, 1, 2), []byte("\x01k\x01l"), u64(1, 2), []byte{5, 6})},
	{"tuple", "Tuple(a String, `b c` Nullable(UInt8))", []byte("\x01a\x01b\x01c\x00\x01\x00\x01\x00\x02")},
	{"no elements", "Tuple()", []byte("000")},
	{"nested", "Nested(a UInt8, b String)", join(u64(1, 1, 1), []byte("\x07\x01x"))},
	{"low", "LowCardinality(String)", join(u64(1), u64(0x600), u64(2), []byte("\x00\x01a"), u64(3), []byte{1, 0, 1})},
	{"low, wide keys", "LowCardinality(Nullable(String))", join(u64(1), u64(0x601), u64(2), []byte("\x00\x01a"), u64(3), []byte{1, 0, 0, 0, 1, 0})},
	{"low in an array", "Array(LowCardinality(String))", join(u64(1), u64(1, 1, 2), u64(0x600), u64(2), []byte("\x00\x01a"), u64(2), []byte{1, 1})},
	{"low keys of a map", "Map(LowCardinality(String), String)", join(u64(1), u64(0, 0, 1), u64(0x600), u64(2), []byte("\x00\x01a"), u64(1), []byte{1}, []byte("\x01v"))},
	{"sum", "SimpleAggregateFunction(sum, UInt64)", u64(1, 2, 3)},
	{"point", "Point", u64(1, 2, 3, 4, 5, 6)},
	{"ring", "Ring", join(u64(0, 0, 1), u64(1, 2))},
	{"variant", "Variant(String, UInt64)", join(u64(0), []byte{1, 255, 0}, []byte("\x01s"), u64(9))},
	{"null", "Nullable(Nothing)", []byte("\x01\x01\x01000")},
	{"interval", "IntervalSecond", u64(1, 2, 3)},
}

func TestReencode(t *testing.T) {
	for _, revision := range revisions {
		for _, c := range columnsOfThree {
			var got bytes.Buffer
			if err := Reencode(&got, block(3, c), revision); err != nil {
				t.Errorf("%s at %d: %v", c.name, revision, err)
			} else if want := expected(revision, 3, c); !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s at %d:\n%q, want\n%q", c.name, revision, got.Bytes(), want)
			}
		}
		empty := column{name: "none", typ: "Array(LowCardinality(String))"}
		blocks := join(block(3, columnsOfThree...), block(0, empty), block(3, columnsOfThree...))
		want := join(expected(revision, 3, columnsOfThree...), expected(revision, 0, empty), expected(revision, 3, columnsOfThree...))
		var got bytes.Buffer
		if err := Reencode(&got, blocks, revision); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("three blocks at %d: %v, equal %v", revision, err, bytes.Equal(got.Bytes(), want))
		}
	}
}

func TestReencodeRefuses(t *testing.T) {
	one := func(typ string, data []byte) []byte { return block(3, column{"c", typ, data}) }
	tests := []struct {
		name  string
		block []byte
		want  error
	}{
		{"JSON", one("JSON", u64(1)), ErrUnsupported},
		{"Dynamic in an array", one("Array(Dynamic)", u64(0, 0, 0)), ErrUnsupported},
		{"state of an aggregate", one("AggregateFunction(uniq, String)", []byte("abc")), ErrUnsupported},
		{"a dictionary of another version", one("LowCardinality(String)", u64(2)), ErrUnsupported},
		{"a global dictionary", one("LowCardinality(String)", u64(1, 0x100)), ErrUnsupported},
		{"nothing after the header", one("UInt64", nil), ErrMalformed},
		{"a value too few", one("UInt64", u64(1, 2)), ErrMalformed},
		{"a string beyond the end", one("String", []byte("\x01a\x7fb")), ErrMalformed},
		{"an array beyond the end", one("Array(UInt64)", u64(1, 2, 1<<62)), ErrMalformed},
		{"an unknown variant", one("Variant(String)", join(u64(0), []byte{7, 7, 7})), ErrMalformed},
		{"a size that is none", one("FixedString(x)", []byte("abc")), ErrMalformed},
		{"a type that does not end", one("Array(UInt8", []byte("abc")), ErrMalformed},
		{"half a header", []byte{1}, ErrMalformed},
	}
	for _, test := range tests {
		var got bytes.Buffer
		if err := Reencode(&got, test.block, 54513); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

// FuzzReencode checks, for columns of real types with any data, that a client
// reads from what was re-encoded exactly what it reads from revision 0.
func FuzzReencode(f *testing.F) {
	for i, c := range columnsOfThree {
		f.Add(uint8(i), uint8(3), c.data, uint64(54454))
	}
	f.Fuzz(func(t *testing.T, index, rows uint8, data []byte, revision uint64) {
		// Revision 0 is the input unread, and the client knows no third field
		// of the block info.
		revision = 1 + revision%(revisionOutOfOrderBuckets-1)
		c := columnsOfThree[int(index)%len(columnsOfThree)]
		c.data = data
		b := block(int(rows), c)
		var got bytes.Buffer
		if Reencode(&got, b, revision) != nil {
			return
		}
		want, err := readByClient(b, 0)
		if err != nil {
			return // of a type or with values that the client does not read
		}
		read, err := readByClient(got.Bytes(), revision)
		if err != nil {
			t.Fatalf("client reads revision 0 and not %d: %v", revision, err)
		}
		if !bytes.Equal(read, want) {
			t.Fatalf("client reads\n%q, want\n%q", read, want)
		}
	})
}

// FuzzMalformed checks that any bytes are re-encoded or refused: no panic, no
// unbounded work, and nothing is lost.
func FuzzMalformed(f *testing.F) {
	f.Add(block(3, columnsOfThree...))
	for _, c := range columnsOfThree {
		f.Add(block(3, c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got bytes.Buffer
		err := Reencode(&got, b, revisionCustomSerialization)
		if err == nil && got.Len() < len(b) {
			t.Fatalf("%d bytes became %d", len(b), got.Len())
		}
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsupported) {
			t.Fatalf("an error of no kind: %v", err)
		}
	})
}
