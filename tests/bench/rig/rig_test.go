package rig

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/playhead/playhead/tests/traffic"
)

func TestResultLines(t *testing.T) {
	var out bytes.Buffer
	err := Write(&out,
		Result{Name: "a.mb", Value: 123.456, Unit: "MB", Method: "counted"}.Against("b", 1000),
		Result{Name: "c.n", Value: 1234567, Unit: "", Method: "m <> &"},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"a.mb","value":123.5,"unit":"MB","peer":"b","peer_value":1000,"ratio":0.1235,"method":"counted"}
{"name":"c.n","value":1234567,"unit":"","method":"m <> &"}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestStatistics(t *testing.T) {
	ms := func(values ...int) (d []time.Duration) {
		for _, v := range values {
			d = append(d, time.Duration(v)*time.Millisecond)
		}
		return d
	}
	for _, tt := range []struct{ got, want float64 }{
		{Median(nil), 0}, {Median([]float64{3, 1, 2}), 2}, {Median([]float64{4, 1, 2, 3}), 2.5},
		{Percentile(nil, .5), 0}, {Percentile(ms(5), .99), 5}, {Percentile(ms(4, 1, 3, 2), .5), 2}, {Percentile(ms(4, 1, 3, 2), .99), 4},
	} {
		if tt.got != tt.want {
			t.Errorf("got %v, want %v", tt.got, tt.want)
		}
	}
}

func TestProcessorTimeAndMemoryAreOfTheProcess(t *testing.T) {
	self := os.Getpid()
	before, err := CPU(self)
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("processor time "), 1<<16)
	err = Eventually(t.Context(), time.Minute, "time passes", func() (bool, error) {
		_ = gzipped(t, content)
		now, err := CPU(self)
		return now >= before+50*time.Millisecond, err
	})
	if err != nil {
		t.Error(err)
	}
	m, err := MemoryOf(self)
	if err != nil || m.RSS < 1<<20 || m.Peak < m.RSS/2 {
		t.Errorf("memory %+v, %v", m, err)
	}
	if _, err := CPU(-1); err == nil {
		t.Error("a process that is not there has used processor time")
	}
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestOTLP reads requests with OpenTelemetry's own types.
func TestOTLP(t *testing.T) {
	recordings, err := traffic.Synthetic(time.UnixMilli(1_763_800_000_000))
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewOTLP(recordings[0])
	if err != nil {
		t.Fatal(err)
	}
	s := NewOTLPSession(r, rand.New(rand.NewPCG(1, 1)))
	var ndjson bytes.Buffer
	events, raw := 0, 0
	for i := range r.Requests {
		z, err := gzip.NewReader(bytes.NewReader(s.AppendBody(nil, i)))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		var request collogs.ExportLogsServiceRequest
		if err := proto.Unmarshal(content, &request); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if n := len(request.ResourceLogs); n != 1 {
			t.Fatalf("request %d has %d resources", i, n)
		}
		logs := request.ResourceLogs[0]
		if n := len(logs.Resource.Attributes); n != 7 {
			t.Errorf("request %d: the resource has %d attributes", i, n)
		}
		for _, record := range logs.ScopeLogs[0].LogRecords {
			ndjson.WriteString(record.Body.GetStringValue() + "\n")
			if len(record.Attributes) != 4 || record.TimeUnixNano == 0 {
				t.Errorf("record %v", record)
			}
		}
		events += r.Requests[i].Events
		raw += r.Requests[i].RawBytes
	}
	var want bytes.Buffer
	for _, s := range recordings[0].Segments {
		want.Write(s.NDJSON)
	}
	if !bytes.Equal(ndjson.Bytes(), want.Bytes()) {
		t.Error("the events do not come out as they went in")
	}
	if events != recordings[0].Events || raw != recordings[0].RawBytes {
		t.Errorf("%d events of %d bytes; the recording has %d of %d", events, raw, recordings[0].Events, recordings[0].RawBytes)
	}
}

func TestLargeEventsAreSentInChunks(t *testing.T) {
	text := bytes.Repeat([]byte("x"), 2*otlpChunkBytes)
	recording, err := traffic.Read("large", append(append([]byte(`[{"type":2,"timestamp":1,"data":"`), text...), `"}]`...), time.UnixMilli(1))
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewOTLP(recording)
	if err != nil {
		t.Fatal(err)
	}
	records, events, raw := 0, 0, 0
	for _, request := range r.Requests {
		records, events, raw = records+request.Records, events+request.Events, raw+request.RawBytes
	}
	if records != 3 || events != 1 || raw != recording.RawBytes {
		t.Errorf("%d records, %d events, %d bytes", records, events, raw)
	}
}

func TestDriveStopsAtItsBounds(t *testing.T) {
	var sent atomic.Int64
	lane := func(context.Context) (Answer, error) {
		sent.Add(1)
		return Answer{Raw: 100, Events: 2, Took: time.Millisecond, Refused: 1}, nil
	}
	load, err := Drive(t.Context(), []Lane{lane, lane}, DriveOptions{Raw: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if n := int(sent.Load()); load.Raw < 1000 || load.Raw > 1100 || load.Requests != n || len(load.Acks) != n || load.Refused != n || load.Events != int64(2*n) {
		t.Errorf("%d sent: %+v", n, load)
	}
	broken := errors.New("broken")
	if _, err := Drive(t.Context(), []Lane{lane, func(context.Context) (Answer, error) { return Answer{}, broken }}, DriveOptions{Raw: 1 << 40}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	paced, err := Drive(t.Context(), []Lane{lane}, DriveOptions{Raw: 1000, RawPerSecond: 20_000})
	if err != nil || paced.Elapsed < 40*time.Millisecond {
		t.Errorf("1000 bytes at 20000 a second took %v, %v", paced.Elapsed, err)
	}
}

func TestCollectorIsAskedAgain(t *testing.T) {
	answers := []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusOK, http.StatusBadRequest}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answers[0])
		answers = answers[1:]
	}))
	defer server.Close()
	answer, err := postOTLP(t.Context(), server.Client(), server.URL, nil)
	if err != nil || answer.Refused != 2 {
		t.Errorf("%+v, %v", answer, err)
	}
	if _, err := postOTLP(t.Context(), server.Client(), server.URL, nil); err == nil {
		t.Error("a request that is refused for good counts as sent")
	}
}
