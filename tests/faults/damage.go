//go:build unix

package faults

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// journalRecord is a record of a journal file, found as docs/format/journal-v1.md
// says, without the product's own reader.
type journalRecord struct {
	offset, size int64
	segment      recording.SegmentID // zero for seals and dones
}

const (
	journalHeader = 64
	recordHeader  = 16
)

// readRecords walks a file that is not damaged. What is left after the last
// whole record is an unfinished write.
func readRecords(path string) (records []journalRecord, data []byte, err error) {
	if data, err = os.ReadFile(path); err != nil {
		return nil, nil, fmt.Errorf("read journal: %w", err)
	}
	for at := int64(journalHeader); at+recordHeader <= int64(len(data)); {
		r := journalRecord{offset: at, size: recordHeader + int64(binary.LittleEndian.Uint32(data[at:]))}
		if at+r.size > int64(len(data)) {
			return records, data, nil
		}
		if kind := data[at+4]; kind == 1 || kind == 4 {
			if r.segment, err = readDescription(data[at+recordHeader : at+r.size]); err != nil {
				return nil, nil, fmt.Errorf("%s at %d: %w", path, at, err)
			}
		}
		records = append(records, r)
		at += r.size
	}
	return records, data, nil
}

func readDescription(payload []byte) (recording.SegmentID, error) {
	var id recording.SegmentID
	n := int(binary.LittleEndian.Uint32(payload))
	var d struct {
		Project string `json:"project"`
		Session string `json:"session_id"`
		Window  string `json:"window_id"`
		Seq     uint32 `json:"seq"`
	}
	if n > len(payload)-4 {
		return id, errors.New("the description ends beyond its record")
	}
	if err := json.Unmarshal(payload[4:4+n], &d); err != nil {
		return id, fmt.Errorf("read description: %w", err)
	}
	return recording.SegmentID{Project: recording.ProjectID(d.Project), Session: recording.SessionID(d.Session), Window: recording.WindowID(d.Window), Seq: d.Seq}, nil
}

// damage is what the suite did to a journal, and what the server must say.
type damage struct {
	lost, torn int64 // bytes
	segments   []recording.SegmentID
}

// journalFiles lists the files of a journal that hold records, oldest first.
func journalFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	return files, nil
}

// flipBit damages one bit anywhere in the records of a journal.
func (t *trial) flipBit(dir string) (damage, error) {
	files, err := journalFiles(dir)
	if err != nil {
		return damage{}, err
	}
	which := t.rng.IntN(len(files))
	records, data, err := readRecords(files[which])
	if err != nil || len(records) == 0 {
		return damage{}, err
	}
	hit := records[t.rng.IntN(len(records))]
	at := hit.offset + t.rng.Int64N(hit.size)
	data[at] ^= 1 << t.rng.IntN(8)
	d := damage{lost: hit.size}
	if which == len(files)-1 && hit.offset+hit.size == int64(len(data)) {
		d = damage{torn: hit.size} // cannot be told from an unfinished write
	}
	if hit.segment != (recording.SegmentID{}) {
		d.segments = append(d.segments, hit.segment)
	}
	return d, os.WriteFile(files[which], data, 0o600)
}

// tearTail cuts bytes off the end of a journal, and half of the time puts
// garbage there, as a disk does that had begun to write.
func (t *trial) tearTail(dir string) (damage, error) {
	files, err := journalFiles(dir)
	if err != nil {
		return damage{}, err
	}
	for len(files) > 0 {
		last := files[len(files)-1]
		records, data, err := readRecords(last)
		if err != nil {
			return damage{}, err
		}
		if len(records) == 0 { // begun and never written to
			if err := os.Remove(last); err != nil {
				return damage{}, err
			}
			files = files[:len(files)-1]
			continue
		}
		return t.tear(last, records, data)
	}
	return damage{}, errors.New("the journal holds no record to tear")
}

