//go:build unix

package playback_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/recording"
)

func TestSessions(t *testing.T) {
	f := record(t)
	other := makeSegment("window-cccc", 0, startMs+3_600_000, 0, true)
	other.Session, other.Origin.UserID, other.Counts = "0199f3a2-2222-7abc-8def-0123456789ab", "user-8", recording.Counts{}
	other.URLs = []string{"https://shop.example/Help"}
	f.stores.Write(t, []playbacktest.Segment{other}, nil)
	foreign := makeSegment("window-dddd", 0, startMs, 0, true)
	foreign.Project, foreign.Session = "bank", "0199f3a2-3333-7abc-8def-0123456789ab"
	f.stores.Write(t, []playbacktest.Segment{foreign}, nil)

	first, second := string(session), string(other.Session)
	for query, want := range map[string][]string{
		"":                                     {second, first},
		"limit=1":                              {second},
		"user=user-7":                          {first},
		"user=user":                            nil,
		"url=help":                             {second},
		"errors=true":                          {first},
		"errors=false":                         {second, first},
		"trace_id=" + traceID:                  {first},
		"trace_id=" + strings.ToUpper(traceID): {first},
		fmt.Sprintf("from=%d&to=%d", startMs, startMs+70_000): {first},
		"q=" + first:                              {first},
		"q=%20" + first + "%20":                   {first},
		"q=" + first + "&from=1&to=2&user=nobody": {first},
		"q=" + traceID:                            {first},
		"q=USER-8":                                {second},
		"q=shop.example":                          {second, first},
		"q=" + string(foreign.Session):            nil,
		"q=0199f3a2-4444-7abc-8def-0123456789ab":  nil,
	} {
		got := f.get(t, "sessions?"+query)
		var page struct {
			Sessions []playback.Session
			Next     string
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", query, got.status, got.body)
			continue
		}
		var ids []string
		for _, s := range page.Sessions {
			ids = append(ids, string(s.ID))
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v", query, ids, want)
		}
		if query != "limit=1" {
			continue
		}
		next := f.get(t, "sessions?limit=1&before="+page.Next)
		if page.Next == "" || !strings.Contains(next.body, first) {
			t.Errorf("the page after %q is %s, want %s", page.Next, next.body, first)
		}
	}
	for _, path := range []string{"manifest", "segments?window=window-dddd&from_seq=0&to_seq=0"} {
		if got := f.get(t, "sessions/"+string(foreign.Session)+"/"+path); got.status != http.StatusNotFound {
			t.Errorf("%s of another project's session: status %d", path, got.status)
		}
	}
}

func TestResolve(t *testing.T) {
	f := record(t)
	reader := playback.New(playback.Config{Project: project, Bucket: f.stores.Bucket, Index: f.stores.Index, Log: slog.New(slog.DiscardHandler)})
	for text, want := range map[string]playback.Resolution{
		string(session):              {Session: session},
		" " + string(session) + "\n": {Session: session},
		traceID:                      {Session: session, TraceID: traceID},
		strings.ToUpper(traceID):     {Session: session, TraceID: traceID},
		strings.Repeat("0", 32):      {},
		"user-7 and more":            {},
		"":                           {},
	} {
		got, err := reader.Resolve(t.Context(), text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}
