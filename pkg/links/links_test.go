package links_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/links"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func config() links.Config {
	return links.Config{
		Self:      links.Source{UID: "playhead", Name: "Playhead"},
		Traces:    links.Source{UID: "tempo", Name: "Tempo"},
		Logs:      links.Logs{Source: links.Source{UID: "loki", Name: "Loki"}, Selector: `{service_name=~".+"}`},
		Attribute: "session.id",
	}
}

const session = "0199f3a2-1111-7abc-8def-0123456789ab"

func TestLinks(t *testing.T) {
	within := links.Range{FromMs: 1763791872123, ToMs: 1763791932123}
	replayOnly := config()
	replayOnly.Traces, replayOnly.Logs = links.Source{}, links.Logs{}
	hostile := config()
	hostile.Self.UID = `a/b?c=$d&e#f g`
	hostile.Logs.Selector = `{app="$__cell ${secret}"}`
	otherAttribute := config()
	otherAttribute.Attribute = "app.session-key"

	tables, jaeger := config(), config()
	tables.Traces, tables.Logs.Source = links.Source{UID: "ch", Name: "ClickHouse", Type: links.ClickHouse}, links.Source{UID: "ch", Name: "ClickHouse", Type: links.ClickHouse}
	jaeger.Traces = links.Source{UID: "jaeger", Name: "Jaeger", Type: links.Jaeger}

	for name, got := range map[string][]links.Link{
		"session_clickhouse": tables.Session("it's "+session, "1763791872123", within),
		"session_jaeger":     jaeger.Session(session, "1763791872123", within),
		"trace_clickhouse":   tables.Trace(links.RowValue, links.RowSpan),
		"trace_jaeger":       jaeger.Trace(links.RowValue, links.RowSpan),
		"session":            config().Session(session, "1763791872123", within),
		"session_of_row":     config().Session(links.RowValue, links.RowStart, within),
		"session_of_moment":  config().Session(links.RowValue, links.RowTime, within),
		"session_no_others":  replayOnly.Session(session, "1763791872123", within),
		"session_hostile":    hostile.Session(`"}`+"\\$x", "1", within),
		"session_attribute":  otherAttribute.Session(session, "1763791872123", within),
		"trace":              config().Trace("4bf92f3577b34da6a3ce929d0e0e4736", ""),
		"trace_of_row":       config().Trace(links.RowValue, links.RowSpan),
		"trace_none":         replayOnly.Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"),
	} {
		t.Run(name, func(t *testing.T) { checkGolden(t, name, got) })
	}
}

// What Explore reads back is what was meant, whatever the ids hold.
func TestExploreURLReadsBack(t *testing.T) {
	within := links.Range{FromMs: 1763791872123, ToMs: 1763791932123}
	for _, id := range []string{session, `"} or {`, `a\b`, "$x ${y} $$", "é+%&#="} {
		logs := config().Session(id, "1", within)[3]
		parsed, err := url.Parse(logs.URL)
		if err != nil {
			t.Fatalf("parse %s: %v", logs.URL, err)
		}
		var panes map[string]struct {
			Queries []struct{ Expr string }
			Range   struct{ From, To string }
		}
		if err := json.Unmarshal([]byte(parsed.Query().Get("panes")), &panes); err != nil {
			t.Fatalf("panes of %s: %v", logs.URL, err)
		}
		pane := panes["rpl"]
		want := `{service_name=~".+"} | session_id="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(id) + `"`
		if got := pane.Queries[0].Expr; got != want {
			t.Errorf("expr of %q is %s, want %s", id, got, want)
		}
		if pane.Range.From != "1763791812123" || pane.Range.To != "1763792232123" {
			t.Errorf("range of %q is %+v, want the session's, widened by 60 s before and 300 s after", id, pane.Range)
		}
		if strings.Contains(logs.URL, "$") {
			t.Errorf("%s holds a $ that Grafana would expand", logs.URL)
		}
	}
}

func checkGolden(t *testing.T, name string, got []links.Link) {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(got); err != nil {
		t.Fatal(err)
	}
	path := "testdata/" + name + ".json"
	if *update {
		if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, buf.Bytes()) {
		t.Errorf("%s:\n%s\nwant:\n%s", path, buf.Bytes(), want)
	}
}
