package journal

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/playhead/playhead/pkg/recording"
)

// Recovery is what a journal held when it was opened.
type Recovery struct {
	// Packs were sealed and not done, in the order of their seals. Each may be
	// in object storage, whole or not at all; its segments must go into no
	// other pack before that is known.
	Packs []Pack

	// Pending segments are in no pack, in the order of their arrival.
	Pending map[Group][]Entry

	// Damage lists what could not be read.
	Damage []Damage
}

// Pack is a sealed pack with what is left of its segments: one whose record is
// damaged is missing, and may still be in the object.
type Pack struct {
	ID      PackID
	Group   Group
	Entries []Entry
	Repeats []Entry
}

// Damage is a stretch of a file without an intact record.
type Damage struct {
	File   string
	Offset int64
	Bytes  int64

	// Torn is true at the end of the last file, where a crash leaves records
	// that were never acknowledged. Elsewhere acknowledged bytes are lost.
	Torn bool
}

// recovering collects records while the files are read in order.
type recovering struct {
	segments []segmentState // ascending by position
	groups   []Group
	sealed   []Seal
	void     map[int]bool     // indexes into sealed: a later seal has one of the segments
	packs    map[PackID][]int // indexes into sealed
	buf      []byte           // of one file
}

type segmentState struct {
	entry Entry
	group int32 // index into groups
	pack  int32 // index into sealed, unsealed or settled
}

const (
	unsealed = -1
	settled  = -2
)

// recover reads every file and leaves j.files complete, without an active one.
func (j *Journal) recover() (*Recovery, error) {
	numbers, err := fileNumbers(j.opts.Dir)
	if err != nil {
		return nil, err
	}
	r := &recovering{void: map[int]bool{}, packs: map[PackID][]int{}}
	var damage []Damage
	for i, n := range numbers {
		d, err := j.recoverFile(r, n, i == len(numbers)-1)
		if err != nil {
			return nil, err
		}
		damage = append(damage, d...)
	}
	for _, d := range damage {
		if d.Torn {
			j.opts.Log.Info("journal ended in an unfinished write; truncated", "file", d.File, "offset", d.Offset, "bytes", d.Bytes)
		} else {
			j.opts.Log.Error("journal is damaged; these bytes are lost", "file", d.File, "offset", d.Offset, "bytes", d.Bytes)
		}
	}
	recovery := r.result()
	recovery.Damage = damage
	j.countLive(recovery)
	return recovery, nil
}

