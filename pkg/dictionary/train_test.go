package dictionary

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/playhead/playhead/pkg/recording"
)

// words returns n bytes of text that repeats nothing long.
func words(r *rand.Rand, n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	text := make([]byte, n)
	for i := range text {
		if text[i] = letters[r.IntN(len(letters))]; i%9 == 8 {
			text[i] = ' '
		}
	}
	return text
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// visit is a session in a test, with whoever sent its segments.
type visit struct {
	id       recording.SessionID
	people   []Person // one for each segment; the last one for the rest
	segments [][]byte
}

// samplesOf holds the visits as the library would.
func samplesOf(visits []visit) (crowd, corpus) {
	var s samples
	var in intake
	var c corpus
	for i, v := range visits {
		for j, ndjson := range v.segments {
			s.reserve(&Sample{Session: v.id, Person: v.people[min(j, len(v.people)-1)], NDJSON: ndjson}, now, &in)
			c.text = append(c.text, ndjson...)
			c.add(i)
		}
	}
	return s.crowd(), c
}

func trainOn(visits []visit, limit int) []byte {
	crowd, sessions := samplesOf(visits)
	return train(sessions, crowd, limit)
}

// leaked returns a window of 8 bytes of secret that content has.
func leaked(content, secret []byte) string {
	for i := 0; i+8 <= len(secret); i++ {
		if bytes.Contains(content, secret[i:i+8]) {
			return string(secret[i : i+8])
		}
	}
	return ""
}

func TestWhatThreePeopleSawIsFound(t *testing.T) {
	r := newRand(1)
	sheet, other := words(r, 20_000), words(r, 1000)
	var visits []visit
	for i := range 3 {
		own := words(r, 5000)
		visits = append(visits, visit{
			id: recording.SessionID(fmt.Sprint("session-", i)), people: []Person{{UserID: fmt.Sprint("user-", i)}},
			segments: [][]byte{slices.Concat(own[:2000], sheet, own[2000:]), slices.Concat(words(r, 100), other)},
		})
	}
	content := trainOn(visits, 1<<20)
	if !bytes.Contains(content, sheet) || !bytes.Contains(content, other) {
		t.Error("what all have in common is not in the dictionary")
	}
	if len(content) > len(sheet)+len(other)+20 {
		t.Errorf("%d bytes in the dictionary, %d in common", len(content), len(sheet)+len(other))
	}
	if again := trainOn(visits, 1<<20); !bytes.Equal(again, content) {
		t.Error("the same sessions gave another dictionary")
	}
	for _, limit := range []int{0, 31, 32, 1000, 20_500} {
		if cut := trainOn(visits, limit); len(cut) > limit {
			t.Errorf("%d bytes, limit %d", len(cut), limit)
		}
	}
}

func TestTheMostValuableRunIsLast(t *testing.T) {
	r := newRand(2)
	rare, frequent := words(r, 3000), words(r, 3000)
	var visits []visit
	for i := range 4 {
		v := visit{id: recording.SessionID(fmt.Sprint("session-", i)), people: []Person{{AddressHash: uint64(i + 1)}}}
		v.segments = append(v.segments, slices.Concat(words(r, 50), rare))
		for range 5 {
			v.segments = append(v.segments, slices.Concat(words(r, 50), frequent))
		}
		visits = append(visits, v)
	}
	content := trainOn(visits, 1<<20)
	if at, of := bytes.Index(content, rare), bytes.Index(content, frequent); at < 0 || of < at {
		t.Errorf("rare text at %d, frequent text at %d", at, of)
	}
	if content = trainOn(visits, 3000); !bytes.Equal(content, frequent) {
		t.Error("with room for one run another one is taken")
	}
}

// TestPrivacy plants a secret in some of the sessions of a site where
// everything else is common, and looks for any 8 bytes of it.
func TestPrivacy(t *testing.T) {
	user := func(ids ...string) []Person {
		var people []Person
		for i, id := range ids {
			people = append(people, Person{UserID: id, AddressHash: uint64(1000 + i)})
		}
		return people
	}
	at := func(address uint64, previous recording.SessionID) []Person {
		return []Person{{AddressHash: address, Previous: previous}}
	}
	tests := map[string]struct {
		secret [][]Person // who sends the sessions with the secret
		public bool       // three people: it may, and here will, be learned
	}{
		"one person":                   {secret: [][]Person{user("a")}},
		"two people":                   {secret: [][]Person{user("a"), user("b")}},
		"three people":                 {secret: [][]Person{user("a"), user("b"), user("c")}, public: true},
		"one person three times":       {secret: [][]Person{user("a"), user("a"), user("a")}},
		"two people, six sessions":     {secret: [][]Person{user("a"), user("b"), user("a"), user("b"), user("a"), user("b")}},
		"three people at one address":  {secret: [][]Person{{{UserID: "a", AddressHash: 7}}, {{UserID: "b", AddressHash: 7}}, {{UserID: "c", AddressHash: 7}}}, public: true},
		"one address, nobody named":    {secret: [][]Person{at(7, ""), at(7, ""), at(7, "")}},
		"three addresses":              {secret: [][]Person{at(7, ""), at(8, ""), at(9, "")}, public: true},
		"addresses unknown":            {secret: [][]Person{at(0, ""), at(0, ""), at(0, "")}},
		"linked to one another":        {secret: [][]Person{at(7, ""), at(8, "secret-0"), at(9, "secret-1")}},
		"linked to one":                {secret: [][]Person{at(7, ""), at(8, "secret-0"), at(9, "secret-0")}},
		"linked to one never seen":     {secret: [][]Person{at(7, "elsewhere"), at(8, "elsewhere"), at(9, "elsewhere")}},
		"linked, and says other names": {secret: [][]Person{{{UserID: "a", AddressHash: 7}}, {{UserID: "b", AddressHash: 8, Previous: "secret-0"}}, {{UserID: "c", AddressHash: 9, Previous: "secret-1"}}}},
		"linked in a circle":           {secret: [][]Person{at(7, "secret-2"), at(8, "secret-0"), at(9, "secret-1")}},
		"named later":                  {secret: [][]Person{user("", "a"), user("", "a"), user("", "a")}},
		"named and not, one address":   {secret: [][]Person{{{UserID: "a", AddressHash: 7}}, at(7, ""), {{UserID: "b", AddressHash: 8}}}},
		"two names at one time":        {secret: [][]Person{user("a", "b"), user("b", "c"), user("c", "a")}},
		"moves between addresses":      {secret: [][]Person{{{AddressHash: 7}, {AddressHash: 8}}, {{AddressHash: 8}, {AddressHash: 9}}, at(9, "")}},
		"too many names to be one":     {secret: [][]Person{user("a"), user("b"), user("c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRand(3)
			before, after, secret := words(r, 300), words(r, 300), words(r, 200)
			var visits []visit
			add := func(id string, people []Person, text []byte) {
				v := visit{id: recording.SessionID(id), people: people}
				for range max(2, len(people)) {
					v.segments = append(v.segments, slices.Concat(words(r, 40), before, text, after))
				}
				visits = append(visits, v)
			}
			for i, people := range tt.secret {
				add(fmt.Sprint("secret-", i), people, secret)
			}
			for i := range 4 {
				add(fmt.Sprint("public-", i), user(fmt.Sprint("public-", i)), words(r, 200))
			}
			content := trainOn(visits, 1<<20)
			if !bytes.Contains(content, before) || !bytes.Contains(content, after) {
				t.Fatal("what all have in common is not in the dictionary: the test shows nothing")
			}
			if tt.public != bytes.Contains(content, secret) {
				t.Errorf("whole secret in the dictionary: %t", !tt.public)
			}
			if found := leaked(content, secret); !tt.public && found != "" {
				t.Errorf("%q of the secret is in the dictionary", found)
			}
		})
	}
}

// TestNamesInACommonSentenceStayOut: the text around them is everybody's.
func TestNamesInACommonSentenceStayOut(t *testing.T) {
	r := newRand(4)
	before, after := words(r, 200), words(r, 200)
	var visits []visit
	var names [][]byte
	for i := range 9 {
		name := words(r, 24)
		copy(name, "Ann-")
		names = append(names, name)
		visits = append(visits, visit{
			id: recording.SessionID(fmt.Sprint("session-", i)), people: []Person{{UserID: fmt.Sprint("user-", i)}},
			segments: [][]byte{slices.Concat(before, name, after), slices.Concat(before[100:], name, name, after)},
		})
	}
	content := trainOn(visits, 1<<20)
	if !bytes.Contains(content, before) {
		t.Error("the sentence is not in the dictionary")
	}
	for _, name := range names {
		if found := leaked(content, name); found != "" {
			t.Errorf("%q of name %q is in the dictionary", found, name)
		}
	}
}

// TestEveryRunIsOfThreePeople makes sites at random, of few words so that much
// coincides, and looks every run up in the sessions themselves.
func TestEveryRunIsOfThreePeople(t *testing.T) {
	runs := 0
	for seed := range uint64(150) {
		r := newRand(seed)
		var fragments [][]byte
		for range 2 + r.IntN(30) {
			fragments = append(fragments, words(r, 1+r.IntN(120)))
		}
		var visits []visit
		secrets := make([][]byte, 3+r.IntN(9))
		for i := range secrets {
			secrets[i] = words(r, 8+r.IntN(60))
			person := Person{AddressHash: uint64(r.IntN(6))}
			if r.IntN(2) == 0 {
				person.UserID = fmt.Sprint("user-", r.IntN(6))
			}
			if i > 0 && r.IntN(4) == 0 {
				person.Previous = visits[r.IntN(i)].id
			}
			v := visit{id: recording.SessionID(fmt.Sprint("session-", i)), people: []Person{person}}
			for range 1 + r.IntN(4) {
				var text []byte
				for range r.IntN(60) {
					if r.IntN(5) == 0 {
						text = append(text, secrets[i]...)
					} else {
						text = append(text, fragments[r.IntN(len(fragments))]...)
					}
				}
				v.segments = append(v.segments, text)
			}
			visits = append(visits, v)
		}
		crowd, sessions := samplesOf(visits)
		found := findCommon(sessions, crowd)
		for _, run := range found.runs {
			runs++
			var seen sessionSet
			for i, v := range visits {
				if slices.ContainsFunc(v.segments, func(text []byte) bool { return bytes.Contains(text, found.text[run.start:run.end]) }) {
					seen = seen.with(i)
				}
			}
			if !crowd.enough(seen) {
				t.Fatalf("seed %d: %q is in the sessions %b only", seed, found.text[run.start:run.end], seen)
			}
			if run.end-run.start < windowBytes {
				t.Errorf("seed %d: a run of %d bytes", seed, run.end-run.start)
			}
		}
		content := train(sessions, crowd, 1<<20)
		for i, secret := range secrets {
			if found := leaked(content, secret); found != "" {
				t.Fatalf("seed %d: %q of the secret of session %d is in the dictionary", seed, found, i)
			}
		}
	}
	if runs < 1000 {
		t.Errorf("only %d runs were found: the test shows little", runs)
	}
}

// TestEqualHashesAreNoProof gives different texts the same hash.
func TestEqualHashesAreNoProof(t *testing.T) {
	r := newRand(5)
	var visits []visit
	for i := range 4 {
		visits = append(visits, visit{
			id: recording.SessionID(fmt.Sprint("session-", i)), people: []Person{{UserID: fmt.Sprint("user-", i)}},
			segments: [][]byte{words(r, 4000)},
		})
	}
	crowd, sessions := samplesOf(visits)
	tr := &trainer{corpus: sessions, crowd: crowd, anchors: make([]anchor, 0, 10_000)}
	for i := range tr.pieces {
		tr.findAnchors(i)
	}
	for i := range tr.anchors {
		tr.anchors[i].hash = 1
	}
	tr.groupAnchors()
	tr.findRuns()
	if len(tr.runs) > 0 {
		t.Errorf("%d runs in texts that have nothing in common", len(tr.runs))
	}
}

func TestCrowd(t *testing.T) {
	// 0, 1 and 2 are different people; 3 differs from 0 only.
	c := make(crowd, 4)
	for _, pair := range [][2]int{{0, 1}, {0, 2}, {1, 2}, {0, 3}} {
		c[pair[0]] = c[pair[0]].with(pair[1])
		c[pair[1]] = c[pair[1]].with(pair[0])
	}
	for set, want := range map[sessionSet]bool{0b0111: true, 0b1111: true, 0b1011: false, 0b1110: false, 0b0011: false, 0: false} {
		if c.enough(set) != want {
			t.Errorf("sessions %04b are enough people: %t", set, !want)
		}
	}
	if n := c.people(); n != 3 {
		t.Errorf("%d people", n)
	}
}

func BenchmarkTrain(b *testing.B) {
	r := newRand(6)
	sheet := words(r, 200_000)
	var visits []visit
	for i := range sampleSessions {
		v := visit{id: recording.SessionID(fmt.Sprint("session-", i)), people: []Person{{UserID: fmt.Sprint("user-", i)}}}
		for range 4 {
			text := slices.Concat(sheet[:60_000], words(r, 20_000), sheet[i*1000:][:51_072])
			v.segments = append(v.segments, text)
		}
		visits = append(visits, v)
	}
	crowd, sessions := samplesOf(visits)
	b.SetBytes(int64(len(sessions.text)))
	b.ReportAllocs()
	for b.Loop() {
		if len(train(sessions, crowd, dictionaryBytes)) < 50_000 {
			b.Fatal("too little found")
		}
	}
}
