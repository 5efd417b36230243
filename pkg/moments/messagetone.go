package moments

import (
	"slices"
	"strings"

	"github.com/playhead/playhead/pkg/dom"
)

// tone says what sort of news a message is.
type tone int

const (
	toneNeutral tone = iota
	toneTrouble
	toneGood
	toneProgress
)

// The words by which messages are told apart. English, and what is the same in
// other languages; roles and classes are asked first.
var (
	troubleWords = []string{
		"error", "fail", "invalid", "please", "required", "must ", "cannot", "can't", "couldn't", "could not", "unable",
		"wrong", "missing", "denied", "declined", "expired", "not found", "unavailable", "sorry", "try again", "incorrect",
		"not allowed", "offline", "oops", "problem", "rejected", "warning", "fehler", "bitte", "erreur",
	}
	goodWords = []string{
		"success", "saved", "copied", "done", "added", "removed", "updated", "deleted", "created", "sent", "thank", "welcome",
		"uploaded", "completed", "undo", "published", "subscribed", "signed in", "logged in", "placed",
	}
	progressWords = []string{
		"loading", "saving", "sending", "processing", "searching", "uploading", "downloading", "updating", "working",
		"connecting", "please wait", "one moment", "submitting", "checking", "generating", "preparing", "typing",
	}
)

func toneOf(n, at dom.Node, text, kind string) tone {
	lower := strings.ToLower(text)
	class := attribute(n, "class") + " " + attribute(at, "class")
	contains := func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(lower, word) })
	}
	switch {
	case kind == messageValidation, hasWord(class, "error", "danger", "warning", "invalid", "failure", "warn"):
		return toneTrouble
	case hasWord(class, "success", "ok"):
		return toneGood
	case contains(progressWords) || strings.HasSuffix(text, "…") || strings.HasSuffix(text, "..."):
		return toneProgress
	case contains(troubleWords):
		return toneTrouble
	case contains(goodWords):
		return toneGood
	}
	return toneNeutral
}
