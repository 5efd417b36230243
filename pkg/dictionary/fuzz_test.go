package dictionary

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/playhead/playhead/pkg/recording"
)

// FuzzTrain makes sessions of a byte string, with texts that they share in
// whole or in part, and trains on them: whatever enters occurs, as it is, in
// sessions of at least three different people, and never is a short run.
func FuzzTrain(f *testing.F) {
	f.Add([]byte("\xff\x01ab\xe0cd\xff\x02xy\xe0z\xff\x03\xe0\xe1"), 1000)
	f.Add([]byte("\xff\x01\xe0\xe1\xff\x02\xe0\xe1\xff\x03\xe0q\xff\x01\xe1\xfe\xe0\xe1"), 60)
	f.Add([]byte("\xff\x01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff\x02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff\x83aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 0)
	r := newRand(9)
	var shared [30][]byte
	for i := range shared {
		shared[i] = words(r, 24+4*i)
	}
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		limit &= 1<<16 - 1
		visits := visitsOf(data, shared[:])
		crowd, sessions := samplesOf(visits)
		for _, run := range findCommon(sessions, crowd).runs {
			checkCommon(t, sessions, crowd, sessions.text[run.start:run.end])
		}
		content := train(sessions, crowd, limit)
		if len(content) > limit {
			t.Fatalf("%d bytes, limit %d", len(content), limit)
		}
		if again := train(sessions, crowd, limit); !bytes.Equal(again, content) {
			t.Fatal("the same sessions gave another dictionary")
		}
	})
}

// visitsOf reads a byte string: 0xff begins a session, the next byte says
// whose; 0xfe begins a segment; 0xe0 and above are shared texts; everything else
// is itself.
func visitsOf(data []byte, shared [][]byte) []visit {
	var visits []visit
	for i := 0; i < len(data); i++ {
		b := data[i]
		if b == 0xff && i+1 < len(data) && len(visits) < sampleSessions {
			i++
			visits = append(visits, visit{
				id: recording.SessionID(fmt.Sprint("session-", len(visits))), people: []Person{personOf(data[i])}, segments: [][]byte{nil},
			})
			continue
		}
		if len(visits) == 0 {
			continue
		}
		v := &visits[len(visits)-1]
		last := &v.segments[len(v.segments)-1]
		switch {
		case b == 0xfe:
			v.segments = append(v.segments, nil)
		case b >= 0xe0 && int(b-0xe0) < len(shared):
			*last = append(*last, shared[b-0xe0]...)
		default:
			*last = append(*last, b)
		}
	}
	return visits
}

// personOf is one of eight users, one of seven addresses or somebody of whom
// nothing is known, perhaps somebody who came back.
func personOf(b byte) Person {
	p := Person{AddressHash: uint64(b & 7)}
	if b&8 != 0 {
		p = Person{UserID: fmt.Sprint("user-", b&7)}
	}
	if b&128 != 0 {
		p.Previous = recording.SessionID(fmt.Sprint("session-", b>>4&7))
	}
	return p
}

// checkCommon looks for a run in all sessions, with no help of hashes.
func checkCommon(t *testing.T, c corpus, people crowd, run []byte) {
	t.Helper()
	if len(run) < windowBytes {
		t.Fatalf("a run of %d bytes: %q", len(run), run)
	}
	var seen sessionSet
	for _, p := range c.pieces {
		if bytes.Contains(c.text[p.start:p.end], run) {
			seen = seen.with(p.session)
		}
	}
	if !people.enough(seen) {
		t.Fatalf("a run of too few people: %q", run)
	}
}
