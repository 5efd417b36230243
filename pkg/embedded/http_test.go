//go:build unix

package embedded_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
)

// send sends a request as curl would; edit may change it.
func send(t *testing.T, a embedded.ClickHouse, method string, query url.Values, body io.Reader, edit func(*http.Request)) (status int, header http.Header, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.Address+"/?"+query.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(a.User, a.Password)
	if edit != nil {
		edit(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(b)
}

func TestPlainHTTP(t *testing.T) {
	a := embeddedtest.Start(t).ClickHouse
	conn := openClickHouse(t, clickhouse.CompressionNone)
	execute(t, conn, "CREATE TABLE notes (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	if err := conn.QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&a.Database); err != nil {
		t.Fatal(err)
	}
	in := func(q url.Values) url.Values { q.Set("database", a.Database); return q }
	gzipped := func(s string) io.Reader {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(s)) // into memory
		_ = z.Close()
		return &b
	}
	withGzip := func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }
	tests := []struct {
		name, method string
		query        url.Values
		body         io.Reader
		edit         func(*http.Request)
		status       int
		answer       string // a part of it, or all of it after "="
	}{
		{"nothing", "GET", url.Values{}, nil, nil, 200, "=Ok.\n"},
		{"statement in the body", "POST", url.Values{}, strings.NewReader("SELECT 1, 'a'"), nil, 200, "=1\ta\n"},
		{"statement in the URL", "POST", url.Values{"query": {"SELECT 1"}}, nil, nil, 200, "=1\n"},
		{"statement in both", "POST", url.Values{"query": {"SELECT"}}, strings.NewReader("2"), nil, 200, "=2\n"},
		{"GET", "GET", url.Values{"query": {"SELECT {x:String}"}, "param_x": {`a\tb`}}, nil, nil, 200, "=a\\tb\n"},
		{"GET changes nothing", "GET", in(url.Values{"query": {"INSERT INTO notes VALUES (9, 'x')"}}), nil, nil, 500, "Code: 164."},
		{"rows in the body after the statement", "POST", in(url.Values{}), strings.NewReader("INSERT INTO notes FORMAT JSONEachRow\n{\"id\":1,\"text\":\"one\"}\n"), nil, 200, "="},
		{"rows in the body, statement in the URL", "POST", in(url.Values{"query": {"INSERT INTO notes FORMAT CSV"}}), strings.NewReader("2,two\n3,three\n"), nil, 200, "="},
		{"gzipped rows", "POST", in(url.Values{"query": {"INSERT INTO notes (id, text) FORMAT TSV"}}), gzipped("4\tfour\n"), withGzip, 200, "="},
		{"values", "POST", in(url.Values{}), strings.NewReader("INSERT INTO notes VALUES (5, concat('fi', 've'));"), nil, 200, "="},
		{"rows that do not fit", "POST", in(url.Values{"query": {"INSERT INTO notes FORMAT CSV"}}), strings.NewReader("six,6\n"), nil, 400, "Code: 27."},
		{"all rows", "POST", in(url.Values{}), strings.NewReader("SELECT id, text FROM notes ORDER BY id FORMAT JSONEachRow"), nil, 200,
			`={"id":1,"text":"one"}` + "\n" + `{"id":2,"text":"two"}` + "\n" + `{"id":3,"text":"three"}` + "\n" + `{"id":4,"text":"four"}` + "\n" + `{"id":5,"text":"five"}` + "\n"},
		{"one document of many blocks", "POST", in(url.Values{"max_block_size": {"2"}}), strings.NewReader("SELECT id FROM notes ORDER BY id FORMAT JSONCompact"), nil, 200, `"rows": 5`},
		{"no rows", "POST", in(url.Values{}), strings.NewReader("SELECT * FROM notes WHERE id = 77"), nil, 200, "="},
		{"wrong password", "POST", url.Values{}, strings.NewReader("SELECT 1"), func(r *http.Request) { r.SetBasicAuth(a.User, "wrong") }, 403, "Code: 516. DB::Exception: "},
		{"no password", "POST", url.Values{}, strings.NewReader("SELECT 1"), func(r *http.Request) { r.Header.Del("Authorization") }, 403, "Code: 516. DB::Exception: "},
		{"password in headers", "POST", url.Values{}, strings.NewReader("SELECT 1"), func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("X-ClickHouse-User", a.User)
			r.Header.Set("X-ClickHouse-Key", a.Password)
		}, 200, "=1\n"},
		{"unknown database", "POST", url.Values{"database": {"nowhere"}}, strings.NewReader("SELECT 1"), nil, 404, "Code: 81. DB::Exception: "},
		{"a database that tries to be more", "POST", url.Values{"database": {"a`; DROP DATABASE playhead; --"}}, strings.NewReader("SELECT 1"), nil, 404, "Code: 81. DB::Exception: "},
		{"empty statement", "POST", url.Values{}, strings.NewReader(""), nil, 400, "Code: 62. DB::Exception: "},
		{"session", "POST", url.Values{"session_id": {"s"}}, strings.NewReader("SELECT 1"), nil, 501, "Code: 48. DB::Exception: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, header, answer := send(t, a, test.method, test.query, test.body, test.edit)
			whole, exact := strings.CutPrefix(test.answer, "=")
			if status != test.status || exact && answer != whole || !exact && !strings.Contains(answer, test.answer) {
				t.Errorf("status %d, %q; want %d, %q", status, answer, test.status, test.answer)
			}
			code := header.Get("X-ClickHouse-Exception-Code")
			if failed := test.status != 200; failed != (code != "") || failed && !strings.HasPrefix(answer, "Code: "+code+". ") {
				t.Errorf("exception code %q beside %q", code, answer)
			}
		})
	}
	response, err := http.Get("http://" + a.Address + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if b, err := io.ReadAll(response.Body); err != nil || string(b) != "Ok.\n" || response.Header.Get("X-ClickHouse-Server-Display-Name") == "" || response.Header.Get("X-ClickHouse-Timezone") == "" {
		t.Errorf("ping: %q, %v, %v", b, response.Header, err)
	}
	_, header, _ := send(t, a, "POST", in(url.Values{"query_id": {"my-id"}}), strings.NewReader("INSERT INTO notes VALUES (6, 'six')"), nil)
	if header.Get("X-ClickHouse-Query-Id") != "my-id" || !strings.Contains(header.Get("X-ClickHouse-Summary"), `"written_rows":"1"`) {
		t.Errorf("headers of an insert: %v", header)
	}
}

