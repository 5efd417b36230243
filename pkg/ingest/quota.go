package ingest

import (
	"container/list"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// uploadsAtOnce is the default of quota.uploads_at_once: at 0.2 s an upload
// that is 2 500 segments a second, which 12 500 busy pages send.
const uploadsAtOnce = 512

// givesWay is how long a body may take before it is ended for another upload.
const givesWay = time.Second

// quotaError is the refusal of a key that sends too much.
type quotaError struct {
	wait   time.Duration
	atOnce bool // too many uploads at the same time
}

func (e *quotaError) Error() string {
	if e.atOnce {
		return "too many uploads with this write key at once"
	}
	return "the quota of the write key is used up"
}

// quota is a token bucket over the bytes that a key sends, and a bound on its
// uploads under way. The bucket refills continuously: a caller that asks many
// times a second gets neither more nor less than the rate. It is safe for
// concurrent use.
type quota struct {
	mu     sync.Mutex
	rate   float64 // bytes per second; 0: no bound
	burst  float64
	tokens float64
	at     time.Time // when tokens was right

	atOnce    int
	running   int
	receiving list.List // *pace of uploads whose body is on its way, oldest first

	held, heldLarge atomic.Int64 // bytes of bodies in memory, of large ones among them
}

// set changes the bounds. A bucket that had none before is full; what has been
// used of another one stays used.
func (q *quota) set(bounds Quota, bodyBytes Bytes, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.atOnce = bounds.UploadsAtOnce; q.atOnce == 0 {
		q.atOnce = uploadsAtOnce
	}
	burst := bounds.BurstBytes
	if burst == 0 {
		burst = max(10*bounds.BytesPerSecond, bodyBytes)
	}
	used := 0.0
	if q.rate > 0 {
		q.refill(now)
		used = q.burst - q.tokens
	}
	q.rate, q.burst, q.at = float64(bounds.BytesPerSecond), float64(burst), now
	q.tokens = max(0, q.burst-used)
}

func (q *quota) refill(now time.Time) {
	if passed := now.Sub(q.at); passed > 0 {
		q.tokens = min(q.burst, q.tokens+passed.Seconds()*q.rate)
		q.at = now
	}
}

// most returns the size of the largest upload that can ever be admitted, at
// most limit.
func (q *quota) most(limit Bytes) Bytes {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rate == 0 {
		return limit
	}
	return min(limit, Bytes(q.burst))
}

// begin admits an upload of n bytes, which are spent. The caller calls end
// when it returns nil; otherwise the error is a *quotaError.
func (q *quota) begin(n int64, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running >= q.atOnce && !q.makeRoom() {
		return &quotaError{wait: time.Second, atOnce: true}
	}
	if q.rate > 0 {
		q.refill(now)
		if missing := float64(n) - q.tokens; missing > 0 {
			return &quotaError{wait: time.Duration(missing / q.rate * float64(time.Second))}
		}
		q.tokens -= float64(n)
	}
	q.running++
	return nil
}

// makeRoom ends the upload that takes longest to send its body, so that whoever
// sends a byte now and then cannot keep the others from using the key. q.mu is
// held.
func (q *quota) makeRoom() bool {
	first := q.receiving.Front()
	if first == nil || time.Since(first.Value.(*pace).begin) < givesWay {
		return false
	}
	q.receiving.Remove(first).(*pace).cut()
	return true
}

// receives notes that the body of an upload is on its way until done is called.
func (q *quota) receives(p *pace) (done func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	place := q.receiving.PushBack(p)
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.receiving.Remove(place)
	}
}

// end ends an upload and gives back the bytes that were not used.
func (q *quota) end(unused int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	if q.running < 0 {
		panic(fmt.Sprintf("%d uploads are under way", q.running))
	}
	q.tokens = min(q.burst, q.tokens+float64(unused))
}
