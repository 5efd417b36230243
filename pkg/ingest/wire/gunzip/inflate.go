package gunzip

import (
	"encoding/binary"
	"errors"
)

const (
	// fastIn is what one round of the fast loop may read ahead.
	fastIn = 16

	// fastOut is what one round may write: two literals and a match of 258
	// bytes, and what copying by words writes beyond its end.
	fastOut = 2 + 258 + 8

	// firstOut is the least that output is grown to.
	firstOut = 64 << 10

	// window is how far back a match may reach (RFC 1951, section 2).
	window = 32 << 10

	// measureBytes is the memory of a body that is only measured: more than
	// the window and a stored block.
	measureBytes = 256 << 10

	// A body whose output is measureRatio times larger than the input it came
	// from is measured before it gets more memory than measureFrom. Recordings
	// compress ten to forty times.
	measureFrom  = 1 << 20
	measureRatio = 64

	// growTo is the size from which output is not moved to a larger place, of
	// which both are needed for a moment: the body is measured then.
	growTo = 4 << 20

	// Codes of their own cost microseconds for each block, which may be eleven
	// bytes: beyond dynamicFree of them a body has one for dynamicBytes of its
	// input. Compressors begin a block after some KiB, or after all that was
	// written until a flush.
	dynamicFree  = 1024
	dynamicBytes = 64
)

// errMeasure says that the body must be measured first.
var errMeasure = errors.New("measure the body first")

// The order of the lengths of the lengths' codes (RFC 1951, section 3.2.7).
var lengthsOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// inflater decompresses one deflate stream after another (RFC 1951).
type inflater struct {
	out   []byte // all of its length can be written to
	size  int    // of the output
	start int    // of this stream's output; negative when it has slid out
	limit int    // of slid and size
	first int    // size at the beginning
	used  int    // bytes of earlier members

	measuring bool // the output slides through a window
	measured  bool // it is known to be within the limit
	slid      int  // bytes of output that are not kept

	in   []byte
	pos  int    // in in, of the next byte that is not in bits
	bits uint64 // the next n bits, and perhaps some of those after them
	n    uint
	over uint // bytes of bits that in does not have

	isFixed  bool // the tables are those of fixed
	dynamics int  // blocks with codes of their own

	literals [literalEntries]uint32
	dists    [distEntries]uint32
	lengths  [lengthsEntries]uint32
}

// begin prepares for a body whose output goes behind what dst holds.
func (f *inflater) begin(dst []byte, limit int) {
	f.size, f.first, f.limit, f.used, f.slid = len(dst), len(dst), limit, 0, 0
	f.measuring, f.measured, f.dynamics = false, false, 0
	f.out = dst[:min(cap(dst), limit+fastOut+1)]
}

// release forgets the caller's memory.
func (f *inflater) release() { f.in, f.out = nil, nil }

// inflate decompresses the stream that in begins with, and returns how many
// bytes of in it has.
func (f *inflater) inflate(in []byte) (used int, err error) {
	f.in, f.pos, f.bits, f.n, f.over, f.start = in, 0, 0, 0, 0, f.size
	for last := false; !last; {
		head, ok := f.take(3)
		if !ok {
			return 0, ErrCorrupt
		}
		last = head&1 != 0
		switch head >> 1 {
		case 0:
			err = f.stored()
		case 1:
			f.fixed()
			err = f.block()
		case 2:
			if !f.dynamic() {
				return 0, ErrCorrupt
			}
			err = f.block()
		default:
			err = ErrCorrupt
		}
		if err != nil {
			return 0, err
		}
	}
	if !f.align() {
		return 0, ErrCorrupt
	}
	return f.pos, nil
}

// fill makes at least 56 bits available, with zeros after the input's end. It
// returns false when zeros were used.
func (f *inflater) fill() bool {
	for f.n < 56 {
		if f.pos < len(f.in) {
			f.bits |= uint64(f.in[f.pos]) << f.n
			f.pos++
		} else if f.over++; f.over > 8 {
			return false
		}
		f.n += 8
	}
	return true
}

// take reads up to 16 bits.
func (f *inflater) take(n uint) (uint32, bool) {
	ok := f.fill()
	value := uint32(f.bits) & (1<<n - 1)
	f.bits >>= n
	f.n -= n
	return value, ok
}

// align gives the whole bytes in bits back to the input. It returns false when
// bits were used that the input does not have.
func (f *inflater) align() bool {
	whole := f.n / 8
	if whole < f.over {
		return false
	}
	f.pos -= int(whole - f.over)
	f.bits, f.n, f.over = 0, 0, 0
	return true
}

