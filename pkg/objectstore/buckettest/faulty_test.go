package buckettest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/objectstore/s3"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// newFaulty returns a faulty bucket and the one it wraps, which holds "old"
// and "other".
func newFaulty(t *testing.T) (*buckettest.Faulty, objectstore.Bucket) {
	t.Helper()
	a := embeddedtest.Start(t).S3
	inner, err := s3.New(s3.Config{
		Endpoint: a.Endpoint, Region: a.Region, Bucket: a.Bucket, Prefix: "faulty/" + t.Name(), PathStyle: true,
		AccessKey: a.AccessKey, SecretKey: a.SecretKey,
	}, s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"old", "other"} {
		if err := inner.Put(t.Context(), key, strings.NewReader("0123456789"), 10); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, key := range []string{"old", "other", "new"} {
			if err := inner.Delete(context.Background(), key); err != nil {
				t.Error(err)
			}
		}
	})
	return buckettest.NewFaulty(inner), inner
}

// A fault strikes where it was asked for and leaves behind what it was asked to.
func TestFaults(t *testing.T) {
	content := func(b objectstore.Bucket, key string) (string, error) {
		body, err := b.Get(t.Context(), key, 0, -1)
		if err != nil {
			return "", err
		}
		defer body.Close()
		read, err := io.ReadAll(body)
		return string(read), err
	}
	put := func(b objectstore.Bucket) error {
		return b.Put(t.Context(), "new", strings.NewReader("abcdef"), 6)
	}

	stored := map[buckettest.When]string{buckettest.Before: "", buckettest.Middle: "", buckettest.After: "abcdef"}
	for when, want := range stored {
		f, inner := newFaulty(t)
		f.Fail(buckettest.Fault{Op: buckettest.Put, When: when, Times: 1})
		if err := put(f); !errors.Is(err, buckettest.ErrFault) {
			t.Errorf("Put failing %d = %v, want ErrFault", when, err)
		}
		if got, err := content(inner, "new"); got != want || want == "" && !errors.Is(err, objectstore.ErrNotFound) {
			t.Errorf("Put failing %d left %q, %v, want %q", when, got, err, want)
		}
		if err := put(f); err != nil {
			t.Errorf("Put after the fault: %v", err)
		}
		if err := inner.Delete(t.Context(), "new"); err != nil {
			t.Fatal(err)
		}
	}

	readable := map[buckettest.When]string{buckettest.Before: "", buckettest.Middle: "01234", buckettest.After: "0123456789"}
	for when, want := range readable {
		f, _ := newFaulty(t)
		own := errors.New("own error")
		f.Fail(buckettest.Fault{Op: buckettest.Get, When: when, Err: own, Match: func(key string) bool { return key == "old" }})
		if got, err := content(f, "old"); got != want || !errors.Is(err, own) {
			t.Errorf("Get failing %d = %q, %v, want %q and the error given", when, got, err, want)
		}
		if got, err := content(f, "other"); got != "0123456789" || err != nil {
			t.Errorf("Get of a key that does not match = %q, %v", got, err)
		}
		f.Heal()
		if got, err := content(f, "old"); got != "0123456789" || err != nil {
			t.Errorf("Get after Heal = %q, %v", got, err)
		}
	}

	listed := map[buckettest.When]int{buckettest.Before: 0, buckettest.Middle: 1, buckettest.After: 2}
	for when, want := range listed {
		f, _ := newFaulty(t)
		f.Fail(buckettest.Fault{Op: buckettest.List, When: when})
		var got int
		err := f.List(t.Context(), "", func(objectstore.Object) error { got++; return nil })
		if got != want || !errors.Is(err, buckettest.ErrFault) {
			t.Errorf("List failing %d saw %d objects, %v, want %d and ErrFault", when, got, err, want)
		}
	}

	left := map[buckettest.When]bool{buckettest.Before: true, buckettest.After: false}
	for when, want := range left {
		f, inner := newFaulty(t)
		f.Fail(buckettest.Fault{Op: buckettest.Delete, When: when})
		if err := f.Delete(t.Context(), "old"); !errors.Is(err, buckettest.ErrFault) {
			t.Errorf("Delete failing %d = %v, want ErrFault", when, err)
		}
		if _, err := content(inner, "old"); (err == nil) != want {
			t.Errorf("Delete failing %d: object is there: %v, want %v", when, err == nil, want)
		}
	}
}
