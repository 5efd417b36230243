//go:build unix

package s3gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"
)

// durableStore answers a write only when it would survive a power failure, as
// S3 promises; VersityGW itself leaves that to the kernel.
type durableStore struct {
	*posix.Posix
	root string
}

var _ backend.Backend = (*durableStore)(nil)

// PutObject implements backend.Backend.
func (d *durableStore) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	out, err := d.Posix.PutObject(ctx, in)
	if err != nil {
		return out, err
	}
	return out, d.sync(*in.Bucket, *in.Key)
}

// CopyObject implements backend.Backend.
func (d *durableStore) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	out, err := d.Posix.CopyObject(ctx, in)
	if err != nil {
		return out, err
	}
	return out, d.sync(*in.Bucket, *in.Key)
}

// CompleteMultipartUpload implements backend.Backend.
func (d *durableStore) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	out, version, err := d.Posix.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return out, version, err
	}
	return out, version, d.sync(*in.Bucket, *in.Key)
}

// sync flushes the object and the folders that lead to it. An object that is
// gone by now was deleted by somebody else.
func (d *durableStore) sync(bucket, key string) error {
	for path := filepath.Join(d.root, bucket, key); len(path) >= len(d.root); path = filepath.Dir(path) {
		if err := syncPath(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("flush object: %w", err)
		}
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
