package scrub_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
	"github.com/playhead/playhead/pkg/scrub"
)

// quote makes a JSON string as JSON.stringify does.
func quote(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// Tokens are put together here, so that no scanner of source code takes them
// for leaked ones.
var (
	jwt    = "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0" + "." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	jwe    = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0" + "..48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYI.XFBoMYUZodetZdvTiFvSkQ"
	aws    = "AKIA" + "IOSFODNN7EXAMPLE"
	stripe = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
	ghp    = "ghp" + "_" + strings.Repeat("a1B2", 9)
	gho    = "gho" + "_" + strings.Repeat("a1B2", 9)
	pat    = "github" + "_pat_" + strings.Repeat("a1B2", 5) + "_" + strings.Repeat("c3", 10)
	slack  = "xoxb" + "-123456789012-abcdefABCDEF"
	google = "AIza" + strings.Repeat("Sy-_7", 7)
)

func TestLineReplacesSecrets(t *testing.T) {
	// Between ‹ and › stands what must go.
	tests := []struct {
		name, text string
		counts     scrub.Counts
	}{
		{"card", "‹4111111111111111›", scrub.Counts{Card: 1}},
		{"card in text", "Card: ‹4111111111111111›, thanks", scrub.Counts{Card: 1}},
		{"card at the end of a sentence", "It is ‹4111111111111111›.", scrub.Counts{Card: 1}},
		{"card with spaces", "‹4111 1111 1111 1111›", scrub.Counts{Card: 1}},
		{"card with dashes", "no ‹4111-1111-1111-1111›!", scrub.Counts{Card: 1}},
		{"card, expiry and code", "‹4111 1111 1111 1111› 12/27 123", scrub.Counts{Card: 1}},
		{"card after a number", "2 ‹4111 1111 1111 1111›", scrub.Counts{Card: 1}},
		{"card after a group", "1234 ‹4111 1111 1111 1111›", scrub.Counts{Card: 1}},
		{"card with expiry", "‹4111111111111111›/12/27", scrub.Counts{Card: 1}},
		{"American Express", "‹378282246310005› ‹3782 822463 10005›", scrub.Counts{Card: 2}},
		{"Mastercard", "‹5555555555554444› ‹2223003122003222›", scrub.Counts{Card: 2}},
		{"Diners Club", "‹30569309025904› ‹3056 930902 5904›", scrub.Counts{Card: 2}},
		{"Discover, JCB, UnionPay", "‹6011111111111117› ‹3530111333300000› ‹6200000000000005›", scrub.Counts{Card: 3}},
		{"old Visa", "‹4222222222222›", scrub.Counts{Card: 1}},
		{"19 digits", "‹4000000000000000006› ‹4000 0000 0000 0000 006›", scrub.Counts{Card: 2}},
		{"card in a query", "?q=‹4111111111111111›&r=card%20‹4111111111111111›", scrub.Counts{Card: 2}},
		{"cards in CSV", "‹4111111111111111›,‹5555555555554444›", scrub.Counts{Card: 2}},
		{"card after a new line", "number\n‹4111111111111111›\n", scrub.Counts{Card: 1}},
		{"card in JSON", `{"n":"‹4111111111111111›"}`, scrub.Counts{Card: 1}},

		{"e-mail", "‹jane.doe+shop@mail.example.com›", scrub.Counts{Email: 1}},
		{"e-mail in text", "Write to ‹jane@example.com›, please.", scrub.Counts{Email: 1}},
		{"e-mail before a full stop", "‹jane@example.com›.", scrub.Counts{Email: 1}},
		{"e-mail in brackets", "Jane <‹jane@example.co.uk›>", scrub.Counts{Email: 1}},
		{"e-mail in a link", "mailto:‹jane@example.com›?subject=x", scrub.Counts{Email: 1}},
		{"e-mail in a query", "/login?email=‹jane%40example.com›&next=1", scrub.Counts{Email: 1}},
		{"e-mail after an escape", "a\n‹n@example.com›\t‹t@example.com›", scrub.Counts{Email: 2}},
		{"e-mail in JSON", `{"a":"x\n‹jane@example.com›","b":1}`, scrub.Counts{Email: 1}},
		{"e-mail after other letters", "電子メール‹jane@example.com›です", scrub.Counts{Email: 1}},
		{"e-mail in capitals", "‹JANE@EXAMPLE.COM›", scrub.Counts{Email: 1}},

		{"JWT", "token=‹" + jwt + "›;", scrub.Counts{JWT: 1}},
		{"JWT in JSON", `{"token":"‹` + jwt + `›"}`, scrub.Counts{JWT: 1}},
		{"JWT without signature", "‹" + jwt[:strings.LastIndexByte(jwt, '.')+1] + "›", scrub.Counts{JWT: 1}},
		{"JWE", "‹" + jwe + "›", scrub.Counts{JWT: 1}},
		{"JWT in an encoded URL", "redirect%3Ftoken%3D‹" + jwt + "›", scrub.Counts{JWT: 1}},

		{"bearer", "Authorization: Bearer ‹abcdef0123456789›", scrub.Counts{Bearer: 1}},
		{"bearer in another case", "authorization: bearer  ‹a/b+c.d_e~f-01==›", scrub.Counts{Bearer: 1}},
		{"bearer with a JWT", "Bearer ‹" + jwt + "›", scrub.Counts{Bearer: 1}},
		{"bearer without digits", "Bearer ‹abcdefghijklmnopqrstuvwxyz›", scrub.Counts{Bearer: 1}},

		{"AWS", "id ‹" + aws + "›,", scrub.Counts{APIKey: 1}},
		{"Stripe", "key=‹" + stripe + "›", scrub.Counts{APIKey: 1}},
		{"GitHub", "‹" + ghp + "› ‹" + gho + "› ‹" + pat + "›", scrub.Counts{APIKey: 3}},
		{"Slack", "‹" + slack + "›", scrub.Counts{APIKey: 1}},
		{"Google", "?key=‹" + google + "›&v=1", scrub.Counts{APIKey: 1}},

		{"URL credentials", "https://‹jane:secret›@example.com/x", scrub.Counts{URLCredentials: 1}},
		{"URL user", "see ftp://‹jane›@example.com.", scrub.Counts{URLCredentials: 1}},
		{"URL credentials with an @", "https://‹jane@corp.example:p@ss›@example.com/", scrub.Counts{URLCredentials: 1}},
		{"two URLs", "https://‹a:b›@h/ https://‹c:d›@h?x", scrub.Counts{URLCredentials: 2}},

		{"several", "‹jane@example.com› paid with ‹4111111111111111›", scrub.Counts{Email: 1, Card: 1}},
		{"after a data: URL", "url('data:image/png;base64,jane@example.com') ‹joe@example.com›", scrub.Counts{Email: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			secret := strings.NewReplacer("‹", "", "›", "")
			line := []byte(`{"type":5,"data":{"x":` + quote(t, secret.Replace(tt.text)) + `},"timestamp":4111111111111111}`)
			want := `{"type":5,"data":{"x":` + quote(t, stars(tt.text)) + `},"timestamp":4111111111111111}`
			counts := scrub.Line(line)
			if string(line) != want {
				t.Errorf("got  %s\nwant %s", line, want)
			}
			if counts != tt.counts {
				t.Errorf("counts %+v, want %+v", counts, tt.counts)
			}
		})
	}
}

// stars replaces what stands between ‹ and › by asterisks.
func stars(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "‹")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		secret, after, _ := strings.Cut(rest, "›")
		b.WriteString(strings.Repeat("*", len(secret)))
		text = after
	}
}

