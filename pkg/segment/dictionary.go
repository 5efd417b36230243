package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/playhead/playhead/pkg/recording"
)

// MaxDictionaryBytes bounds the dictionary of a site, MaxBaseBytes the content
// of a segment that is the dictionary of others: full snapshots with their
// images can be large. It is half of what a frame can refer back to, so that the
// end of a document as large still finds its like.
const (
	MaxDictionaryBytes = 1 << 20
	MaxBaseBytes       = largeWindowBytes / 2
)

// Dictionary is content that frames may refer to as if it came before theirs.
// It never changes and is safe for concurrent use.
type Dictionary struct {
	content []byte
	id      recording.DictionaryID
	frameID uint32
}

// NewDictionary returns the dictionary with a copy of content, of 8 to
// MaxDictionaryBytes bytes.
func NewDictionary(content []byte) (*Dictionary, error) {
	if len(content) < 8 || len(content) > MaxDictionaryBytes {
		return nil, fmt.Errorf("make dictionary: %d bytes, want 8 to %d", len(content), MaxDictionaryBytes)
	}
	return dictionaryOf(bytes.Clone(content)), nil
}

// NewBase returns the dictionary that the content of a segment, of 8 to
// MaxBaseBytes bytes, makes for others. site is the dictionary that its frame
// was made with, which comes before it; nil: none.
func NewBase(site *Dictionary, content []byte) (*Dictionary, error) {
	if len(content) < 8 || len(content) > MaxBaseBytes {
		return nil, fmt.Errorf("make base: %d bytes, want 8 to %d", len(content), MaxBaseBytes)
	}
	if site == nil {
		return dictionaryOf(bytes.Clone(content)), nil
	}
	return dictionaryOf(slices.Concat(site.content, content)), nil
}

// dictionaryOf takes content over.
func dictionaryOf(content []byte) *Dictionary {
	sum := sha256.Sum256(content)
	return &Dictionary{
		content: content,
		id:      recording.DictionaryID(hex.EncodeToString(sum[:])),
		frameID: frameIDOf(sum[:]),
	}
}

// ID names the dictionary by its content.
func (d *Dictionary) ID() recording.DictionaryID { return d.id }

// Content returns a copy of the content.
func (d *Dictionary) Content() []byte { return append([]byte(nil), d.content...) }

// Size returns the bytes of the content.
func (d *Dictionary) Size() int { return len(d.content) }

var dictionaryIDPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// frameIDOf makes the dictionary id of a frame's header from a SHA-256. RFC
// 8878, section 6.1 reserves the ids below 32 768 and from 2^31 on.
func frameIDOf(sum []byte) uint32 {
	const first, end = 1 << 15, 1 << 31
	return first + binary.BigEndian.Uint32(sum)%(end-first)
}

// frameIDNamed returns the id that frames made with the named dictionary carry;
// 0 for no name.
func frameIDNamed(id recording.DictionaryID) (uint32, error) {
	if id == "" {
		return 0, nil
	}
	if !dictionaryIDPattern.MatchString(string(id)) {
		return 0, &recording.FieldError{Field: "dictionary", Limit: dictionaryIDPattern.String()}
	}
	sum, err := hex.DecodeString(string(id))
	if err != nil {
		return 0, err
	}
	return frameIDOf(sum), nil
}

// window is how far back a frame with the dictionary refers: twice the
// dictionary, for content like it.
func (d *Dictionary) window() int {
	window := windowBytes
	for window < 2*len(d.content) && window < largeWindowBytes {
		window *= 2
	}
	return window
}

// maxIdleCoders bounds the memory that fast encoders, and decoders, of
// dictionaries keep between calls: an encoder has about 2.5 MiB and its window.
const maxIdleCoders = 8

// betterWith makes the better frames with a dictionary.
var betterWith rededicated

// rededicated is an encoder whose tables, about 10 MiB and its window, serve one
// dictionary after the other: what each window's first snapshot is the dictionary
// of are some KB at a time, and to make the tables anew takes two and a half times
// as long and was nearly all that ingest allocated. It serves one caller at a time.
type rededicated struct {
	mu     sync.Mutex
	use    *zstd.Encoder // nil: none
	window int
	id     recording.DictionaryID // that it has now
	since  time.Time              // when it was used last
}

// encode appends the frame of less than a block. What fits into one is written as
// EncodeAll writes it.
func (r *rededicated) encode(dst, ndjson []byte, d *Dictionary) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.use == nil || r.window != d.window() {
		r.use, r.window, r.id = encoderAt(zstd.SpeedBetterCompression)(d), d.window(), d.id
	}
	frame := appended(dst)
	if r.id == d.id {
		r.use.Reset(&frame)
	} else if err := r.use.ResetWithOptions(&frame, zstd.WithEncoderDictRaw(d.frameID, d.content)); err != nil {
		panic(fmt.Sprintf("zstd encoder options: %v", err)) // a dictionary can be changed
	}
	r.id, r.since = d.id, time.Now()
	_, err := r.use.Write(ndjson)
	if err = errors.Join(err, r.use.Close()); err != nil {
		panic(fmt.Sprintf("zstd encoder: %v", err)) // appending does not fail
	}
	return frame
}

// expire lets go of the encoder when it was not used since. One that is at work
// is not waited for.
func (r *rededicated) expire(since time.Time) {
	if !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if r.since.Before(since) {
		r.use = nil
	}
}

// appended is a writer that appends.
type appended []byte

func (a *appended) Write(b []byte) (int, error) {
	*a = append(*a, b...)
	return len(b), nil
}

// dictionaryEncoders and dictionaryDecoders keep the tables that a coder made
// of a dictionary, which cost more than a small segment.
var (
	dictionaryEncoders = coders[*zstd.Encoder]{limit: maxIdleCoders, make: encoderAt(zstd.SpeedFastest)}
	dictionaryDecoders = coders[*zstd.Decoder]{limit: maxIdleCoders, make: func(d *Dictionary) *zstd.Decoder {
		return newDecoder(zstd.WithDecoderConcurrency(1), zstd.WithDecoderDictRaw(d.frameID, d.content))
	}}
)

func encoderAt(level zstd.EncoderLevel) func(*Dictionary) *zstd.Encoder {
	return func(d *Dictionary) *zstd.Encoder {
		return newEncoder(zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(d.window()),
			zstd.WithLowerEncoderMem(true), zstd.WithEncoderDictRaw(d.frameID, d.content))
	}
}

// coders lends encoders or decoders, each to one caller at a time.
type coders[T any] struct {
	make  func(*Dictionary) T
	limit int // idle ones

	mu   sync.Mutex
	idle []coder[T] // least recently used first
}

type coder[T any] struct {
	id  recording.DictionaryID
	use T
}

func (c *coders[T]) take(d *Dictionary) coder[T] {
	c.mu.Lock()
	for i := len(c.idle) - 1; i >= 0; i-- {
		if found := c.idle[i]; found.id == d.id {
			c.idle = append(c.idle[:i], c.idle[i+1:]...)
			c.mu.Unlock()
			return found
		}
	}
	c.mu.Unlock()
	return coder[T]{id: d.id, use: c.make(d)}
}

func (c *coders[T]) giveBack(used coder[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) == c.limit {
		c.idle = append(c.idle[:0], c.idle[1:]...)
	}
	c.idle = append(c.idle, used)
}
