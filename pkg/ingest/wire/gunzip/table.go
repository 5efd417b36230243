package gunzip

import "math/bits"

// A table is looked up with the next bits of the input. An entry has
//
//	bits 0 to 5    how many bits it takes, extra bits included
//	bits 8 to 11   how many of them are the code
//	bits 13 to 15  what it is
//	bits 16 to 31  the literal, or the least length or distance, or where the
//	               second table begins that codes longer than the first table
//	               are looked up in
//
// In an entry of the first table that leads to a second one, bits 8 to 11 say
// how many bits that one is looked up with.
const (
	isLiteral = 1 << 13
	isSecond  = 1 << 14
	isSpecial = 1 << 15 // a second table, the end of the block, or no code

	endOfBlock = isSpecial
	noCode     = isSpecial | 1<<16
)

const (
	maxCodeBits = 15

	literalBits = 11 // of the first tables
	distBits    = 9
	lengthsBits = 7

	// A second table of n bits needs at least n+1 codes, which bounds all of
	// them: 16 entries for 5 of 288 codes, 64 for 7 of 32.
	literalEntries = 1<<literalBits + 1024
	distEntries    = 1<<distBits + 320
	lengthsEntries = 1 << lengthsBits
)

// literals and distances are the entries of the symbols (RFC 1951, section
// 3.2.5), without the bits of their codes.
var literals, distances, lengths = symbols()

func symbols() (literals [288]uint32, distances [32]uint32, lengths [19]uint32) {
	for i := range 256 {
		literals[i] = isLiteral | uint32(i)<<16
	}
	literals[256] = endOfBlock
	base := uint32(3)
	for i := 257; i < 285; i++ {
		extra := uint32(max(0, (i-261)/4))
		literals[i] = base<<16 | extra
		base += 1 << extra
	}
	literals[285] = 258 << 16
	literals[286], literals[287] = noCode, noCode
	base = 1
	for i := range 30 {
		extra := uint32(max(0, i/2-1))
		distances[i] = base<<16 | extra
		base += 1 << extra
	}
	distances[30], distances[31] = noCode, noCode
	for i := range lengths {
		lengths[i] = uint32(i) << 16
	}
	return literals, distances, lengths
}

// build fills a table whose first part is looked up with so many bits, from
// the lengths of the codes. It returns false when these are no code.
func build(table []uint32, tableBits int, codeBits []uint8, symbols []uint32) bool {
	var count, next [maxCodeBits + 2]int
	for _, n := range codeBits {
		count[n]++
	}
	used := len(codeBits) - count[0]
	count[0] = 0
	space := 1 << maxCodeBits
	for n := 1; n <= maxCodeBits; n++ {
		next[n+1] = (next[n] + count[n]) << 1
		space -= count[n] << (maxCodeBits - n)
	}
	if space != 0 {
		// One code of one bit may be alone, and there may be none at all: then
		// it is an error to use what is not there.
		if space < 0 || used > 1 || used == 1 && count[1] == 0 {
			return false
		}
		for i := range table[:1<<tableBits] {
			table[i] = noCode
		}
	}
	s := second{table: table, tableBits: tableBits, end: 1 << tableBits}
	s.measure(codeBits, next)
	for symbol, n := range codeBits {
		if n == 0 {
			continue
		}
		code := reversed(next[n], n)
		next[n]++
		first, step, own := table[:1<<tableBits], 1<<n, uint32(n)
		if int(n) > tableBits {
			first = s.at(code & (1<<tableBits - 1))
			code >>= tableBits
			step, own = 1<<(int(n)-tableBits), uint32(int(n)-tableBits)
		}
		entry := symbols[symbol] + own | own<<8
		for i := code; i < len(first); i += step {
			first[i] = entry
		}
	}
	return true
}

// reversed returns a code in the order in which its bits come.
func reversed(code int, n uint8) int { return int(bits.Reverse16(uint16(code)) >> (16 - n)) }

// second makes the tables for codes that are longer than the first table.
type second struct {
	table     []uint32
	tableBits int
	end       int
	most      [1 << literalBits]uint8 // by the first bits: of the longest code
}

func (s *second) measure(codeBits []uint8, next [maxCodeBits + 2]int) {
	for _, n := range codeBits {
		if n == 0 {
			continue
		}
		code := reversed(next[n], n)
		next[n]++
		if int(n) > s.tableBits {
			first := code & (1<<s.tableBits - 1)
			if s.most[first] == 0 {
				s.table[first] = 0 // no second table yet
			}
			s.most[first] = max(s.most[first], n)
		}
	}
}

// at returns the second table of codes that begin with the given bits.
func (s *second) at(first int) []uint32 {
	n := int(s.most[first]) - s.tableBits
	if s.table[first] == 0 {
		s.table[first] = isSpecial | isSecond | uint32(s.end)<<16 | uint32(n)<<8
		s.end += 1 << n
	}
	start := int(s.table[first] >> 16)
	return s.table[start : start+1<<n]
}
