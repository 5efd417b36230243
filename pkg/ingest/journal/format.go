package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	version = 1

	// headerSize is two copies of headerCopySize: one damaged byte must not
	// cost the salt, without which no record of the file can be checked.
	headerCopySize = 32
	headerSize     = 2 * headerCopySize
	saltSize       = 16

	recordHeadSize = 16

	// maxPayload is larger than any segment record can be (a frame of the
	// largest decompressed body that may be configured) and stops a damaged
	// length from being believed.
	maxPayload = 1 << 30
)

var (
	magic = [4]byte{'P', 'H', 'J', 'L'}

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// ErrVersion is returned, wrapped, by Open for a file that a newer program
// wrote.
var ErrVersion = errors.New("unknown journal version")

var (
	errHeader = errors.New("no intact file header")
	errRecord = errors.New("no intact record")
)

// salt is random per file and part of every checksum. Frames hold bytes that
// strangers chose; without the salt a frame could contain the bytes of a valid
// record, and reading on after damage would take it for one of ours.
type salt [saltSize]byte

func fileHeader(s salt) []byte {
	dst := make([]byte, 0, headerSize)
	for range headerSize / headerCopySize {
		start := len(dst)
		dst = append(dst, magic[:]...)
		dst = binary.LittleEndian.AppendUint32(dst, version)
		dst = append(dst, s[:]...)
		dst = append(dst, 0, 0, 0, 0)
		dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	}
	return dst
}

// parseHeader reads the salt from the first intact copy of the header.
func parseHeader(data []byte) (salt, error) {
	var s salt
	if len(data) < headerSize {
		return s, errHeader
	}
	for at := 0; at < headerSize; at += headerCopySize {
		c := data[at : at+headerCopySize]
		sum := binary.LittleEndian.Uint32(c[headerCopySize-4:])
		if !bytes.Equal(c[:4], magic[:]) || crc32.Checksum(c[:headerCopySize-4], castagnoli) != sum {
			continue
		}
		if v := binary.LittleEndian.Uint32(c[4:]); v != version {
			return s, fmt.Errorf("%w %d, this program reads %d", ErrVersion, v, version)
		}
		copy(s[:], c[8:])
		return s, nil
	}
	return s, errHeader
}

// kind says what a record holds.
type kind byte

const (
	kindSegment kind = 1
	kindSeal    kind = 2
	kindDone    kind = 3
	kindUpload  kind = 4
)

// needed says whether a record of this kind holds events, which must not be
// lost.
func (k kind) needed() bool { return k == kindSegment || k == kindUpload }

// appendRecord adds a record whose payload is the concatenation of parts.
func appendRecord(dst []byte, s salt, k kind, parts ...[]byte) []byte {
	var length int
	for _, p := range parts {
		length += len(p)
	}
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
	dst = append(dst, byte(k), 0, 0, 0)
	headSum := headChecksum(s, dst[start:])
	dst = binary.LittleEndian.AppendUint32(dst, headSum)
	bodySum := headSum
	for _, p := range parts {
		bodySum = crc32.Update(bodySum, castagnoli, p)
	}
	dst = binary.LittleEndian.AppendUint32(dst, bodySum)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// headChecksum covers the salt and the length and kind of a record. It is
// separate from the payload's so that the search for the next record after
// damage costs one short checksum per byte, not one of the claimed length.
func headChecksum(s salt, head []byte) uint32 {
	return crc32.Update(crc32.Checksum(s[:], castagnoli), castagnoli, head[:8])
}

// recordHead is the fixed part of a record.
type recordHead struct {
	kind    kind
	length  int
	headSum uint32
	bodySum uint32
}

// parseRecordHead reads the head of a record; false when it is none.
func parseRecordHead(s salt, data []byte) (recordHead, bool) {
	if len(data) < recordHeadSize {
		return recordHead{}, false
	}
	h := recordHead{
		kind:    kind(data[4]),
		length:  int(binary.LittleEndian.Uint32(data)),
		headSum: binary.LittleEndian.Uint32(data[8:]),
		bodySum: binary.LittleEndian.Uint32(data[12:]),
	}
	known := h.kind >= kindSegment && h.kind <= kindUpload
	if !known || h.length > maxPayload || headChecksum(s, data) != h.headSum {
		return recordHead{}, false
	}
	return h, true
}

// intact says whether payload is the one that the head was written for.
func (h recordHead) intact(payload []byte) bool {
	return len(payload) == h.length && crc32.Update(h.headSum, castagnoli, payload) == h.bodySum
}

// region is a stretch of a file that holds no record.
type region struct{ start, end int }

// scan calls visit for every intact record after the file header and returns
// the stretches in between, in order. Payloads alias data.
func scan(data []byte, s salt, visit func(offset int, k kind, payload []byte) error) ([]region, error) {
	var damaged []region
	at, badFrom := headerSize, -1
	for at < len(data) {
		h, ok := parseRecordHead(s, data[at:])
		var payload []byte
		if ok && h.length <= len(data)-at-recordHeadSize {
			payload = data[at+recordHeadSize : at+recordHeadSize+h.length]
			ok = h.intact(payload)
		} else {
			ok = false
		}
		if !ok {
			if badFrom < 0 {
				badFrom = at
			}
			at++
			continue
		}
		if badFrom >= 0 {
			damaged = append(damaged, region{badFrom, at})
			badFrom = -1
		}
		if err := visit(at, h.kind, payload); err != nil {
			return damaged, err
		}
		at += recordHeadSize + h.length
	}
	if badFrom >= 0 {
		damaged = append(damaged, region{badFrom, len(data)})
	}
	return damaged, nil
}
