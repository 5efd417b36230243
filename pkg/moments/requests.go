package moments

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/playhead/playhead/pkg/recording"
)

// request is a request that ended.
type request struct {
	place
	method, address string
	startMs, endMs  int64 // raw
	durationMs      int64
	status          int
	failure         string // why there was no answer
	trace, span     string
	cause           *click
	used            bool // another signal tells of it
}

// name is how a sentence calls a request.
func (r *request) name() string { return r.method + " " + path(r.address) }

// path leaves the origin out of an address.
func path(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Path == "" {
		return address
	}
	return u.Path
}

// String says what came of a request.
func (r *request) String() string {
	if r.status != 0 {
		return fmt.Sprintf("%s answered %d", r.name(), r.status)
	}
	return r.name() + " got no answer"
}

func (r *request) failed() bool {
	return r.status >= 400 || r.status == 0 && r.failure != "abort"
}

// failure is a failed request, with how often it failed on its page.
type failure struct {
	request *request
	count   int
	told    int
}

// requests follows the requests of a page.
type requests struct {
	list     []*request // the last ones
	failures []*failure
}

// ended takes the moment of a request.
func (q *requests) ended(w *Window, m *recording.Moment) {
	end := w.place.rawMs
	r := &request{
		place: w.place, method: m.Name, address: m.URL, startMs: end - m.DurationMs, endMs: end, durationMs: m.DurationMs,
		status: m.Status, failure: m.Text, trace: m.TraceID, span: m.SpanID,
	}
	r.serverMs = m.TimestampMs
	r.cause = w.clicks.before(r.startMs, consequenceMs)
	w.clicks.requested(r.startMs)
	if r.writes() {
		w.fields.requested(r.startMs)
	}
	if len(q.list) == maxRequests {
		q.list = append(q.list[:0], q.list[1:]...)
	}
	q.list = append(q.list, r)
	q.double(w, r)
	switch {
	case r.used:
	case r.failed():
		q.fail(w, r)
	case r.durationMs >= slowRequestMs && q.awaited(w, r):
		q.slow(w, r)
	}
}

func (r *request) writes() bool {
	switch strings.ToUpper(r.method) {
	case "", "GET", "HEAD", "OPTIONS":
		return false
	}
	return true
}

func (q *requests) last() *request {
	if len(q.list) == 0 {
		return nil
	}
	return q.list[len(q.list)-1]
}

// between is the last request that began between two raw times.
func (q *requests) between(from, to int64) *request {
	for i := len(q.list) - 1; i >= 0; i-- {
		if r := q.list[i]; r.startMs >= from && r.startMs <= to {
			return r
		}
	}
	return nil
}

// double looks for a request that was sent before by a click on the same
// thing.
func (q *requests) double(w *Window, r *request) {
	if r.cause == nil || !r.writes() {
		return
	}
	for _, other := range q.list {
		if other == r || other.used || other.cause == nil || other.cause == r.cause ||
			other.method != r.method || other.address != r.address {
			continue
		}
		first, second := other, r
		if first.cause.rawMs > second.cause.rawMs {
			first, second = second, first
		}
		interval := second.cause.rawMs - first.cause.rawMs
		if interval > doubleSubmitMs || !first.cause.same(second.cause) || first.cause.submitted {
			continue
		}
		if !first.cause.submit && first.cause.answer != 0 && first.cause.answer != second.cause.answer {
			continue // each click changed something of its own: a counter, a list
		}
		q.tellDouble(w, first, second, interval)
		return
	}
}

// same reports whether two clicks were on the same element.
func (k *click) same(other *click) bool {
	return k.node != 0 && k.node == other.node || k.selector != "" && k.selector == other.selector
}

