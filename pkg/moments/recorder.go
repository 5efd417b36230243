package moments

import (
	"encoding/hex"

	"github.com/playhead/playhead/pkg/recording"
)

// ownRecorder is the name of Playhead's recorder. It describes every click, so
// that rrweb's own event of it is no other one, wherever segments are cut; and
// its page ids say when a page began.
const ownRecorder = "playhead"

// pageStartMs is how long after the beginning of a page its first Meta can
// come: the recorder waits for DOMContentLoaded. A later one belongs to another
// full snapshot of the same page, of which the first one begins a session that
// came upon an open page.
const pageStartMs = 30_000

// describesClicks reports whether the recorder of a segment says what was
// clicked.
func describesClicks(s *recording.Segment) bool { return s.Origin.Recorder.Name == ownRecorder }

// beginsPage reports whether a Meta with a raw time is that of a page load. Of
// other recorders every Meta is: they do not say.
func beginsPage(s *recording.Segment, rawMs int64) bool {
	if s.Origin.Recorder.Name != ownRecorder || s.Seq == 0 {
		return true
	}
	beganMs, ok := timeOf(s.Page)
	return !ok || rawMs-beganMs <= pageStartMs
}

// timeOf is the time in a UUIDv7 (RFC 9562), ms since the epoch on the clock of
// who made it.
func timeOf(id recording.PageID) (ms int64, ok bool) {
	const length, version = 36, 14
	if len(id) != length || id[8] != '-' || id[13] != '-' || id[version] != '7' {
		return 0, false
	}
	var bytes [6]byte
	if _, err := hex.Decode(bytes[:], []byte(id[:8]+id[9:13])); err != nil {
		return 0, false
	}
	for _, b := range bytes {
		ms = ms<<8 | int64(b)
	}
	return ms, true
}
