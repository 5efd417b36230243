package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// maxInspectBytes bounds the object or file that is taken into memory.
const maxInspectBytes = 1 << 30

func runInspect(ctx context.Context, c *call) (err error) {
	config := c.configFlags()
	asJSON := c.flags.Bool("json", false, "print JSON lines")
	events := c.flags.Bool("events", false, "print the events as well, and what a dictionary holds; those of a journal are not scrubbed")
	words, err := c.parse()
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return &usageError{"name a file, a folder or an object's key"}
	}
	in := &inspector{config: config, stderr: c.stderr, events: *events}
	if *asJSON {
		in.printer = jsonPrinter{json.NewEncoder(c.stdout)}
	} else {
		in.printer = textPrinter{c.stdout}
	}
	defer func() { err = errors.Join(err, in.close()) }()
	for _, word := range words {
		if err := in.inspect(ctx, word); err != nil {
			return fmt.Errorf("inspect %s: %w", word, err)
		}
	}
	if in.broken != nil {
		return in.broken
	}
	if in.damaged > 0 {
		return fmt.Errorf("damaged or unreadable: %d", in.damaged)
	}
	return nil
}

// inspector says what is inside stored things. It opens the configured stores
// when it needs them.
type inspector struct {
	printer interface{ print(note) error }
	config  *configFlags
	stderr  io.Writer
	events  bool
	stores  *stores
	damaged int
	broken  error // of the output
}

func (in *inspector) print(n note) {
	if in.broken == nil {
		in.broken = in.printer.print(n)
	}
}

// note is one line of what is printed: its kind, a sentence for people, and
// its members for programs.
type note struct {
	kind    string
	text    string
	members map[string]any
	lines   []byte // events, or what a dictionary holds
}

func (in *inspector) inspect(ctx context.Context, word string) error {
	info, err := os.Stat(word)
	switch {
	case err == nil && info.IsDir():
		return in.journalFolder(word)
	case err == nil && info.Size() > maxInspectBytes:
		return fmt.Errorf("%d bytes are more than it can be", info.Size())
	case err == nil:
		data, err := os.ReadFile(word)
		if err != nil {
			return err
		}
		return in.content(ctx, word, data, fileDictionaries(word))
	case !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(word, "v1/"):
		return err
	}
	bucket, err := in.bucket(ctx)
	if err != nil {
		return err
	}
	data, err := readObject(ctx, bucket, word, 0, maxInspectBytes)
	if err != nil {
		return err
	}
	return in.content(ctx, word, data, dictionary.NewReader(bucket, 32<<20).Get)
}

func (in *inspector) bucket(ctx context.Context) (objectstore.Bucket, error) {
	if in.stores == nil {
		cfg, err := in.config.load()
		if err != nil {
			return nil, err
		}
		if in.stores, err = openStores(ctx, cfg, true, newLog(in.stderr, cfg.Log)); err != nil {
			return nil, err
		}
	}
	return in.stores.bucket, nil
}

func (in *inspector) close() error {
	if in.stores == nil {
		return nil
	}
	return in.stores.close()
}

// dictionaries finds the dictionary of a frame.
type dictionaries func(context.Context, recording.StoredSegment) (*segment.Dictionary, error)

// fileDictionaries looks beside a file, and where its key says when it lies in
// a copy of a bucket.
func fileDictionaries(path string) dictionaries {
	return func(_ context.Context, s recording.StoredSegment) (*segment.Dictionary, error) {
		if s.Base.Object != "" {
			return fileBase(path, s)
		}
		return fileDictionary(path, s.Project, s.Dictionary)
	}
}

func fileDictionary(path string, project recording.ProjectID, id recording.DictionaryID) (*segment.Dictionary, error) {
	if id == "" {
		return nil, nil
	}
	data, err := readNear(path, project, segment.DictionaryKey(project, id))
	if err != nil {
		return nil, err
	}
	_, d, err := segment.ReadDictionaryObject(data)
	return d, err
}