func TestLineLeavesTheRestAlone(t *testing.T) {
	tests := map[string]string{
		"wrong check digit":          "4111111111111112",
		"no issuer":                  "9111111111111111 0000000000000000",
		"12 and 20 digits":           "411111111111 41111111111111111111",
		"timestamps":                 "1700000000000 1700000000000000 1700000000000000000",
		"fractions":                  "translate(0.4111111111111111px, 1.5555555555554444px)",
		"fraction after the digits":  "4111111111111111.5",
		"unit":                       "4111111111111111px",
		"id":                         "item-4111111111111111 item_4111111111111111 a4111111111111111",
		"hexadecimal":                "4111111111111111f",
		"UUID":                       "41111111-1111-4111-8111-111111111111",
		"path of a URL":              "/media/4111111111111111.jpg",
		"telephone":                  "+4111111111111111",
		"fragment":                   "#4111111111111111",
		"path data":                  "M411 111 L111 111 L111 111 L1 1Z",
		"other groups":               "411 1111 1111 1111 11",
		"mixed separators":           "4111 1111-1111 1111",
		"years":                      "2021 2022 2023 2024 2025",
		"CSS rules":                  "@media screen{a{b:c}}@font-face{src:url(x)}@import 'a.css'",
		"CSS after a URL":            "@import url(http://fonts.example);@font-face{a:b}",
		"retina image":               "/img/foo@2x.png logo@3x.webp icon@2x.SVG",
		"package":                    "https://cdn.example/react@18.2.0/index.min.js lodash@4.17.21 vue@next.js",
		"scoped package":             "node_modules/@grafana/ui",
		"handle":                     "@jane https://social.example/@jane.doe",
		"coordinates":                "https://maps.example/@52.5,13.4,15z",
		"no top level domain":        "jane@localhost root@10.0.0.1 a@b.c1 a@b..com a@.com",
		"top level domain of one":    "jane@example.c",
		"too long to be an address":  strings.Repeat("a", 65) + "@example.com",
		"data: URL":                  "data:image/png;base64,AAAAjane@example.com/4111111111111111",
		"data: URL in a style sheet": `a{b:url("data:image/svg+xml;utf8,<svg id='jane@example.com' d='4111111111111111'/>")}`,
		"unquoted data: URL":         "url(data:font/woff2;charset=utf-8;base64,4111111111111111)",
		"data: URL in single quotes": "url('data:image/svg+xml,%3Csvg a=\"jane@example.com\"') x",
		"data: URL in markup":        "<img src=data:image/gif;base64,4111111111111111>",
		"base64":                     "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk4111111111111111AKIAIOSFODNN7EXAMPLEx",
		"half a JWT":                 "eyJhbGciOiJIUzI1NiJ9 eyJhbGciOiJIUzI1NiJ9.eyJzdWIi",
		"base64 that begins as one":  "eyJhIjoxfQ==",
		"property access":            "keyJar.of.cookies",
		"words after bearer":         "Bearer of bad news, bearer authentication, forbearer 12345678",
		"bearer and nothing":         "Bearer ",
		"prefixes only":              "AKIA sk_live_ ghp_ xoxb- AIza github_pat_",
		"names like keys":            "task_live_abcdefghijklmnopqrst AKIASHORT my_ghp_" + strings.Repeat("a", 40),
		"longer than a key":          aws + "A " + google + "a",
		"URL without credentials":    "https://example.com:8080/a@b?c@d#e@f",
		"URL with nobody":            "https://@example.com/",
		"asterisks":                  "https://********@example.com/ ****@example.com",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			line := []byte(`[` + quote(t, text) + `]`)
			want := string(line)
			if counts := scrub.Line(line); string(line) != want || counts != (scrub.Counts{}) {
				t.Errorf("got  %s\nwant %s\ncounts %+v", line, want, counts)
			}
		})
	}
}

