//go:build unix

package plugin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/plugin"
	"github.com/playhead/playhead/pkg/plugin/plugintest"
	"github.com/playhead/playhead/pkg/recording"
)

const endMs = startMs + (segments-1)*10_000 + 9_000 // of the first session

// stoppedClock stands still; a poll comes when the test sends to polls.
func stoppedClock(nowMs int64) (clock plugin.Clock, polls chan time.Time) {
	polls = make(chan time.Time)
	return plugin.Clock{
		Now:   func() time.Time { return time.UnixMilli(nowMs) },
		After: func(time.Duration) <-chan time.Time { return polls },
	}, polls
}

func TestFollowedFrames(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	running, _ := stoppedClock(endMs + 30*60_000 - 1)
	ended, _ := stoppedClock(endMs + 30*60_000)
	d := openAt(t.Context(), t, settings(t, stores, nil), running)
	for name, q := range map[string]backend.DataQuery{
		"followed_transcript":        queryOf("transcript", `{"sessionId":"`+sessionID+`"}`),
		"followed_transcript_newest": queryOf("transcript", `{"traceId":"`+traceID+`","limit":2}`),
		"followed_moments_unused":    queryOf("moments", `{"sessionId":"`+sessionID+`","kinds":["error"],"filters":{"errors":true}}`),
		"followed_moments":           queryOf("moments", `{"sessionId":"`+sessionID+`","kinds":["error","request"]}`),
	} {
		t.Run(name, func(t *testing.T) {
			response := ask(t, d, q)
			experimental.CheckGoldenJSONResponse(t, "testdata", name, &response, *update)
		})
	}
	for name, test := range map[string]struct {
		clock plugin.Clock
		query backend.DataQuery
	}{
		"of an ended session":   {ended, queryOf("transcript", `{"sessionId":"`+sessionID+`"}`)},
		"that is not to go on":  {running, queryOf("transcript", `{"sessionId":"`+sessionID+`","live":false}`)},
		"for text":              {running, queryOf("moments", `{"sessionId":"`+sessionID+`","query":"order"}`)},
		"for a filter":          {running, queryOf("moments", `{"sessionId":"`+sessionID+`","filters":{"url":"order"}}`)},
		"of a trace":            {running, queryOf("moments", `{"sessionId":"`+sessionID+`","traceId":"`+traceID+`"}`)},
		"of a range":            {running, queryOf("moments", `{}`)},
		"of a session and more": {running, queryOf("moments", `{"sessionId":"`+sessionID+`","kinds":["`+strings.Repeat(`text_appeared","`, 9)+`error"]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(t, openAt(t.Context(), t, settings(t, stores, nil), test.clock), test.query)
			if got.Error != nil || len(got.Frames) != 1 || got.Frames[0].Rows() == 0 || got.Frames[0].Meta.Channel != "" {
				t.Errorf("%+v, %v; want rows without a channel", got.Frames, got.Error)
			}
		})
	}
}

func TestSubscribeStream(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	d := open(t, settings(t, stores, nil))
	const good = "session/shop/" + sessionID + "/moments.error.request/1000"
	for name, test := range map[string]struct {
		path string
		user *backend.User
		want backend.SubscribeStreamStatus
	}{
		"viewer":             {good, &backend.User{Role: "Viewer"}, backend.SubscribeStreamStatusOK},
		"admin":              {good, &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusOK},
		"transcript":         {"session/shop/" + sessionID + "/transcript/20", &backend.User{Role: "Editor"}, backend.SubscribeStreamStatusOK},
		"no role":            {good, &backend.User{Role: "None"}, backend.SubscribeStreamStatusPermissionDenied},
		"nobody":             {good, nil, backend.SubscribeStreamStatusPermissionDenied},
		"other project":      {strings.Replace(good, "/shop/", "/bank/", 1), &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusNotFound},
		"no such session":    {strings.Replace(good, "1111", "9999", 1), &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusNotFound},
		"no such kind":       {strings.Replace(good, "error", "klick", 1), &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusNotFound},
		"kinds of lines":     {"session/shop/" + sessionID + "/transcript.error/20", &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusNotFound},
		"sessions":           {"session/shop/" + sessionID + "/sessions/20", &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusNotFound},
		"too many rows":      {"session/shop/" + sessionID + "/moments/1001", &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusNotFound},
		"limit spelled anew": {"session/shop/" + sessionID + "/moments/+20", &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusNotFound},
		"nothing":            {"", &backend.User{Role: "Admin"}, backend.SubscribeStreamStatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := d.SubscribeStream(t.Context(), &backend.SubscribeStreamRequest{Path: test.path, PluginContext: backend.PluginContext{User: test.user}})
			if err != nil || got.Status != test.want || (got.InitialData != nil) != (test.want == backend.SubscribeStreamStatusOK) {
				t.Errorf("%+v, %v, want status %d", got, err, test.want)
			}
		})
	}
	published, err := d.PublishStream(t.Context(), &backend.PublishStreamRequest{Path: good, PluginContext: backend.PluginContext{User: &backend.User{Role: "Admin"}}})
	if err != nil || published.Status != backend.PublishStreamStatusPermissionDenied {
		t.Errorf("published: %+v, %v", published, err)
	}
}

// received passes on the messages of a stream.
type received chan json.RawMessage

func (r received) Send(packet *backend.StreamPacket) error {
	r <- packet.Data
	return nil
}

// rowsOf counts those of a message, which has no schema.
func rowsOf(t *testing.T, message json.RawMessage) int {
	t.Helper()
	var frame struct {
		Schema *json.RawMessage
		Data   struct{ Values [][]json.RawMessage }
	}
	if err := json.Unmarshal(message, &frame); err != nil || frame.Schema != nil || len(frame.Data.Values) == 0 {
		t.Fatalf("%v: %s", err, message)
	}
	return len(frame.Data.Values[0])
}

func clickOf(session recording.SessionID, seq uint32, atMs int64, text string) recording.Moment {
	return recording.Moment{
		SegmentID: recording.SegmentID{Project: "shop", Session: session, Window: windowID, Seq: seq}, Event: 1, Page: "page-0001",
		TimestampMs: atMs, Kind: recording.KindClick, Name: "button", Text: text,
	}
}

// Streams push what changed, once, and end with the session or their listeners.
func TestRunStream(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	clock, polls := stoppedClock(endMs + 60_000)
	d := openAt(t.Context(), t, settings(t, stores, nil), clock)
	run := func(ctx context.Context) (received, chan error) {
		messages, ended := make(received, 10), make(chan error, 1)
		go func() {
			ended <- d.RunStream(ctx, &backend.RunStreamRequest{Path: "session/shop/" + sessionID + "/moments.click/1000"}, backend.NewStreamSender(messages))
		}()
		return messages, ended
	}
	ctx, cancel := context.WithCancel(t.Context())
	messages, ended := run(ctx)
	if got := rowsOf(t, <-messages); got != segments {
		t.Fatalf("the first message has %d clicks, want %d", got, segments)
	}
	polls <- time.Time{}
	polls <- time.Time{} // taken when the poll before it is done
	if len(messages) != 0 {
		t.Error("a message although nothing changed")
	}
	next := segmentOf(sessionID, segments, endMs+1_000)
	stores.Write(t, []playbacktest.Segment{next}, []recording.Moment{clickOf(sessionID, segments, next.StartMs, "Pay")})
	polls <- time.Time{}
	if got := rowsOf(t, <-messages); got != segments+1 {
		t.Errorf("the message after a click has %d, want %d", got, segments+1)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("cancelled: %v", err)
	}

	later, _ := stoppedClock(next.EndMs + 31*60_000)
	d = openAt(t.Context(), t, settings(t, stores, nil), later)
	messages, ended = run(t.Context())
	if err := <-ended; err != nil || len(messages) != 1 {
		t.Errorf("of an ended session: %d messages, %v", len(messages), err)
	}
}

// A store that fails does not end a stream, and is not told of every time.
func TestRunStreamWithoutStores(t *testing.T) {
	clock, polls := stoppedClock(endMs)
	stores := playbacktest.Open(t)
	record(t, stores)
	d := openAt(t.Context(), t, settings(t, stores, object{"clickhouse.addresses": []string{closedPort(t)}}), clock)
	ctx, cancel := context.WithCancel(t.Context())
	messages, ended := make(received, 10), make(chan error, 1)
	go func() {
		ended <- d.RunStream(ctx, &backend.RunStreamRequest{Path: "session/shop/" + sessionID + "/moments/10"}, backend.NewStreamSender(messages))
	}()
	polls <- time.Time{}
	polls <- time.Time{}
	cancel()
	if err := <-ended; err != nil || len(messages) != 0 {
		t.Errorf("%d messages, %v", len(messages), err)
	}
	_, err := d.SubscribeStream(t.Context(), &backend.SubscribeStreamRequest{Path: "session/shop/" + sessionID + "/moments/10", PluginContext: backend.PluginContext{User: &backend.User{Role: "Viewer"}}})
	if err == nil || !strings.Contains(err.Error(), "a store does not answer") {
		t.Errorf("subscription: %v", err)
	}
}

const liveID = "0199f3a2-4444-7abc-8def-0123456789ab"

// binaryStream follows a session that runs now.
func binaryStream(t *testing.T, client *plugintest.Client, s backend.DataSourceInstanceSettings, stores *playbacktest.Stores) {
	now := time.Now().UnixMilli()
	first := segmentOf(liveID, 0, now-20_000)
	stores.Write(t, []playbacktest.Segment{first}, []recording.Moment{clickOf(liveID, 0, first.StartMs, "Pay")})
	const path = "session/shop/" + liveID + "/transcript/1000"
	answer, err := client.QueryData(t.Context(), s, queryOf("transcript", `{"sessionId":"`+liveID+`"}`))
	if err != nil || answer.Responses["A"].Error != nil {
		t.Fatalf("%v, %v", err, answer)
	}
	if got := answer.Responses["A"].Frames[0].Meta.Channel; got != "ds/playhead/"+path {
		t.Fatalf("channel %q", got)
	}
	subscribed, err := client.SubscribeStream(t.Context(), s, path)
	if err != nil || subscribed.Status != backend.SubscribeStreamStatusOK || rowsOf(t, subscribed.InitialData.Data()) != 1 {
		t.Fatalf("subscription: %+v, %v", subscribed, err)
	}
	if denied, err := client.SubscribeStream(t.Context(), s, strings.Replace(path, "shop", "bank", 1)); err != nil || denied.Status != backend.SubscribeStreamStatusNotFound {
		t.Errorf("subscription of another project: %+v, %v", denied, err)
	}
	if published, err := client.PublishStream(t.Context(), s, path, json.RawMessage(`{}`)); err != nil || published.Status != backend.PublishStreamStatusPermissionDenied {
		t.Errorf("publication: %+v, %v", published, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	messages, ended := make(chan json.RawMessage, 10), make(chan error, 1)
	go func() { ended <- client.RunStream(ctx, s, path, func(m json.RawMessage) { messages <- m }) }()
	await := func(want int, within time.Duration) {
		t.Helper()
		select {
		case message := <-messages:
			if got := rowsOf(t, message); got != want {
				t.Errorf("%d lines, want %d", got, want)
			}
		case <-time.After(within):
			t.Fatalf("no message with %d lines within %v", want, within)
		}
	}
	await(1, 30*time.Second)
	later := index.Batch{Project: "shop", Token: "later", Class: recording.ClassNormal, Moments: []recording.Moment{clickOf(liveID, 0, first.StartMs+5_000, "Pay now")}}
	later.Moments[0].Event = 2
	if err := stores.Index.Write(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	await(2, 5*time.Second)
	cancel()
	if err := <-ended; err == nil || !strings.Contains(fmt.Sprint(err), "cancel") {
		t.Errorf("ended with %v, want that it was cancelled", err)
	}
}