// fileBase reads the segment whose content is the dictionary of s.
func fileBase(path string, s recording.StoredSegment) (*segment.Dictionary, error) {
	pack, err := readNear(path, s.Project, s.Base.Object)
	if err != nil {
		return nil, err
	}
	if s.Base.Offset < 0 || s.Base.Length < 0 || s.Base.Length > int64(len(pack))-s.Base.Offset {
		return nil, fmt.Errorf("%w: the base of a segment is beyond the end of its pack", segment.ErrCorrupt)
	}
	site, err := fileDictionary(path, s.Project, s.Base.Dictionary)
	if err != nil {
		return nil, err
	}
	content, err := segment.Decode(nil, pack[s.Base.Offset:s.Base.Offset+s.Base.Length], segment.MaxBaseBytes, site)
	if err != nil {
		return nil, err
	}
	return segment.NewBase(site, content)
}

// readNear reads an object from beside a file, or from the copy of a bucket
// that the file lies in.
func readNear(path string, project recording.ProjectID, key string) ([]byte, error) {
	places := []string{filepath.Join(filepath.Dir(path), filepath.Base(filepath.FromSlash(key)))}
	if absolute, err := filepath.Abs(path); err == nil {
		if root, _, found := strings.Cut(filepath.ToSlash(absolute), "/v1/"+string(project)+"/"); found {
			places = append(places, filepath.Join(root, filepath.FromSlash(key)))
		}
	}
	for _, place := range places {
		data, err := os.ReadFile(place)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		return data, err
	}
	return nil, fmt.Errorf("%s is not beside the file: %w", filepath.Base(key), os.ErrNotExist)
}

func (in *inspector) content(ctx context.Context, name string, data []byte, find dictionaries) error {
	begins := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	switch {
	case begins("PHPACK"):
		in.pack(ctx, name, data, find)
	case begins("PHDICT"):
		in.dictionary(name, data)
	case begins("PHJL"), strings.HasSuffix(name, ".log"):
		return in.journalFile(name)
	case strings.HasSuffix(name, segment.SiteSuffix):
		in.site(name, data)
	default:
		return errors.New("it is no pack, dictionary or journal")
	}
	return nil
}

// damage reports something that cannot be read.
func (in *inspector) damage(name string, offset, size int64, err error) {
	in.damaged++
	in.print(note{
		kind:    "damage",
		text:    fmt.Sprintf("  %d bytes at %d: %v", size, offset, err),
		members: map[string]any{"name": name, "offset": offset, "bytes": size, "error": err.Error()},
	})
}

func (in *inspector) pack(ctx context.Context, name string, data []byte, find dictionaries) {
	footer, err := segment.ReadFooter(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		in.damage(name, 0, int64(len(data)), err)
		return
	}
	sessions := map[recording.SessionID]bool{}
	var raw, frames int64
	for _, e := range footer.Entries {
		sessions[e.Session] = true
		raw += int64(e.RawBytes)
		frames += e.Length
	}
	made := ulid.Time(footer.ID.Time()).UTC()
	in.print(note{
		kind: "pack",
		text: fmt.Sprintf("%s: pack %s, version %d, project %s, class %s, made %s\n"+
			"  %d segments of %d sessions: %d bytes of events in %d bytes, %s; the pack has %d bytes",
			name, footer.ID, footer.Version, footer.Project, footer.Class, made.Format(time.RFC3339),
			len(footer.Entries), len(sessions), raw, frames, ratio(raw, frames), len(data)),
		members: map[string]any{
			"name": name, "pack_id": footer.ID.String(), "version": footer.Version, "project_id": footer.Project, "class": footer.Class,
			"made_ms": made.UnixMilli(), "segments": len(footer.Entries), "sessions": len(sessions),
			"raw_bytes": raw, "frame_bytes": frames, "bytes": len(data),
		},
	})
	for _, e := range footer.Entries {
		in.entry(ctx, name, e, data[e.Offset:e.Offset+e.Length], find)
	}
	for _, k := range footer.Keyframes {
		in.keyframe(ctx, name, k, data[k.Offset:k.Offset+k.Length], find)
	}
}

