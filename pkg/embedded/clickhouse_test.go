//go:build unix

package embedded_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
)

// openClickHouse opens a client on a database of the test's own.
func openClickHouse(t testing.TB, method clickhouse.CompressionMethod) driver.Conn {
	t.Helper()
	a := embeddedtest.Start(t).ClickHouse
	name := fmt.Sprintf("test_%d", time.Now().UnixNano())
	admin := dial(t, a, method)
	exec(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { exec(t, admin, "DROP DATABASE "+name+" SYNC") })
	a.Database = name
	return dial(t, a, method)
}

func dial(t testing.TB, a embedded.ClickHouse, method clickhouse.CompressionMethod) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{a.URL},
		Auth:        clickhouse.Auth{Database: a.Database, Username: a.User, Password: a.Password},
		Compression: &clickhouse.Compression{Method: method},
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conn
}

func exec(t testing.TB, conn driver.Conn, sql string, args ...any) {
	t.Helper()
	if err := conn.Exec(context.WithoutCancel(t.Context()), sql, args...); err != nil {
		t.Fatalf("%s: %v", firstLine(sql), err)
	}
}

func firstLine(s string) string { line, _, _ := strings.Cut(s, "\n"); return line }

var methods = map[string]clickhouse.CompressionMethod{
	"none": clickhouse.CompressionNone,
	"lz4":  clickhouse.CompressionLZ4,
	"zstd": clickhouse.CompressionZSTD,
	"gzip": clickhouse.CompressionGZIP,
}

type allTypes struct {
	ID       uint64            `ch:"id"`
	Text     string            `ch:"text"`
	Low      string            `ch:"low"`
	U8       uint8             `ch:"u8"`
	U16      uint16            `ch:"u16"`
	U32      uint32            `ch:"u32"`
	I64      int64             `ch:"i64"`
	At       time.Time         `ch:"at"`
	Texts    []string          `ch:"texts"`
	Numbers  []int64           `ch:"numbers"`
	LowTexts []string          `ch:"low_texts"`
	Attrs    map[string]string `ch:"attrs"`
	LowAttrs map[string]string `ch:"low_attrs"`
	Maybe    *string           `ch:"maybe"`
	LowMaybe *string           `ch:"low_maybe"`
	MaybeN   *int64            `ch:"maybe_n"`
	Ratio    float64           `ch:"ratio"`
	Yes      bool              `ch:"yes"`
	Kind     string            `ch:"kind"`
	Fixed    string            `ch:"fixed"`
	Pair     []any             `ch:"pair"`
}

const allTypesDDL = `CREATE TABLE all_types (
	id UInt64, text String, low LowCardinality(String), u8 UInt8, u16 UInt16, u32 UInt32, i64 Int64,
	at DateTime64(3, 'UTC'), texts Array(String), numbers Array(Int64), low_texts Array(LowCardinality(String)),
	attrs Map(String, String), low_attrs Map(LowCardinality(String), String), maybe Nullable(String),
	low_maybe LowCardinality(Nullable(String)), maybe_n Nullable(Int64), ratio Float64, yes Bool,
	kind Enum8('click' = 1, 'it''s (a, b)' = 2), fixed FixedString(4), pair Tuple(String, Array(UInt8))
) ENGINE = MergeTree ORDER BY id`

func allTypesRows() []allTypes {
	some, number := "there", int64(-7)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return []allTypes{
		{ID: 1, Text: "héllo\x00\xff\n", Low: "a", U8: 255, U16: 65535, U32: 1<<32 - 1, I64: -1 << 63, At: at,
			Texts: []string{"x", ""}, Numbers: []int64{1, -2}, LowTexts: []string{"q", "q", "r"},
			Attrs: map[string]string{"k": "v", "": "empty"}, LowAttrs: map[string]string{"lk": "lv"},
			Maybe: &some, LowMaybe: &some, MaybeN: &number, Ratio: 1.5, Yes: true, Kind: "click", Fixed: "abcd",
			Pair: []any{"p", []uint8{1, 2}}},
		{ID: 2, At: at.Add(time.Millisecond), Texts: []string{}, Numbers: []int64{}, LowTexts: []string{},
			Attrs: map[string]string{}, LowAttrs: map[string]string{}, Kind: "it's (a, b)", Fixed: "wxyz",
			Pair: []any{"", []uint8{}}},
	}
}

func TestTypesRoundTrip(t *testing.T) {
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			conn := openClickHouse(t, method)
			exec(t, conn, allTypesDDL)
			want := allTypesRows()
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO all_types")
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if err := batch.AppendStruct(&want[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			var got []allTypes
			if err := conn.Select(t.Context(), &got, "SELECT * FROM all_types ORDER BY id"); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