func (q *requests) tellDouble(w *Window, first, second *request, interval int64) {
	first.used, second.used = true, true
	first.cause.told, second.cause.told = true, true
	first.cause.submitted = true
	text := fmt.Sprintf("%s sent twice, %s apart: %s; the second %s", first.cause.element, seconds(interval), first, second.outcome())
	proof := second
	if first.failed() && !second.failed() {
		proof = first
	}
	w.signal(first.cause.place, recording.SignalDoubleSubmit, recording.Moment{
		Text: text, Selector: first.cause.selector, TraceID: proof.trace, SpanID: proof.span, Status: proof.status,
		DurationMs: interval,
		Attributes: map[string]string{
			"element": first.cause.name, "form": first.cause.form, "interval_ms": decimal(float64(interval)),
			"request": first.name(), "request_url": first.address,
			"request_interval_ms": decimal(float64(second.startMs - first.startMs)),
			"statuses":            statusOf(first) + "," + statusOf(second),
			"trace_ids":           strings.Trim(first.trace+","+second.trace, ","),
		},
	})
}

func (r *request) outcome() string {
	if r.status != 0 {
		return "answered " + strconv.Itoa(r.status)
	}
	return "got no answer"
}

func statusOf(r *request) string {
	if r.status == 0 {
		return "none"
	}
	return strconv.Itoa(r.status)
}

// left looks, when a page goes, whether a form was sent twice by it.
func (q *requests) left(w *Window) {
	list := w.clicks.list
	for i := len(list) - 1; i > 0; i-- {
		second := list[i]
		if w.now-second.rawMs > leavingMs {
			return
		}
		first := list[i-1]
		interval := second.rawMs - first.rawMs
		if !first.submit || first.told || !first.same(second) || interval > doubleSubmitMs || q.between(first.rawMs, w.now) != nil {
			continue
		}
		first.told, second.told = true, true
		w.signal(first.place, recording.SignalDoubleSubmit, recording.Moment{
			Text:       fmt.Sprintf("%s pressed twice, %s apart, before the page left", first.element, seconds(interval)),
			Selector:   first.selector,
			DurationMs: interval,
			Attributes: map[string]string{"element": first.name, "form": first.form, "interval_ms": decimal(float64(interval))},
		})
		return
	}
}

// fail tells of a failed request, once for all of its kind on a page.
func (q *requests) fail(w *Window, r *request) {
	for _, f := range q.failures {
		if f.request.method == r.method && f.request.address == r.address && f.request.status == r.status {
			f.count++
			return
		}
	}
	if len(q.failures) == maxFailures {
		return
	}
	f := &failure{request: r, count: 1}
	q.failures = append(q.failures, f)
	q.tellFailure(w, f)
}

func (q *requests) tellFailure(w *Window, f *failure) {
	r := f.request
	f.told = f.count
	text := fmt.Sprintf("%s after %s", r, seconds(r.durationMs))
	if r.status == 0 && r.failure != "" {
		text += " (" + r.failure + ")"
	}
	attributes := map[string]string{"request": r.name(), "error.type": r.failure}
	if r.cause != nil {
		text += ", sent by a click on " + r.cause.String()
		attributes["element"] = r.cause.name
	}
	if f.count > 1 {
		text += fmt.Sprintf("; %d times", f.count)
		attributes["count"] = strconv.Itoa(f.count)
	}
	w.signal(r.place, recording.SignalFailedRequest, recording.Moment{
		Text: text, URL: r.address, TraceID: r.trace, SpanID: r.span, Status: r.status, DurationMs: r.durationMs, Attributes: attributes,
	})
}

// awaited reports whether a user waits for a request: it began with a click or
// with the page.
func (q *requests) awaited(w *Window, r *request) bool {
	return r.cause != nil || w.pageMs != 0 && r.startMs-w.pageMs <= consequenceMs
}

func (q *requests) slow(w *Window, r *request) {
	text := fmt.Sprintf("%s took %s", r.name(), seconds(r.durationMs))
	attributes := map[string]string{"request": r.name()}
	if r.cause != nil {
		text += " after a click on " + r.cause.String()
		attributes["element"] = r.cause.name
	}
	w.signal(r.place, recording.SignalSlowRequest, recording.Moment{
		Text: text, URL: r.address, TraceID: r.trace, SpanID: r.span, Status: r.status, DurationMs: r.durationMs, Attributes: attributes,
	})
}

// leave ends a page: failures that came again are told with their number.
func (q *requests) leave(w *Window) {
	for _, f := range q.failures {
		if f.count > f.told {
			q.tellFailure(w, f)
		}
	}
	*q = requests{}
}
