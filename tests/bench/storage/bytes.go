package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/snappy"

	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/segment"
	"github.com/playhead/playhead/tests/bench/rig"
	"github.com/playhead/playhead/tests/traffic"
)

const (
	// storeTime bounds the storing of what was sent.
	storeTime = 2 * time.Minute

	// roundTime of the recordings is sent between two packs: flush.pack_age.
	roundTime = 10 * time.Second

	// packAge stands for flush.pack_age: longer than the uploads of a round
	// take, so that a round is a pack.
	packAge = 2 * time.Second

	// pause is between two uploads. All of a round at once would make the server
	// hurry, and spend less time on each than it does when the sessions take theirs.
	pause = 25 * time.Millisecond

	// snappyBlock is how far back Snappy refers in the reference
	// implementation, and in the package that PostHog uses. The Go package that
	// stands in for it here would refer further.
	snappyBlock = 64 << 10
)

// unseenSites sends each recording once, as one session of a site of its own,
// through the real ingest.
func unseenSites(ctx context.Context, dir string, recordings []*traffic.Recording) ([]rig.Result, error) {
	ours, err := storeOurs(ctx, filepath.Join(dir, "unseen"), recordings, nil)
	if err != nil {
		return nil, err
	}
	table, err := storeClickStack(ctx, filepath.Join(dir, "unseen-clickstack"), recordings)
	if err != nil {
		return nil, err
	}
	raw, snappy, gzip := peerBytes(recordings)
	all := float64(ours.sum(""))
	tables := ours.sum("table_")
	rig.Say("unseen sites: %d raw, ours %.0f (index %d), ClickStack %d, snappy %d, gzip %d", raw, all, tables, table, snappy, gzip)
	method := fmt.Sprintf("%d recordings, %.1f MB raw, each one session of a site of its own, sent through ingest, a pack for every 10 s; objects + active parts of every table after OPTIMIZE FINAL (index share %.0f %%)", len(recordings), float64(raw)/1e6, 100*float64(tables)/all)
	result := func(name, peer string, value int64) rig.Result {
		return rig.Result{Name: name, Value: all, Unit: "B", Method: method}.Against(peer, float64(value))
	}
	return append([]rig.Result{
		result("storage.bytes_unseen_site", "ClickStack hyperdx_sessions after OPTIMIZE FINAL", table),
		result("storage.bytes_unseen_site_vs_snappy", "PostHog block: snappy of a session in blocks of 64 KiB, without its index", snappy),
		result("storage.bytes_unseen_site_vs_gzip", "each upload's gzip as it came, without an index", gzip),
	}, ours.results("storage.bytes_unseen_site")...), nil
}

// storeOurs sends recordings side by side, each as one session of a site of its
// own with its dictionary, if it has one, and returns what they take when
// everything has settled.
func storeOurs(ctx context.Context, dir string, recordings []*traffic.Recording, dictionaries map[string]*segment.Dictionary) (size split, err error) {
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer rig.Stop(&err, stores)
	if err := putDictionaries(ctx, stores, dictionaries); err != nil {
		return nil, err
	}
	if err := storeAll(ctx, stores, filepath.Join(dir, "playhead"), recordings, dictionaries); err != nil {
		return nil, err
	}
	if err := forgetWarmUp(ctx, stores); err != nil {
		return nil, err
	}
	if err := stores.Settle(ctx); err != nil {
		return nil, err
	}
	return splitOf(ctx, stores)
}

// storeAll returns when all that a server found in recordings is stored.
func storeAll(ctx context.Context, stores *rig.Stores, dir string, recordings []*traffic.Recording, dictionaries map[string]*segment.Dictionary) (err error) {
	playhead, err := rig.StartPlayhead(ctx, stores, rig.PlayheadOptions{Dir: dir, PackAge: packAge})
	if err != nil {
		return err
	}
	// A server that is told to stop stores the keyframes that wait for a pack.
	defer rig.Stop(&err, playhead)
	if err := warmUp(ctx, stores, playhead, dictionaries); err != nil {
		return err
	}
	if err := sendOnce(ctx, playhead, recordings); err != nil {
		return err
	}
	return playhead.DrainInsight(ctx, storeTime)
}

