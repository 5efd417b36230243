package dom_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the recordings of tests/conformance")

// TestConformanceRecordings keeps the recordings that tests/conformance plays
// in a browser the same as the tests here: every case of TestSources, and
// random events like those of FuzzMutations.
func TestConformanceRecordings(t *testing.T) {
	const random, events, bytesPerEvent = 20, 40, 60
	for i, tt := range sourceTests {
		name := strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(tt.name)
		checkRecording(t, fmt.Sprintf("cases/%02d-%s.json", i, name), tt.events)
	}
	for seed := range random {
		r := rand.New(rand.NewSource(int64(seed)))
		var lines []string
		for range events {
			data := make([]byte, bytesPerEvent)
			r.Read(data)
			line, _ := eventOf(data)
			lines = append(lines, line)
		}
		checkRecording(t, fmt.Sprintf("random/%02d.json", seed), lines)
	}
}

// checkRecording compares a file with the events after the page, one every 10
// ms.
func checkRecording(t *testing.T, name string, events []string) {
	t.Helper()
	const meta = `{"type":4,"timestamp":1,"data":{"href":"https://a.test/","width":800,"height":600}}`
	lines := append([]string{meta, page}, events...)
	for i, line := range lines {
		line = strings.Replace(line, `"timestamp":1,`, `"timestamp":2,`, 1)
		lines[i] = strings.Replace(line, `"timestamp":2,`, fmt.Sprintf(`"timestamp":%d,`, 1000+10*i), 1)
	}
	want := []byte("[\n" + strings.Join(lines, ",\n") + "\n]\n")
	file := filepath.Join("..", "..", "tests", "conformance", "testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is another recording: run the test with -update", file)
	}
}
