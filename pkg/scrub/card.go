package scrub

// The lengths of payment card numbers (ISO/IEC 7812, as far as issued).
const (
	minCardDigits = 13
	maxCardDigits = 19
)

// cardGroups are the ways in which card numbers are printed and typed. Other
// groupings are left alone: they are more often coordinates than cards.
var cardGroups = [][]int{
	{4, 4, 4, 4},
	{4, 4, 4, 4, 3},
	{4, 6, 5},
	{4, 6, 4},
	{4, 4, 4, 3},
	{4, 4, 4, 2},
	{4, 4, 5},
	{6, 13},
}

// card looks at the digits that begin at i and returns their end.
func (s *scanner) card(i int) int {
	end := i + 1
	for end < len(s.b) && isDigit(s.b[end]) {
		end++
	}
	if i-1 >= s.floor && s.b[i-1] == '%' {
		i = min(i+2, end) // %20 and its like: the next digits are the text
	}
	n := end - i
	if n >= minCardDigits && n <= maxCardDigits {
		var number cardNumber
		number.add(s.b[i:end])
		if s.cardMayBegin(i) && s.cardMayEnd(end) && number.valid() {
			return s.replace(i, end, &s.counts.Card)
		}
	}
	if s.cardMayBegin(i) {
		for _, groups := range cardGroups {
			if n != groups[0] {
				continue
			}
			if cardEnd, ok := groupedCard(s.b, i, groups); ok && s.cardMayEnd(cardEnd) {
				return s.replace(i, cardEnd, &s.counts.Card)
			}
		}
	}
	return end
}

// groupedCard returns the end of the valid card number that begins at i and is
// grouped like this, with spaces or dashes between.
func groupedCard(b []byte, i int, groups []int) (end int, ok bool) {
	var number cardNumber
	separator := i + groups[0]
	for k, n := range groups {
		if k > 0 {
			if i == len(b) || b[i] != ' ' && b[i] != '-' || b[i] != b[separator] {
				return 0, false
			}
			i++
		}
		if len(b)-i < n {
			return 0, false
		}
		for _, c := range b[i : i+n] {
			if !isDigit(c) {
				return 0, false
			}
		}
		number.add(b[i : i+n])
		i += n
	}
	return i, number.valid()
}

// cardMayBegin refuses digits that are part of a word, a fraction, a path, a
// telephone number or a fragment.
func (s *scanner) cardMayBegin(i int) bool {
	if i <= s.floor {
		return true
	}
	switch c := s.b[i-1]; c {
	case '.', '/', '+', '#':
		return false
	default:
		return !isTokenByte(c) || s.afterPercent(i)
	}
}

// cardMayEnd refuses digits that go on as a word, a unit or a fraction.
func (s *scanner) cardMayEnd(i int) bool {
	if i == len(s.b) {
		return true
	}
	c := s.b[i]
	if c == '-' {
		return i+1 == len(s.b) || !isAlnum(s.b[i+1])
	}
	if c == '.' {
		return i+1 == len(s.b) || !isDigit(s.b[i+1])
	}
	return !isTokenByte(c)
}

// cardNumber is the digits of a possible card.
type cardNumber struct {
	digits [maxCardDigits]byte
	n      int
}

func (c *cardNumber) add(digits []byte) {
	c.n += copy(c.digits[c.n:], digits)
}

func (c *cardNumber) valid() bool { return c.issued() && c.luhn() }

// luhn checks the last digit (ISO/IEC 7812-1, annex B).
func (c *cardNumber) luhn() bool {
	sum := 0
	for i := range c.n {
		d := int(c.digits[c.n-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// issued tells whether an issuer gives out numbers of this prefix and length.
// It keeps timestamps (which begin with 1) and most ids out.
func (c *cardNumber) issued() bool {
	prefix := 0
	for _, d := range c.digits[:4] {
		prefix = prefix*10 + int(d-'0')
	}
	two, three := prefix/100, prefix/10
	switch {
	case two == 34 || two == 37: // American Express
		return c.n == 15
	case three >= 300 && three <= 305, two == 36, two == 38, two == 39: // Diners Club
		return c.n == 14 || c.n >= 16
	case prefix/1000 == 4: // Visa
		return c.n == 13 || c.n == 16 || c.n == 19
	case two >= 51 && two <= 55, prefix >= 2221 && prefix <= 2720: // Mastercard
		return c.n == 16
	case prefix == 6011, three >= 644 && three <= 649, two == 65, // Discover
		prefix >= 3528 && prefix <= 3589,  // JCB
		two == 62,                         // UnionPay
		two == 50, two >= 56 && two <= 58, // Maestro
		prefix == 6304, prefix == 6759, three == 676: // Maestro
		return c.n >= 16
	}
	return false
}