func TestLineScrubsOnlyValues(t *testing.T) {
	const in = `{"jane@example.com" : "jane@example.com", "4111111111111111":4111111111111111, "a":["jane@example.com",{"b@example.com":1}]}`
	const want = `{"jane@example.com" : "****************", "4111111111111111":4111111111111111, "a":["****************",{"b@example.com":1}]}`
	line := []byte(in)
	scrub.Line(line)
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
}

func TestLineKeepsEscapesWhole(t *testing.T) {
	tests := map[string]string{
		`["\njane@example.com"]`:                  `["\n****************"]`,
		`["\u00e9jane@example.com\n"]`:            `["\u00e9****************\n"]`,
		`["jane\u0040example.com"]`:               `["*********************"]`,
		`["\u0040example.com jane\u0040x"]`:       `["\u0040example.com jane\u0040x"]`,
		`["\\jane@example.com"]`:                  `["\\****************"]`,
		`["\\njane@example.com"]`:                 `["\\n****************"]`,
		`["\\u00e9jane@example.com"]`:             `["\\u00e9****************"]`,
		`["\\\\njane@example.com"]`:               `["\\\\n****************"]`,
		`["\"jane@example.com\""]`:                `["\"****************\""]`,
		`["https:\/\/jane:secret@example.com\/"]`: `["https:\/\/***********@example.com\/"]`,
		`["Bearer abc\/def\/0123456789"]`:         `["Bearer ********************"]`,
		`["\u00304111111111111111"]`:              `["\u0030****************"]`,
		`["4111111111111111\u0020"]`:              `["****************\u0020"]`,
		`["\""]`:                                  `["\""]`,
		`["\\"]`:                                  `["\\"]`,
		`["\\\\\\jane@example.com\\"]`:            `["\\\\\\****************\\"]`,
	}
	for in, want := range tests {
		line := []byte(in)
		scrub.Line(line)
		if string(line) != want {
			t.Errorf("%s: got %s, want %s", in, line, want)
		}
		if !json.Valid(line) {
			t.Errorf("%s: %s is not JSON", in, line)
		}
	}
}

