package chhttp

import (
	"compress/gzip"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/playhead/playhead/pkg/embedded/internal/chdb"
	"github.com/playhead/playhead/pkg/embedded/internal/native"
)

// sendTimeout is how long a client may take no piece of its answer, before the
// statement is given up; it is ClickHouse's send_timeout.
const sendTimeout = 5 * time.Minute

// answer writes one response. Until the first piece is written an error still
// becomes a status; later it is written into the body as ClickHouse does.
type answer struct {
	w          http.ResponseWriter
	connection *http.ResponseController
	request    request
	format     string
	out        io.Writer
	finish     func() error
	tag        string // set once the body has begun
}

// piece writes a piece of the result.
func (a *answer) piece(b []byte, stats chdb.Stats) error {
	if len(b) == 0 {
		return nil
	}
	if a.tag == "" {
		a.begin(stats)
	}
	if err := a.connection.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("limit time of answer: %w", err)
	}
	if strings.EqualFold(a.format, "Native") {
		return native.Reencode(a.out, b, a.request.revision)
	}
	_, err := a.out.Write(b)
	return err
}

// end ends an answer that went well.
func (a *answer) end(stats chdb.Stats) error {
	if a.tag == "" { // nothing to say: no compression frames either
		a.headers(stats)
		a.w.WriteHeader(http.StatusOK)
		return nil
	}
	return a.finish()
}

// fail ends an answer that did not.
func (a *answer) fail(e *exception) error {
	if a.tag == "" {
		a.w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
		a.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		a.w.WriteHeader(e.status())
		_, err := io.WriteString(a.w, e.text+"\n") //nolint:gosec // G705: it is plain text
		return err
	}
	block := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", a.tag, e.text, len(e.text)+1, a.tag)
	if _, err := io.WriteString(a.out, block); err != nil {
		return err
	}
	return a.finish()
}

func (a *answer) begin(stats chdb.Stats) {
	a.tag = rand.Text()[:16]
	a.headers(stats)
	a.w.Header().Set("X-ClickHouse-Exception-Tag", a.tag)
	a.out, a.finish = a.w, func() error { return nil }
	switch {
	case a.request.compress != compress.None:
		frames := &frameWriter{w: a.w, frame: compress.NewWriter(compress.LevelZero, a.request.compress)}
		a.out, a.finish = frames, frames.flush
	case a.request.gzip:
		a.w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(a.w)
		a.out, a.finish = z, z.Close
	}
	a.w.WriteHeader(http.StatusOK)
}

func (a *answer) headers(stats chdb.Stats) {
	h := a.w.Header()
	h.Set("X-ClickHouse-Format", a.format)
	h.Set("Content-Type", contentType(a.format))
	h.Set("X-ClickHouse-Summary", fmt.Sprintf(
		`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","total_rows_to_read":"0","result_rows":"%d","result_bytes":"%d","elapsed_ns":"%d"}`,
		stats.RowsRead, stats.BytesRead, stats.RowsWritten, stats.BytesWritten, stats.RowsRead, stats.BytesRead, int64(stats.ElapsedSeconds*1e9)))
}

func contentType(format string) string {
	switch format {
	case "Native", "RowBinary", "Parquet", "ArrowStream":
		return "application/octet-stream"
	case "JSON", "JSONCompact", "JSONStrings":
		return "application/json; charset=UTF-8"
	case "JSONEachRow", "JSONCompactEachRow":
		return "application/x-ndjson; charset=UTF-8"
	case "CSV", "CSVWithNames":
		return "text/csv; charset=UTF-8"
	case "TabSeparated", "TabSeparatedWithNames", "TSV", "TSVWithNames":
		return "text/tab-separated-values; charset=UTF-8"
	}
	return "text/plain; charset=UTF-8"
}

// frameBytes is the size of the pieces that are compressed one by one;
// ClickHouse's own buffer is 1 MiB.
const frameBytes = 1 << 20

// frameWriter compresses in ClickHouse's own framing.
type frameWriter struct {
	w     io.Writer
	frame *compress.Writer
	buf   []byte
}

func (f *frameWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), frameBytes-len(f.buf))
		f.buf, p = append(f.buf, p[:k]...), p[k:]
		if len(f.buf) == frameBytes {
			if err := f.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (f *frameWriter) flush() error {
	if len(f.buf) == 0 {
		return nil
	}
	if err := f.frame.Compress(f.buf); err != nil {
		return fmt.Errorf("compress answer: %w", err)
	}
	f.buf = f.buf[:0]
	_, err := f.w.Write(f.frame.Data)
	return err
}
