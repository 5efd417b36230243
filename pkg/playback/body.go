package playback

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// body writes the body of an answer, compressed when the caller accepts that:
// Grafana compresses nothing that a plugin answers. Nothing is sent, not even
// the status, before the first byte; nothing but the headers for HEAD.
type body struct {
	response http.ResponseWriter
	out      io.Writer
	zip      *gzip.Writer // nil when not compressed
	begun    bool
}

func newBody(w http.ResponseWriter, req *http.Request, contentType string) *body {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Add("Vary", "Accept-Encoding")
	b := &body{response: w, out: w}
	if req.Method == http.MethodHead {
		// The plugin SDK's adapter, other than net/http, would send it.
		b.out = io.Discard
	}
	if acceptsGzip(req.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		if req.Method != http.MethodHead {
			// Speed: the events are decoded for every reader anew.
			b.zip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is valid
			b.out = b.zip
		}
	}
	return b
}

// Write sends p.
func (b *body) Write(p []byte) (int, error) {
	b.begun = true
	return b.out.Write(p)
}

// Flush sends what has been written so far to the caller.
func (b *body) Flush() error {
	if b.zip != nil {
		if err := b.zip.Flush(); err != nil {
			return err
		}
	}
	if f, ok := b.response.(http.Flusher); ok {
		f.Flush()
	}
	return nil
}

// Close ends the body.
func (b *body) Close() error {
	if !b.begun {
		b.begun = true
		b.response.WriteHeader(http.StatusOK)
	}
	if b.zip != nil {
		return b.zip.Close()
	}
	return nil
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3).
func acceptsGzip(header []string) bool {
	named, any := -1.0, -1.0
	for _, part := range strings.Split(strings.Join(header, ","), ",") {
		coding, parameter, _ := strings.Cut(part, ";")
		weight := 1.0
		if q, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q="); found {
			var err error
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				weight = 0
			}
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			named = weight
		case "*":
			any = weight
		}
	}
	if named >= 0 {
		return named > 0
	}
	return any > 0
}
