package search_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/search"
)

func TestParse(t *testing.T) {
	trace, session := strings.Repeat("4B", 16), "0199f3a2-1111-7abc-8def-0123456789ab"
	for text, want := range map[string]index.SessionQuery{
		"":                         {},
		"  \t ":                    {},
		"ada":                      {Text: "ada"},
		"ada  lovelace":            {Text: "ada lovelace"},
		`"ada  lovelace"`:          {Text: "ada  lovelace"},
		`"user:ada"`:               {Text: "user:ada"},
		`""`:                       {},
		"user:ada":                 {UserID: "ada"},
		"user:user:ada":            {UserID: "user:ada"},
		`user:"Ada \"L\\\" \"" x`:  {UserID: `Ada "L\" "`, Text: "x"},
		"url:/checkout":            {URL: "/checkout"},
		"https://shop.example/a b": {Text: "https://shop.example/a b"},
		"signal:rage_click":        {Signal: "rage_click"},
		"signal:any":               {Signal: index.AnySignal},
		`seen:"payment declined"`:  {Seen: `"payment declined"`},
		`seen:declined`:            {Seen: "declined"},
		`seen:a"b`:                 {Seen: "a b"},
		`seen:"say \"no\""`:        {Seen: `"say  no "`},
		`seen:card seen:"not valid" seen:x`: {
			Seen: `card "not valid" x`},
		"duration:>2m":     {MinDurationMs: 120_001},
		"duration:>=1.5m":  {MinDurationMs: 90_000},
		"duration:<90s":    {MaxDurationMs: 89_999},
		"duration:<=500ms": {MaxDurationMs: 500},
		"duration:30s..5m": {MinDurationMs: 30_000, MaxDurationMs: 300_000},
		"duration:>1h duration:<2h": {
			MinDurationMs: 3_600_001, MaxDurationMs: 7_199_999},
		"errors:yes":         {Errors: true},
		"release:2.3.4":      {Release: "2.3.4"},
		"env:production":     {Environment: "production"},
		"environment:x":      {Environment: "x"},
		"browser:firefox":    {Browser: "firefox"},
		"country:de":         {Country: "DE"},
		"trace:" + trace:     {TraceID: strings.ToLower(trace)},
		"session:" + session: {SessionID: "0199f3a2-1111-7abc-8def-0123456789ab"},
		"Größe user:jürgen":  {Text: "Größe", UserID: "jürgen"},
		`user:ada url:/checkout signal:rage_click seen:"payment declined" duration:>2m errors:yes`: {
			UserID: "ada", URL: "/checkout", Signal: "rage_click", Seen: `"payment declined"`, MinDurationMs: 120_001, Errors: true},
	} {
		got, err := search.Parse(text, index.SessionQuery{})
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseKeepsTheRest(t *testing.T) {
	given := index.SessionQuery{Project: "shop", UserID: "ada", URL: "/a", Text: "x", Limit: 7}
	got, err := search.Parse("url:/b", given)
	want := given
	want.URL = "/b"
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("Parse = %+v, %v, want %+v", got, err, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]search.Error{
		"usr:ada":                   {At: 0, Reason: "no key usr"},
		"x  usr:ada":                {At: 3, Reason: "no key usr"},
		"user:":                     {At: 0, Reason: "no value"},
		`ä user:"ada`:               {At: 8, Reason: "not closed"},
		`user:"ada\`:                {At: 5, Reason: "not closed"},
		"user:a user:b":             {At: 7, Reason: "twice"},
		"errors:no":                 {At: 0, Reason: "only be yes"},
		"browser:netscape":          {At: 0, Reason: "one of Chrome"},
		"country:germany":           {At: 0, Reason: "two letters"},
		"country:d1":                {At: 0, Reason: "two letters"},
		"trace:4bf9":                {At: 0, Reason: "32 digits"},
		"session:x":                 {At: 0, Reason: "not the id"},
		"duration:2m":               {At: 0, Reason: "a duration is"},
		"duration:>m":               {At: 0, Reason: "a duration is"},
		"duration:>-2m":             {At: 0, Reason: "a duration is"},
		"duration:>1e9h":            {At: 0, Reason: "a duration is"},
		"duration:>0s":              {At: 0, Reason: "a duration is"},
		"duration:5m..":             {At: 0, Reason: "a duration is"},
		"duration:5m..30s":          {At: 0, Reason: "no session"},
		"duration:<1s duration:>1h": {At: 0, Reason: "no session"},
		"a\xffb":                    {At: 0, Reason: "UTF-8"},
	} {
		_, err := search.Parse(text, index.SessionQuery{})
		var got *search.Error
		if !errors.As(err, &got) || got.At != want.At || !strings.Contains(got.Reason, want.Reason) {
			t.Errorf("Parse(%q) = %v, want %q at %d", text, err, want.Reason, want.At)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", `user:ada url:/checkout "a b" seen:"x \" \\ y" duration:30s..5m`, `user:"`, "é:x", "a:b:c", "duration:>9999999999h", "\u2003x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := search.Parse(text, index.SessionQuery{})
		var refused *search.Error
		switch {
		case err == nil:
			if q.MinDurationMs < 0 || q.MaxDurationMs < 0 {
				t.Errorf("durations %d to %d", q.MinDurationMs, q.MaxDurationMs)
			}
		case !errors.As(err, &refused) || refused.At < 0 || refused.At > len(text):
			t.Errorf("error %v of a text of %d bytes", err, len(text))
		}
		// What is quoted is read as it was.
		if text == "" || !utf8.ValidString(text) {
			return
		}
		got, err := search.Parse("user:"+search.Quote(text)+" url:x", index.SessionQuery{})
		if want := (index.SessionQuery{UserID: text, URL: "x"}); err != nil || got != want {
			t.Errorf("quoted %q is read as %+v, %v", text, got, err)
		}
	})
}
