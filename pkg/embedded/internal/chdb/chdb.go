//go:build unix

// Package chdb calls the engine of chDB (libchdb.so) without cgo. It is for
// the child process that serves ClickHouse's HTTP interface; it knows the C
// interface of the library and nothing of HTTP.
//
// A process has one engine with one folder. The engine runs one statement at a
// time per connection and statements of several connections side by side.
//
//nolint:gosec // G103: calling a C library is what this package is for
package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Library is a loaded libchdb.so.
type Library struct {
	version            func() string
	setSignalHandlers  func(int32)
	connect            func(int32, unsafe.Pointer) unsafe.Pointer
	closeConn          func(unsafe.Pointer)
	shutdown           func() int32
	classify           func(conn, sql unsafe.Pointer, n uintptr, database unsafe.Pointer, databaseLen uintptr, out unsafe.Pointer) int32
	query              func(conn, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	streamQuery        func(conn, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	streamFetch        func(conn, result unsafe.Pointer) unsafe.Pointer
	streamCancel       func(conn, result unsafe.Pointer)
	destroyResult      func(unsafe.Pointer)
	streamInsert       func(conn, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	streamAppend       func(stream, data unsafe.Pointer, n uintptr) int32
	streamDone         func(stream unsafe.Pointer) unsafe.Pointer
	streamCancelInsert func(stream unsafe.Pointer)
	streamInsertError  func(stream unsafe.Pointer) string
	destroyInsert      func(stream unsafe.Pointer)
	resultBuffer       func(unsafe.Pointer) unsafe.Pointer
	resultLength       func(unsafe.Pointer) uintptr
	resultElapsed      func(unsafe.Pointer) float64
	resultRowsRead     func(unsafe.Pointer) uint64
	resultBytesRead    func(unsafe.Pointer) uint64
	resultRowsWritten  func(unsafe.Pointer) uint64
	resultBytesWritten func(unsafe.Pointer) uint64
	resultError        func(unsafe.Pointer) string
}

// Load loads libchdb.so. Signal handlers stay those of the Go runtime.
func Load(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	l := &Library{}
	for name, fn := range map[string]any{
		"chdb_version":                     &l.version,
		"chdb_set_signal_handlers_enabled": &l.setSignalHandlers,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeConn,
		"chdb_shutdown":                    &l.shutdown,
		"chdb_classify_query_n":            &l.classify,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.streamQuery,
		"chdb_stream_fetch_result":         &l.streamFetch,
		"chdb_stream_cancel_query":         &l.streamCancel,
		"chdb_destroy_query_result":        &l.destroyResult,
		"chdb_stream_insert_with_params_n": &l.streamInsert,
		"chdb_stream_append":               &l.streamAppend,
		"chdb_stream_done":                 &l.streamDone,
		"chdb_stream_cancel_insert":        &l.streamCancelInsert,
		"chdb_stream_insert_error":         &l.streamInsertError,
		"chdb_destroy_insert_stream":       &l.destroyInsert,
		"chdb_result_buffer":               &l.resultBuffer,
		"chdb_result_length":               &l.resultLength,
		"chdb_result_elapsed":              &l.resultElapsed,
		"chdb_result_rows_read":            &l.resultRowsRead,
		"chdb_result_bytes_read":           &l.resultBytesRead,
		"chdb_result_rows_written":         &l.resultRowsWritten,
		"chdb_result_bytes_written":        &l.resultBytesWritten,
		"chdb_result_error":                &l.resultError,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("load %s: this libchdb is too old: %w", path, err)
		}
		purego.RegisterFunc(fn, symbol)
	}
	l.setSignalHandlers(0)
	return l, nil
}

// Version is chDB's own version.
func (l *Library) Version() string { return l.version() }

// Shutdown stops the engine's threads after the last connection was closed.
func (l *Library) Shutdown() error {
	if l.shutdown() != 0 {
		return errors.New("engine did not stop")
	}
	return nil
}

// Error is an exception of the engine, in ClickHouse's words
// ("Code: 60. DB::Exception: …").
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// Stats is what a statement cost.
type Stats struct {
	RowsRead, BytesRead       uint64
	RowsWritten, BytesWritten uint64
	ElapsedSeconds            float64
}

// Add adds the cost of one more piece of the same statement.
func (s *Stats) Add(o Stats) {
	s.RowsRead += o.RowsRead
	s.BytesRead += o.BytesRead
	s.RowsWritten += o.RowsWritten
	s.BytesWritten += o.BytesWritten
	s.ElapsedSeconds += o.ElapsedSeconds
}

// Params are server-side bound parameters ({name:Type}), values in
// ClickHouse's escaped text form, as they are on the HTTP interface.
type Params map[string]string

// Conn is a connection: a session with its own database and settings. It is
// not safe for concurrent use.
type Conn struct {
	lib    *Library
	handle *unsafe.Pointer // chdb_connection *
}

// Connect opens a connection. The first one starts the engine with the server
// options (--path=…) of args; later ones take only query settings from them.
func (l *Library) Connect(args ...string) (*Conn, error) {
	argv := make([]*byte, 0, len(args)+1)
	var pins runtime.Pinner
	defer pins.Unpin()
	for _, arg := range append([]string{"clickhouse"}, args...) {
		c := append([]byte(arg), 0)
		pins.Pin(&c[0])
		argv = append(argv, &c[0])
	}
	handle := l.connect(int32(len(argv)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if handle == nil {
		return nil, errors.New("engine refused the connection")
	}
	return &Conn{lib: l, handle: (*unsafe.Pointer)(handle)}, nil
}

// Close closes the connection.
func (c *Conn) Close() {
	c.lib.closeConn(unsafe.Pointer(c.handle))
	c.handle = nil
}

// Statements counts the statements in sql, as the engine's parser sees them,
// and runs nothing. It is 0 when sql does not parse.
func (c *Conn) Statements(sql []byte) (int, error) {
	var report struct{ size, statements, flags, class uint32 } // chdb_query_analysis_v1
	report.size = uint32(unsafe.Sizeof(report))
	if c.lib.classify(*c.handle, data(sql), uintptr(len(sql)), nil, 0, unsafe.Pointer(&report)) != 0 {
		return 0, errors.New("engine could not read the statement")
	}
	runtime.KeepAlive(sql)
	return int(report.statements), nil
}

// Query runs a statement to its end and returns the whole result.
func (c *Conn) Query(sql []byte, format string, params Params) ([]byte, Stats, error) {
	a := newArgs(sql, format, params)
	defer a.unpin()
	result := c.lib.query(*c.handle, a.sql, a.sqlLen, a.format, a.formatLen, a.names, a.nameLens, a.values, a.valueLens, a.count)
	return c.lib.take(result)
}

// Stream is a running SELECT.
type Stream struct {
	conn   *Conn
	handle unsafe.Pointer
}

// Stream starts a statement whose result is fetched piece by piece. The
// connection takes no other statement until the stream is closed.
func (c *Conn) Stream(sql []byte, format string, params Params) (*Stream, error) {
	a := newArgs(sql, format, params)
	defer a.unpin()
	handle := c.lib.streamQuery(*c.handle, a.sql, a.sqlLen, a.format, a.formatLen, a.names, a.nameLens, a.values, a.valueLens, a.count)
	if handle == nil {
		return nil, errors.New("engine returned no stream")
	}
	if message := c.lib.resultError(handle); message != "" {
		c.lib.destroyResult(handle)
		return nil, &Error{Message: message}
	}
	return &Stream{conn: c, handle: handle}, nil
}

// Next returns the next piece of the result; an empty one means the end.
func (s *Stream) Next() ([]byte, Stats, error) {
	return s.conn.lib.take(s.conn.lib.streamFetch(*s.conn.handle, s.handle))
}

// Close ends the stream, cancelling the statement when it was not read to its end.
func (s *Stream) Close() {
	s.conn.lib.streamCancel(*s.conn.handle, s.handle)
	s.conn.lib.destroyResult(s.handle)
}

// Insert is a running INSERT that takes data.
type Insert struct {
	lib    *Library
	handle unsafe.Pointer
}

// Insert starts an INSERT without FORMAT clause and data; the data, in format,
// is appended. The connection takes no other statement until it is closed.
func (c *Conn) Insert(sql []byte, format string, params Params) (*Insert, error) {
	a := newArgs(sql, format, params)
	defer a.unpin()
	i := &Insert{lib: c.lib, handle: c.lib.streamInsert(*c.handle, a.sql, a.sqlLen, a.format, a.formatLen, a.names, a.nameLens, a.values, a.valueLens, a.count)}
	if err := i.err(); err != nil {
		i.Close()
		return nil, err
	}
	return i, nil
}

// Append adds a piece of data, cut anywhere. The engine copies it.
func (i *Insert) Append(piece []byte) error {
	if len(piece) == 0 {
		return nil
	}
	state := i.lib.streamAppend(i.handle, data(piece), uintptr(len(piece)))
	runtime.KeepAlive(piece)
	if state == 0 {
		return nil
	}
	if err := i.err(); err != nil {
		return err
	}
	return errors.New("engine refused the data")
}

// Done says that all data was appended; when it returns nil the rows are stored.
func (i *Insert) Done() (Stats, error) {
	_, stats, err := i.lib.take(i.lib.streamDone(i.handle))
	return stats, err
}

// Close frees the insert, cancelling it when Done was not called.
func (i *Insert) Close() { i.lib.destroyInsert(i.handle) }

func (i *Insert) err() error {
	if message := i.lib.streamInsertError(i.handle); message != "" {
		return &Error{Message: message}
	}
	return nil
}

// take copies a result out of the engine and frees it.
func (l *Library) take(result unsafe.Pointer) ([]byte, Stats, error) {
	if result == nil {
		return nil, Stats{}, errors.New("engine returned no result")
	}
	defer l.destroyResult(result)
	if message := l.resultError(result); message != "" {
		return nil, Stats{}, &Error{Message: message}
	}
	stats := Stats{
		RowsRead:       l.resultRowsRead(result),
		BytesRead:      l.resultBytesRead(result),
		RowsWritten:    l.resultRowsWritten(result),
		BytesWritten:   l.resultBytesWritten(result),
		ElapsedSeconds: l.resultElapsed(result),
	}
	n := l.resultLength(result)
	if n == 0 {
		return nil, stats, nil
	}
	return append([]byte(nil), unsafe.Slice((*byte)(l.resultBuffer(result)), n)...), stats, nil
}

// args are a statement's arguments as the library takes them.
type args struct {
	pins                               runtime.Pinner
	sql, format                        unsafe.Pointer
	sqlLen, formatLen                  uintptr
	names, nameLens, values, valueLens unsafe.Pointer
	count                              uintptr
}

func newArgs(sql []byte, format string, params Params) *args {
	a := &args{sqlLen: uintptr(len(sql)), formatLen: uintptr(len(format)), count: uintptr(len(params))}
	a.sql = a.pin(sql)
	a.format = a.pin([]byte(format))
	if len(params) == 0 {
		return a
	}
	names, values := make([]unsafe.Pointer, 0, len(params)), make([]unsafe.Pointer, 0, len(params))
	nameLens, valueLens := make([]uintptr, 0, len(params)), make([]uintptr, 0, len(params))
	for name, value := range params {
		names, nameLens = append(names, a.pin([]byte(name))), append(nameLens, uintptr(len(name)))
		values, valueLens = append(values, a.pin([]byte(value))), append(valueLens, uintptr(len(value)))
	}
	a.names, a.nameLens = a.pinned(unsafe.Pointer(&names[0])), a.pinned(unsafe.Pointer(&nameLens[0]))
	a.values, a.valueLens = a.pinned(unsafe.Pointer(&values[0])), a.pinned(unsafe.Pointer(&valueLens[0]))
	return a
}

// empty stands for an empty string, which must not be a null pointer.
var empty [1]byte

func (a *args) pin(b []byte) unsafe.Pointer { return a.pinned(data(b)) }

func (a *args) pinned(p unsafe.Pointer) unsafe.Pointer {
	if p != unsafe.Pointer(&empty) {
		a.pins.Pin(p)
	}
	return p
}

func (a *args) unpin() { a.pins.Unpin() }

func data(b []byte) unsafe.Pointer {
	if len(b) == 0 {
		return unsafe.Pointer(&empty)
	}
	return unsafe.Pointer(&b[0])
}
