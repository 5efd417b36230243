package playback

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

// Transcript returns a session in words, or index.ErrNotFound. Times are
// corrected as in a manifest.
func (r *Reader) Transcript(ctx context.Context, id recording.SessionID) ([]moments.Line, error) {
	lines, _, err := r.transcript(ctx, id)
	return lines, err
}

// transcript also returns when the session's last segment ended.
func (r *Reader) transcript(ctx context.Context, id recording.SessionID) (lines []moments.Line, endMs int64, _ error) {
	var segments []recording.StoredSegment
	var list []recording.Moment
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		segments, err = r.segments(both, id)
		return err
	})
	group.Go(func() (err error) {
		list, err = r.Moments(both, index.MomentQuery{SessionID: id, Limit: manifestMoments})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	corrections, startMs, endMs := correct(segments)
	for i := range list {
		list[i].TimestampMs += corrections[list[i].SegmentID]
	}
	slices.SortStableFunc(list, func(a, b recording.Moment) int { return int(a.TimestampMs - b.TimestampMs) })
	return moments.Transcript(list, startMs), endMs, nil
}

// correct returns what is added to the times of each segment's moments, and the
// start and the end of the session.
func correct(stored []recording.StoredSegment) (corrections map[recording.SegmentID]int64, startMs, endMs int64) {
	corrections = make(map[recording.SegmentID]int64, len(stored))
	for w, window := range byWindow(stored) {
		for i, s := range correctClock(window) {
			corrections[s.SegmentID] = s.ClockOffsetMs - window[i].ClockOffsetMs
			if w == 0 && i == 0 || s.StartMs < startMs {
				startMs = s.StartMs
			}
			endMs = max(endMs, s.EndMs)
		}
	}
	return corrections, startMs, endMs
}

// line is a line of a transcript as the API spells it.
type line struct {
	TimestampMs int64                `json:"ts"`
	OffsetMs    int64                `json:"offset_ms"`
	Level       string               `json:"level"`
	Text        string               `json:"text"`
	Kind        recording.MomentKind `json:"kind"`
	Name        string               `json:"name"`
	Window      recording.WindowID   `json:"window_id"`
	URL         string               `json:"url"`
	TraceID     string               `json:"trace_id"`
	SpanID      string               `json:"span_id"`
}

// WriteTranscript writes lines as text for people, one to a line:
//
//	00:12.4 clicked button "Place order" → …
func WriteTranscript(w io.Writer, lines []moments.Line) error {
	out := bufio.NewWriter(w)
	for _, l := range lines {
		if _, err := fmt.Fprintf(out, "%s %s\n", clock(l.OffsetMs), l.Text); err != nil {
			return err
		}
	}
	return out.Flush()
}

// clock is a time since the start of a session: 00:12.4, or 1:00:12.4 from an
// hour on.
func clock(ms int64) string {
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	tenths := ms / 100
	hours, minutes, seconds := tenths/36_000, tenths/600%60, tenths/10%60
	if hours > 0 {
		return fmt.Sprintf("%s%d:%02d:%02d.%d", sign, hours, minutes, seconds, tenths%10)
	}
	return fmt.Sprintf("%s%02d:%02d.%d", sign, minutes, seconds, tenths%10)
}

// WriteTranscriptJSON writes lines as docs/format/playback.md lays them out,
// one object to a line.
func WriteTranscriptJSON(w io.Writer, lines []moments.Line) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		m := l.Moment
		err := enc.Encode(line{
			TimestampMs: l.TimestampMs, OffsetMs: l.OffsetMs, Level: l.Level, Text: l.Text,
			Kind: m.Kind, Name: m.Name, Window: m.Window, URL: m.URL, TraceID: l.TraceID, SpanID: l.SpanID,
		})
		if err != nil {
			return err
		}
	}
	return out.Flush()
}

func (r *Reader) serveTranscript(w http.ResponseWriter, req *http.Request, id recording.SessionID) error {
	write, contentType := WriteTranscriptJSON, "application/x-ndjson"
	switch req.URL.Query().Get("format") {
	case "", "json":
	case "text":
		write, contentType = WriteTranscript, "text/plain; charset=utf-8"
	default:
		return &paramError{"format", "must be json or text"}
	}
	lines, endMs, err := r.transcript(req.Context(), id)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := write(&text, lines); err != nil {
		return err
	}
	if notModified(w, req, contentTag(text.Bytes()), r.ofSession(endMs)) {
		return nil
	}
	body := newBody(w, req, contentType)
	if _, err := body.Write(text.Bytes()); err != nil {
		return nil //nolint:nilerr // the caller has gone; there is nobody to tell
	}
	return body.Close()
}