func (in *inspector) keyframe(ctx context.Context, name string, k segment.KeyframeEntry, frame []byte, find dictionaries) {
	check, err := "intact", k.Verify(frame)
	var events []byte
	if err == nil {
		content := segment.Entry{StoredSegment: recording.StoredSegment{
			Segment: recording.Segment{SegmentID: k.SegmentID, RawBytes: k.RawBytes}, Dictionary: k.Dictionary, Base: k.Base,
		}}
		events, check, err = decodeContent(ctx, content, frame, find)
	}
	n := note{
		kind: "keyframe",
		text: fmt.Sprintf("  at %8d  %7d bytes %6s  session %s window %s keyframe after seq %d, %s",
			k.Offset, k.Length, ratio(int64(k.RawBytes), k.Length), k.Session, k.Window, k.Seq, check),
		members: map[string]any{
			"name": name, "session_id": k.Session, "window_id": k.Window, "page_id": k.Page, "seq": k.Seq,
			"offset": k.Offset, "length": k.Length, "crc32c": k.CRC32C, "raw_bytes": k.RawBytes, "ts": k.TimestampMs,
			"dictionary": k.Dictionary, "base_object": k.Base.Object, "check": check,
		},
	}
	if in.events {
		n.lines = events
	}
	in.print(n)
	if err != nil {
		in.damage(name, k.Offset, k.Length, err)
	}
}

func (in *inspector) entry(ctx context.Context, name string, e segment.Entry, frame []byte, find dictionaries) {
	check, err := "intact", e.Verify(frame)
	var events []byte
	if err == nil {
		events, check, err = decodeEntry(ctx, e, frame, find)
	}
	with := ""
	switch {
	case e.Base.Object != "":
		with = fmt.Sprintf(", base at %d in %s", e.Base.Offset, e.Base.Object)
	case e.Dictionary != "":
		with = ", dictionary " + string(e.Dictionary)[:8]
	}
	n := note{
		kind: "segment",
		text: fmt.Sprintf("  at %8d  %7d bytes %6s  session %s window %s seq %d: %d events from %s, %d ms%s, %s",
			e.Offset, e.Length, ratio(int64(e.RawBytes), e.Length), e.Session, e.Window, e.Seq, e.Events,
			time.UnixMilli(e.StartMs).UTC().Format(time.RFC3339), e.EndMs-e.StartMs, with, check),
		members: map[string]any{
			"name": name, "session_id": e.Session, "window_id": e.Window, "page_id": e.Page, "seq": e.Seq,
			"offset": e.Offset, "length": e.Length, "crc32c": e.CRC32C, "raw_bytes": e.RawBytes, "events": e.Events,
			"start_ms": e.StartMs, "end_ms": e.EndMs, "full_snapshots": e.FullSnapshots,
			"dictionary": e.Dictionary, "base_object": e.Base.Object, "base_offset": e.Base.Offset, "base_length": e.Base.Length,
			"url": e.Origin.URL, "user_id": e.Origin.UserID, "check": check,
		},
	}
	if in.events {
		n.lines = events
	}
	in.print(n)
	if err != nil {
		in.damage(name, e.Offset, e.Length, err)
	}
}

// decodeEntry reads the events of an entry whose frame is the one that was
// stored. Without its dictionary only that much can be said.
func decodeEntry(ctx context.Context, e segment.Entry, frame []byte, find dictionaries) (events []byte, check string, err error) {
	events, check, err = decodeContent(ctx, e, frame, find)
	if n := bytes.Count(events, []byte{'\n'}); err == nil && events != nil && n != e.Events {
		return events, "other content", fmt.Errorf("%w: %d events, not what the footer says", segment.ErrCorrupt, n)
	}
	return events, check, err
}

func decodeContent(ctx context.Context, e segment.Entry, frame []byte, find dictionaries) (events []byte, check string, err error) {
	d, err := find(ctx, e.StoredSegment)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "intact, not read: its dictionary is not here", nil
	}
	if err == nil {
		events, err = segment.Decode(nil, frame, recording.MaxSegmentBytes, d)
	}
	if err != nil {
		return nil, "cannot be read", err
	}
	if len(events) != e.RawBytes {
		return events, "other content", fmt.Errorf("%w: %d bytes, not what the footer says", segment.ErrCorrupt, len(events))
	}
	return events, "intact", nil
}

