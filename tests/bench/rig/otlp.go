package rig

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/klauspost/compress/gzip"

	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/tests/traffic"
)

// What HyperDX's session recorder sends (hyperdx-js, packages/session-recorder):
// one OTLP log record for each rrweb event, its JSON as the body, four
// attributes; an event of more than 950 KB in several records. Its requests
// hold what came in 5 s; here they are cut at 64 KB of events besides.
const (
	otlpRequestBytes = 64 << 10
	otlpChunkBytes   = 950 << 10
	maxDepth         = 128
)

// OTLPRequest is one request to /v1/logs without its resource, which names the
// session.
type OTLPRequest struct {
	RawBytes int // of the rrweb events in it
	Events   int
	Records  int    // rows in ClickStack's table
	scope    []byte // ScopeLogs of ResourceLogs, a gzip member
	size     int    // of ScopeLogs before compression
}

// OTLPRecording is a recording as HyperDX's recorder would send it.
type OTLPRecording struct {
	Name     string
	Requests []OTLPRequest
}

// otlpRecord is one log record before it is put into a request.
type otlpRecord struct {
	timestampMs        int64
	body               []byte
	offset, event      int
	chunk, totalChunks int
	eventBytes         int // counted with its first chunk
}

// NewOTLP turns a recording into requests.
func NewOTLP(r *traffic.Recording) (*OTLPRecording, error) {
	out := &OTLPRecording{Name: r.Name}
	records, err := otlpRecords(r)
	if err != nil {
		return nil, err
	}
	for len(records) > 0 {
		n, size := 1, len(records[0].body)
		for n < len(records) && size+len(records[n].body) <= otlpRequestBytes {
			size += len(records[n].body)
			n++
		}
		request, err := newOTLPRequest(records[:n])
		if err != nil {
			return nil, err
		}
		out.Requests = append(out.Requests, request)
		records = records[n:]
	}
	return out, nil
}

func otlpRecords(r *traffic.Recording) ([]otlpRecord, error) {
	var records []otlpRecord
	event := 0
	for _, s := range r.Segments {
		for _, line := range rrweb.Lines(s.NDJSON) {
			e, err := rrweb.Scan(line, maxDepth)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Name, err)
			}
			event++
			total := (len(line) + otlpChunkBytes - 1) / otlpChunkBytes
			for chunk := range total {
				record := otlpRecord{
					timestampMs: e.TimestampMs, body: line[chunk*otlpChunkBytes : min((chunk+1)*otlpChunkBytes, len(line))],
					offset: len(records) + 1, event: event, chunk: chunk + 1, totalChunks: total,
				}
				if chunk == 0 {
					record.eventBytes = len(line) + 1
				}
				records = append(records, record)
			}
		}
	}
	return records, nil
}

func newOTLPRequest(records []otlpRecord) (OTLPRequest, error) {
	var request OTLPRequest
	scope := message(nil, 1, stringField(stringField(nil, 1, "rum.rr-web"), 2, "0.16.7"))
	for _, r := range records {
		log := fixed64Field(nil, 1, uint64(r.timestampMs)*1e6)
		log = message(log, 5, bytesField(nil, 1, r.body))
		for _, a := range []struct {
			name  string
			value int
		}{{"rr-web.offset", r.offset}, {"rr-web.event", r.event}, {"rr-web.chunk", r.chunk}, {"rr-web.total-chunks", r.totalChunks}} {
			log = message(log, 6, message(stringField(nil, 1, a.name), 2, varintField(nil, 3, uint64(a.value))))
		}
		scope = message(scope, 2, log)
		request.Records++
		request.RawBytes += r.eventBytes
		if r.chunk == 1 {
			request.Events++
		}
	}
	field := message(nil, 2, scope)
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, 6)
	if err != nil {
		return request, fmt.Errorf("make gzip writer: %w", err)
	}
	if _, err := w.Write(field); err != nil {
		return request, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return request, fmt.Errorf("compress: %w", err)
	}
	request.scope, request.size = compressed.Bytes(), len(field)
	return request, nil
}

