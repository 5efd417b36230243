package dictionary

import (
	"fmt"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

func TestSamplingIsBounded(t *testing.T) {
	text := words(newRand(1), 500_000)
	var in intake
	taken := 0
	flood := func(at time.Time) {
		for i := range 1000 {
			var s samples // of one site of many
			_, n := s.reserve(&Sample{Session: recording.SessionID(fmt.Sprint("session-", i)), NDJSON: text}, at, &in)
			taken += n
		}
	}
	flood(now)
	if taken < intakeBurst || taken > intakeBurst+len(text) {
		t.Errorf("%d raw bytes taken at once", taken)
	}
	taken = 0
	for second := range 60 {
		flood(now.Add(time.Duration(second+1) * time.Second))
	}
	if most := 60*intakeRate + len(text); taken < most/2 || taken > most {
		t.Errorf("%d raw bytes taken in a minute", taken)
	}
}

func TestABusySiteIsSampledNowAndThen(t *testing.T) {
	var s samples
	var in intake
	admitted := 0
	for second := range 3600 {
		for i := range 5 {
			o := Sample{Session: recording.SessionID(fmt.Sprintf("session-%d-%d", second, i)), NDJSON: []byte("text")}
			if session, _ := s.reserve(&o, now.Add(time.Duration(second)*time.Second), &in); session != nil {
				admitted++
			}
		}
	}
	if want := sampleSessions + 59; admitted != want || len(s.sessions) != sampleSessions {
		t.Errorf("%d sessions of 18 000 sampled in an hour, want %d", admitted, want)
	}
	if newest := s.sessions[sampleSessions-1].id; newest != "session-3600-0" && newest < "session-35" {
		t.Errorf("the newest sample is %s", newest)
	}
}

func TestASessionOfTheSamePersonTakesTheirPlace(t *testing.T) {
	var s samples
	var in intake
	at := now
	observe := func(session, user string) {
		at = at.Add(sampleEvery)
		o := Sample{Session: recording.SessionID(session), Person: Person{UserID: user}, NDJSON: []byte("text")}
		s.reserve(&o, at, &in)
	}
	for i := range sampleSessions {
		observe(fmt.Sprint("session-", i), fmt.Sprint("user-", i))
	}
	observe("again", "user-5")
	if s.find("session-5") != nil || s.find("session-0") == nil || s.find("again") == nil {
		t.Error("another person's sample went")
	}
	observe("new", "user-new")
	if s.find("session-0") != nil || s.find("new") == nil {
		t.Error("the oldest sample stayed")
	}
}
