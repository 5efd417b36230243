// Package rig is what the benches share: the stores, Playhead's server and its
// peers as processes of their own, the processor time and memory of each, the
// load, and the form of the results. It measures nothing by itself and is for
// the programs beside it.
package rig

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Result is one line of a bench.
type Result struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Peer, PeerValue and Ratio (Value / PeerValue) are absent where nobody
	// else was measured.
	Peer      string  `json:"peer,omitempty"`
	PeerValue float64 `json:"peer_value,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	Method    string  `json:"method"`
}

// Against adds a peer to a result.
func (r Result) Against(peer string, value float64) Result {
	r.Peer, r.PeerValue = peer, value
	if value != 0 {
		r.Ratio = r.Value / value
	}
	return r
}

// Write writes results as JSON lines, numbers with four digits that count.
func Write(w io.Writer, results ...Result) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, r := range results {
		r.Value, r.PeerValue, r.Ratio = digits(r.Value), digits(r.PeerValue), digits(r.Ratio)
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("write %s: %w", r.Name, err)
		}
	}
	return nil
}

// digits rounds to four significant digits, integers above to none.
func digits(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	unit := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	if unit <= 1 {
		return math.Round(v)
	}
	return math.Round(v*unit) / unit
}

// Median of values; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Percentile of durations in ms, p from 0 to 1; 0 of none.
func Percentile(durations []time.Duration, p float64) float64 {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	i := min(int(math.Ceil(p*float64(len(sorted))))-1, len(sorted)-1)
	return float64(sorted[max(i, 0)]) / float64(time.Millisecond)
}
