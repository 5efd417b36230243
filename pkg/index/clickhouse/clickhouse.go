// Package clickhouse finds recordings in a ClickHouse database, version 26.3
// or newer.
//
// It is the only package that knows clickhouse-go and SQL. What is in the
// tables is told by the migrations; what the methods promise by pkg/index.
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

var _ index.Index = (*Index)(nil)

// Dial makes a connection, as net.Dialer's DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Options are what only a program can give, not a configuration file.
type Options struct {
	// DialContext makes the connections, for example through a proxy;
	// a net.Dialer when nil. TLS is put on top of what it returns.
	DialContext Dial
	// Now is the clock that Check compares with the server's; time.Now when nil.
	Now func() time.Time
}

// Index is one database. It is safe for concurrent use.
type Index struct {
	cfg  Config
	dial Dial
	now  func() time.Time
	conn driver.Conn
}

// New prepares an index; it does not connect, Check and Migrate do.
func New(cfg Config, opts Options) (*Index, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ClickHouse settings: %w", err)
	}
	conn, err := open(cfg, opts.DialContext)
	if err != nil {
		return nil, fmt.Errorf("ClickHouse settings: %w", err)
	}
	x := &Index{cfg: cfg, dial: opts.DialContext, now: opts.Now, conn: conn}
	if x.now == nil {
		x.now = time.Now
	}
	return x, nil
}

// Open prepares a connection with the settings of an index, for what lies
// beside it on the same server. It does not connect; the caller closes it.
func Open(cfg Config, dial Dial) (driver.Conn, error) { return open(cfg, dial) }

func open(cfg Config, dial Dial) (driver.Conn, error) {
	options, err := cfg.options(dial)
	if err != nil {
		return nil, err
	}
	return clickhouse.Open(options)
}

// Close gives the connections back. Calls that are running are cut off.
func (x *Index) Close() error { return x.conn.Close() }

// Codes of ClickHouse's exceptions.
const (
	codeTableExists      = 57
	codeUnknownTable     = 60
	codeUnknownDatabase  = 81
	codeDatabaseExists   = 82
	codeAccessDenied     = 497
	codeAuthentication   = 516
	codeUnknownIdentifer = 47
)

func hasCode(err error, codes ...int32) bool {
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) {
		return false
	}
	for _, code := range codes {
		if exception.Code == code {
			return true
		}
	}
	return false
}

// failed says what could not be done and why.
func failed(doing string, err error) error {
	// A *url.Error spells out the request: its parameters are what somebody
	// searched for, which is nobody's business in a log.
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	if hasCode(err, codeUnknownTable, codeUnknownDatabase, codeUnknownIdentifer) {
		return fmt.Errorf("%s: %w: %w", doing, index.ErrSchema, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func needProject(project recording.ProjectID) error {
	if project == "" {
		return fmt.Errorf("%w: it names no project", index.ErrQuery)
	}
	return nil
}

// limitOf checks a limit and fills in the one that 0 stands for.
func limitOf(limit, standard, most int) (int, error) {
	switch {
	case limit == 0:
		return standard, nil
	case limit < 0 || limit > most:
		return 0, fmt.Errorf("%w: the limit must be 1 to %d", index.ErrQuery, most)
	}
	return limit, nil
}

// conditions are what WHERE joins with AND; every value is bound, by name.
type conditions struct {
	terms []string
	args  []any
}

// where starts with the project, as every query does.
func where(project recording.ProjectID) *conditions {
	c := &conditions{}
	c.add("project_id = {project:String}", "project", string(project))
	return c
}

// add adds a term with one parameter, which may be one of an earlier term.
func (c *conditions) add(term, name string, value any) {
	c.terms = append(c.terms, term)
	c.args = append(c.args, clickhouse.Named(name, value))
}

func (c *conditions) String() string { return strings.Join(c.terms, " AND ") }

// columnsOf lists the columns of a row type, by its ch tags.
func columnsOf[Row any]() string {
	t := reflect.TypeFor[Row]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("ch")
	}
	return strings.Join(names, ", ")
}

// columnTypes are the types as which the columns of a row type are sent; the
// server makes its own of them.
func columnTypes[Row any]() []clickhouse.ColumnNameAndType {
	t := reflect.TypeFor[Row]()
	columns := make([]clickhouse.ColumnNameAndType, t.NumField())
	for i := range columns {
		f := t.Field(i)
		columns[i] = clickhouse.ColumnNameAndType{Name: f.Tag.Get("ch"), Type: columnType(f.Type)}
	}
	return columns
}

func columnType(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "DateTime64(3, 'UTC')"
	case t.Kind() == reflect.Slice:
		return "Array(" + columnType(t.Elem()) + ")"
	case t.Kind() == reflect.Map:
		return "Map(" + columnType(t.Key()) + ", " + columnType(t.Elem()) + ")"
	}
	name := t.Kind().String() // string, bool, uint32, int64, …
	name = strings.ToUpper(name[:1]) + name[1:]
	return strings.Replace(name, "Uint", "UInt", 1)
}

// maxMs is the last time a DateTime64 of the driver can hold, in 2262.
const maxMs = 9_223_372_036_854

// timeOf is ms since the epoch as a column holds it. A browser's clock can
// say anything; what is outside of 1970 to 2262 is moved to the nearer end,
// since a batch that can never be written would block all after it.
func timeOf(ms int64) time.Time { return time.UnixMilli(min(max(ms, 0), maxMs)) }

func timesOf(ms []int64) []time.Time {
	times := make([]time.Time, len(ms))
	for i := range ms {
		times[i] = timeOf(ms[i])
	}
	return times
}