// stored copies a block that is not compressed.
func (f *inflater) stored() error {
	if !f.align() || len(f.in)-f.pos < 4 {
		return ErrCorrupt
	}
	n := int(binary.LittleEndian.Uint16(f.in[f.pos:]))
	if n != int(^binary.LittleEndian.Uint16(f.in[f.pos+2:])) || len(f.in)-f.pos-4 < n {
		return ErrCorrupt
	}
	f.pos += 4
	if f.slid+f.size+n > f.limit {
		return ErrTooLarge
	}
	for len(f.out)-f.size < n {
		if err := f.grow(); err != nil {
			return err
		}
	}
	copy(f.out[f.size:], f.in[f.pos:f.pos+n])
	f.size += n
	f.pos += n
	return nil
}

// fixed prepares for a block with the codes of section 3.2.6.
func (f *inflater) fixed() {
	if f.isFixed { // a block may be ten bits
		return
	}
	f.isFixed = true
	var codeBits [288]uint8
	for i := range codeBits {
		switch {
		case i < 144:
			codeBits[i] = 8
		case i < 256:
			codeBits[i] = 9
		case i < 280:
			codeBits[i] = 7
		default:
			codeBits[i] = 8
		}
	}
	build(f.literals[:], literalBits, codeBits[:], literals[:])
	for i := range 32 {
		codeBits[i] = 5
	}
	build(f.dists[:], distBits, codeBits[:32], distances[:])
}

// dynamic reads the codes of a block (section 3.2.7).
func (f *inflater) dynamic() bool {
	if f.dynamics++; f.dynamics > dynamicFree && f.dynamics*dynamicBytes > f.used+f.pos {
		return false
	}
	f.isFixed = false
	head, ok := f.take(14)
	literalCount, distCount, lengthCount := int(head&31)+257, int(head>>5&31)+1, int(head>>10)+4
	if !ok || literalCount > 286 || distCount > 30 {
		return false
	}
	var codeBits [286 + 30]uint8
	var lengthBits [19]uint8
	for _, symbol := range lengthsOrder[:lengthCount] {
		n, ok := f.take(3)
		if !ok {
			return false
		}
		lengthBits[symbol] = uint8(n)
	}
	if !build(f.lengths[:], lengthsBits, lengthBits[:], lengths[:]) {
		return false
	}
	all := codeBits[:literalCount+distCount]
	for i := 0; i < len(all); {
		if !f.fill() {
			return false
		}
		e := f.lengths[f.bits&(1<<lengthsBits-1)]
		if e&isSpecial != 0 {
			return false
		}
		f.bits >>= e & 63
		f.n -= uint(e & 63)
		value, repeat := uint8(e>>16), 1
		switch value {
		case 16:
			if i == 0 {
				return false
			}
			value, repeat = all[i-1], 3+int(f.bits&3)
			f.bits, f.n = f.bits>>2, f.n-2
		case 17:
			value, repeat = 0, 3+int(f.bits&7)
			f.bits, f.n = f.bits>>3, f.n-3
		case 18:
			value, repeat = 0, 11+int(f.bits&127)
			f.bits, f.n = f.bits>>7, f.n-7
		}
		if repeat > len(all)-i {
			return false
		}
		for range repeat {
			all[i] = value
			i++
		}
	}
	return build(f.literals[:], literalBits, all[:literalCount], literals[:]) &&
		build(f.dists[:], distBits, all[literalCount:], distances[:])
}

// grow makes the output larger: to a little more than what all of the input
// gives if it goes on as it did, when there is something to judge by, else to
// twice as much; but not beyond what is allowed, what the body says it is, should
// it be one member, and what one round of the fast loop needs. While a body is
// measured it makes room instead.
func (f *inflater) grow() error {
	if f.measuring && len(f.out) >= measureBytes {
		gone := f.size - window
		copy(f.out, f.out[gone:f.size])
		f.size, f.start, f.slid = window, f.start-gone, f.slid+gone
		return nil
	}
	want := max(2*len(f.out), firstOut)
	if came := f.size - f.start; came >= firstOut/2 {
		want = max(3*len(f.out)/2, f.start+came*len(f.in)/f.pos*9/8+fastOut)
	}
	if n := f.size - f.first; !f.measuring && !f.measured && n > measureRatio*(f.used+f.pos) {
		before := f.first + measureFrom + fastOut + 1
		if n >= measureFrom || len(f.out) >= before {
			return errMeasure
		}
		want = min(want, before)
	}
	if f.measuring {
		want = measureBytes
	} else if f.size-f.first >= growTo && !f.measured {
		return errMeasure
	}
	if end := f.start + f.claimed() + fastOut + 1; end > len(f.out) {
		want = min(want, end)
	}
	out := make([]byte, min(want, f.limit+fastOut+1))
	copy(out, f.out[:f.size])
	f.out = out
	return nil
}

// claimed returns how large the output of the last member is, by what the body
// says at its end.
func (f *inflater) claimed() int {
	if len(f.in) < trailerBytes {
		return 0
	}
	return int(binary.LittleEndian.Uint32(f.in[len(f.in)-4:]))
}

