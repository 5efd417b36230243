package moments

import "github.com/playhead/playhead/pkg/recording"

// The levels of a line.
const (
	LevelInfo    = "info"
	LevelWarning = "warning"
	LevelError   = "error"
)

// Line is a line of a transcript.
type Line struct {
	TimestampMs int64 // server time
	OffsetMs    int64 // since the session's start
	Level       string
	Text        string
	Moment      recording.Moment // that the line begins with
}

// Transcript writes the moments of a session as lines for people. list is in
// order of time; startMs is the session's start.
func Transcript(list []recording.Moment, startMs int64) []Line {
	lines := make([]Line, 0, len(list))
	for _, m := range list {
		lines = append(lines, Line{m.TimestampMs, m.TimestampMs - startMs, LevelInfo, string(m.Kind) + " " + m.Text, m})
	}
	return lines
}
