package dom

import "sync"

// Styles remembers what style sheets say of display and visibility. Documents
// that share it read the style sheet of a site once, not once for every window.
// It is safe for concurrent use.
type Styles struct {
	mu    sync.RWMutex
	most  int
	bytes int                      // of the keys
	known map[string][]hidingBlock // by the text of the style sheet; read only
}

// minStyleBytes: reading a shorter style sheet again costs less than keeping
// it.
const minStyleBytes = 512

// NewStyles remembers style sheets of so many bytes of text together.
func NewStyles(maxBytes int) *Styles {
	return &Styles{most: maxBytes, known: make(map[string][]hidingBlock)}
}

// of returns what a style sheet says. A nil Styles remembers nothing.
func (s *Styles) of(text string) []hidingBlock {
	if s == nil || len(text) < minStyleBytes || len(text) > s.most/2 {
		blocks, _ := scanHiding(stripComments(text), 0)
		return blocks
	}
	s.mu.RLock()
	blocks, known := s.known[text]
	s.mu.RUnlock()
	if known {
		return blocks
	}
	blocks, _ = scanHiding(stripComments(text), 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.known[text]; known {
		return blocks
	}
	if s.bytes += len(text); s.bytes > s.most {
		clear(s.known)
		s.bytes = len(text)
	}
	s.known[text] = blocks
	return blocks
}

// ShareStyles makes the document use what others know of style sheets.
func (d *Document) ShareStyles(s *Styles) { d.shared = s }
