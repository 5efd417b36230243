// Package traffic makes the uploads that browsers would send, from recordings
// that exist: any number of distinct sessions, cut into segments as the
// recorder cuts them, in a seeded order, with a sender that remembers what was
// acknowledged. The benches and the fault tests share it. It is no client for
// production and knows nothing of what the server does with an upload.
//
// The events of a recording are compressed once, as a gzip member of their
// own; a header in front of them, which differs in every upload, is a stored
// member. So a generator that sends hundreds of MB a second costs little of
// the processor that is being measured.
package traffic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/rrweb"
)

// FolderEnv names the folder of the corpus.
const FolderEnv = "PLAYHEAD_CORPUS"

// The recorder's rules (packages/recorder/src/buffer.ts): a segment waits 5 s
// for more events, and is full at 256 KiB before compression or 5000 events.
const (
	flushAfter    = 5 * time.Second
	segmentBytes  = 256 << 10
	segmentEvents = 5_000
)

// maxDepth is what ingest accepts by default.
const maxDepth = 128

// ErrNoCorpus is returned, wrapped, when there are no recordings in a folder.
var ErrNoCorpus = errors.New("no corpus")

// Recording is one session that somebody recorded, ready to be sent any number
// of times.
type Recording struct {
	// Name is that of its file, without ".json".
	Name string

	// Site is the host of the recording's pages. Recordings of one site in the
	// corpus (chalk-*, himanshu-*, posthog-player-*) share it.
	Site string

	// Start is when the first event happened.
	Start time.Time

	Segments []Segment

	// RawBytes and Events are sums over the segments.
	RawBytes int
	Events   int
}

// Segment is what the recorder would have sent at once.
type Segment struct {
	Page         int           // of the recording, counted by rrweb's Meta events
	At           time.Duration // from the recording's first event to the sending
	Events       int
	FullSnapshot bool
	NDJSON       []byte

	compressed []byte // NDJSON as a gzip member
}

// Load reads the corpus of a checkout, and takes Synthetic where there is none;
// which says what was taken.
func Load(root string, start time.Time) (recordings []*Recording, which string, err error) {
	recordings, err = ReadFolder(Folder(root), start)
	if errors.Is(err, ErrNoCorpus) {
		recordings, err = Synthetic(start)
		return recordings, "synthetic", err
	}
	return recordings, "corpus", err
}

// Compressed is NDJSON as the recorder would compress it: gzip, level 6.
func (s *Segment) Compressed() []byte { return s.compressed }

// From is what is left of a recording from its i-th segment on.
func (r *Recording) From(i int) *Recording {
	rest := &Recording{Name: r.Name, Site: r.Site, Start: r.Start, Segments: r.Segments[i:]}
	for _, s := range rest.Segments {
		rest.RawBytes += len(s.NDJSON)
		rest.Events += s.Events
	}
	return rest
}

// Folder is where the recordings of the corpus are: $PLAYHEAD_CORPUS/sessions,
// else beside the checkout whose root is root.
func Folder(root string) string {
	if folder := os.Getenv(FolderEnv); folder != "" {
		return filepath.Join(folder, "sessions")
	}
	return filepath.Join(root, "..", "shared", "corpus", "sessions")
}

// ReadFolder reads every recording (*.json, an array of rrweb events) of a
// folder and shifts it so that it begins at start.
func ReadFolder(folder string, start time.Time) ([]*Recording, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w in %s; $%s names another folder", ErrNoCorpus, folder, FolderEnv)
	}
	recordings := make([]*Recording, 0, len(files))
	for _, file := range files {
		r, err := ReadFile(file, start)
		if err != nil {
			return nil, err
		}
		recordings = append(recordings, r)
	}
	return recordings, nil
}

