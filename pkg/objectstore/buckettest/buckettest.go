// Package buckettest holds the suite that every objectstore.Bucket passes, and
// a bucket that fails on purpose. It is for tests only.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/playhead/playhead/pkg/objectstore"
)

// Run checks every promise of objectstore.Bucket. newBucket returns an empty
// bucket; what it opens it closes with t.Cleanup.
func Run(t *testing.T, newBucket func(t *testing.T) objectstore.Bucket) {
	tests := []struct {
		name string
		test func(*testing.T, objectstore.Bucket)
	}{
		{"stores whole objects", storesWholeObjects},
		{"replaces objects", replacesObjects},
		{"stores all or nothing", storesAllOrNothing},
		{"refuses an unknown size", refusesUnknownSize},
		{"reads ranges", readsRanges},
		{"says not found from Get", saysNotFound},
		{"lists in order by prefix", listsInOrder},
		{"lists more than one answer holds", listsManyObjects},
		{"stops listing when told", stopsListing},
		{"deletes", deletes},
		{"obeys a cancelled context", obeysContext},
		{"is safe for concurrent use", isConcurrent},
		{"never shows half an object", neverShowsHalf},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, newBucket(t)) })
	}
}

// keys that pkg/segment makes, and what an HTTP server could mistake.
var keys = []string{
	"v1/shop/normal/2026/01/31/23/01JZZZZZZZZZZZZZZZZZZZZZZZ.pack",
	"plain",
	"a b+c=d&e?f#g/%41;h",
	"ünï/コード/🎬",
}

func storesWholeObjects(t *testing.T, b objectstore.Bucket) {
	contents := map[string][]byte{
		"empty":    {},
		"one byte": {0},
		"small":    []byte("{\"type\":4}\n"),
		"9 MiB":    noise(9 << 20), // more than a pack, not a whole number of any block
	}
	for name, content := range contents {
		mustPut(t, b, "v1/"+name, content)
		wantContent(t, b, "v1/"+name, content)
	}
	for i, key := range keys {
		mustPut(t, b, key, []byte{byte(i)})
	}
	for i, key := range keys {
		wantContent(t, b, key, []byte{byte(i)})
	}
	// A reader that can only be read once, and one that has more to give.
	once := io.MultiReader(strings.NewReader("read "), strings.NewReader("once"))
	if err := b.Put(t.Context(), "once", once, 9); err != nil {
		t.Errorf("Put of a reader that cannot seek: %v", err)
	}
	wantContent(t, b, "once", []byte("read once"))
	if err := b.Put(t.Context(), "first", strings.NewReader("first and more"), 5); err != nil {
		t.Errorf("Put of the first bytes of a reader: %v", err)
	}
	wantContent(t, b, "first", []byte("first"))
}

func replacesObjects(t *testing.T, b objectstore.Bucket) {
	for _, content := range []string{"long content", "short", ""} {
		mustPut(t, b, "key", []byte(content))
		wantContent(t, b, "key", []byte(content))
	}
	wantKeys(t, b, "", "key")
}

func storesAllOrNothing(t *testing.T, b objectstore.Bucket) {
	broken := errors.New("broken body")
	bodies := map[string]func() io.Reader{
		"breaks in the middle": func() io.Reader { return failAfter(bytes.NewReader(noise(1<<20)), 1<<19, broken) },
		"breaks at once":       func() io.Reader { return failAfter(nil, 0, broken) },
		"is too short":         func() io.Reader { return io.LimitReader(bytes.NewReader(noise(1<<20)), 1<<19) },
		"is too short to seek": func() io.Reader { return bytes.NewReader(noise(1 << 19)) },
	}
	mustPut(t, b, "old", []byte("old"))
	for name, body := range bodies {
		if err := b.Put(t.Context(), "new", body(), 1<<20); err == nil {
			t.Errorf("Put of a body that %s: no error", name)
		}
		if err := b.Put(t.Context(), "old", body(), 1<<20); err == nil {
			t.Errorf("Put over an object of a body that %s: no error", name)
		}
	}
	if _, err := read(t.Context(), b, "new", 0, -1); !errors.Is(err, objectstore.ErrNotFound) {
		t.Errorf("after broken puts, Get = %v, want ErrNotFound", err)
	}
	wantContent(t, b, "old", []byte("old"))
	wantKeys(t, b, "", "old")
}

