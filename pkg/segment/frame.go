package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// windowBytes is how far back most frames refer, and so what a writer keeps in
// memory: almost every segment is smaller. largeWindowBytes is for the others,
// and for the largest dictionaries.
const (
	windowBytes      = 1 << 20
	largeWindowBytes = 8 << 20
)

// The encoders of frames without a dictionary. 7 % smaller than the default
// level at 300 MB/s instead of 450 is the better one.
var (
	betterEncoder = oneEncoder{kept: encodersOf(zstd.WithEncoderLevel(zstd.SpeedBetterCompression))}
	largeEncoder  = oneEncoder{kept: encodersOf(zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(largeWindowBytes))}
	fastEncoders  = encodersOf(zstd.WithEncoderLevel(zstd.SpeedFastest))
)

// The encoders that are let go of when they have been idle for long.
var allEncoders = []interface{ expire(since time.Time) }{betterEncoder.kept, largeEncoder.kept, fastEncoders, &betterWith}

// The decoders keep tables between calls and hand them to one caller at a time,
// plainDecoder to at most GOMAXPROCS together.
var (
	plainDecoder = sync.OnceValue(func() *zstd.Decoder {
		return newDecoder(zstd.WithDecoderConcurrency(0))
	})
	largeDecoder = sync.OnceValue(func() *zstd.Decoder {
		return newDecoder(zstd.WithDecoderConcurrency(1))
	})
)

// idleEncoder is how long an encoder is kept that nobody uses: its tables and its
// window take 1.5 to 18 MB. Under load they would go with every second
// collection of garbage in a sync.Pool, and making them anew would be what
// causes the next one.
const idleEncoder = 2 * time.Second

// encoders keeps as many encoders of a kind as there were callers at a time.
type encoders struct {
	options []zstd.EOption

	mu   sync.Mutex
	idle []keptEncoder // least recently used first
}

type keptEncoder struct {
	use   *zstd.Encoder
	since time.Time
}

func encodersOf(options ...zstd.EOption) *encoders {
	return &encoders{options: append(options, zstd.WithEncoderConcurrency(1))}
}

func (e *encoders) encode(dst, ndjson []byte) []byte {
	encoder := e.take()
	defer e.giveBack(encoder)
	return encoder.EncodeAll(ndjson, dst)
}

func (e *encoders) take() *zstd.Encoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := len(e.idle) - 1
	if last < 0 {
		return newEncoder(e.options...)
	}
	encoder := e.idle[last].use
	e.idle[last] = keptEncoder{}
	e.idle = e.idle[:last]
	return encoder
}

// giveBack also lets go of all encoders that have been idle for long: who makes
// no frames has made none for which one would be made.
func (e *encoders) giveBack(encoder *zstd.Encoder) {
	now := time.Now()
	e.mu.Lock()
	e.idle = append(e.idle, keptEncoder{encoder, now})
	e.mu.Unlock()
	expireEncoders(now)
}

func expireEncoders(now time.Time) {
	for _, each := range allEncoders {
		each.expire(now.Add(-idleEncoder))
	}
}

// expire lets go of the encoders that nobody has used since.
func (e *encoders) expire(since time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := 0
	for old < len(e.idle) && e.idle[old].since.Before(since) {
		old++
	}
	e.idle = slices.Delete(e.idle, 0, old)
}

// oneEncoder serves one caller at a time, for its memory.
type oneEncoder struct {
	mu   sync.Mutex
	kept *encoders
}

func (o *oneEncoder) encode(dst, ndjson []byte) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.encode(dst, ndjson)
}

func newEncoder(options ...zstd.EOption) *zstd.Encoder {
	e, err := zstd.NewWriter(nil, append([]zstd.EOption{
		zstd.WithWindowSize(windowBytes),
		zstd.WithLowerEncoderMem(true),
		// Without it frames below 256 bytes do not say their content size.
		zstd.WithSingleSegment(true),
		zstd.WithEncoderCRC(true)}, options...)...)
	if err != nil {
		panic(fmt.Sprintf("zstd encoder options: %v", err)) // constant options
	}
	return e
}

func newDecoder(options ...zstd.DOption) *zstd.Decoder {
	d, err := zstd.NewReader(nil, options...)
	if err != nil {
		panic(fmt.Sprintf("zstd decoder options: %v", err)) // constant options
	}
	return d
}

// EncodeOptions chooses how a frame is made.
type EncodeOptions struct {
	Dictionary *Dictionary // nil: none
	Fast       bool        // spend less time and more bytes
}

// Encode appends ndjson to dst as one zstd frame with content size and
// checksum. The same ndjson and options give the same frame. It is safe for
// concurrent use.
func Encode(dst, ndjson []byte, o EncodeOptions) []byte {
	switch {
	case o.Dictionary != nil:
		return encodeWith(dst, ndjson, o)
	case o.Fast:
		return fastEncoders.encode(dst, ndjson)
	case len(ndjson) > windowBytes:
		return largeEncoder.encode(dst, ndjson)
	default:
		return betterEncoder.encode(dst, ndjson)
	}
}

func encodeWith(dst, ndjson []byte, o EncodeOptions) []byte {
	switch {
	case o.Fast:
	case len(ndjson) == 0 || len(ndjson) >= maxBlockBytes:
		return encoderAt(zstd.SpeedBetterCompression)(o.Dictionary).EncodeAll(ndjson, dst)
	default:
		defer expireEncoders(time.Now())
		return betterWith.encode(dst, ndjson, o.Dictionary)
	}
	c := dictionaryEncoders.take(o.Dictionary)
	defer dictionaryEncoders.giveBack(c)
	return c.use.EncodeAll(ndjson, dst)
}

