package dom_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/playhead/playhead/pkg/dom"
)

// TestVisibilityIsTheBrowsers plays what tests/conformance/visibility.mjs
// recorded of testdata/pages/visibility.html, and asks of every element what a
// browser's checkVisibility was asked.
func TestVisibilityIsTheBrowsers(t *testing.T) {
	otherwise := map[string]string{
		"in aria-hidden": "what is hidden from screen readers is decoration by the definition of visible text",
		"in popover":     "whether a popover is open is not recorded",
	}
	data, err := os.ReadFile(filepath.Join("testdata", "visibility.json"))
	if err != nil {
		t.Fatal(err)
	}
	var steps []struct {
		Name    string
		Events  []json.RawMessage
		Visible map[string]bool
	}
	if err := json.Unmarshal(data, &steps); err != nil {
		t.Fatal(err)
	}
	d := dom.New(dom.Limits{})
	for _, step := range steps {
		for _, line := range step.Events {
			if err := d.Apply(line); err != nil {
				t.Fatalf("%s: %v: %.200s", step.Name, err, line)
			}
		}
		elements := make(map[string]dom.Node)
		collect(d.Root(), elements)
		for id, visible := range step.Visible {
			got := elements[id].Visible()
			if _, differs := otherwise[id]; (got == visible) == differs {
				t.Errorf("%s, %q: visible %v", step.Name, id, got)
			}
		}
	}
}

// collect finds the elements below a node by their ids.
func collect(n dom.Node, elements map[string]dom.Node) {
	if id, ok := n.Attribute("id"); ok {
		elements[id] = n
	}
	for c := range n.Children() {
		collect(c, elements)
	}
	if shadow := n.ShadowRoot(); shadow.Exists() {
		collect(shadow, elements)
	}
}
