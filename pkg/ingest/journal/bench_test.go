package journal

import (
	"log/slog"
	"testing"

	"github.com/playhead/playhead/pkg/recording"
)

// BenchmarkRecover opens a journal that is full by both of its bounds: 4 GiB
// and a million segments. The target is 30 s.
//
//	go test ./pkg/ingest/journal -run XXX -bench Recover -benchtime 1x
func BenchmarkRecover(b *testing.B) {
	const segments, bodyBytes, perPack = 1_000_000, 3600, 2000
	o := Options{
		Dir: b.TempDir(), MaxBytes: 8 << 30, FileBytes: 64 << 20, MaxSegments: 2 * segments,
		Log: slog.New(slog.DiscardHandler),
		Create: func(path string) (File, error) {
			f, err := create(path)
			return unsynced{f}, err
		},
	}
	j, _, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, bodyBytes)
	for i := range body {
		body[i] = byte(i * i >> 3)
	}
	var pack []Position
	for seq := range uint32(segments) {
		u := &Upload{Class: recording.ClassNormal, Segment: *numbered(seq), Encoding: "gzip", Skip: 500}
		e, err := j.AppendUpload(u, body)
		if err != nil {
			b.Fatal(err)
		}
		// Half of them were being stored when the server ended.
		if pack = append(pack, e.Position); seq < segments/2 && len(pack) == perPack {
			id := PackID{byte(seq), byte(seq >> 8), byte(seq >> 16)}
			if err := j.AppendSeal(Seal{Pack: id, Group: group, Segments: pack}); err != nil {
				b.Fatal(err)
			}
			pack = pack[:0]
		}
	}
	bytes := j.Stats().Bytes
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(bytes)
	for b.Loop() {
		j, r, err := Open(o)
		if err != nil {
			b.Fatal(err)
		}
		if n := j.Stats().Segments; n != segments || len(r.Damage) != 0 {
			b.Fatalf("%d segments, damage %v", n, r.Damage)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// unsynced keeps the benchmark's preparation short.
type unsynced struct{ File }

func (unsynced) Sync() error { return nil }