// OTLPSession is one session's resource.
type OTLPSession struct {
	Recording *OTLPRecording
	resource  []byte // Resource field of ResourceLogs
}

// NewOTLPSession makes a session whose ids come from random. The attributes
// are those of HyperDX's browser SDK.
func NewOTLPSession(r *OTLPRecording, random *rand.Rand) *OTLPSession {
	id := func() string { return fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64()) }
	var resource []byte
	for _, a := range [][2]string{
		{"telemetry.sdk.language", "webjs"},
		{"telemetry.sdk.name", "@hyperdx/otel-web"},
		{"telemetry.sdk.version", "0.16.7"},
		{"service.name", r.Name},
		{"rum.version", "0.16.7"},
		{"rum.scriptInstance", id()[:16]},
		{"rum.sessionId", id()},
	} {
		resource = message(resource, 1, message(stringField(nil, 1, a[0]), 2, stringField(nil, 1, a[1])))
	}
	return &OTLPSession{Recording: r, resource: message(nil, 1, resource)}
}

// AppendBody appends the i-th request of the session, gzipped: the resource as
// a stored member, the records as they were compressed before.
func (s *OTLPSession) AppendBody(dst []byte, i int) []byte {
	r := &s.Recording.Requests[i]
	head := binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(s.resource)+r.size))
	dst = traffic.AppendStored(dst, append(head, s.resource...))
	return append(dst, r.scope...)
}

// The wire types of protobuf.
func message(dst []byte, field int, content []byte) []byte { return bytesField(dst, field, content) }

func bytesField(dst []byte, field int, content []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(field)<<3|2)
	dst = binary.AppendUvarint(dst, uint64(len(content)))
	return append(dst, content...)
}

func stringField(dst []byte, field int, s string) []byte { return bytesField(dst, field, []byte(s)) }

func varintField(dst []byte, field int, v uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(field)<<3)
	return binary.AppendUvarint(dst, v)
}

func fixed64Field(dst []byte, field int, v uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(field)<<3|1)
	return binary.LittleEndian.AppendUint64(dst, v)
}

// OTLPLane is an endless sequence of requests of several sessions at a time,
// as traffic.Lane is of uploads. It is for one goroutine.
type OTLPLane struct {
	recordings []*OTLPRecording
	deck       []*OTLPRecording
	random     *rand.Rand
	open       []otlpRunning
}

type otlpRunning struct {
	session *OTLPSession
	next    int
}

// NewOTLPLane makes a lane of `concurrent` sessions.
func NewOTLPLane(recordings []*OTLPRecording, seed uint64, concurrent int) *OTLPLane {
	l := &OTLPLane{recordings: recordings, random: rand.New(rand.NewPCG(seed, seed))}
	for range concurrent {
		l.open = append(l.open, otlpRunning{session: l.deal()})
	}
	return l
}

// Next appends the body of the next request to dst.
func (l *OTLPLane) Next(dst []byte) ([]byte, *OTLPRequest) {
	r := &l.open[l.random.IntN(len(l.open))]
	if r.next == len(r.session.Recording.Requests) {
		*r = otlpRunning{session: l.deal()}
	}
	body := r.session.AppendBody(dst, r.next)
	request := &r.session.Recording.Requests[r.next]
	r.next++
	return body, request
}

func (l *OTLPLane) deal() *OTLPSession {
	if len(l.deck) == 0 {
		l.deck = append(l.deck, l.recordings...)
		l.random.Shuffle(len(l.deck), func(i, j int) { l.deck[i], l.deck[j] = l.deck[j], l.deck[i] })
	}
	last := len(l.deck) - 1
	r := l.deck[last]
	l.deck = l.deck[:last]
	return NewOTLPSession(r, l.random)
}
