package moments

import "github.com/playhead/playhead/pkg/dom"

// The kinds of messages.
const (
	messageAlert      = "alert"
	messageStatus     = "status"
	messageToast      = "toast"
	messageValidation = "validation"
)

// region is the nearest element, this one or one above it, whose text is a
// message.
func (s *messages) region(n dom.Node) dom.Node {
	const most = 6
	for k := 0; k < most && n.Exists(); k++ {
		if n.IsElement() && s.messageKind(n) != "" {
			return n
		}
		n = n.Above()
	}
	return dom.Node{}
}

// messageKind says what kind of message an element holds, "" when none.
func (s *messages) messageKind(n dom.Node) string {
	switch role := attribute(n, "role"); role {
	case "alert", "alertdialog":
		return s.kindInForm(n, messageAlert)
	case "status":
		return s.kindInForm(n, messageStatus)
	case "":
	default:
		if live := attribute(n, "aria-live"); live != "" && live != "off" && role != "log" && role != "timer" && role != "marquee" {
			return messageStatus
		}
		return ""
	}
	switch attribute(n, "aria-live") {
	case "assertive":
		return s.kindInForm(n, messageAlert)
	case "polite":
		return s.kindInForm(n, messageStatus)
	}
	return s.classKind(n)
}

// kindInForm: an alert inside a form is about what was filled in.
func (s *messages) kindInForm(n dom.Node, kind string) string {
	if kind == messageAlert && n.Form().Exists() || s.words(attribute(n, "class"))&(wordError|wordInvalid) != 0 {
		return messageValidation
	}
	return kind
}

// classKind reads the names that developers give to messages.
func (s *messages) classKind(n dom.Node) string {
	class := attribute(n, "class")
	if class == "" {
		return ""
	}
	words := s.words(class)
	switch {
	case words == 0:
		return ""
	case words&wordToast != 0:
		return messageToast
	case words&wordAlert != 0:
		return messageAlert
	case words&wordInvalid != 0 && words&wordText != 0:
		return messageValidation
	case words&wordError != 0 && !isField(n):
		if n.Form().Exists() {
			return messageValidation
		}
		return messageAlert
	}
	return ""
}

// What the names in a class attribute say.
const (
	wordToast = 1 << iota
	wordAlert
	wordInvalid
	wordError
	wordText
)

// maxClasses bounds the class attributes that are remembered, maxClassBytes the
// length of those that are read.
const (
	maxClasses    = 1024
	maxClassBytes = 1024
)

// words reads a class attribute. Pages repeat few of them many times.
func (s *messages) words(class string) int {
	if class == "" || len(class) > maxClassBytes {
		return 0
	}
	if words, ok := s.classes[class]; ok {
		return words
	}
	words := 0
	for word, names := range [...][]string{
		{"toast", "snackbar", "notification", "flash", "noty", "growl"},
		{"alert"},
		{"invalid", "validation"},
		{"error", "errors"},
		{"feedback", "message", "error", "text", "summary"},
	} {
		if hasWord(class, names...) {
			words |= 1 << word
		}
	}
	if s.classes == nil || len(s.classes) >= maxClasses {
		s.classes = make(map[string]int)
	}
	s.classes[class] = words
	return words
}

// hasWord reports whether one of the words is in the names of a class
// attribute, whose parts are divided by dashes, underscores and capitals.
func hasWord(class string, words ...string) bool {
	if class == "" {
		return false
	}
	for _, word := range words {
		for at := 0; ; {
			k := indexFold(class[at:], word)
			if k < 0 {
				break
			}
			k += at
			end := k + len(word)
			if (k == 0 || !isLower(class[k-1]) || !isLower(class[k])) && (end == len(class) || !isLower(class[end])) {
				return true
			}
			at = end
		}
	}
	return false
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// indexFold finds a word in lower case, whose first letter may be a capital.
func indexFold(s, word string) int {
	for k := 0; k+len(word) <= len(s); k++ {
		if s[k]|0x20 == word[0] && s[k+1:k+len(word)] == word[1:] {
			return k
		}
	}
	return -1
}
