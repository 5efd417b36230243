package ingest

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

// TestIdentities does at random what a map is asked to do too.
func TestIdentities(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var set identities
	want := map[journal.Identity]bool{}
	for n := range 200_000 {
		// A few leading bits, so that many are looked for among the same ones.
		id := journal.Identity{byte(random.IntN(2)), 0, byte(random.IntN(64)), byte(random.IntN(8))}
		switch random.IntN(3) {
		case 0:
			set.add(id)
			want[id] = true
		case 1:
			set.remove(id)
			delete(want, id)
		}
		if set.has(id) != want[id] {
			t.Fatalf("step %d: %x is a member: %t", n, id, set.has(id))
		}
	}
	if set.length != len(want) {
		t.Errorf("%d members, want %d", set.length, len(want))
	}
	for id := range want {
		set.remove(id)
	}
	for bits, left := range set.byBits {
		if len(left) > 0 {
			t.Errorf("bits %x: %d are left", bits, len(left))
		}
	}
}

// TestIdentitiesTakeLittle: a million of them are known when stores are away for
// an hour, and none of that is kept when they are stored.
func TestIdentitiesTakeLittle(t *testing.T) {
	const segments, most = 1_000_000, 20 // bytes each
	seed := rand.NewPCG(1, 2)
	random := rand.New(seed)
	next := func() (id journal.Identity) {
		for i := range id {
			id[i] = byte(random.Uint32())
		}
		return id
	}
	before := inUse()
	set := new(identities)
	for range segments {
		set.add(next())
	}
	if took := inUse() - before; took > segments*most {
		t.Errorf("%d identities take %d bytes each, want at most %d", segments, took/segments, most)
	}
	seed.Seed(1, 2)
	for range segments {
		set.remove(next())
	}
	if left := inUse() - before; left > segments {
		t.Errorf("%d bytes are left", left)
	}
	runtime.KeepAlive(set)
}

// TestLately: what was added or asked for of late is known, and of the rest no
// more than there is room for.
func TestLately(t *testing.T) {
	const capacity = 100
	set := newLately(capacity)
	id := func(n int) journal.Identity { return journal.Identity{byte(n >> 8), byte(n)} }
	for n := range 10 * capacity {
		set.add(id(n))
		if !set.has(id(0)) {
			t.Fatalf("after %d others one that is asked for again and again is forgotten", n)
		}
		if known := set.young.length + set.old.length; known > capacity {
			t.Fatalf("%d are known, want at most %d", known, capacity)
		}
	}
	for n := range capacity / 2 {
		if !set.has(id(10*capacity - 1 - n)) {
			t.Errorf("one that was added %d before is forgotten", n)
		}
	}
	if set.has(id(1)) {
		t.Error("one that was added long ago is still known")
	}
}
