package chhttp

import "testing"

func TestParseStatement(t *testing.T) {
	tests := []struct {
		sql     string
		insert  bool
		selects bool
		format  string
		head    string // what goes to the engine as the statement
		data    string // what follows it
	}{
		{sql: "SELECT 1", selects: true},
		{sql: " -- FORMAT CSV\n/* FORMAT /* CSV */ TSV */ SELECT 1", selects: true},
		{sql: "(SELECT 1)", selects: true},
		{sql: "WITH 1 AS x SELECT x FORMAT JSON", selects: true, format: "JSON"},
		{sql: "SELECT 1 format csv ;\n", selects: true, format: "csv"},
		{sql: "SELECT 1 FORMAT `CSV` SETTINGS max_threads = 1", selects: true, format: "CSV"},
		{sql: "SELECT 1 SETTINGS max_threads = 1 FORMAT CSV", selects: true, format: "CSV"},
		{sql: "SELECT 'FORMAT CSV'", selects: true},
		{sql: "SELECT format FROM t", selects: true},
		{sql: "SELECT 1 AS format", selects: true},
		{sql: "SELECT a, format FROM t ORDER BY format DESC", selects: true},
		{sql: "SELECT t.format x FROM t", selects: true},
		{sql: "SELECT * FROM (SELECT 1 FORMAT CSV)", selects: true},
		{sql: "SELECT $$ FORMAT CSV $$", selects: true},
		{sql: "SELECT 'it''s \\' FORMAT CSV'", selects: true},
		{sql: "DESCRIBE TABLE t FORMAT TSV", format: "TSV"},
		{sql: "CREATE TABLE format (format String) ENGINE = Memory"},
		{sql: "INSERT INTO t SELECT 1 FORMAT CSV", insert: true},
		{sql: "INSERT INTO t (a, format) WITH 1 AS x SELECT x", insert: true},
		{sql: "insert into t format Native\n\x01\x02", insert: true, format: "Native", head: "insert into t ", data: "\x01\x02"},
		{sql: "INSERT INTO t (a) SETTINGS x = 'FORMAT' FORMAT CSV  \r\n1\n", insert: true, format: "CSV", head: "INSERT INTO t (a) SETTINGS x = 'FORMAT' ", data: "1\n"},
		{sql: "INSERT INTO t FORMAT JSONEachRow {\"a\":1}", insert: true, format: "JSONEachRow", head: "INSERT INTO t ", data: "{\"a\":1}"},
		{sql: "INSERT INTO t(a)VALUES(1, 'FORMAT CSV')", insert: true, format: "Values", head: "INSERT INTO t(a)", data: "(1, 'FORMAT CSV')"},
		{sql: "INSERT INTO `values` (`format`) VALUES (1)", insert: true, format: "Values", head: "INSERT INTO `values` (`format`) ", data: " (1)"},
		{sql: "INSERT INTO FUNCTION remote('FORMAT', 'VALUES') FORMAT TSV\n", insert: true, format: "TSV", head: "INSERT INTO FUNCTION remote('FORMAT', 'VALUES') "},
	}
	for _, test := range tests {
		s := parseStatement([]byte(test.sql))
		if s.insert != test.insert || s.selects != test.selects || s.format != test.format {
			t.Errorf("%q: insert %v, selects %v, format %q", test.sql, s.insert, s.selects, s.format)
		}
		if head := test.sql[:s.head]; head != test.head {
			t.Errorf("%q: head %q, want %q", test.sql, head, test.head)
		}
		if s.data > 0 && test.sql[s.data:] != test.data {
			t.Errorf("%q: data %q, want %q", test.sql, test.sql[s.data:], test.data)
		}
	}
	for _, blank := range []string{"", " \n", "-- only a comment", "/* not closed"} {
		if !parseStatement([]byte(blank)).empty {
			t.Errorf("%q is not empty", blank)
		}
	}
}

// FuzzParseStatement checks that the data is what follows the head, wherever
// the statement is cut.
func FuzzParseStatement(f *testing.F) {
	f.Add([]byte("INSERT INTO t (a) SETTINGS x = 'y' FORMAT Native\n\x01\x02"))
	f.Add([]byte("SELECT $tag$ ' $tag$, `a`, \"b\", /* /* */ */ -- x\n 1 FORMAT CSV SETTINGS a = 1"))
	f.Add([]byte("INSERT INTO t VALUES (1, 'a\\'b')"))
	f.Fuzz(func(t *testing.T, sql []byte) {
		s := parseStatement(sql)
		if s.head > s.data || s.data > len(sql) {
			t.Fatalf("head %d, data %d of %d", s.head, s.data, len(sql))
		}
		if s.data > 0 && !s.insert {
			t.Fatal("data without INSERT")
		}
	})
}
