package journal

import (
	"errors"
	"fmt"
	"os"
)

// Item is what Walk finds in a file: a record, or a stretch without one.
type Item struct {
	Offset int64 // in the file
	Bytes  int64 // of the whole record

	// One of these is set; none when there is no intact record here.
	Record *Record // an upload or a segment; its body is valid until visit returns
	Seal   *Seal
	Done   *PackID

	// Err says why the payload of an intact record cannot be read.
	Err error
}

// Damaged reports whether there is no record here that can be read.
func (i Item) Damaged() bool { return i.Record == nil && i.Seal == nil && i.Done == nil }

// Walk calls visit for all that is in a file of a journal, in order, and
// changes nothing. What a running process writes meanwhile may look torn. A
// file without an intact header is one damaged item.
func Walk(path string, visit func(Item) error) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	salt, err := parseHeader(data)
	if errors.Is(err, errHeader) {
		return visit(Item{Bytes: int64(len(data)), Err: err})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	next := int64(headerSize)
	gap := func(end int64) error {
		if next >= end {
			return nil
		}
		return visit(Item{Offset: next, Bytes: end - next, Err: errRecord})
	}
	_, err = scan(data, salt, func(offset int, k kind, payload []byte) error {
		if err := gap(int64(offset)); err != nil {
			return err
		}
		item := itemOf(k, payload)
		item.Offset, item.Bytes = int64(offset), int64(recordHeadSize+len(payload))
		next = item.Offset + item.Bytes
		return visit(item)
	})
	if err != nil {
		return err
	}
	return gap(int64(len(data)))
}

func itemOf(k kind, payload []byte) Item {
	switch k {
	case kindSeal:
		s, err := decodeSeal(payload)
		if err != nil {
			return Item{Err: err}
		}
		return Item{Seal: &s}
	case kindDone:
		if len(payload) != len(PackID{}) {
			return Item{Err: errPayload}
		}
		id := PackID(payload)
		return Item{Done: &id}
	default:
		r, err := decodeRecord(k, payload)
		if err != nil {
			return Item{Err: err}
		}
		return Item{Record: &r}
	}
}
