package clickhouse

import "testing"

func TestSupported(t *testing.T) {
	for version, want := range map[string]bool{
		"26.3.1.1": true, "26.10.2.5": true, "27.1.1.1": true, "26.3": true,
		"26.2.9.1": false, "25.12.1.1": false, "": false, "26": false, "x.y.z": false,
	} {
		if got := supported(version); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}
