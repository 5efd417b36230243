package ingest

import "github.com/playhead/playhead/pkg/ingest/journal"

// item is a segment on its way from the journal to its pack.
type item struct {
	entry   journal.Entry // without Identity until it is read, where many wait
	number  uint64        // in the order of arrival
	sinceMs int64
	address uint32   // of the sender, hashed; 0: unknown
	kept    *kept    // the events, when they are in memory
	tries   int      // of a pack with this segment that failed
	made    *encoded // nil: not encoded
	madeMs  int64    // when it was encoded
}

// packBytes is about what an encoded segment adds to a pack.
func (it *item) packBytes() int64 {
	if at := it.made.spooled; at != nil {
		return int64(at.length) + footerBytes
	}
	return int64(len(it.made.frame)) + footerBytes
}

// queue holds the segments of one group that are in no pack.
type queue struct {
	waiting line    // not encoded
	head    []*item // older than those: encoded or being encoded, oldest first
	known   int     // how many of head, from the oldest on, were encoded when ready was asked last
	bytes   int64   // of the packs that head would make
	running int     // jobs
	parked  int     // packs that failed
	passed  bool    // since no further ones are made, another project's was stored
	refused bool    // and after that one of these failed again
	resting bool    // the index could not be asked; a pause is running
	pauses  int     // in a row
}

// blocked says that no packs of a group are made now.
func (q *queue) blocked() bool { return q.resting || q.parked >= parkedOfGroup }

func (q *queue) empty() bool {
	return q.waiting.length == 0 && len(q.head) == 0 && q.running == 0 && q.parked == 0 && !q.resting
}

// ready returns how many segments from the oldest on are encoded.
func (q *queue) ready() int {
	for q.known < len(q.head) && q.head[q.known].made != nil {
		q.known++
	}
	return q.known
}

// setHead changes which segments head has, or their order.
func (q *queue) setHead(head []*item) { q.head, q.known = head, 0 }

// job is a pack being made and stored, or one that was sealed before.
type job struct {
	group  journal.Group
	number uint64 // of its first segment
	items  []*item
	held   int64
	sealed *journal.Pack // nil: a new pack
	tries  int           // that failed
	absent int           // times that the object was not there
	ready  bool          // for another
}
