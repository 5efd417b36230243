//go:build unix

package embedded_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
)

func openS3(t testing.TB, a embedded.S3) *minio.Client {
	t.Helper()
	client, err := minio.New(a.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(a.AccessKey, a.SecretKey, ""),
		Region: a.Region,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// noise is size bytes that do not compress, the same for the same size.
func noise(size int) []byte {
	b := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(b) // it never fails
	return b
}

func put(t testing.TB, client *minio.Client, bucket, key string, content []byte) {
	t.Helper()
	_, err := client.PutObject(t.Context(), bucket, key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{
		ContentType: "application/octet-stream", UserMetadata: map[string]string{"Class": "errors"},
	})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func get(t testing.TB, client *minio.Client, bucket, key string, options minio.GetObjectOptions) []byte {
	t.Helper()
	object, err := client.GetObject(t.Context(), bucket, key, options)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer object.Close()
	b, err := io.ReadAll(object)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return b
}

func TestObjects(t *testing.T) {
	a := embeddedtest.Start(t).S3
	client := openS3(t, a)
	prefix := fmt.Sprintf("objects-%d/", time.Now().UnixNano())
	content := noise(300_000)
	key := prefix + "v1/shop/errors/2026/01/02/03/01J.pack"
	put(t, client, a.Bucket, key, content)
	if got := get(t, client, a.Bucket, key, minio.GetObjectOptions{}); !bytes.Equal(got, content) {
		t.Errorf("read %d other bytes", len(got))
	}

	ranged := minio.GetObjectOptions{}
	if err := ranged.SetRange(1000, 1999); err != nil {
		t.Fatal(err)
	}
	if got := get(t, client, a.Bucket, key, ranged); !bytes.Equal(got, content[1000:2000]) {
		t.Errorf("range read %d other bytes", len(got))
	}
	tail := minio.GetObjectOptions{}
	if err := tail.SetRange(0, -100); err != nil {
		t.Fatal(err)
	}
	if got := get(t, client, a.Bucket, key, tail); !bytes.Equal(got, content[len(content)-100:]) {
		t.Errorf("tail read %d other bytes", len(got))
	}
	beyond := minio.GetObjectOptions{}
	if err := beyond.SetRange(int64(len(content)), int64(len(content))+10); err != nil {
		t.Fatal(err)
	}
	if code := getCode(t, client, a.Bucket, key, beyond); code != "InvalidRange" {
		t.Errorf("range beyond the end: code %q, want InvalidRange", code)
	}

	info, err := client.StatObject(t.Context(), a.Bucket, key, minio.StatObjectOptions{})
	if err != nil || info.Size != int64(len(content)) || info.UserMetadata["Class"] != "errors" {
		t.Errorf("stat: %v %v, %v", info.Size, info.UserMetadata, err)
	}

	put(t, client, a.Bucket, key, content[:10])
	if got := get(t, client, a.Bucket, key, minio.GetObjectOptions{}); !bytes.Equal(got, content[:10]) {
		t.Errorf("replaced object has %d other bytes", len(got))
	}
	put(t, client, a.Bucket, prefix+"empty", nil)
	if got := get(t, client, a.Bucket, prefix+"empty", minio.GetObjectOptions{}); len(got) != 0 {
		t.Errorf("empty object has %d bytes", len(got))
	}

	for range 2 { // deleting what is gone is no error
		if err := client.RemoveObject(t.Context(), a.Bucket, key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if code := getCode(t, client, a.Bucket, key, minio.GetObjectOptions{}); code != "NoSuchKey" {
		t.Errorf("deleted object: code %q, want NoSuchKey", code)
	}
	wrong := a
	wrong.SecretKey = "wrong"
	if code := getCode(t, openS3(t, wrong), a.Bucket, prefix+"empty", minio.GetObjectOptions{}); code != "SignatureDoesNotMatch" {
		t.Errorf("wrong secret: code %q, want SignatureDoesNotMatch", code)
	}
}

// getCode is the error code of a read that must fail.
func getCode(t testing.TB, client *minio.Client, bucket, key string, options minio.GetObjectOptions) string {
	t.Helper()
	object, err := client.GetObject(t.Context(), bucket, key, options)
	if err == nil {
		defer object.Close()
		_, err = io.ReadAll(object)
	}
	return minio.ToErrorResponse(err).Code
}

func TestObjectsAreListedInOrder(t *testing.T) {
	a := embeddedtest.Start(t).S3
	client := openS3(t, a)
	prefix := fmt.Sprintf("list-%d/", time.Now().UnixNano())
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprintf("%s%d/%d/pack", prefix, i%3, i))
	}
	want = append(want, prefix+"0.txt", prefix+"0-", prefix+"zä ö+&=")
	for _, key := range want {
		put(t, client, a.Bucket, key, []byte(key))
	}
	slices.Sort(want)
	list := func(o minio.ListObjectsOptions) (got []string) {
		for object := range client.ListObjects(t.Context(), a.Bucket, o) {
			if object.Err != nil {
				t.Fatal(object.Err)
			}
			got = append(got, object.Key)
		}
		return got
	}
	if got := list(minio.ListObjectsOptions{Prefix: prefix, Recursive: true}); !slices.Equal(got, want) {
		t.Errorf("listed %q\nwant %q", got, want)
	}
	if got := list(minio.ListObjectsOptions{Prefix: prefix, Recursive: true, MaxKeys: 7}); !slices.Equal(got, want) {
		t.Errorf("listed by 7: %q\nwant %q", got, want)
	}
	from := want[10]
	if got := list(minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: from}); !slices.Equal(got, want[11:]) {
		t.Errorf("listed after %s: %q\nwant %q", from, got, want[11:])
	}
	folders := list(minio.ListObjectsOptions{Prefix: prefix})
	if !slices.Contains(folders, prefix+"1/") || len(folders) != 6 {
		t.Errorf("listed folders %q", folders)
	}
	if got := list(minio.ListObjectsOptions{Prefix: prefix + "nothing", Recursive: true}); len(got) != 0 {
		t.Errorf("listed %q under an unused prefix", got)
	}
}

func TestBigObjectsInParts(t *testing.T) {
	a := embeddedtest.Start(t).S3
	client := openS3(t, a)
	key := fmt.Sprintf("parts-%d", time.Now().UnixNano())
	content := noise(12 << 20)
	info, err := client.PutObject(t.Context(), a.Bucket, key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{PartSize: 5 << 20})
	if err != nil || info.Size != int64(len(content)) {
		t.Fatalf("put: %d bytes, %v", info.Size, err)
	}
	if got := get(t, client, a.Bucket, key, minio.GetObjectOptions{}); !bytes.Equal(got, content) {
		t.Errorf("read %d other bytes", len(got))
	}
	ranged := minio.GetObjectOptions{}
	if err := ranged.SetRange(5<<20-10, 5<<20+9); err != nil {
		t.Fatal(err)
	}
	if got := get(t, client, a.Bucket, key, ranged); !bytes.Equal(got, content[5<<20-10:5<<20+10]) {
		t.Errorf("range over two parts read %d other bytes", len(got))
	}
}

func TestConcurrentObjects(t *testing.T) {
	a := embeddedtest.Start(t).S3
	client := openS3(t, a)
	prefix := fmt.Sprintf("busy-%d/", time.Now().UnixNano())
	content := noise(50_000)
	group, ctx := errgroup.WithContext(t.Context())
	for worker := range 8 {
		group.Go(func() error {
			for i := range 10 {
				key, want := fmt.Sprintf("%s%d/%d", prefix, i, worker), content[worker*100:]
				if _, err := client.PutObject(ctx, a.Bucket, key, bytes.NewReader(want), int64(len(want)), minio.PutObjectOptions{}); err != nil {
					return err
				}
				object, err := client.GetObject(ctx, a.Bucket, key, minio.GetObjectOptions{})
				if err != nil {
					return err
				}
				got, err := io.ReadAll(object)
				if err != nil || !bytes.Equal(got, want) {
					return fmt.Errorf("%s: read %d other bytes, %w", key, len(got), err)
				}
				if err := object.Close(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
