// Command search measures how fast recordings are found among ten million: it
// fills the embedded engine with made-up sessions, asks for them through
// pkg/index/clickhouse, and asks a table like PostHog's for the same, in the
// same run. A tenth of the sessions in a second database shows how the times
// grow.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/playhead/playhead/tests/bench/rig"
)

var (
	sessions = flag.Int("sessions", 10_000_000, "sessions in the larger of the two databases")
	runs     = flag.Int("runs", 120, "questions of each kind")
	peerRuns = flag.Int("peer-runs", 40, "questions of each kind that the peer is asked; 0 leaves it out")
	only     = flag.String("only", "", "names of the questions to ask, with commas between; what no other needs is not made")
	keep     = flag.String("data", "", "folder that keeps the databases: what an earlier run has filled there is not filled again")
	seed     = flag.Uint64("seed", 1, "of the constants in the questions")
)

// asked reports whether a question is among those to ask.
func asked(question string) bool {
	return *only == "" || slices.Contains(strings.Split(*only, ","), question)
}

func main() { rig.Main("search", measure) }

func measure(ctx context.Context, dir string) (err error) {
	if *keep != "" {
		dir = *keep
	}
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return err
	}
	defer rig.Stop(&err, stores)
	e := &engine{address: stores.Addresses.ClickHouse, pid: stores.ClickHouse}
	large, err := fill(ctx, e, dir, "large", *sessions)
	if err != nil {
		return err
	}
	defer large.close()
	small, err := fill(ctx, e, dir, "small", *sessions/10)
	if err != nil {
		return err
	}
	defer small.close()
	peer := *peerRuns > 0 && slices.ContainsFunc(questions, func(q question) bool { return q.peer != nil && asked(q.name) })
	if peer {
		if err := fillPeer(ctx, e, large); err != nil {
			return err
		}
	}
	if err := e.settle(ctx); err != nil {
		return err
	}
	results, err := ask(ctx, e, large, small)
	if err != nil {
		return err
	}
	if peer {
		size, err := bytesPerSession(ctx, e, large)
		if err != nil {
			return err
		}
		results = append(results, size)
	}
	return rig.Write(os.Stdout, results...)
}

// bytesPerSession counts what finding sessions needs, not what happened in
// them: that would be as much as anybody likes.
func bytesPerSession(ctx context.Context, e *engine, d *database) (rig.Result, error) {
	ours, err := e.bytes(ctx, d.name, "sessions", "sessions_by_start", "postings", "terms")
	if err != nil {
		return rig.Result{}, err
	}
	theirs, err := e.bytes(ctx, peerDatabase, peerTable)
	if err != nil {
		return rig.Result{}, err
	}
	n := float64(d.data.sessions)
	r := rig.Result{Name: "search.bytes_per_session", Value: float64(ours) / n, Unit: "B",
		Method: fmt.Sprintf("tables sessions, sessions_by_start, postings (%.1f trace ids a session, its user and its URLs) and terms on disk; the peer cannot find a trace", tracesPerSession)}
	return r.Against(peerName, float64(theirs)/n), nil
}