// ReadFile reads the recording in a file and names it after that.
func ReadFile(path string, start time.Time) (*Recording, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	r, err := Read(strings.TrimSuffix(filepath.Base(path), ".json"), data, start)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Read reads one recording, a JSON array of rrweb events, and shifts it so
// that it begins at start. The events keep their order and, but for white
// space and the timestamp, their bytes.
func Read(name string, data []byte, start time.Time) (*Recording, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return nil, errors.New("not a JSON array of rrweb events")
	}
	c := cutter{start: start}
	var line bytes.Buffer
	for n := 0; decoder.More(); n++ {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, fmt.Errorf("event %d: %w", n, err)
		}
		line.Reset()
		if err := json.Compact(&line, raw); err != nil {
			return nil, fmt.Errorf("event %d: %w", n, err)
		}
		if err := c.add(line.Bytes()); err != nil {
			return nil, fmt.Errorf("event %d: %w", n, err)
		}
	}
	c.seal(c.clock)
	if len(c.segments) == 0 {
		return nil, errors.New("no events")
	}
	return newRecording(name, start, c.segments)
}

func newRecording(name string, start time.Time, segments []Segment) (*Recording, error) {
	r := &Recording{Name: name, Site: site(name), Start: start, Segments: segments}
	for i := range segments {
		s := &segments[i]
		compressed, err := compress(s.NDJSON)
		if err != nil {
			return nil, err
		}
		s.compressed = compressed
		r.RawBytes += len(s.NDJSON)
		r.Events += s.Events
	}
	return r, nil
}

// site gives recordings of one site the same host.
func site(name string) string {
	for _, prefix := range []string{"chalk", "himanshu", "posthog-player", "synthetic"} {
		if strings.HasPrefix(name, prefix+"-") {
			name = prefix
		}
	}
	return strings.ToLower(strings.NewReplacer(".", "-", "_", "-").Replace(name)) + ".example"
}

// cutter does what the recorder's buffer does, in the recording's own time.
type cutter struct {
	start    time.Time
	began    bool
	firstMs  int64 // timestamp of the first event
	clock    time.Duration
	page     int
	open     Segment
	openedAt time.Duration
	segments []Segment
}

func (c *cutter) add(line []byte) error {
	event, err := rrweb.Scan(line, maxDepth)
	if err != nil {
		return err
	}
	if !c.began {
		c.began, c.firstMs = true, event.TimestampMs
	}
	sinceFirst := time.Duration(event.TimestampMs-c.firstMs) * time.Millisecond
	// Events may be out of order; the recorder's clock was not.
	c.clock = max(c.clock, sinceFirst)
	if c.open.Events > 0 && c.clock-c.openedAt >= flushAfter {
		c.seal(c.openedAt + flushAfter)
	}
	if event.Type == rrweb.TypeMeta {
		c.seal(c.clock)
		c.page++
	}
	if c.open.Events == 0 {
		c.open.Page, c.openedAt = c.page, c.clock
	}
	c.open.NDJSON, err = appendShifted(c.open.NDJSON, line, c.start.Add(sinceFirst).UnixMilli())
	if err != nil {
		return err
	}
	c.open.NDJSON = append(c.open.NDJSON, '\n')
	c.open.Events++
	c.open.FullSnapshot = c.open.FullSnapshot || event.Type == rrweb.TypeFullSnapshot
	if event.Type == rrweb.TypeFullSnapshot || len(c.open.NDJSON) >= segmentBytes || c.open.Events == segmentEvents {
		c.seal(c.clock)
	}
	return nil
}

func (c *cutter) seal(at time.Duration) {
	if c.open.Events > 0 {
		c.open.At = at
		c.segments = append(c.segments, c.open)
		c.open = Segment{}
	}
}

// appendShifted appends an event with another timestamp.
func appendShifted(dst, line []byte, timestampMs int64) ([]byte, error) {
	from, to, err := timestampAt(line)
	if err != nil {
		return dst, err
	}
	dst = append(dst, line[:from]...)
	dst = strconv.AppendInt(dst, timestampMs, 10)
	return append(dst, line[to:]...), nil
}

// timestampAt finds the value of an event's own timestamp: events hold others
// within.
func timestampAt(line []byte) (from, to int64, err error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	if _, err := decoder.Token(); err != nil {
		return 0, 0, err
	}
	found := false
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return 0, 0, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return 0, 0, err
		}
		if name == "timestamp" {
			to, found = decoder.InputOffset(), true
			from = to - int64(len(value))
		}
	}
	if !found {
		return 0, 0, io.ErrUnexpectedEOF
	}
	return from, to, nil
}
