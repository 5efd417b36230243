package playhead

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/playhead/playhead/pkg/ingest/wire/gunzip"
)

const (
	// ratioFree is how much output is exempt from the ratio: small bodies of
	// one repeated event compress better than any limit would allow.
	ratioFree = 64 << 10

	// maxBlock is the most that one block of a zstd frame holds (RFC 8878,
	// section 3.1.1.2.4).
	maxBlock = 128 << 10

	// A body that becomes larger than measureFrom, without having said so, is
	// measured before it gets more memory: of what bombs are given nothing is
	// used again.
	measureFrom = 1 << 20

	// minWindow is the window that RFC 8878 asks every zstd decoder to support.
	minWindow = 8 << 20
)

// Encoding is a compression of a body.
type Encoding string

// The encodings of wire version 1.
const (
	Identity Encoding = "identity"
	Gzip     Encoding = "gzip"
	Zstd     Encoding = "zstd"
)

// ParseEncoding reads an encoding; empty means identity.
func ParseEncoding(name string) (Encoding, error) {
	switch e := Encoding(strings.ToLower(strings.TrimSpace(name))); e {
	case "", Identity:
		return Identity, nil
	case Gzip, Zstd:
		return e, nil
	}
	return "", unsupported("the encoding must be gzip, zstd or identity")
}

// ParseEncodings reads the encodings that a request names in all its places. A
// body that was encoded twice is refused: nobody needs that but who hides a
// bomb in another one.
func ParseEncodings(names []string) (Encoding, error) {
	found := Identity
	for _, name := range names {
		e, err := ParseEncoding(name)
		switch {
		case err != nil:
			return "", err
		case e != Identity && found != Identity:
			return "", unsupported("the body must be encoded once")
		case e != Identity:
			found = e
		}
	}
	return found, nil
}

func unsupported(detail string) *Refusal {
	return &Refusal{Kind: Unsupported, Detail: detail, Field: "Content-Encoding"}
}

// magics are what encoded bodies begin with; no header line does.
var magics = []string{"\x1f\x8b", "\x28\xb5\x2f\xfd"}

// Decompressor decompresses bodies within limits. Memory grows with what comes
// out, never with what a body claims. It is safe for concurrent use.
type Decompressor struct {
	limits  Limits
	zstd    *zstd.Decoder
	meters  sync.Pool // of *zstd.Decoder, for streams
	options []zstd.DOption
}

// NewDecompressor returns a decompressor for the limits.
func NewDecompressor(limits Limits) (*Decompressor, error) {
	options := []zstd.DOption{
		zstd.WithDecoderLowmem(true),
		// The capacity that a call lends is what bounds it; the decoder also
		// refuses windows larger than this.
		zstd.WithDecoderMaxMemory(uint64(max(limits.DecompressedBytes, minWindow))),
		zstd.WithDecoderMaxWindow(uint64(max(limits.DecompressedBytes, minWindow))),
	}
	d, err := zstd.NewReader(nil, append(slices.Clone(options), zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))...)
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	return &Decompressor{limits: limits, zstd: d, options: append(options, zstd.WithDecoderConcurrency(1))}, nil
}

// Decompress returns the content of body in the memory of dst, which may be
// grown; with Identity it returns body itself. Content that is encoded again,
// or in spite of Identity, is refused.
func (d *Decompressor) Decompress(dst, body []byte, encoding Encoding) ([]byte, error) {
	content, err := body, error(nil)
	switch encoding {
	case Gzip:
		content, err = d.gunzip(dst[:0], body)
	case Zstd:
		content, err = d.unzstd(dst[:0], body)
	}
	for _, magic := range magics {
		if err == nil && bytes.HasPrefix(content, []byte(magic)) {
			err = unsupported("what is in the body is encoded too")
		}
	}
	return content, err
}

// most returns how many bytes may come out of body, and the limit that says so.
func (d *Decompressor) most(body []byte) (int, string) {
	ratio := max(ratioFree, len(body)*d.limits.DecompressionRatio)
	if ratio < d.limits.DecompressedBytes {
		return ratio, "decompression_ratio"
	}
	return d.limits.DecompressedBytes, "decompressed_bytes"
}

func tooLarge(limit string) *Refusal {
	return &Refusal{Kind: TooLarge, Detail: "the decompressed body is larger than " + limit + " allows", Limit: limit}
}

func (d *Decompressor) gunzip(dst, body []byte) ([]byte, error) {
	most, limit := d.most(body)
	content, err := gunzip.Append(dst, body, most)
	switch {
	case errors.Is(err, gunzip.ErrTooLarge):
		return content, tooLarge(limit)
	case err != nil:
		return content, notCompressed(Gzip)
	}
	return content, nil
}

func (d *Decompressor) unzstd(dst, body []byte) ([]byte, error) {
	most, limit := d.most(body)
	if len(body) == 0 {
		return dst, notCompressed(Zstd)
	}
	// Each attempt has four times the room of the one before, so that all
	// failed attempts together cost a third of the last.
	for room := max(cap(dst)-maxBlock, d.guess(body), ratioFree); ; room *= 4 {
		room = min(room, most)
		if cap(dst) < room+maxBlock {
			dst = make([]byte, 0, room+maxBlock)
		}
		out, err := d.zstd.DecodeAll(body, dst[:0:room+maxBlock])
		switch {
		case err == nil && len(out) <= most:
			return out, nil
		case errors.Is(err, zstd.ErrWindowSizeExceeded):
			return dst, tooLarge("decompressed_bytes")
		case len(out) <= room && !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			// There was room for another block: it is not the room that failed.
			return dst, notCompressed(Zstd)
		case room == most:
			return dst, tooLarge(limit)
		}
		if room >= measureFrom {
			size, err := d.measure(body, most)
			switch {
			case err != nil:
				return dst, notCompressed(Zstd)
			case size > most:
				return dst, tooLarge(limit)
			}
			room = (size + 3) / 4 // of which the next attempt has four times
		}
	}
}

// measure returns how much comes out of body, or something above most. It
// keeps no more of it than the window of the frame.
func (d *Decompressor) measure(body []byte, most int) (int, error) {
	meter, ok := d.meters.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if meter, err = zstd.NewReader(nil, d.options...); err != nil {
			return 0, fmt.Errorf("make zstd decoder: %w", err)
		}
	}
	defer d.meters.Put(meter)
	if err := meter.Reset(bytes.NewReader(body)); err != nil {
		return 0, err
	}
	size, err := io.Copy(io.Discard, io.LimitReader(meter, int64(most)+1))
	return int(size), err
}

// guess returns how much memory to try first: what the frame says of itself,
// which the caller bounds, or a usual ratio.
func (d *Decompressor) guess(body []byte) int {
	var h zstd.Header
	if err := h.Decode(body); err == nil && h.HasFCS {
		return int(min(h.FrameContentSize, uint64(d.limits.DecompressedBytes)))
	}
	return 8 * len(body)
}

func notCompressed(e Encoding) *Refusal {
	return &Refusal{Kind: Malformed, Detail: "the body is not " + string(e), Field: "Content-Encoding"}
}
