package segment

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/playhead/playhead/pkg/recording"
)

// DictionaryVersion is the version of the dictionary objects, and of the site
// objects, that this program writes.
const DictionaryVersion = 1

// dictionaryMagic begins a dictionary object; its last two bytes are the
// version, big endian.
const dictionaryMagic = "PHDICT\x00\x01"

const (
	dictionaryHeadBytes   = 24
	maxDictionaryInfo     = 4 << 10 // of the description
	maxDictionaryOverhead = 64 << 10
)

// MaxDictionaryObjectBytes bounds a dictionary object: what a reader takes into
// memory.
const MaxDictionaryObjectBytes = dictionaryHeadBytes + maxDictionaryInfo + MaxDictionaryBytes + maxDictionaryOverhead

// DictionaryInfo is what a dictionary object says of its dictionary. It never
// says whose sessions it was made from.
type DictionaryInfo struct {
	Project   recording.ProjectID
	Site      string
	ID        recording.DictionaryID
	CreatedMs int64
	Sessions  int // that it was made from
	People    int // at least, whose sessions these were
	Bytes     int // of the content
}

// dictionaryLine is the description in a dictionary object.
type dictionaryLine struct {
	Version   int    `json:"v"`
	Project   string `json:"project_id"`
	Site      string `json:"site"`
	ID        string `json:"dictionary"`
	CreatedMs int64  `json:"created_ms"`
	Sessions  int    `json:"sessions"`
	People    int    `json:"people"`
	Bytes     int    `json:"bytes"`
}

// AppendDictionaryObject appends the object that stores d to dst. ID and Bytes
// of the info are taken from d.
func AppendDictionaryObject(dst []byte, d *Dictionary, info DictionaryInfo) ([]byte, error) {
	line, err := json.Marshal(dictionaryLine{
		Version: DictionaryVersion, Project: string(info.Project), Site: info.Site, ID: string(d.id),
		CreatedMs: info.CreatedMs, Sessions: info.Sessions, People: info.People, Bytes: len(d.content),
	})
	if err != nil {
		return nil, fmt.Errorf("make dictionary object: %w", err)
	}
	if len(line) > maxDictionaryInfo {
		return nil, fmt.Errorf("make dictionary object: %w: description of %d bytes", ErrRefused, len(line))
	}
	frame := Encode(nil, d.content, EncodeOptions{})
	begin := len(dst)
	dst = append(dst, dictionaryMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(line)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(frame)))
	sum := crc32.Update(crc32.Checksum(dst[begin:], castagnoli), castagnoli, line)
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(frame, castagnoli))
	return append(append(dst, line...), frame...), nil
}

// ReadDictionaryObject reads what AppendDictionaryObject wrote. It returns
// ErrCorrupt when the bytes are not those of a dictionary object, also when the
// content is not the one that the description names, and ErrVersion when a
// newer program wrote them, both wrapped.
func ReadDictionaryObject(data []byte) (DictionaryInfo, *Dictionary, error) {
	info, d, err := readDictionaryObject(data)
	if err != nil {
		return DictionaryInfo{}, nil, fmt.Errorf("read dictionary object: %w", err)
	}
	return info, d, nil
}

