//go:build unix

package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/playhead/playhead/pkg/embedded"
	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
)

// openClickHouse opens a client on a database of the test's own.
func openClickHouse(t testing.TB, method clickhouse.CompressionMethod) driver.Conn {
	t.Helper()
	a := embeddedtest.Start(t).ClickHouse
	name := fmt.Sprintf("test_%d", time.Now().UnixNano())
	admin := dial(t, a, method)
	execute(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, admin, "DROP DATABASE "+name+" SYNC") })
	a.Database = name
	return dial(t, a, method)
}

func dial(t testing.TB, a embedded.ClickHouse, method clickhouse.CompressionMethod) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{a.Address},
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

func execute(t testing.TB, conn driver.Conn, sql string, args ...any) {
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
			execute(t, conn, allTypesDDL)
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

func TestBatchOf100000Rows(t *testing.T) {
	for _, name := range []string{"none", "lz4"} {
		t.Run(name, func(t *testing.T) {
			conn := openClickHouse(t, methods[name])
			execute(t, conn, "CREATE TABLE many (id UInt64, text String, low LowCardinality(String)) ENGINE = MergeTree ORDER BY id")
			insertMany(t, conn, "many", 0, 100_000)
			rows, err := conn.Query(t.Context(), "SELECT id, text, low FROM many ORDER BY id")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var n uint64
			for ; rows.Next(); n++ {
				var id uint64
				var text, low string
				if err := rows.Scan(&id, &text, &low); err != nil {
					t.Fatal(err)
				}
				if id != n || text != fmt.Sprintf("text %d", n) || low != fmt.Sprintf("low %d", n%7) {
					t.Fatalf("row %d is %d %q %q", n, id, text, low)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if n != 100_000 {
				t.Errorf("%d rows, want 100000", n)
			}
		})
	}
}

// insertMany inserts rows with the ids from first on in one batch.
func insertMany(t testing.TB, conn driver.Conn, table string, first, count uint64) {
	t.Helper()
	if err := tryInsertMany(t.Context(), conn, table, first, count); err != nil {
		t.Fatal(err)
	}
}

func tryInsertMany(ctx context.Context, conn driver.Conn, table string, first, count uint64) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table+" (id, text, low)")
	if err != nil {
		return err
	}
	for i := first; i < first+count; i++ {
		if err := batch.Append(i, fmt.Sprintf("text %d", i), fmt.Sprintf("low %d", i%7)); err != nil {
			return err
		}
	}
	return batch.Send()
}

func count(t testing.TB, conn driver.Conn, query string, args ...any) uint64 {
	t.Helper()
	var n uint64
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestNamedParameters(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionNone)
	awkward := "it's \\ a\ttab\nand `more` {x:String}; --"
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	var text string
	var texts []string
	var number int64
	var when time.Time
	row := conn.QueryRow(t.Context(), "SELECT {text:String}, {texts:Array(String)}, {number:Int64}, {when:DateTime64(3, 'UTC')}",
		clickhouse.Named("text", awkward), clickhouse.Named("texts", []string{"a'b", "c"}),
		clickhouse.Named("number", int64(-9)), clickhouse.DateNamed("when", at, clickhouse.MilliSeconds))
	if err := row.Scan(&text, &texts, &number, &when); err != nil {
		t.Fatal(err)
	}
	if text != awkward || !reflect.DeepEqual(texts, []string{"a'b", "c"}) || number != -9 || !when.Equal(at) {
		t.Errorf("got %q %q %d %v", text, texts, number, when)
	}
	execute(t, conn, "CREATE TABLE bound (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	execute(t, conn, "INSERT INTO bound VALUES ({id:UInt64}, {text:String})", clickhouse.Named("id", uint64(1)), clickhouse.Named("text", awkward))
	if n := count(t, conn, "SELECT count() FROM bound WHERE text = {text:String}", clickhouse.Named("text", awkward)); n != 1 {
		t.Errorf("%d rows with the bound text, want 1", n)
	}
	execute(t, conn, "INSERT INTO bound VALUES (?, ?)", 2, awkward)
	if n := count(t, conn, "SELECT count() FROM bound WHERE text = ?", awkward); n != 2 {
		t.Errorf("%d rows with the quoted text, want 2", n)
	}
}

func TestErrorsCarryTheirCode(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionLZ4)
	execute(t, conn, "CREATE TABLE narrow (id UInt8) ENGINE = MergeTree ORDER BY id")
	tests := []struct {
		name, sql string
		settings  clickhouse.Settings
		code      int32
	}{
		{"unknown table", "SELECT * FROM nowhere", nil, 60},
		{"unknown table of insert", "INSERT INTO nowhere SELECT 1", nil, 60},
		{"unknown database", "SELECT * FROM nowhere.t", nil, 81},
		{"unknown column", "SELECT nothing FROM narrow", nil, 47},
		{"syntax", "SELEC 1", nil, 62},
		{"two statements", "SELECT 1; SELECT 2", nil, 62},
		{"two definitions", "CREATE TABLE a (x UInt8) ENGINE = Memory; CREATE TABLE b (x UInt8) ENGINE = Memory", nil, 62},
		{"table exists", "CREATE TABLE narrow (id UInt8) ENGINE = Memory", nil, 57},
		{"unbound parameter", "SELECT {nothing:String}", nil, 456},
		{"unknown setting", "SELECT 1", clickhouse.Settings{"nonsense_setting": 1}, 115},
		{"timeout", "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1", clickhouse.Settings{"max_execution_time": "0.3"}, 159},
		{"while the result is under way", "SELECT throwIf(number = 300000) FROM numbers(1000000)", clickhouse.Settings{"max_block_size": 1000}, 395},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(test.settings))
			err := drain(ctx, conn, test.sql)
			var e *clickhouse.Exception
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an exception", err)
			}
			if e.Code != test.code {
				t.Errorf("code %d (%s), want %d", e.Code, e.Message, test.code)
			}
		})
	}
	a := embeddedtest.Start(t).ClickHouse
	a.Password = "wrong"
	err := dial(t, a, clickhouse.CompressionNone).Ping(t.Context())
	var e *clickhouse.Exception
	if !errors.As(err, &e) || e.Code != 516 {
		t.Errorf("wrong password: got %v, want code 516", err)
	}
}

