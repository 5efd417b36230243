// Package native re-encodes blocks of ClickHouse's Native format from revision
// 0, as chDB writes them, to the protocol revision that a client asked for. It
// does not interpret values: it only finds where columns end.
package native

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrUnsupported is returned, wrapped, for columns whose length cannot be
// known without their values' own rules (JSON, Dynamic, AggregateFunction, …).
var ErrUnsupported = errors.New("column type is not supported")

// ErrMalformed is returned, wrapped, for bytes that are not Native blocks.
var ErrMalformed = errors.New("malformed native block")

// Protocol revisions from which a block carries more, from ClickHouse's
// src/Core/ProtocolDefines.h.
const (
	revisionCustomSerialization = 54454 // one byte before each column's data
	revisionOutOfOrderBuckets   = 54480 // a third field in the block info
)

// blockInfo is what a server writes before a block that is not part of a
// distributed aggregation: field 1, no overflows; field 2, bucket -1; end.
var (
	blockInfo            = []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0}
	blockInfoWithBuckets = []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 3, 0, 0}
	defaultSerialization = []byte{0}
)

// Reencode writes the blocks of b, which are at revision 0, at the given
// revision. All of b is whole blocks; nothing is kept between calls.
func Reencode(w io.Writer, b []byte, revision uint64) error {
	if revision == 0 {
		_, err := w.Write(b)
		return err
	}
	for len(b) > 0 {
		n, err := reencodeBlock(w, b, revision)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// reencodeBlock writes the first block of b and returns its length in b.
func reencodeBlock(w io.Writer, b []byte, revision uint64) (int, error) {
	c := &cursor{b: b}
	columns, rows := c.uvarint(), c.uvarint()
	if c.err != nil {
		return 0, c.err
	}
	info := blockInfo
	if revision >= revisionOutOfOrderBuckets {
		info = blockInfoWithBuckets
	}
	if err := write(w, info, b[:c.at]); err != nil {
		return 0, err
	}
	for range columns {
		start := c.at
		c.str()
		name := c.str()
		if c.err != nil {
			return 0, c.err
		}
		data := c.at
		t, err := parseType(string(name))
		if err != nil {
			return 0, err
		}
		if rows > 0 {
			c.prefix(t)
			c.column(t, rows)
		}
		if c.err != nil {
			return 0, fmt.Errorf("column of type %s: %w", name, c.err)
		}
		serialization := defaultSerialization
		if revision < revisionCustomSerialization {
			serialization = nil
		}
		if err := write(w, b[start:data], serialization, b[data:c.at]); err != nil {
			return 0, err
		}
	}
	return c.at, nil
}

func write(w io.Writer, pieces ...[]byte) error {
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			return fmt.Errorf("write block: %w", err)
		}
	}
	return nil
}

// cursor walks over a block. After the first error it stays where it is.
type cursor struct {
	b   []byte
	at  int
	err error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *cursor) uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.b[c.at:])
	if n <= 0 {
		c.fail(fmt.Errorf("%w: number at byte %d", ErrMalformed, c.at))
		return 0
	}
	c.at += n
	return v
}

func (c *cursor) uint64() uint64 {
	start := c.at
	c.skip(1, 8)
	if c.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(c.b[start:])
}

func (c *cursor) str() []byte {
	n := c.uvarint()
	start := c.at
	c.skip(n, 1)
	if c.err != nil {
		return nil
	}
	return c.b[start:c.at]
}

// skip passes count values of size bytes.
func (c *cursor) skip(count, size uint64) {
	if c.err != nil {
		return
	}
	left := uint64(len(c.b) - c.at)
	if size > 0 && count > left/size {
		c.fail(fmt.Errorf("%w: ends within a column", ErrMalformed))
		return
	}
	c.at += int(count * size)
}

// prefix passes what serializations write once before the column's data.
func (c *cursor) prefix(t *columnType) {
	if c.err != nil {
		return
	}
	switch t.kind {
	case kindLowCardinality:
		if version := c.uint64(); c.err == nil && version != 1 {
			c.fail(fmt.Errorf("%w: dictionary version %d", ErrUnsupported, version))
		}
	case kindVariant:
		if mode := c.uint64(); c.err == nil && mode != 0 {
			c.fail(fmt.Errorf("%w: discriminators mode %d", ErrUnsupported, mode))
		}
	}
	if t.kind == kindLowCardinality {
		return
	}
	for _, of := range t.of {
		c.prefix(of)
	}
}

// column passes the data of rows values.
func (c *cursor) column(t *columnType, rows uint64) {
	if c.err != nil {
		return
	}
	switch t.kind {
	case kindFixed:
		c.skip(rows, t.size)
	case kindString:
		c.strings(rows)
	case kindNullable:
		c.skip(rows, 1)
		c.column(t.of[0], rows)
	case kindArray:
		c.array(t, rows)
	case kindTuple:
		c.tuple(t, rows)
	case kindLowCardinality:
		c.lowCardinality(t, rows)
	case kindVariant:
		c.variant(t, rows)
	}
}

func (c *cursor) strings(rows uint64) {
	for range rows {
		n := c.uvarint()
		c.skip(n, 1)
		if c.err != nil {
			return
		}
	}
}

func (c *cursor) tuple(t *columnType, rows uint64) {
	if len(t.of) == 0 {
		c.skip(rows, 1)
	}
	for _, of := range t.of {
		c.column(of, rows)
	}
}

func (c *cursor) array(t *columnType, rows uint64) {
	if rows == 0 {
		return
	}
	c.skip(rows, 8)
	if c.err != nil {
		return
	}
	values := binary.LittleEndian.Uint64(c.b[c.at-8:])
	for _, of := range t.of {
		c.column(of, values)
	}
}

// Flags and width of the keys of a LowCardinality column, from ClickHouse's
// SerializationLowCardinality.cpp.
const (
	lcKeyWidth         = 0xff // 0: 1 byte, 1: 2, 2: 4, 3: 8
	lcGlobalDictionary = 1 << 8
	lcAdditionalKeys   = 1 << 9
)

func (c *cursor) lowCardinality(t *columnType, rows uint64) {
	if rows == 0 {
		return
	}
	flags := c.uint64()
	if c.err != nil {
		return
	}
	if flags&lcGlobalDictionary != 0 || flags&lcAdditionalKeys == 0 || flags&lcKeyWidth > 3 {
		c.fail(fmt.Errorf("%w: dictionary flags %#x", ErrUnsupported, flags))
		return
	}
	dictionary := t.of[0]
	if dictionary.kind == kindNullable { // null is the first key, stored as the plain type's default
		dictionary = dictionary.of[0]
	}
	c.column(dictionary, c.uint64())
	if n := c.uint64(); c.err == nil && n != rows {
		c.fail(fmt.Errorf("%w: %d dictionary keys for %d rows", ErrMalformed, n, rows))
	}
	c.skip(rows, 1<<(flags&lcKeyWidth))
}

// nullVariant is the discriminator of NULL.
const nullVariant = 255

func (c *cursor) variant(t *columnType, rows uint64) {
	start := c.at
	c.skip(rows, 1)
	if c.err != nil {
		return
	}
	var counts [256]uint64
	for _, discriminator := range c.b[start:c.at] {
		if discriminator != nullVariant && int(discriminator) >= len(t.of) {
			c.fail(fmt.Errorf("%w: discriminator %d of %d types", ErrMalformed, discriminator, len(t.of)))
			return
		}
		counts[discriminator]++
	}
	for i, of := range t.of {
		c.column(of, counts[i])
	}
}