func refusesUnknownSize(t *testing.T, b objectstore.Bucket) {
	if err := b.Put(t.Context(), "key", strings.NewReader("x"), -1); err == nil {
		t.Error("Put of unknown size: no error")
	}
	wantKeys(t, b, "")
}

func readsRanges(t *testing.T, b objectstore.Bucket) {
	mustPut(t, b, "key", []byte("0123456789"))
	mustPut(t, b, "empty", nil)
	tests := []struct {
		key            string
		offset, length int64
		want           string
	}{
		{"key", 0, -1, "0123456789"},
		{"key", 0, 10, "0123456789"},
		{"key", 0, 1, "0"},
		{"key", 3, 4, "3456"},
		{"key", 9, 1, "9"},
		{"key", 4, -1, "456789"},
		{"key", 8, 100, "89"},
		{"key", 0, 100, "0123456789"},
		{"key", 0, 0, ""},
		{"key", 5, 0, ""},
		{"key", 10, -1, ""},
		{"key", 10, 1, ""},
		{"key", 10, 0, ""},
		{"empty", 0, -1, ""},
		{"empty", 0, 1, ""},
	}
	for _, tt := range tests {
		got, err := read(t.Context(), b, tt.key, tt.offset, tt.length)
		if err != nil || string(got) != tt.want {
			t.Errorf("Get(%s, %d, %d) = %q, %v, want %q", tt.key, tt.offset, tt.length, got, err, tt.want)
		}
	}
	refused := []struct {
		key            string
		offset, length int64
	}{
		{"key", 11, -1}, {"key", 11, 1}, {"key", 11, 0}, {"key", 1 << 40, 1}, {"empty", 1, -1},
		{"key", -1, 1}, {"key", 0, -2},
	}
	for _, tt := range refused {
		got, err := read(t.Context(), b, tt.key, tt.offset, tt.length)
		if err == nil || errors.Is(err, objectstore.ErrNotFound) {
			t.Errorf("Get(%s, %d, %d) = %q, %v, want an error other than ErrNotFound", tt.key, tt.offset, tt.length, got, err)
		}
	}
}

func saysNotFound(t *testing.T, b objectstore.Bucket) {
	mustPut(t, b, "v1/shop/a.pack", []byte("a"))
	for _, key := range []string{"absent", "v1/shop/b.pack", "v1/shop/a.pac", "v1/shop/a.pack/b", "v1/shop", "v1"} {
		for _, r := range [][2]int64{{0, -1}, {0, 1}, {3, 2}, {0, 0}, {3, 0}} {
			body, err := b.Get(t.Context(), key, r[0], r[1])
			if !errors.Is(err, objectstore.ErrNotFound) {
				t.Errorf("Get(%s, %d, %d) = %v, want ErrNotFound", key, r[0], r[1], err)
			}
			if body != nil {
				body.Close()
			}
		}
	}
}