func (in *inspector) dictionary(name string, data []byte) {
	info, d, err := segment.ReadDictionaryObject(data)
	if err != nil {
		in.damage(name, 0, int64(len(data)), err)
		return
	}
	n := note{
		kind: "dictionary",
		text: fmt.Sprintf("%s: dictionary %s of site %q, project %s, made %s from %d sessions of %d people or more\n  %d bytes in %d bytes, %s",
			name, info.ID, info.Site, info.Project, time.UnixMilli(info.CreatedMs).UTC().Format(time.RFC3339),
			info.Sessions, info.People, info.Bytes, len(data), ratio(int64(info.Bytes), int64(len(data)))),
		members: map[string]any{
			"name": name, "dictionary": info.ID, "site": info.Site, "project_id": info.Project, "created_ms": info.CreatedMs,
			"sessions": info.Sessions, "people": info.People, "raw_bytes": info.Bytes, "bytes": len(data),
		},
	}
	if in.events {
		n.lines = readable(d.Content())
	}
	in.print(n)
}

// readable makes text of bytes that may begin and end within a character.
func readable(content []byte) []byte {
	return bytes.ToValidUTF8(bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\n' {
			return '·'
		}
		return r
	}, content), []byte("·"))
}

func (in *inspector) site(name string, data []byte) {
	s, err := segment.ReadSiteObject(data)
	if err != nil {
		in.damage(name, 0, int64(len(data)), err)
		return
	}
	current := "no dictionary"
	if s.Dictionary != "" {
		current = "dictionary " + string(s.Dictionary)
	}
	in.print(note{
		kind:    "site",
		text:    fmt.Sprintf("%s: site %q has %s since %s", name, s.Site, current, time.UnixMilli(s.ChangedMs).UTC().Format(time.RFC3339)),
		members: map[string]any{"name": name, "site": s.Site, "dictionary": s.Dictionary, "changed_ms": s.ChangedMs},
	})
}

func (in *inspector) journalFolder(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return err
	}
	survey, err := journal.Look(dir)
	if err != nil && len(files) == 0 {
		return err
	}
	if err != nil { // a file of a newer program, say; the others can be read
		in.damage(dir, 0, 0, err)
		survey = &journal.Survey{Files: len(files)}
	}
	if len(files) == 0 && len(survey.SetAside) == 0 {
		if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
			return errors.New("it is no journal: it has no *.log files")
		}
	}
	use := "not in use"
	if survey.InUse {
		use = "in use"
	}
	in.print(note{
		kind: "journal",
		text: fmt.Sprintf("%s: journal of %d files, %d bytes, %s\n  %d segments are not known to be stored; %d packs are sealed; %d files were set aside",
			dir, survey.Files, survey.Bytes, use, survey.Segments, survey.Packs, len(survey.SetAside)),
		members: map[string]any{
			"name": dir, "files": survey.Files, "bytes": survey.Bytes, "in_use": survey.InUse,
			"segments": survey.Segments, "packs": survey.Packs, "set_aside": survey.SetAside,
		},
	})
	slices.Sort(files)
	for _, file := range files {
		if err := in.journalFile(file); err != nil {
			in.damage(file, 0, 0, err)
		}
	}
	return nil
}