func TestLineDoesNotAllocate(t *testing.T) {
	line := []byte(`{"type":5,"data":{"x":"jane@example.com 4111 1111 1111 1111 ` + jwt + `"}}`)
	work := make([]byte, len(line))
	if n := testing.AllocsPerRun(100, func() {
		copy(work, line)
		scrub.Line(work)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLineTakesLinearTime would take hours if a rule began again at every
// byte.
func TestLineTakesLinearTime(t *testing.T) {
	for _, part := range []string{
		"eyJ", "eyJa.", "@", "a@", "a@a.", "%40", "4111 ", "4111", "4111-", "://", "a://b@", "data:", "data:x,",
		"bearer ", "Bearer a", "xoxb-", "github_pat_", "sk_live_", "AIza", "AKIA", "_", `\\`, `\u0040`, `\"`, "a.",
	} {
		line := []byte(`["` + strings.Repeat(part, 4<<20/len(part)) + `"]`)
		scrub.Line(line)
	}
}

// TestLineKeepsTheCorpusWhole checks that what the server needs of an event,
// and its being an event at all, does not change.
func TestLineKeepsTheCorpusWhole(t *testing.T) {
	var total scrub.Counts
	for _, r := range rrwebtest.Corpus(t) {
		for i, line := range r.Lines {
			want, err := rrweb.Scan(line, 128)
			if err != nil {
				t.Fatal(err)
			}
			scrubbed := bytes.Clone(line)
			total.Add(scrub.Line(scrubbed))
			if got, err := rrweb.Scan(scrubbed, 128); err != nil || got != want {
				t.Errorf("%s: event %d: got %+v, want %+v (%v)", r.Name, i, got, want, err)
			}
			checkScrubbed(t, line, scrubbed)
		}
	}
	t.Logf("%+v", total)
}

// checkScrubbed compares a line with what became of it.
func checkScrubbed(t *testing.T, line, scrubbed []byte) {
	t.Helper()
	if len(scrubbed) != len(line) {
		t.Fatalf("%d bytes became %d", len(line), len(scrubbed))
	}
	for i := range line {
		if line[i] != scrubbed[i] && scrubbed[i] != '*' {
			t.Fatalf("byte %d of %q became %q", i, line, scrubbed[i])
		}
	}
	again := bytes.Clone(scrubbed)
	if counts := scrub.Line(again); !bytes.Equal(again, scrubbed) || counts != (scrub.Counts{}) {
		t.Fatalf("scrubbing %q once gives %q, twice %q (%+v)", line, scrubbed, again, counts)
	}
}

// TestLineTwiceIsOnce puts secrets, halves of secrets and separators side by
// side, which fuzzing does not find by itself: what is replaced at one place
// must not leave a new secret at another.
func TestLineTwiceIsOnce(t *testing.T) {
	parts := []string{
		"jane@example.com", "jane", "@", "example.com", ".com", "%40", `\u0040`, "a@b.c", "a@b.co",
		"4111111111111111", "4111 1111 1111 1111", "4111", "378282246310005", "1", "%20",
		jwt, jwe, jwt[:20], jwt[21:48], "eyJ", aws, aws[4:], "AKIA", stripe, ghp, pat, slack, google, "sk_live_",
		"Bearer ", "bearer abcdef0123456789", "https://", "https://a:b@", `https:\/\/a@`, "data:", "data:a/b,", "url(", "'",
		" ", "-", ".", "_", "/", "+", "=", ",", ")", ":", "*", "%2F", `\n`, `\\`, `\\n`, `\"`, `\/`, "é", "x", "n", "Z",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		var text strings.Builder
		for range 2 + random.IntN(7) {
			text.WriteString(parts[random.IntN(len(parts))])
		}
		line := []byte(`["` + text.String() + `"]`)
		scrubbed := bytes.Clone(line)
		scrub.Line(scrubbed)
		if !json.Valid(scrubbed) {
			t.Fatalf("%s became %s", line, scrubbed)
		}
		checkScrubbed(t, line, scrubbed)
	}
}

func FuzzLine(f *testing.F) {
	for _, text := range []string{
		"4111 1111 1111 1111 4111-1111-1111-1111 378282246310005",
		"jane@example.com jane%40example.com a@b.c-" + aws,
		jwt + "." + jwe + " Bearer " + jwt,
		aws + stripe + ghp + pat + slack + google,
		"https://a:b@c@d.example/%20" + stripe + " url('data:a/b,c') \\\\n\\u0040",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := []string{`{"` + text + `":1}`, `["` + text + `"]`, text, "[" + quote(t, text) + "]", quote(t, quote(t, text))}
		for _, line := range lines {
			scrubbed := []byte(line)
			scrub.Line(scrubbed) // must not panic on anything
			if !json.Valid([]byte(line)) {
				continue
			}
			if !json.Valid(scrubbed) {
				t.Fatalf("%q became %q", line, scrubbed)
			}
			checkScrubbed(t, []byte(line), scrubbed)
		}
	})
}

func BenchmarkLine(b *testing.B) {
	var lines [][]byte
	var size int64
	for _, r := range rrwebtest.Corpus(b) {
		for _, line := range r.Lines {
			scrub.Line(line) // from the second time on there is nothing to replace
			lines = append(lines, line)
			size += int64(len(line))
		}
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range lines {
			scrub.Line(line)
		}
	}
}
