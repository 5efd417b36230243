package dom

import (
	"hash/maphash"
	"strings"
)

// usedWords remembers which classes and ids a document had since its last full
// snapshot, some others with them. Most rules of most style sheets are about
// elements that a page does not have, and need not be tried.
type usedWords [maxWordBit / 64]uint64

// wordBit stands for a word, and for some others; 0 for none, which every
// document has.
type wordBit uint16

const maxWordBit = 2048

func bitOf(word string) wordBit {
	return wordBit(1 + maphash.String(internSeed, word)%(maxWordBit-1))
}

// noteWords takes the value of a class attribute or an id.
func (d *Document) noteWords(value string) {
	for word := range strings.FieldsSeq(value) {
		bit := bitOf(word)
		d.words[bit/64] |= 1 << (bit % 64)
	}
}

// hasWord reports whether a word may be among those of the document.
func (d *Document) hasWord(bit wordBit) bool {
	return bit == 0 || d.words[bit/64]&(1<<(bit%64)) != 0
}

// needsOf finds words that elements around the one that matches must have.
func needsOf(parts []compound) (needs [2]wordBit) {
	count := 0
	for k := 1; k < len(parts); k++ {
		for _, class := range parts[k].classes {
			if count < len(needs) {
				needs[count] = bitOf(class)
				count++
			}
		}
		if id := parts[k].id; id != "" && !strings.ContainsAny(id, " \t\n\r\f") && count < len(needs) {
			needs[count] = bitOf(id)
			count++
		}
	}
	return needs
}