func listsInOrder(t *testing.T, b objectstore.Bucket) {
	stored := append([]string{"a/b/c", "a/b-c", "a/b.c", "a/b/a", "a/bc", "a0", "b/a", "a/Z", "a/1", "a/10", "a/2"}, keys...)
	for _, key := range stored {
		mustPut(t, b, key, []byte(key))
	}
	for _, prefix := range []string{"", "a", "a/", "a/b", "a/b/", "a/b/c", "v1/shop/", "ünï/", "absent", "a/b/c/"} {
		var want []string
		for _, key := range stored {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		slices.Sort(want)
		wantKeys(t, b, prefix, want...)
	}
	err := b.List(t.Context(), "", func(o objectstore.Object) error {
		if o.Size != int64(len(o.Key)) {
			t.Errorf("List gives %s %d bytes, want %d", o.Key, o.Size, len(o.Key))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func listsManyObjects(t *testing.T, b objectstore.Bucket) {
	// S3 answers with at most 1000 keys at a time.
	want := make([]string, 1003)
	var wg sync.WaitGroup
	limit := make(chan struct{}, 8)
	for i := range want {
		want[i] = fmt.Sprintf("many/%04d", i)
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			mustPut(t, b, want[i], nil)
		})
	}
	wg.Wait()
	wantKeys(t, b, "many/", want...)
}

func stopsListing(t *testing.T, b objectstore.Bucket) {
	for _, key := range []string{"a", "b", "c"} {
		mustPut(t, b, key, nil)
	}
	enough := errors.New("enough")
	var seen []string
	err := b.List(t.Context(), "", func(o objectstore.Object) error {
		seen = append(seen, o.Key)
		if o.Key == "b" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !slices.Equal(seen, []string{"a", "b"}) {
		t.Errorf("List stopped at b: saw %v, returned %v", seen, err)
	}
}

func deletes(t *testing.T, b objectstore.Bucket) {
	for _, key := range []string{"a/1", "a/2"} {
		mustPut(t, b, key, []byte("x"))
	}
	for range 2 {
		if err := b.Delete(t.Context(), "a/1"); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	if err := b.Delete(t.Context(), "never/was"); err != nil {
		t.Errorf("Delete of an absent key: %v", err)
	}
	if _, err := read(t.Context(), b, "a/1", 0, -1); !errors.Is(err, objectstore.ErrNotFound) {
		t.Errorf("Get of a deleted object: %v, want ErrNotFound", err)
	}
	wantKeys(t, b, "", "a/2")
}

func obeysContext(t *testing.T, b objectstore.Bucket) {
	big := noise(8 << 20)
	mustPut(t, b, "big", big)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := b.Get(cancelled, "big", 0, -1)
	errs := map[string]error{
		"Put":    b.Put(cancelled, "new", strings.NewReader("x"), 1),
		"Get":    getErr,
		"List":   b.List(cancelled, "", func(objectstore.Object) error { return nil }),
		"Delete": b.Delete(cancelled, "big"),
	}
	for op, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v, want context.Canceled", op, err)
		}
	}

	reading, stop := context.WithCancel(t.Context())
	body, err := b.Get(reading, "big", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := io.Copy(io.Discard, body); !errors.Is(err, context.Canceled) {
		t.Errorf("reading on after cancel: %v, want context.Canceled", err)
	}
	wantContent(t, b, "big", big)
	wantKeys(t, b, "", "big")
}

func isConcurrent(t *testing.T, b objectstore.Bucket) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := fmt.Sprintf("c/%d", i)
			content := bytes.Repeat([]byte{byte(i)}, 1000*(i+1))
			for range 5 {
				mustPut(t, b, key, content)
				wantContent(t, b, key, content)
			}
		})
	}
	wg.Wait()
}

// neverShowsHalf reads an object while it is replaced: every read is one of
// the two contents, whole.
func neverShowsHalf(t *testing.T, b objectstore.Bucket) {
	contents := [][]byte{bytes.Repeat([]byte("a"), 300_000), bytes.Repeat([]byte("b"), 200_000)}
	mustPut(t, b, "key", contents[0])
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 20 {
			mustPut(t, b, "key", contents[i%2])
		}
	})
	for range 20 {
		got, err := read(t.Context(), b, "key", 0, -1)
		if err != nil {
			t.Errorf("Get of an object that is being replaced: %v", err)
			break
		}
		if !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Errorf("Get of an object that is being replaced gave %d bytes of neither content", len(got))
			break
		}
	}
	wg.Wait()
}

// noise is the same incompressible content on every run.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // cannot fail
	return b
}

func mustPut(t *testing.T, b objectstore.Bucket, key string, content []byte) {
	t.Helper()
	if err := b.Put(t.Context(), key, bytes.NewReader(content), int64(len(content))); err != nil {
		t.Errorf("Put(%s): %v", key, err)
	}
}

func read(ctx context.Context, b objectstore.Bucket, key string, offset, length int64) ([]byte, error) {
	body, err := b.Get(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func wantContent(t *testing.T, b objectstore.Bucket, key string, want []byte) {
	t.Helper()
	got, err := read(t.Context(), b, key, 0, -1)
	if err != nil {
		t.Errorf("Get(%s): %v", key, err)
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Get(%s) gave %d bytes, not the %d put", key, len(got), len(want))
	}
}

func wantKeys(t *testing.T, b objectstore.Bucket, prefix string, want ...string) {
	t.Helper()
	var got []string
	err := b.List(t.Context(), prefix, func(o objectstore.Object) error {
		got = append(got, o.Key)
		return nil
	})
	if err != nil {
		t.Errorf("List(%s): %v", prefix, err)
		return
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("List(%s) gave %d keys, want %d; from number %d on they differ: %q, want %q",
				prefix, len(got), len(want), i, after(got, i), after(want, i))
			return
		}
	}
}

// after is a short stretch of keys, for an error message.
func after(keys []string, i int) []string {
	i = min(i, len(keys))
	return keys[i:min(i+3, len(keys))]
}
