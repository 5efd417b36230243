package chhttp

import (
	"compress/gzip"
	"compress/zlib"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/playhead/playhead/pkg/embedded/internal/chdb"
)

// request is what a client asked for beside the statement.
type request struct {
	database string
	format   string // used when the statement has no FORMAT
	revision uint64
	queryID  string
	params   chdb.Params
	settings map[string]string
	compress compress.Method // of the answer, in ClickHouse's own framing
	framed   bool            // the body is in ClickHouse's own framing
	gzip     bool            // the answer may be gzipped
}

// Parameters that are not settings and mean nothing here: who sends them gets
// what a server without that feature would do.
var ignoredParameters = map[string]bool{
	"query": true, "user": true, "password": true, "quota_key": true, "stacktrace": true,
	"buffer_size": true, "wait_end_of_query": true, "network_compression_method": true,
	"network_zstd_compression_level": true, "session_timeout": true, "session_check": true,
	"enable_http_compression": true, "send_progress_in_http_headers": true,
	"http_write_exception_in_output_format": true,
}

// parseRequest reads the URL and the headers.
func parseRequest(r *http.Request) (request, error) {
	q := r.URL.Query()
	out := request{format: "TabSeparated", params: chdb.Params{}, settings: map[string]string{}, compress: compress.None}
	out.database = r.Header.Get("X-ClickHouse-Database")
	if f := r.Header.Get("X-ClickHouse-Format"); f != "" {
		out.format = f
	}
	for name, values := range q {
		value := values[len(values)-1]
		switch {
		case strings.HasPrefix(name, "param_"):
			out.params[name[len("param_"):]] = value
		case name == "database":
			out.database = value
		case name == "default_format":
			out.format = value
		case name == "query_id":
			out.queryID = value
		case name == "client_protocol_version":
			revision, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return out, exceptionf(codeBadArguments, "BAD_ARGUMENTS", "client_protocol_version is not a number")
			}
			out.revision = revision
		case name == "compress":
			if value == "1" {
				out.compress = frameMethod(q.Get("network_compression_method"))
			}
		case name == "decompress":
			out.framed = value == "1"
		case name == "session_id" || name == "role" || strings.HasSuffix(name, "_structure"):
			return out, exceptionf(codeNotImplemented, "NOT_IMPLEMENTED", "parameter "+name+" is not supported by the embedded engine")
		case !ignoredParameters[name]:
			out.settings[name] = value
		}
	}
	out.gzip = q.Get("enable_http_compression") == "1" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
	if r.Method == http.MethodGet {
		out.settings["readonly"] = "2" // as ClickHouse does: GET changes nothing
	}
	return out, nil
}

func frameMethod(name string) compress.Method {
	if strings.EqualFold(name, "ZSTD") {
		return compress.ZSTD
	}
	return compress.LZ4
}

// body decodes the request's body.
func (r request) body(h *http.Request) (io.Reader, error) {
	var body io.Reader = h.Body
	var err error
	switch encoding := h.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		body, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
	default:
		return nil, exceptionf(codeNotImplemented, "NOT_IMPLEMENTED", "Content-Encoding "+encoding+" is not supported")
	}
	if errors.Is(err, io.EOF) { // an empty body under any encoding is empty
		return strings.NewReader(""), nil
	}
	if err != nil {
		return nil, fmt.Errorf("decode body: %w", err)
	}
	if r.framed {
		body = &frameReader{frames: compress.NewReader(body)}
	}
	return body, nil
}

// frameReader reads ClickHouse's own framing. It ends once and for all where
// the frames end: compress.Reader wraps that error and, read again, begins the
// last frame anew.
type frameReader struct {
	frames *compress.Reader
	err    error
}

func (f *frameReader) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.frames.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.EOF
	}
	f.err = err
	return n, err
}

// authorized checks the client's user and password, given in any of the ways
// that ClickHouse takes them.
func (s *Server) authorized(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok {
		user, password = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	}
	if user == "" {
		q := r.URL.Query()
		user, password = q.Get("user"), q.Get("password")
	}
	sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(s.user))
	return sameUser&subtle.ConstantTimeCompare([]byte(password), []byte(s.password)) == 1
}
