package ingest

import (
	"net/http"
	"testing"

	"github.com/playhead/playhead/pkg/index"
)

func TestCountryIn(t *testing.T) {
	for _, tt := range []struct{ header, value, want string }{
		{"CF-IPCountry", "DE", "DE"},
		{"cf-ipcountry", "at", "AT"},
		{"CF-IPCountry", "XX", ""}, // not known
		{"CF-IPCountry", "T1", ""}, // Tor
		{"CF-IPCountry", "DEU", ""},
		{"CF-IPCountry", "D\xc3", ""},
		{"CF-IPCountry", "", ""},
		{"X-Country", "", ""},
		{"", "DE", ""},
	} {
		r := request("")
		r.Header.Set("CF-IPCountry", tt.value)
		if got := countryIn(r, tt.header); got != tt.want {
			t.Errorf("%q in header %q is country %q, want %q", tt.value, tt.header, got, tt.want)
		}
	}
}

// What a proxy says is found again, also after it was read from the journal.
func TestCountryIsStored(t *testing.T) {
	st := newStores(t)
	cfg := testConfig(t)
	cfg.CountryHeader = "CF-IPCountry"
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	r := request(upload("session-1", 0))
	r.Header.Set("CF-IPCountry", "de")
	if w := serve(s, r); w.Code != http.StatusAccepted {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := s.journal.Close(); err != nil {
		t.Fatal(err)
	}
	stop := running(t, newServer(t, cfg, st.bucket, st.index, Options{}))
	eventually(t, "session of a country", func() bool {
		page, err := st.index.Sessions(deadline(t), index.SessionQuery{Project: testProject, Country: "DE"})
		return err == nil && len(page.Sessions) == 1 && page.Sessions[0].Country == "DE"
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
}