func (in *inspector) journalFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	in.print(note{
		kind:    "journal file",
		text:    fmt.Sprintf("%s: journal file, %d bytes", path, info.Size()),
		members: map[string]any{"name": path, "bytes": info.Size()},
	})
	return journal.Walk(path, func(i journal.Item) error {
		switch {
		case i.Record != nil:
			in.record(path, i)
		case i.Seal != nil:
			in.print(note{
				kind: "seal",
				text: fmt.Sprintf("  at %8d  seal of pack %s: project %s, class %s, %d segments, %d repeats",
					i.Offset, ulid.ULID(i.Seal.Pack), i.Seal.Group.Project, i.Seal.Group.Class, len(i.Seal.Segments), len(i.Seal.Repeats)),
				members: map[string]any{
					"name": path, "offset": i.Offset, "bytes": i.Bytes, "pack_id": ulid.ULID(i.Seal.Pack).String(),
					"project_id": i.Seal.Group.Project, "class": i.Seal.Group.Class,
					"segments": len(i.Seal.Segments), "repeats": len(i.Seal.Repeats),
				},
			})
		case i.Done != nil:
			in.print(note{
				kind:    "done",
				text:    fmt.Sprintf("  at %8d  pack %s is stored and indexed", i.Offset, ulid.ULID(*i.Done)),
				members: map[string]any{"name": path, "offset": i.Offset, "bytes": i.Bytes, "pack_id": ulid.ULID(*i.Done).String()},
			})
		default:
			in.damage(path, i.Offset, i.Bytes, i.Err)
		}
		return nil
	})
}

func (in *inspector) record(path string, i journal.Item) {
	r, s := i.Record, i.Record.Segment
	kind, how := "upload", r.Encoding
	if r.Framed {
		kind, how = "segment", "frame"
	}
	n := note{
		kind: kind,
		text: fmt.Sprintf("  at %8d  %7d bytes  %s (%s) of project %s, session %s window %s seq %d: %d events, %d bytes, received %s",
			i.Offset, i.Bytes, kind, how, s.Project, s.Session, s.Window, s.Seq, s.Events, s.RawBytes,
			time.UnixMilli(s.ReceivedMs).UTC().Format(time.RFC3339)),
		members: map[string]any{
			"name": path, "offset": i.Offset, "bytes": i.Bytes, "project_id": s.Project, "class": r.Class,
			"session_id": s.Session, "window_id": s.Window, "page_id": s.Page, "seq": s.Seq, "events": s.Events,
			"raw_bytes": s.RawBytes, "received_ms": s.ReceivedMs, "encoding": how, "url": s.Origin.URL, "user_id": s.Origin.UserID,
		},
	}
	var err error
	if in.events {
		n.lines, err = recordEvents(r)
	}
	in.print(n)
	if err != nil {
		in.damage(path, i.Offset, i.Bytes, err)
	}
}

// recordEvents decompresses the events of a journal's record.
func recordEvents(r *journal.Record) ([]byte, error) {
	if r.Framed {
		return segment.Decode(nil, r.Body, recording.MaxSegmentBytes, nil)
	}
	var body io.Reader = bytes.NewReader(r.Body)
	switch r.Encoding {
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = z
	case "zstd":
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(recording.MaxSegmentBytes))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		body = z
	}
	data, err := io.ReadAll(io.LimitReader(body, recording.MaxSegmentBytes))
	if err != nil {
		return nil, err
	}
	return data[min(max(r.Skip, 0), len(data)):], nil
}

func ratio(raw, stored int64) string {
	if stored == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f×", float64(raw)/float64(stored))
}

// textPrinter writes for people.
type textPrinter struct{ w io.Writer }

func (p textPrinter) print(n note) error {
	out := []byte(n.text + "\n")
	for line := range bytes.Lines(n.lines) {
		out = append(append(out, "    "...), bytes.TrimSuffix(line, []byte{'\n'})...)
		out = append(out, '\n')
	}
	_, err := p.w.Write(out)
	return err
}

// jsonPrinter writes for programs: an object for each note, and one for each
// event, {"kind":"event","event":{…}}, or {"kind":"text"} where it is none.
type jsonPrinter struct{ *json.Encoder }

func (p jsonPrinter) print(n note) error {
	n.members["kind"] = n.kind
	if err := p.Encode(n.members); err != nil {
		return err
	}
	for line := range bytes.Lines(n.lines) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		o := map[string]any{"kind": "text", "text": string(line)}
		if n.kind != "dictionary" && json.Valid(line) {
			o = map[string]any{"kind": "event", "event": json.RawMessage(line)}
		}
		if err := p.Encode(o); err != nil {
			return err
		}
	}
	return nil
}