// sendOnce sends every recording as one session, each of another user: in
// rounds of what ten seconds bring, after each of which everything is stored,
// as it is when the sessions take their time. Idle time is passed over.
func sendOnce(ctx context.Context, p *rig.Playhead, recordings []*traffic.Recording) error {
	sender := &traffic.Sender{URL: p.URL, Key: rig.Key, Client: traffic.NewClient(1), Attempts: -1}
	defer sender.Client.CloseIdleConnections()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	random := rig.Random(1)
	sessions := make([]*paced, len(recordings))
	for i, r := range recordings {
		sessions[i] = &paced{recording: r, session: traffic.NewSession(r, random, traffic.SessionOptions{Site: siteOf(r)})}
	}
	for sent := -1; sent != 0; {
		sent = 0
		for _, s := range sessions {
			n, err := s.sendRound(ctx, sender, tick.C)
			if err != nil {
				return err
			}
			sent += n
		}
		if err := p.Drain(ctx, storeTime); err != nil {
			return err
		}
	}
	return nil
}

// siteOf is the site that a recording is sent as the only one of.
func siteOf(r *traffic.Recording) string { return strings.ToLower(r.Name) + ".example" }

// paced is a session that is sent in rounds.
type paced struct {
	recording *traffic.Recording
	session   *traffic.Session
	next      int // upload
}

// sendRound sends the uploads of the next ten seconds and returns their number.
func (s *paced) sendRound(ctx context.Context, sender *traffic.Sender, pace <-chan time.Time) (sent int, err error) {
	segments := s.recording.Segments
	for first := s.next; s.next < len(segments) && segments[s.next].At < segments[first].At+roundTime; s.next++ {
		reply, err := sender.Send(ctx, s.session.Upload(s.next))
		if err != nil {
			return sent, err
		}
		if reply.Status != 202 {
			return sent, fmt.Errorf("%s: upload %d refused: %d %s", s.recording.Name, s.next, reply.Status, reply.Refusal)
		}
		sent++
		<-pace
	}
	return sent, nil
}

// storeClickStack sends the same sessions through ClickStack's collector.
func storeClickStack(ctx context.Context, dir string, recordings []*traffic.Recording) (size int64, err error) {
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer rig.Stop(&err, stores)
	collector, err := rig.StartClickStack(ctx, filepath.Join(dir, "collector"), stores)
	if err != nil {
		return 0, err
	}
	defer rig.Stop(&err, collector)
	records, err := rig.SendOTLPOnce(ctx, collector, recordings)
	if err != nil {
		return 0, err
	}
	if err := rig.WaitForRows(ctx, stores, int64(records), storeTime); err != nil {
		return 0, err
	}
	if err := stores.Settle(ctx); err != nil {
		return 0, err
	}
	return stores.TableBytes(ctx)
}

// peerBytes are the sizes that need no server.
func peerBytes(recordings []*traffic.Recording) (raw, snappied, gzipped int64) {
	for _, r := range recordings {
		raw += int64(r.RawBytes)
		for block := range slices.Chunk(posthogBlock(r), snappyBlock) {
			snappied += int64(len(snappy.Encode(nil, block)))
		}
		for i := range r.Segments {
			gzipped += int64(len(r.Segments[i].Compressed()))
		}
	}
	return raw, snappied, gzipped
}

// posthogBlock is what PostHog's session recorder compresses with snappy when
// it flushes a session: a line of JSON.stringify([windowId, event]) for each
// event. The whole session is one block here, which is the best that snappy
// can do: a real flush comes every 10 s.
func posthogBlock(r *traffic.Recording) []byte {
	const opening = `["019a8c3e-5f00-7000-8000-000000000001",` // a window id
	var block []byte
	for _, s := range r.Segments {
		for _, line := range rrweb.Lines(s.NDJSON) {
			block = append(append(append(block, opening...), line...), "]\n"...)
		}
	}
	return block
}