// Decode appends the content of frame, which must be exactly one frame of
// Encode's kind, to dst. A frame whose content is larger than maxBytes is
// refused with ErrTooLarge before anything is allocated; one that was made
// with another dictionary than d, which may be nil, with ErrDictionary; one
// that is torn, altered or says a false size, with ErrCorrupt. A frame made
// without a dictionary needs none, whatever d is. It is safe for concurrent
// use.
func Decode(dst, frame []byte, maxBytes int, d *Dictionary) ([]byte, error) {
	c, err := checkFrame(frame)
	if err != nil {
		return nil, fmt.Errorf("decode frame: %w", err)
	}
	if c.size > max(maxBytes, 0) {
		return nil, fmt.Errorf("decode frame: %w: %d bytes, limit %d", ErrTooLarge, c.size, maxBytes)
	}
	out, err := decodeAll(dst, frame, c, d)
	if err != nil {
		return nil, fmt.Errorf("decode frame: %w", err)
	}
	return out, nil
}

func decodeAll(dst, frame []byte, c content, d *Dictionary) (out []byte, err error) {
	isLarge := c.size > windowBytes
	switch {
	case c.dictionary == 0 && isLarge:
		out, err = decodeLarge(largeDecoder(), dst, frame)
	case c.dictionary == 0:
		out, err = plainDecoder().DecodeAll(frame, dst)
	case d == nil || d.frameID != c.dictionary:
		return nil, ErrDictionary
	default:
		with := dictionaryDecoders.take(d)
		defer dictionaryDecoders.giveBack(with)
		if isLarge {
			out, err = decodeLarge(with.use, dst, frame)
		} else {
			out, err = with.use.DecodeAll(frame, dst)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return out, nil
}

// decodeLarge decodes with a decoder that lends itself to one caller at a time.
// A decoder refers to what it wrote last until it begins with something else:
// nothing is what it is given for that, or as many large contents would stay in
// memory as there are decoders.
func decodeLarge(decoder *zstd.Decoder, dst, frame []byte) ([]byte, error) {
	out, err := decoder.DecodeAll(frame, dst)
	if _, nothing := decoder.DecodeAll(nil, nil); err == nil {
		err = nothing
	}
	return out, err
}

// The parts of a zstd frame that contentSize walks (RFC 8878, section 3.1.1).
const (
	blockHeaderBytes = 3
	checksumBytes    = 4
	maxBlockBytes    = 128 << 10 // of one block, before and after compression
)

// The block types of RFC 8878, section 3.1.1.2.2.
const (
	blockRaw = iota
	blockRLE
	blockCompressed
)

// content is what a frame's header says of its content.
type content struct {
	size       int
	dictionary uint32 // id of the dictionary that is needed; 0: none
}

// checkFrame reads the header of frame, after checking that frame is one whole
// frame with a checksum and has enough blocks to hold what the header says. It
// does not decompress.
func checkFrame(frame []byte) (content, error) {
	var header zstd.Header
	if err := header.Decode(frame); err != nil {
		return content{}, fmt.Errorf("%w: frame header: %w", ErrCorrupt, err)
	}
	if header.Skippable || !header.HasFCS {
		return content{}, fmt.Errorf("%w: not a frame with content size", ErrCorrupt)
	}
	// The encoder leaves the checksum out of a frame without content.
	if !header.HasCheckSum && header.FrameContentSize > 0 {
		return content{}, fmt.Errorf("%w: frame without checksum", ErrCorrupt)
	}
	most, rest, err := walkBlocks(frame[header.HeaderSize:])
	if err != nil {
		return content{}, err
	}
	checksum := 0
	if header.HasCheckSum {
		checksum = checksumBytes
	}
	if len(rest) != checksum {
		return content{}, fmt.Errorf("%w: %d bytes after the last block", ErrCorrupt, len(rest))
	}
	if header.FrameContentSize > most || most > math.MaxInt {
		return content{}, fmt.Errorf("%w: content size beyond what the blocks can hold", ErrCorrupt)
	}
	return content{size: int(header.FrameContentSize), dictionary: header.DictionaryID}, nil
}

// walkBlocks follows the block headers of a frame and returns the most that the
// blocks can hold and what comes after the last one.
func walkBlocks(body []byte) (most uint64, rest []byte, err error) {
	for last := false; !last; {
		if len(body) < blockHeaderBytes {
			return 0, nil, fmt.Errorf("%w: frame is torn", ErrCorrupt)
		}
		header := uint32(binary.LittleEndian.Uint16(body)) | uint32(body[2])<<16
		body = body[blockHeaderBytes:]
		last = header&1 != 0
		size := int(header >> 3)
		if size > maxBlockBytes {
			return 0, nil, fmt.Errorf("%w: block of %d bytes", ErrCorrupt, size)
		}
		stored := size
		switch header >> 1 & 3 {
		case blockRaw:
			most += uint64(size)
		case blockRLE:
			most += uint64(size)
			stored = 1
		case blockCompressed:
			most += maxBlockBytes
		default:
			return 0, nil, fmt.Errorf("%w: reserved block type", ErrCorrupt)
		}
		if len(body) < stored {
			return 0, nil, fmt.Errorf("%w: frame is torn", ErrCorrupt)
		}
		body = body[stored:]
	}
	return most, body, nil
}
