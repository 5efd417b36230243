package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
)

// segmentBytes is the raw size at which an imported segment is closed: what
// the recorder uses (design of the wire: 256 KiB).
const segmentBytes = 256 << 10

// importPattern are the names of the folders in data_dir that hold the journals
// of imports.
const importPattern = "import-*"

// storesCall is a command that works on the stores and on one project.
type storesCall struct {
	*call
	config  *configFlags
	project *string
}

func (c *call) onStores() storesCall {
	return storesCall{
		call:    c,
		config:  c.configFlags(),
		project: c.flags.String("project", "", "project `ID`; needed when the configuration has several"),
	}
}

// open reads the configuration, chooses the project and connects.
func (c storesCall) open(ctx context.Context) (config, recording.ProjectID, *stores, *slog.Logger, error) {
	cfg, err := c.config.load()
	if err != nil {
		return cfg, "", nil, nil, err
	}
	project, err := chooseProject(cfg, *c.project)
	if err != nil {
		return cfg, "", nil, nil, err
	}
	log := newLog(c.stderr, cfg.Log)
	s, err := openStores(ctx, cfg, true, log)
	return cfg, project, s, log, err
}

func chooseProject(c config, name string) (recording.ProjectID, error) {
	if name == "" && len(c.Ingest.Projects) == 1 {
		return c.Ingest.Projects[0].ID, nil
	}
	for _, p := range c.Ingest.Projects {
		if string(p.ID) == name {
			return p.ID, nil
		}
	}
	return "", &usageError{"--project must name a project of the configuration"}
}

func runImport(ctx context.Context, c *call) (err error) {
	sc := c.onStores()
	user := c.flags.String("user", "", "user `ID` of the imported sessions")
	files, err := c.parse()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return &usageError{"name at least one file"}
	}
	cfg, project, s, log, err := sc.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.index.Migrate(ctx); err != nil {
		return err
	}
	i, err := newImporter(ctx, cfg, s, log)
	if err != nil {
		return err
	}
	results := json.NewEncoder(c.stdout)
	refused := 0
	for _, file := range files {
		result := i.file(ctx, project, file, recording.Origin{UserID: *user})
		if result.Refused != "" {
			refused++
		}
		if err := results.Encode(result); err != nil {
			return errors.Join(err, i.close(ctx))
		}
	}
	if err := i.close(ctx); err != nil {
		return err
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d files refused", refused, len(files))
	}
	return nil
}

// imported is what became of one file.
type imported struct {
	File      string              `json:"file"`
	SessionID recording.SessionID `json:"session_id,omitempty"`
	Events    int                 `json:"events,omitempty"`
	Segments  int                 `json:"segments,omitempty"`
	Refused   string              `json:"refused,omitempty"`
}

// importer brings recordings into the stores on the same way as ingest does:
// through a journal of its own.
type importer struct {
	server  *ingest.Server
	limits  ingest.Limits
	dir     string // of its journal
	stop    context.CancelFunc
	stopped chan error
}

// newImporter first stores what imports that were cut off left behind.
func newImporter(ctx context.Context, c config, s *stores, log *slog.Logger) (*importer, error) {
	if err := os.MkdirAll(c.DataDir, 0o750); err != nil {
		return nil, fmt.Errorf("make data_dir: %w", err)
	}
	if err := finishImports(ctx, c, s, log); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(c.DataDir, importPattern)
	if err != nil {
		return nil, fmt.Errorf("make a journal for the import: %w", err)
	}
	i, err := openImporter(ctx, c, s, dir, log)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return i, nil
}

// finishImports stores what is in the journals of imports that ended early,
// killed for example, and removes them.
func finishImports(ctx context.Context, c config, s *stores, log *slog.Logger) error {
	dirs, err := abandonedImports(c.DataDir)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		log.InfoContext(ctx, "storing what is left of an import that was cut off", "journal", dir)
		i, err := openImporter(ctx, c, s, dir, log)
		if errors.Is(err, journal.ErrInUse) {
			continue // another import was faster
		}
		if err != nil {
			return fmt.Errorf("finish the import in %s: %w", dir, err)
		}
		if err := i.close(ctx); err != nil {
			return err
		}
	}
	return nil
}

// openImporter takes the journal in dir.
func openImporter(ctx context.Context, c config, s *stores, dir string, log *slog.Logger) (*importer, error) {
	c.Ingest.Journal.Dir = dir
	server, err := ingest.New(c.Ingest, s.bucket, s.index, ingest.Options{Log: log})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	i := &importer{server: server, limits: c.Ingest.Limits, dir: dir, stop: stop, stopped: make(chan error, 1)}
	go func() { i.stopped <- server.Run(running) }()
	return i, nil
}

// close returns when everything accepted is stored and indexed. The journal
// is removed only then.
func (i *importer) close(ctx context.Context) error {
	flushed := i.server.Flush(ctx)
	i.stop()
	if err := errors.Join(flushed, <-i.stopped); err != nil {
		return fmt.Errorf("store the import (what is missing is in %s): %w", i.dir, err)
	}
	return os.RemoveAll(i.dir)
}