// drain reads a result to its end.
func drain(ctx context.Context, conn driver.Conn, sql string) error {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func TestTablesOfAnIndex(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionNone)
	execute(t, conn, `-- the last version wins
		CREATE TABLE versions (id UInt64, version UInt32, text String, at DateTime64(3) DEFAULT now64(3)) ENGINE = ReplacingMergeTree(version) ORDER BY id TTL toDateTime(at) + INTERVAL 1 DAY`)
	execute(t, conn, "INSERT INTO versions (id, version, text) VALUES (1, 1, 'old'), (2, 1, 'only')")
	execute(t, conn, "INSERT INTO versions (id, version, text) VALUES (1, 2, 'new')")
	execute(t, conn, "ALTER TABLE versions ADD COLUMN more UInt8 DEFAULT 7")
	execute(t, conn, "ALTER TABLE versions ADD INDEX by_text text TYPE bloom_filter GRANULARITY 1")
	if n := count(t, conn, "SELECT count() FROM versions FINAL WHERE text IN ('new', 'only') AND more = 7"); n != 2 {
		t.Errorf("%d final rows, want 2", n)
	}
	execute(t, conn, "CREATE TABLE copy AS versions ENGINE = MergeTree ORDER BY id")
	execute(t, conn, "INSERT INTO copy SELECT * FROM versions FINAL")
	if n := count(t, conn, "SELECT count() FROM copy"); n != 2 {
		t.Errorf("%d copied rows, want 2", n)
	}
	execute(t, conn, "DELETE FROM copy WHERE id = 1")
	execute(t, conn, "ALTER TABLE copy DELETE WHERE id = 2 SETTINGS mutations_sync = 1")
	if n := count(t, conn, "SELECT count() FROM copy"); n != 0 {
		t.Errorf("%d rows after deletes, want 0", n)
	}
	execute(t, conn, "CREATE TABLE counts (kind LowCardinality(String), n SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree ORDER BY kind")
	execute(t, conn, "CREATE MATERIALIZED VIEW counting TO counts AS SELECT text AS kind, toUInt64(1) AS n FROM versions")
	execute(t, conn, "INSERT INTO versions (id, version, text) VALUES (3, 1, 'seen'), (4, 1, 'seen')")
	if n := count(t, conn, "SELECT sum(n) FROM counts WHERE kind = 'seen'"); n != 2 {
		t.Errorf("the view counted %d, want 2", n)
	}
	var columns []struct {
		Name string `ch:"name"`
		Type string `ch:"type"`
	}
	if err := conn.Select(t.Context(), &columns, "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'versions' ORDER BY position"); err != nil {
		t.Fatal(err)
	}
	if len(columns) != 5 || columns[4].Name != "more" || columns[4].Type != "UInt8" {
		t.Errorf("columns are %v", columns)
	}
	execute(t, conn, "OPTIMIZE TABLE versions FINAL")
	execute(t, conn, "TRUNCATE TABLE versions")
	execute(t, conn, "DROP TABLE versions SYNC")
	if err := drain(t.Context(), conn, "SHOW TABLES"); err != nil {
		t.Error(err)
	}
}

// TestInsertsAreFlushed looks at the setting that makes an acknowledged insert
// survive a power failure, which no test can make.
func TestInsertsAreFlushed(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionNone)
	if n := count(t, conn, "SELECT count() FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory') AND value = '1'"); n != 2 {
		t.Errorf("%d of 2 settings are on", n)
	}
}