func readDictionaryObject(data []byte) (DictionaryInfo, *Dictionary, error) {
	if len(data) < dictionaryHeadBytes {
		return DictionaryInfo{}, nil, fmt.Errorf("%w: %d bytes are too few", ErrCorrupt, len(data))
	}
	if err := checkMagic(data[:len(dictionaryMagic)], dictionaryMagic); err != nil {
		return DictionaryInfo{}, nil, err
	}
	lineBytes, frameBytes := binary.LittleEndian.Uint32(data[8:]), binary.LittleEndian.Uint32(data[12:])
	if lineBytes > maxDictionaryInfo || uint64(dictionaryHeadBytes)+uint64(lineBytes)+uint64(frameBytes) != uint64(len(data)) {
		return DictionaryInfo{}, nil, fmt.Errorf("%w: description of %d bytes and content of %d in %d bytes", ErrCorrupt, lineBytes, frameBytes, len(data))
	}
	line, frame := data[dictionaryHeadBytes:dictionaryHeadBytes+lineBytes], data[dictionaryHeadBytes+lineBytes:]
	sum := crc32.Update(crc32.Checksum(data[:16], castagnoli), castagnoli, line)
	if sum != binary.LittleEndian.Uint32(data[16:]) || crc32.Checksum(frame, castagnoli) != binary.LittleEndian.Uint32(data[20:]) {
		return DictionaryInfo{}, nil, fmt.Errorf("%w: checksum", ErrCorrupt)
	}
	info, err := parseDictionaryLine(line)
	if err != nil {
		return DictionaryInfo{}, nil, err
	}
	content, err := Decode(nil, frame, MaxDictionaryBytes, nil)
	if err != nil {
		return DictionaryInfo{}, nil, fmt.Errorf("%w: content: %w", ErrCorrupt, err)
	}
	d, err := NewDictionary(content)
	if err != nil {
		return DictionaryInfo{}, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if d.id != info.ID || len(content) != info.Bytes {
		return DictionaryInfo{}, nil, fmt.Errorf("%w: content is not that of dictionary %s", ErrCorrupt, info.ID)
	}
	return info, d, nil
}

func parseDictionaryLine(line []byte) (DictionaryInfo, error) {
	var l dictionaryLine
	if err := json.Unmarshal(line, &l); err != nil {
		return DictionaryInfo{}, fmt.Errorf("%w: description: %w", ErrCorrupt, err)
	}
	if l.Version != DictionaryVersion {
		return DictionaryInfo{}, fmt.Errorf("%w: description says version %d", ErrCorrupt, l.Version)
	}
	project, err := recording.ParseProjectID(l.Project)
	if err != nil {
		return DictionaryInfo{}, fmt.Errorf("%w: description: %w", ErrCorrupt, err)
	}
	return DictionaryInfo{
		Project: project, Site: l.Site, ID: recording.DictionaryID(l.ID), CreatedMs: l.CreatedMs,
		Sessions: l.Sessions, People: l.People, Bytes: l.Bytes,
	}, nil
}

// MaxSiteObjectBytes bounds a site object.
const MaxSiteObjectBytes = 4 << 10

// Site is what the object under SiteKey says: which dictionary a site's new
// segments are encoded with.
type Site struct {
	Site       string
	Dictionary recording.DictionaryID // empty: none
	ChangedMs  int64                  // since when
}

type siteLine struct {
	Version    int    `json:"v"`
	Site       string `json:"site"`
	Dictionary string `json:"dictionary"`
	ChangedMs  int64  `json:"changed_ms"`
}

// AppendSiteObject appends the object that stores s to dst.
func AppendSiteObject(dst []byte, s Site) ([]byte, error) {
	line, err := json.Marshal(siteLine{Version: DictionaryVersion, Site: s.Site, Dictionary: string(s.Dictionary), ChangedMs: s.ChangedMs})
	if err != nil {
		return nil, fmt.Errorf("make site object: %w", err)
	}
	return append(append(dst, line...), '\n'), nil
}

// ReadSiteObject reads what AppendSiteObject wrote. It returns ErrCorrupt or
// ErrVersion, wrapped, as ReadDictionaryObject does.
func ReadSiteObject(data []byte) (Site, error) {
	var l siteLine
	if len(data) > MaxSiteObjectBytes {
		return Site{}, fmt.Errorf("read site object: %w: %d bytes", ErrCorrupt, len(data))
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return Site{}, fmt.Errorf("read site object: %w: %w", ErrCorrupt, err)
	}
	if l.Version > DictionaryVersion {
		return Site{}, fmt.Errorf("read site object: %w: %d", ErrVersion, l.Version)
	}
	id := recording.DictionaryID(l.Dictionary)
	if _, err := frameIDNamed(id); err != nil || l.Version < 1 {
		return Site{}, fmt.Errorf("read site object: %w: no dictionary id or no version", ErrCorrupt)
	}
	return Site{Site: l.Site, Dictionary: id, ChangedMs: l.ChangedMs}, nil
}