// TestABrokenInsertInsertsNothing sends rows and breaks off.
func TestABrokenInsertInsertsNothing(t *testing.T) {
	a := embeddedtest.Start(t).ClickHouse
	conn := openClickHouse(t, clickhouse.CompressionNone)
	execute(t, conn, "CREATE TABLE broken (id UInt64, text String, low LowCardinality(String)) ENGINE = MergeTree ORDER BY id")
	if err := conn.QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&a.Database); err != nil {
		t.Fatal(err)
	}
	cut := errors.New("cut off")
	body := io.MultiReader(strings.NewReader(strings.Repeat("1,text,low\n", 1000)), &breaking{err: cut})
	query := url.Values{"database": {a.Database}, "query": {"INSERT INTO broken FORMAT CSV"}}
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+a.Address+"/?"+query.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(a.User, a.Password)
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		response.Body.Close()
	}
	if !errors.Is(err, cut) {
		t.Fatalf("got %v, want the client's own error", err)
	}
	eventually(t, func() bool {
		return count(t, conn, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO broken%'") == 0
	})
	insertMany(t, conn, "broken", 0, 1)
	if n := count(t, conn, "SELECT count() FROM broken"); n != 1 {
		t.Errorf("%d rows, want only the one of the insert that ended", n)
	}
}

type breaking struct{ err error }

func (b *breaking) Read([]byte) (int, error) { return 0, b.err }

// TestManyClientsAtOnce has more requests under way than the engine takes at once.
func TestManyClientsAtOnce(t *testing.T) {
	a := embeddedtest.Start(t).ClickHouse
	const clients = 80
	errs := make(chan error, clients)
	for i := range clients {
		go func() { errs <- post(a, strings.NewReader(fmt.Sprintf("SELECT sleep(0.05), %d", i))) }()
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
