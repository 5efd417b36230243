package traffic

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/gzip"
)

// gzipLevel is what browsers' CompressionStream uses.
const gzipLevel = 6

func compress(content []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzipLevel)
	if err != nil {
		return nil, fmt.Errorf("make gzip writer: %w", err)
	}
	if _, err := w.Write(content); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return out.Bytes(), nil
}

// maxStored is the most that one stored block of DEFLATE holds (RFC 1951,
// section 3.2.4).
const maxStored = 1<<16 - 1

// AppendStored appends content as a gzip member (RFC 1952) of stored blocks:
// valid, and made at the cost of a copy.
func AppendStored(dst, content []byte) []byte {
	dst = append(dst, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)
	for rest := content; ; {
		block := rest[:min(len(rest), maxStored)]
		rest = rest[len(block):]
		final := byte(0)
		if len(rest) == 0 {
			final = 1
		}
		dst = append(dst, final)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(block)))
		dst = binary.LittleEndian.AppendUint16(dst, ^uint16(len(block)))
		dst = append(dst, block...)
		if final == 1 {
			break
		}
	}
	dst = binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(content))
	return binary.LittleEndian.AppendUint32(dst, uint32(len(content)))
}
