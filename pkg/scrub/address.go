package scrub

import "bytes"

// RFC 5321, section 4.5.3.1, and RFC 1035, section 2.3.4; the longest top
// level domain in use has 24 letters.
const (
	maxLocalBytes = 64
	maxLabelBytes = 63
	minTLDBytes   = 2
	maxTLDBytes   = 24
)

// email finds the address whose @, however it is spelled, is at i and whose
// domain begins at domain.
func (s *scanner) email(i, domain int) int {
	start, visible := i, 0
	for start > s.floor && isLocalByte(s.b[start-1]) {
		start--
		if isAlnum(s.b[start]) {
			visible++
		}
		if i-start > maxLocalBytes {
			return domain
		}
	}
	if visible == 0 {
		return domain
	}
	end := s.domainEnd(domain)
	if end < 0 {
		return domain
	}
	return s.replace(start, end, &s.counts.Email)
}

// isLocalByte leaves out what is allowed before the @ but unusual, and more
// often stands around an address.
func isLocalByte(c byte) bool {
	return isAlnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-'
}

// domainEnd returns the end of the domain that begins at i, -1 when there is
// none: at least two labels, the last one of letters and no file extension.
func (s *scanner) domainEnd(i int) int {
	for labels := 1; ; labels++ {
		end := s.run(i, maxLabelBytes+1, isLabelByte)
		if end == i || end-i > maxLabelBytes {
			return -1
		}
		if s.dot(end) && end+1 < len(s.b) && isLabelByte(s.b[end+1]) {
			i = end + 1
			continue
		}
		for end > i && s.b[end-1] == '-' {
			end--
		}
		if labels < 2 || !isTLD(s.b[i:end]) {
			return -1
		}
		return end
	}
}

func isLabelByte(c byte) bool { return isAlnum(c) || c == '-' }

func isTLD(label []byte) bool {
	if len(label) < minTLDBytes || len(label) > maxTLDBytes {
		return false
	}
	var lower [maxTLDBytes]byte
	for i, c := range label {
		if !isLetter(c) {
			return false
		}
		lower[i] = c | 0x20
	}
	switch string(lower[:len(label)]) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "apng", // logo@2x.png
		"css", "scss", "less", "js", "mjs", "cjs", "jsx", "ts", "tsx", "json", "map", "wasm", // pkg@latest.js
		"woff", "ttf", "otf", "eot", "html", "htm", "xml", "pdf", "webm", "mov":
		return false
	}
	return true
}

// url looks at the colon at i: data: URLs are passed whole, credentials in
// other URLs are replaced.
func (s *scanner) url(i int) int {
	if end := s.dataURL(i); end > 0 {
		s.floor = end
		return end
	}
	if i == 0 || !isAlnum(s.b[i-1]) {
		return i + 1
	}
	switch {
	case s.has(i+1, "//"):
		return s.credentials(i + 1 + len("//"))
	case s.has(i+1, `\/\/`):
		return s.credentials(i + 1 + len(`\/\/`))
	}
	return i + 1
}

// credentials finds what stands before the last @ of the authority that begins
// at i. The host stays.
func (s *scanner) credentials(i int) int {
	lastAt, secret := 0, 0
	pending := 0 // bytes other than asterisks
	for end := i; end < len(s.b) && !endsAuthority(s.b[end]); end++ {
		switch s.b[end] {
		case '@':
			lastAt, secret = end, pending
			pending++
		case '*':
		default:
			pending++
		}
	}
	if secret == 0 {
		return i
	}
	return s.replace(i, lastAt, &s.counts.URLCredentials)
}

func endsAuthority(c byte) bool {
	switch c {
	case '/', '?', '#', '\\', '\'', '`', '<', '>', '(', ')', '{', '}', ',', ';':
		return true
	}
	return c <= ' '
}

// maxMediaTypeBytes bounds the search for the comma of a data: URL.
const maxMediaTypeBytes = 128

// dataURL returns the end of the data: URL whose colon is at i, 0 when it is
// none. Where the URL ends depends on what stands before it: a quote, the
// parenthesis of url(), or nothing at all.
func (s *scanner) dataURL(i int) int {
	start := i - len("data")
	if start < s.floor || !bytes.EqualFold(s.b[start:i], []byte("data")) || !s.edge(start) {
		return 0
	}
	comma := s.run(i+1, maxMediaTypeBytes, isMediaTypeByte)
	if comma == len(s.b) || s.b[comma] != ',' {
		return 0
	}
	if start == 0 {
		return len(s.b)
	}
	body := s.b[comma:]
	var end int
	switch s.b[start-1] {
	case '"':
		end = bytes.Index(body, []byte(`\"`))
	case '\'':
		end = bytes.IndexByte(body, '\'')
	case '(':
		end = bytes.IndexByte(body, ')')
	default:
		end = bytes.IndexAny(body, " \\'\"()<>")
	}
	if end < 0 {
		return len(s.b)
	}
	return comma + end
}

// isMediaTypeByte: image/svg+xml;charset=utf-8;base64
func isMediaTypeByte(c byte) bool {
	return isTokenByte(c) || c == '/' || c == '+' || c == '.' || c == ';' || c == '='
}
