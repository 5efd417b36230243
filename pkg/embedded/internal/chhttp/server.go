// Package chhttp serves ClickHouse's HTTP interface for an engine of chDB, as
// far as clickhouse-go and curl use it. It is not a ClickHouse server: there
// are no users beside one, no sessions across requests, no external tables.
package chhttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/playhead/playhead/pkg/embedded/internal/chdb"
)

const (
	// maxStatements bounds the statements that run at once; more of them
	// wait. ClickHouse's default limit is far above what one machine computes;
	// here each statement holds a thread and a result piece.
	maxStatements = 32

	// bufferBytes is how much of a request is held at once: in so much the end
	// of a statement and the begin of its data are found (ClickHouse's
	// max_query_size is 256 KiB), and so much data goes to the engine at once.
	bufferBytes = 1 << 20
)

// buffers holds *bufio.Reader of bufferBytes.
var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferBytes) }}

// Server answers HTTP requests with the engine.
type Server struct {
	library     *chdb.Library
	connectArgs []string
	user        string
	password    string
	log         *slog.Logger
	slots       chan struct{}

	displayName, timezone string
}

// Options say which engine to serve and to whom.
type Options struct {
	Library        *chdb.Library
	ConnectArgs    []string // of every engine session
	User, Password string
	Log            *slog.Logger
}

// New asks the engine for its name and time zone and returns a server for it.
func New(o Options) (*Server, error) {
	s := &Server{
		library: o.Library, connectArgs: o.ConnectArgs, user: o.User, password: o.Password, log: o.Log,
		slots: make(chan struct{}, maxStatements),
	}
	conn, err := s.open(request{})
	if err != nil {
		return nil, fmt.Errorf("open engine session: %w", err)
	}
	defer conn.Close()
	hello, _, err := conn.Query([]byte("SELECT displayName(), timezone()"), "TabSeparatedRaw", nil)
	if err != nil {
		return nil, fmt.Errorf("greet engine: %w", err)
	}
	s.displayName, s.timezone, _ = strings.Cut(strings.TrimSpace(string(hello)), "\t")
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-ClickHouse-Server-Display-Name", s.displayName)
	w.Header().Set("X-ClickHouse-Timezone", s.timezone)
	switch {
	case r.URL.Path == "/ping":
		writeOK(w)
	case r.URL.Path != "/":
		http.NotFound(w, r)
	case r.Method == http.MethodGet && !r.URL.Query().Has("query"):
		writeOK(w)
	case r.Method != http.MethodPost && r.Method != http.MethodGet:
		http.Error(w, "use GET or POST", http.StatusMethodNotAllowed)
	default:
		s.serveStatement(w, r)
	}
}

func writeOK(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = io.WriteString(w, "Ok.\n") // the client is gone when this fails
}

func (s *Server) serveStatement(w http.ResponseWriter, h *http.Request) {
	a := &answer{w: w, connection: http.NewResponseController(w)}
	// The next request on this connection begins without a limit of time.
	defer func() { _ = a.connection.SetWriteDeadline(time.Time{}) }()
	err := s.run(a, h)
	if err == nil || h.Context().Err() != nil {
		return
	}
	e := asException(err)
	s.log.Debug("statement refused", "code", e.code, "query_id", w.Header().Get("X-ClickHouse-Query-Id"))
	if err := a.fail(e); err != nil {
		s.log.Debug("answer lost", "error", err)
	}
}

// run answers a statement; an error that it returns is not yet answered.
func (s *Server) run(a *answer, h *http.Request) error {
	if !s.authorized(h) {
		return exceptionf(codeAuthenticationFailed, "AUTHENTICATION_FAILED",
			s.user+": Authentication failed: password is incorrect, or there is no user with such name")
	}
	r, err := parseRequest(h)
	if err != nil {
		return err
	}
	if r.queryID == "" {
		r.queryID = uuid.NewString()
	}
	a.request = r
	a.w.Header().Set("X-ClickHouse-Query-Id", r.queryID)
	if strings.HasPrefix(h.Header.Get("Content-Type"), "multipart/") {
		return exceptionf(codeNotImplemented, "NOT_IMPLEMENTED", "external tables are not supported by the embedded engine")
	}
	statement, err := statementInput(r, h)
	if err != nil {
		return err
	}
	input := buffers.Get().(*bufio.Reader)
	input.Reset(statement)
	defer func() {
		input.Reset(nil)
		buffers.Put(input)
	}()
	release, err := s.acquire(h.Context())
	if err != nil {
		return err
	}
	defer release()
	conn, err := s.open(r)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := execute(a, conn, input); err != nil {
		// A client that is still sending would not read the answer.
		_, _ = io.Copy(io.Discard, input)
		return err
	}
	return nil
}

