package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// exportDictionaryBytes is what an export keeps of dictionaries: those of the
// few sites that one session has visited.
const exportDictionaryBytes = 4 << 20

func runExport(ctx context.Context, c *call) (err error) {
	sc := c.onStores()
	words, err := c.parse()
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return &usageError{"name one session"}
	}
	id, err := recording.ParseSessionID(words[0])
	if err != nil {
		return &usageError{err.Error()}
	}
	_, project, s, _, err := sc.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return exportSession(ctx, s, project, id, c.stdout)
}

// exportSession writes the events of a session as one JSON array, byte for
// byte as they are stored: window after window, segment after segment.
func exportSession(ctx context.Context, s *stores, project recording.ProjectID, id recording.SessionID, w io.Writer) error {
	segments, err := s.index.Segments(ctx, project, id)
	if err != nil {
		return fmt.Errorf("find session %s: %w", id, err)
	}
	dictionaries := dictionary.NewReader(s.bucket, exportDictionaryBytes)
	out := bufio.NewWriter(w)
	separator := "[\n"
	for _, stored := range segments {
		ndjson, err := readSegment(ctx, s, dictionaries, stored)
		if err != nil {
			return fmt.Errorf("read segment %d of window %s: %w", stored.Seq, stored.Window, err)
		}
		for line := range bytes.Lines(ndjson) {
			fmt.Fprint(out, separator)
			separator = ",\n"
			out.Write(bytes.TrimSuffix(line, []byte("\n"))) //nolint:errcheck // Flush returns the first error
		}
	}
	fmt.Fprint(out, "\n]\n")
	return out.Flush()
}

func readSegment(ctx context.Context, s *stores, dictionaries *dictionary.Reader, stored recording.StoredSegment) ([]byte, error) {
	d, err := dictionaries.Get(ctx, stored)
	if err != nil {
		return nil, err
	}
	r, err := s.bucket.Get(ctx, stored.Object, stored.Offset, stored.Length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	frame, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return segment.Decode(nil, frame, recording.MaxSegmentBytes, d)
}