// block decompresses to the end of a block whose codes are in the tables.
func (f *inflater) block() error {
	for {
		ended, err := f.fast()
		if err == nil && f.slid+f.size > f.limit {
			return ErrTooLarge
		}
		if err != nil || ended {
			return err
		}
		if len(f.out)-f.size < fastOut {
			if err := f.grow(); err != nil {
				return err
			}
			continue
		}
		ended, err = f.one()
		if err == nil && f.slid+f.size > f.limit {
			return ErrTooLarge
		}
		if err != nil || ended {
			return err
		}
	}
}

// one decompresses a literal or a match near the end of the input.
func (f *inflater) one() (ended bool, err error) {
	if !f.fill() {
		return false, ErrCorrupt
	}
	e := f.literals[f.bits&(1<<literalBits-1)]
	if e&isSecond != 0 {
		f.bits, f.n = f.bits>>literalBits, f.n-literalBits
		e = f.literals[e>>16+uint32(f.bits)&(1<<(e>>8&15)-1)]
	}
	if e&isSpecial != 0 && e&^0xfff != endOfBlock {
		return false, ErrCorrupt
	}
	value := f.value(e)
	if e&isSpecial != 0 {
		return true, nil
	}
	if e&isLiteral != 0 {
		f.out[f.size] = byte(e >> 16)
		f.size++
		return false, nil
	}
	if !f.fill() {
		return false, ErrCorrupt
	}
	d := f.dists[f.bits&(1<<distBits-1)]
	if d&isSecond != 0 {
		f.bits, f.n = f.bits>>distBits, f.n-distBits
		d = f.dists[d>>16+uint32(f.bits)&(1<<(d>>8&15)-1)]
	}
	if d&isSpecial != 0 {
		return false, ErrCorrupt
	}
	dist := f.value(d)
	if dist > f.size-f.start {
		return false, ErrCorrupt
	}
	for range value {
		f.out[f.size] = f.out[f.size-dist]
		f.size++
	}
	return false, nil
}

// value consumes an entry and returns what it and its extra bits say.
func (f *inflater) value(e uint32) int {
	value := int(e>>16) + int(f.bits&(1<<(e&63)-1)>>(e>>8&15))
	f.bits >>= e & 63
	f.n -= uint(e & 63)
	return value
}

// fast decompresses until the end of the block, or until input or output are
// too short to go on without looking.
func (f *inflater) fast() (ended bool, err error) {
	in, out := f.in, f.out
	pos, size, start := f.pos, f.size, f.start
	bits, n := f.bits, f.n
	literals, dists := &f.literals, &f.dists
	for pos <= len(in)-fastIn && size <= len(out)-fastOut {
		bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int((63 - n) >> 3)
		n |= 56

		// Up to two literals of the first table take 22 of the 56 bits.
		e := literals[bits&(1<<literalBits-1)]
		if e&isLiteral != 0 {
			out[size] = byte(e >> 16)
			size++
			bits >>= e & 63
			n -= uint(e & 63)
			e = literals[bits&(1<<literalBits-1)]
			if e&isLiteral != 0 {
				out[size] = byte(e >> 16)
				size++
				bits >>= e & 63
				n -= uint(e & 63)
				e = literals[bits&(1<<literalBits-1)]
			}
		}
		if e&isSecond != 0 {
			bits >>= literalBits
			n -= literalBits
			e = literals[e>>16+uint32(bits)&(1<<(e>>8&15)-1)]
		}
		if e&isSpecial != 0 {
			bits >>= e & 63
			n -= uint(e & 63)
			if e&^0xfff != endOfBlock {
				err = ErrCorrupt
			}
			ended = true
			break
		}
		if e&isLiteral != 0 {
			out[size] = byte(e >> 16)
			size++
			bits >>= e & 63
			n -= uint(e & 63)
			continue
		}
		length := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits >>= e & 63
		n -= uint(e & 63)

		bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int((63 - n) >> 3)
		n |= 56
		d := dists[bits&(1<<distBits-1)]
		if d&isSecond != 0 {
			bits >>= distBits
			n -= distBits
			d = dists[d>>16+uint32(bits)&(1<<(d>>8&15)-1)]
		}
		dist := int(d>>16) + int(bits&(1<<(d&63)-1)>>(d>>8&15))
		bits >>= d & 63
		n -= uint(d & 63)
		if dist > size-start || d&isSpecial != 0 {
			err = ErrCorrupt
			break
		}
		repeat(out, size, dist, length)
		size += length
	}
	f.pos, f.size, f.bits, f.n = pos, size, bits, n
	return ended, err
}

// repeat copies a match; it may write up to 7 bytes after it.
func repeat(out []byte, size, dist, length int) {
	end, from := size+length, size-dist
	switch {
	case dist >= length && length > 32:
		copy(out[size:end], out[from:from+length])
	case dist >= 8:
		for size < end {
			binary.LittleEndian.PutUint64(out[size:], binary.LittleEndian.Uint64(out[from:]))
			size += 8
			from += 8
		}
	default:
		for size < end {
			out[size] = out[from]
			size++
			from++
		}
	}
}