// statementInput is the statement of the URL followed by that of the body.
func statementInput(r request, h *http.Request) (io.Reader, error) {
	body, err := r.body(h)
	if err != nil {
		return nil, err
	}
	if query := h.URL.Query().Get("query"); query != "" {
		body = io.MultiReader(strings.NewReader(query+"\n"), body)
	}
	return body, nil
}

func (s *Server) acquire(ctx context.Context) (release func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// execute runs the statement of input.
func execute(a *answer, conn *chdb.Conn, input *bufio.Reader) error {
	head, err := input.Peek(bufferBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return bodyError(err)
	}
	whole := err != nil // Peek met the end
	s := parseStatement(head)
	inline := s.data == 0 || s.format == "Values" && whole
	if !inline {
		return insert(a, conn, s, input)
	}
	sql := head
	if !whole {
		if sql, err = io.ReadAll(input); err != nil {
			return bodyError(err)
		}
		s = parseStatement(sql)
	}
	if s.empty {
		return exceptionf(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: failed at position 1: Empty query")
	}
	a.format = a.request.format
	if s.format != "" && !s.insert {
		a.format = s.format
	}
	if s.selects && streamable(a.format, a.request.settings) {
		return stream(a, conn, sql)
	}
	return query(a, conn, sql, s)
}

func bodyError(err error) error {
	return exceptionf(codeCannotReadBody, "CANNOT_READ_FROM_ISTREAM", "read request body: "+err.Error())
}

// rowFormats are formats without head, separators or foot: the engine writes
// each streamed piece as a document of its own.
var rowFormats = map[string]bool{
	"native": true, "rowbinary": true, "csv": true, "csvraw": true,
	"tabseparated": true, "tsv": true, "tabseparatedraw": true, "tsvraw": true, "raw": true,
	"jsoneachrow": true, "jsonlines": true, "ndjson": true, "jsoncompacteachrow": true,
	"jsonstringseachrow": true, "jsoncompactstringseachrow": true,
}

func streamable(format string, settings map[string]string) bool {
	_, array := settings["output_format_json_array_of_rows"]
	return rowFormats[strings.ToLower(format)] && !array
}

// stream answers a SELECT piece by piece, so that its size is not bounded by memory.
func stream(a *answer, conn *chdb.Conn, sql []byte) error {
	pieces, err := conn.Stream(sql, a.request.format, a.request.params)
	if err != nil {
		return err
	}
	defer pieces.Close()
	var total chdb.Stats
	for {
		piece, stats, err := pieces.Next()
		if err != nil {
			return err
		}
		total.Add(stats)
		if len(piece) == 0 {
			return a.end(total)
		}
		if err := a.piece(piece, total); err != nil {
			return err
		}
	}
}

// query answers any other statement at once.
func query(a *answer, conn *chdb.Conn, sql []byte, s statement) error {
	if !s.insert {
		if n, err := conn.Statements(sql); err != nil {
			return err
		} else if n > 1 && !bytes.Contains(bytes.ToUpper(sql), []byte("PARALLEL")) {
			return exceptionf(codeSyntaxError, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
		}
	}
	result, stats, err := conn.Query(sql, a.request.format, a.request.params)
	if err != nil {
		return err
	}
	if err := a.piece(result, stats); err != nil {
		return err
	}
	return a.end(stats)
}

// insert gives the data that follows the statement to the engine. When the
// data ends early nothing more is inserted.
func insert(a *answer, conn *chdb.Conn, s statement, input *bufio.Reader) error {
	sql := make([]byte, s.data)
	if _, err := io.ReadFull(input, sql); err != nil {
		return bodyError(err)
	}
	a.format = a.request.format
	in, err := conn.Insert(sql[:s.head], s.format, a.request.params)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := appendAll(in, input); err != nil {
		return err
	}
	stats, err := in.Done()
	if err != nil {
		return err
	}
	return a.end(stats)
}

// appendAll appends all of data. A body that was cut off is an error, not an end.
func appendAll(in *chdb.Insert, data *bufio.Reader) error {
	for {
		piece, err := data.Peek(bufferBytes)
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return bodyError(err)
		}
		if err := in.Append(piece); err != nil {
			return err
		}
		if last {
			return nil
		}
		if _, err := data.Discard(len(piece)); err != nil {
			return bodyError(err)
		}
	}
}