func (t *trial) tear(path string, records []journalRecord, data []byte) (damage, error) {
	var d damage
	cut := int64(len(data)) - 1 - t.rng.Int64N(min(2000, int64(len(data))-journalHeader-1))
	for _, r := range records {
		if r.offset+r.size <= cut {
			continue
		}
		if r.segment != (recording.SegmentID{}) {
			d.segments = append(d.segments, r.segment)
		}
		d.torn += max(0, cut-r.offset)
	}
	data = data[:cut]
	if t.rng.IntN(2) == 0 {
		garbage := make([]byte, 1+t.rng.IntN(500))
		for i := range garbage {
			garbage[i] = byte(t.rng.Uint32())
		}
		data = append(data, garbage...)
		d.torn += int64(len(garbage))
	}
	return d, os.WriteFile(path, data, 0o600)
}

// journalDamaged is row 3: segments wait in the journal of a server without
// object storage; it is killed, its journal is torn at the end or a bit of it
// is flipped, and it starts again.
func journalDamaged(t *trial) error {
	rounds, each := t.pick(20, 2), 100
	v, err := t.openVault()
	if err != nil {
		return err
	}
	config := t.settings(v, "ingest").with("journal", "file_bytes", 64<<10)
	s := newSender(newOracle(), nil)
	wrong, damaged := 0, 0
	for round := range rounds {
		if err := t.fillJournal(s, config, round, each); err != nil {
			return err
		}
		harm := t.flipBit
		if round%2 == 0 {
			harm = t.tearTail
		}
		d, err := harm(config.journal())
		if err != nil {
			return err
		}
		for _, id := range d.segments {
			s.oracle.damage(id)
		}
		damaged += len(d.segments)
		equal, err := t.recoverDamaged(s, v, config, d)
		if err != nil {
			return err
		}
		if !equal {
			wrong++
		}
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("rounds", float64(rounds))
	t.figure("segments_damaged", float64(damaged))
	t.figure("segments_gone", float64(result.damaged))
	t.figure("wrong_loss_metrics", float64(wrong))
	t.judge(result)
	t.expect(wrong == 0, "%d times the metrics of lost bytes are not what was damaged", wrong)
	t.expect(damaged > 0, "no segment was damaged: the row tests nothing")
	return nil
}

// fillJournal leaves a killed server's journal behind, full of segments.
func (t *trial) fillJournal(s *sender, config settings, round, segments int) error {
	t.s3.behave(always(reset))
	defer t.s3.behave(nil)
	srv, err := t.serve("ingest", config)
	if err != nil {
		return err
	}
	s.target = srv.url
	tape := newTape(t.rng.Uint64(), fmt.Sprintf("damage-%d", round))
	tape.text = 200
	for range segments {
		if err := s.deliver(t.ctx, tape.cut()); err != nil {
			return err
		}
	}
	srv.kill()
	return nil
}

// recoverDamaged starts a server on a damaged journal, lets it store what is
// left and says whether its metrics speak of exactly this damage.
func (t *trial) recoverDamaged(s *sender, v *vault, config settings, d damage) (bool, error) {
	srv, err := t.serve("ingest", config)
	if err != nil {
		return false, err
	}
	s.target = srv.url
	lost, _, err := srv.metric("playhead_ingest_journal_lost_bytes_total")
	if err != nil {
		return false, err
	}
	torn, _, err := srv.metric("playhead_ingest_journal_torn_bytes_total")
	if err != nil {
		return false, err
	}
	if lost != float64(d.lost) || torn != float64(d.torn) {
		t.note("damaged %d bytes and tore %d; the server says %v and %v", d.lost, d.torn, lost, torn)
	}
	if err := t.lifeAfter(s, v); err != nil {
		return false, err
	}
	if err := srv.drained(30 * time.Second); err != nil {
		return false, err
	}
	_, err = srv.stop(readyLimit)
	return lost == float64(d.lost) && torn == float64(d.torn), err
}