func fileNumbers(dir string) ([]uint64, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	var numbers []uint64
	for _, e := range names {
		hex, ok := strings.CutSuffix(e.Name(), ".log")
		if n, err := strconv.ParseUint(hex, 16, 64); ok && err == nil && e.Name() == fileName(n) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// recoverFile reads one file and keeps it open for Read.
func (j *Journal) recoverFile(r *recovering, number uint64, last bool) ([]Damage, error) {
	path := filepath.Join(j.opts.Dir, fileName(number))
	data, err := r.read(path)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	s, err := parseHeader(data)
	if errors.Is(err, errHeader) {
		return j.setAside(path, int64(len(data)), last)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	regions, err := scan(data, s, func(offset int, k kind, payload []byte) error {
		return r.record(Position{File: number, Offset: uint32(offset)}, k, payload)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	handle, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	f := &file{number: number, path: path, salt: s, size: int64(len(data)), File: handle}
	j.files = append(j.files, f)
	var damage []Damage
	for _, g := range regions {
		d := Damage{File: path, Offset: int64(g.start), Bytes: int64(g.end - g.start)}
		d.Torn = last && g.end == len(data)
		damage = append(damage, d)
		if !d.Torn {
			continue
		}
		f.size = d.Offset
		if err := errors.Join(f.Truncate(f.size), f.Sync()); err != nil {
			return nil, fmt.Errorf("truncate %s: %w", path, err)
		}
	}
	j.bytes += f.size
	return damage, nil
}

// read returns the content of a file in memory that the next call uses again.
func (r *recovering) read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r.buf = slices.Grow(r.buf[:0], int(info.Size()))[:info.Size()]
	_, err = io.ReadFull(f, r.buf)
	return r.buf, err
}

// setAside deals with a file without an intact header. At the end of the
// journal it is a file that a crash left unfinished; elsewhere it is kept under
// another name, for somebody to look at.
func (j *Journal) setAside(path string, size int64, last bool) ([]Damage, error) {
	d := Damage{File: path, Bytes: size, Torn: last && size <= headerSize}
	if d.Torn {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove unfinished journal file: %w", err)
		}
		return []Damage{d}, nil
	}
	if err := os.Rename(path, strings.TrimSuffix(path, ".log")+".damaged"); err != nil {
		return nil, fmt.Errorf("set damaged journal file aside: %w", err)
	}
	return []Damage{d}, nil
}

// record takes one intact record. A payload that its own program cannot read
// is a defect, not damage: better not to start than to lose it silently.
func (r *recovering) record(at Position, k kind, payload []byte) error {
	switch k {
	case kindSegment, kindUpload:
		return r.segment(at, payload)
	case kindSeal:
		s, err := decodeSeal(payload)
		if err != nil {
			return fmt.Errorf("seal at %d: %w", at.Offset, err)
		}
		r.seal(s)
	case kindDone:
		if len(payload) != len(PackID{}) {
			return fmt.Errorf("done at %d: %w", at.Offset, errPayload)
		}
		r.done(PackID(payload))
	}
	return nil
}

func (r *recovering) segment(at Position, payload []byte) error {
	description, body, err := splitDescribed(payload)
	if err != nil {
		return fmt.Errorf("segment at %d: %w", at.Offset, err)
	}
	var d struct { // only what is needed: there may be a million
		Project string `json:"project"`
		Class   string `json:"class"`
		Session string `json:"session_id"`
		Window  string `json:"window_id"`
		Seq     uint32 `json:"seq"`
		Bytes   int    `json:"bytes"`
	}
	if err := json.Unmarshal(description, &d); err != nil {
		return fmt.Errorf("segment at %d: %w", at.Offset, err)
	}
	m := meta{Project: d.Project, Session: d.Session, Window: d.Window, Seq: d.Seq, RawBytes: d.Bytes}
	r.segments = append(r.segments, segmentState{
		entry: m.entry(at, len(description)+len(body)),
		group: r.group(Group{Project: recording.ProjectID(d.Project), Class: recording.Class(d.Class)}),
		pack:  unsealed,
	})
	return nil
}

// group returns the index of a group, of which there are few.
func (r *recovering) group(g Group) int32 {
	i := slices.Index(r.groups, g)
	if i < 0 {
		i = len(r.groups)
		r.groups = append(r.groups, g)
	}
	return int32(i)
}

// find returns the segment at a position; nil when its record is damaged or
// was deleted with its file.
func (r *recovering) find(p Position) *segmentState {
	i, ok := slices.BinarySearchFunc(r.segments, p, func(s segmentState, p Position) int {
		return cmp.Or(cmp.Compare(s.entry.File, p.File), cmp.Compare(s.entry.Offset, p.Offset))
	})
	if !ok {
		return nil
	}
	return &r.segments[i]
}

func (r *recovering) seal(s Seal) {
	r.packs[s.Pack] = append(r.packs[s.Pack], len(r.sealed))
	r.sealed = append(r.sealed, s)
	for _, list := range [][]Position{s.Segments, s.Repeats} {
		for _, p := range list {
			if state := r.find(p); state != nil {
				if state.pack >= 0 {
					r.void[int(state.pack)] = true
				}
				state.pack = int32(len(r.sealed) - 1)
			}
		}
	}
}

func (r *recovering) done(id PackID) {
	for _, i := range r.packs[id] {
		for _, list := range [][]Position{r.sealed[i].Segments, r.sealed[i].Repeats} {
			for _, p := range list {
				if state := r.find(p); state != nil {
					state.pack = settled
				}
			}
		}
		r.sealed[i] = Seal{}
	}
	delete(r.packs, id)
}

// result sorts what is left into packs and pending segments.
func (r *recovering) result() *Recovery {
	out := &Recovery{Pending: map[Group][]Entry{}}
	seen := map[Identity]bool{}
	for i, s := range r.sealed {
		entries, repeats := r.entries(i, s.Segments), r.entries(i, s.Repeats)
		if r.void[i] {
			r.reopen(entries, repeats)
			continue
		}
		if len(entries) == 0 && len(repeats) == 0 {
			continue
		}
		for _, e := range entries {
			seen[e.Identity] = true
		}
		out.Packs = append(out.Packs, Pack{ID: s.Pack, Group: s.Group, Entries: entries, Repeats: repeats})
	}
	for _, state := range r.segments {
		// A second record of a segment exists when the first was written and
		// its acknowledgement failed; one is enough.
		if state.pack != unsealed || seen[state.entry.Identity] {
			continue
		}
		seen[state.entry.Identity] = true
		group := r.groups[state.group]
		out.Pending[group] = append(out.Pending[group], state.entry)
	}
	return out
}

// entries looks up the segments of a seal that are neither lost nor in a later
// one.
func (r *recovering) entries(pack int, positions []Position) (found []Entry) {
	for _, p := range positions {
		if state := r.find(p); state != nil && state.pack == int32(pack) {
			found = append(found, state.entry)
		}
	}
	return found
}

func (r *recovering) reopen(lists ...[]Entry) {
	for _, list := range lists {
		for _, e := range list {
			r.find(e.Position).pack = unsealed
		}
	}
}

// countLive notes per file how many segments are still needed.
func (j *Journal) countLive(r *Recovery) {
	add := func(entries []Entry) {
		for _, e := range entries {
			j.file(e.File).live++
			j.live++
		}
	}
	for _, p := range r.Packs {
		add(p.Entries)
		add(p.Repeats)
	}
	for _, entries := range r.Pending {
		add(entries)
	}
}