// file imports one recording. It is read whole before its first segment is
// accepted, so that nothing of a recording with a bad event is stored.
func (i *importer) file(ctx context.Context, project recording.ProjectID, path string, origin recording.Origin) imported {
	result := imported{File: path}
	refuse := func(err error) imported {
		result.Refused = err.Error()
		return result
	}
	f, err := os.Open(path)
	if err != nil {
		return refuse(err)
	}
	defer f.Close()
	r, err := readRecording(f, i.limits)
	if err != nil {
		return refuse(err)
	}
	if err := i.store(ctx, project, r, origin, 0); err != nil {
		return refuse(err)
	}
	result.SessionID, result.Events, result.Segments = r.session, r.events, len(r.segments)
	return result
}

// store accepts the segments of a recording, its times moved by shift.
func (i *importer) store(ctx context.Context, project recording.ProjectID, r *recordingFile, origin recording.Origin, shift time.Duration) error {
	origin.Recorder.Name = "import"
	origin.Reason = recording.ReasonManual
	for _, s := range r.segments {
		// Ingest adds to the events' times what it takes the sender's clock to
		// be behind.
		header := playhead.Header{Session: r.session, Window: r.window, Page: s.page, Seq: s.seq, Origin: origin, SentAtMs: time.Now().Add(-shift).UnixMilli()}
		err := i.accept(ctx, project, ingest.Upload{Header: header, Events: s.ndjson})
		if err != nil {
			return fmt.Errorf("segment %d: %w", s.seq, err)
		}
	}
	return nil
}

// accept waits for the stores when the journal is full: files are read faster
// than they store.
func (i *importer) accept(ctx context.Context, project recording.ProjectID, up ingest.Upload) error {
	err := i.server.Accept(ctx, project, up)
	if !errors.Is(err, journal.ErrFull) {
		return err
	}
	if err := i.server.Flush(ctx); err != nil {
		return err
	}
	return i.server.Accept(ctx, project, up)
}

// recordingFile is a recording cut into segments.
type recordingFile struct {
	session  recording.SessionID
	window   recording.WindowID
	segments []fileSegment
	events   int
	startMs  int64
	endMs    int64
}

type fileSegment struct {
	page   recording.PageID
	seq    uint32
	ndjson []byte
	events int
}

// readRecording reads a JSON array of rrweb events. The events keep their
// bytes, but for white space, and their order; a page begins at each Meta.
// The ids come from the content, so importing a file twice stores it once.
func readRecording(r io.Reader, limits ingest.Limits) (*recordingFile, error) {
	decoder := json.NewDecoder(r)
	switch token, err := decoder.Token(); {
	case err != nil:
		return nil, fmt.Errorf("not a JSON array of rrweb events: %w", err)
	case token != json.Delim('['):
		return nil, errors.New("not a JSON array of rrweb events")
	}
	var (
		out  = &recordingFile{}
		sum  = sha256.New()
		page = 0
		line bytes.Buffer
	)
	for decoder.More() {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, fmt.Errorf("event %d: %w", out.events, err)
		}
		line.Reset()
		if err := json.Compact(&line, raw); err != nil {
			return nil, fmt.Errorf("event %d: %w", out.events, err)
		}
		event, err := rrweb.Scan(line.Bytes(), limits.Depth)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", out.events, err)
		}
		if int64(line.Len()) > int64(limits.EventBytes) {
			return nil, fmt.Errorf("event %d has %d bytes; limits.event_bytes is %d", out.events, line.Len(), limits.EventBytes)
		}
		if event.Type == rrweb.TypeMeta {
			page++
		}
		out.add(page, event, line.Bytes(), limits.Events)
		sum.Write(line.Bytes())
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("end of the array: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the array of events")
	}
	if out.events == 0 {
		return nil, errors.New("no events")
	}
	out.name(sum.Sum(nil))
	return out, nil
}

func (r *recordingFile) add(page int, e rrweb.Event, line []byte, maxEvents int) {
	id := recording.PageID(fmt.Sprintf("page-%05d", page))
	last := len(r.segments) - 1
	if last < 0 || r.segments[last].page != id || len(r.segments[last].ndjson)+len(line) > segmentBytes || r.segments[last].events == maxEvents {
		r.segments = append(r.segments, fileSegment{page: id, seq: uint32(len(r.segments))})
		last++
	}
	s := &r.segments[last]
	s.ndjson = append(append(s.ndjson, line...), '\n')
	s.events++
	if r.events == 0 || e.TimestampMs < r.startMs {
		r.startMs = e.TimestampMs
	}
	r.endMs = max(r.endMs, e.TimestampMs)
	r.events++
}

func (r *recordingFile) name(sum []byte) {
	r.session = recording.SessionID(uuid.NewSHA1(uuid.Nil, sum).String())
	r.window = recording.WindowID("import-" + hex.EncodeToString(sum[:8]))
}