func TestAnInsertWithATokenIsDoneOnce(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionNone)
	execute(t, conn, `CREATE TABLE once (id UInt64, text String, low LowCardinality(String)) ENGINE = MergeTree ORDER BY id
		SETTINGS non_replicated_deduplication_window = 1000`)
	for _, token := range []string{"pack-1", "pack-1", "pack-2"} {
		ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": token}))
		if err := tryInsertMany(ctx, conn, "once", 0, 10); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, conn, "SELECT count() FROM once"); n != 20 {
		t.Errorf("%d rows, want 20", n)
	}
}

func TestSettingsEndWithTheirRequest(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionNone)
	const question = "SELECT toUInt64(value) FROM system.settings WHERE name = 'max_block_size'"
	before := count(t, conn, question)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 77}))
	var during uint64
	if err := conn.QueryRow(ctx, question).Scan(&during); err != nil {
		t.Fatal(err)
	}
	if during != 77 {
		t.Errorf("max_block_size %d in the request, want 77", during)
	}
	execute(t, conn, "SET max_block_size = 78")
	for range 20 {
		if after := count(t, conn, question); after != before {
			t.Fatalf("max_block_size %d after the request, want %d", after, before)
		}
	}
}

func TestConcurrentReadersAndWriters(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionLZ4)
	execute(t, conn, "CREATE TABLE busy (id UInt64, text String, low LowCardinality(String)) ENGINE = MergeTree ORDER BY id")
	const workers, rounds, rows = 8, 10, 500
	group, ctx := errgroup.WithContext(t.Context())
	for worker := range uint64(workers) {
		group.Go(func() error {
			for round := range uint64(rounds) {
				first := (worker*rounds + round) * rows
				if err := tryInsertMany(ctx, conn, "busy", first, rows); err != nil {
					return fmt.Errorf("insert: %w", err)
				}
				var n, sum uint64
				row := conn.QueryRow(ctx, "SELECT count(), sum(id) FROM busy WHERE id BETWEEN {first:UInt64} AND {last:UInt64}",
					clickhouse.Named("first", first), clickhouse.Named("last", first+rows-1))
				if err := row.Scan(&n, &sum); err != nil {
					return fmt.Errorf("select: %w", err)
				}
				if want := rows*first + rows*(rows-1)/2; n != rows || sum != want {
					return fmt.Errorf("read %d rows of sum %d, want %d of %d", n, sum, rows, want)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, conn, "SELECT uniqExact(id) FROM busy"); n != workers*rounds*rows {
		t.Errorf("%d rows, want %d", n, workers*rounds*rows)
	}
}

// TestBigResult reads 96 MB and checks every row.
func TestBigResult(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionNone)
	const rows = 1_000_000
	result, err := conn.Query(t.Context(), "SELECT number, leftPad(toString(number), 80, 'x'), toLowCardinality(toString(number % 10)) FROM numbers({rows:UInt64})", clickhouse.Named("rows", rows))
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	var n uint64
	for ; result.Next(); n++ {
		var id uint64
		var text, low string
		if err := result.Scan(&id, &text, &low); err != nil {
			t.Fatal(err)
		}
		if id != n || len(text) != 80 || strings.TrimLeft(text, "x") != strconv.FormatUint(n, 10) || low != strconv.FormatUint(n%10, 10) {
			t.Fatalf("row %d is %d %q %q", n, id, text, low)
		}
	}
	if err := result.Err(); err != nil || n != rows {
		t.Errorf("%d rows, %v; want %d", n, err, rows)
	}
}

func TestAnAbandonedResultIsCancelled(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionNone)
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := conn.Query(ctx, "SELECT number, 'abandoned' FROM numbers(100000000000)")
	if err != nil {
		t.Fatal(err)
	}
	const running = "SELECT count() FROM system.processes WHERE query LIKE '%abandoned%' AND query NOT LIKE '%processes%'"
	if n := count(t, conn, running); n != 1 {
		t.Fatalf("%d statements run before, want 1", n)
	}
	rows.Next()
	cancel()
	eventually(t, func() bool { return count(t, conn, running) == 0 })
}

// eventually waits until done is true.
func eventually(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 20 s")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestFormatsOfTheClient(t *testing.T) {
	conn := openClickHouse(t, clickhouse.CompressionNone)
	execute(t, conn, "CREATE TABLE lines (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	if err := conn.InsertFormat(t.Context(), "JSONEachRow", "INSERT INTO lines", strings.NewReader(`{"id":1,"text":"a"}`+"\n"+`{"id":2,"text":"b"}`)); err != nil {
		t.Fatal(err)
	}
	err := conn.InsertFormat(t.Context(), "JSONEachRow", "INSERT INTO lines", strings.NewReader(`{"id":"nonsense"}`))
	var e *clickhouse.Exception
	if !errors.As(err, &e) {
		t.Errorf("nonsense: got %v, want an exception", err)
	}
	r, err := conn.QueryFormat(t.Context(), "CSVWithNames", "SELECT * FROM lines ORDER BY id SETTINGS max_block_size = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || string(b) != "\"id\",\"text\"\n1,\"a\"\n2,\"b\"\n" {
		t.Errorf("got %q, %v", b, err)
	}
}
