// Package s3 keeps objects in a bucket of an S3 compatible server.
//
// It is the only package that knows minio-go. It does not know what the
// objects hold or how their keys are made.
package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/playhead/playhead/pkg/objectstore"
)

var _ objectstore.Bucket = (*Bucket)(nil)

const (
	// A server that cannot be dialled in this time is reported as down.
	dialTimeout = 5 * time.Second
	// How long a server may think before it answers, after it has the whole
	// request. Storing a large object durably on slow disks takes seconds.
	answerTimeout = 30 * time.Second
	// Tries of one request, with 0.2 to 1 s between them. More would hold up
	// the caller, who has its own way of trying again.
	tries = 3
	// Objects up to this size are stored by one request, which is atomic and
	// costs one PUT. Packs are a few MiB, and 64 MiB of frames with a footer and
	// keyframes at most; S3 allows 5 GiB.
	singlePutBytes = 128 << 20
)

// Dial makes a connection, as net.Dialer's DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Options are what only a program can give, not a configuration file.
type Options struct {
	// DialContext makes the connections, for example through a proxy;
	// a net.Dialer when nil. TLS is put on top of what it returns.
	DialContext Dial
}

// Bucket is one prefix of one bucket. It is safe for concurrent use.
type Bucket struct {
	core   minio.Core
	bucket string
	prefix string
}

// New prepares a bucket; it does not connect, Check does.
func New(cfg Config, opts Options) (*Bucket, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("object storage settings: %w", err)
	}
	creds, err := cfg.creds()
	if err != nil {
		return nil, fmt.Errorf("object storage settings: %w", err)
	}
	transport, err := cfg.transport(opts)
	if err != nil {
		return nil, fmt.Errorf("object storage settings: %w", err)
	}
	lookup := minio.BucketLookupDNS
	if cfg.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(cfg.Endpoint, &minio.Options{
		Creds:        creds,
		Secure:       cfg.TLS.Enabled,
		Transport:    transport,
		Region:       cfg.Region,
		BucketLookup: lookup,
		MaxRetries:   tries,
	})
	if err != nil {
		return nil, fmt.Errorf("object storage settings: %w", err)
	}
	return &Bucket{core: minio.Core{Client: client}, bucket: cfg.Bucket, prefix: cfg.prefix()}, nil
}

func (c Config) creds() (*credentials.Credentials, error) {
	if c.AccessKey == "" {
		return credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{},
			&credentials.FileAWSCredentials{},
			&credentials.IAM{},
		}), nil
	}
	secret, err := c.secretKey()
	if err != nil {
		return nil, err
	}
	return credentials.NewStaticV4(c.AccessKey, secret, ""), nil
}

func (c Config) transport(opts Options) (*http.Transport, error) {
	tlsConfig, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	dial := opts.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           withTimeout(dial),
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       time.Minute,
		// Packs are compressed; what is stored must come back byte for byte.
		DisableCompression: true,
	}, nil
}

func withTimeout(dial Dial) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		return dial(ctx, network, address)
	}
}

// Put implements objectstore.Bucket. A negative size is refused: minio-go
// would buffer a piece of hundreds of MiB to find the size out.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if size < 0 {
		return fmt.Errorf("put object %s: the size must be known", key)
	}
	_, err := b.core.Client.PutObject(ctx, b.bucket, b.prefix+key, r, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream",
		PartSize:    singlePutBytes,
		// Without TLS the body is signed chunk by chunk. An empty body then
		// still has a closing chunk, and some servers (VersityGW 1.8) take
		// it for the beginning of the next request.
		DisableContentSha256: size == 0,
	})
	if err != nil {
		return fmt.Errorf("put object %s: %w", key, b.translate(ctx, err))
	}
	return nil
}

// Get implements objectstore.Bucket.
func (b *Bucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < -1 {
		return nil, fmt.Errorf("get object %s: no such range: offset %d, length %d", key, offset, length)
	}
	// HTTP has no empty range.
	if length == 0 {
		return b.getNothing(ctx, key, offset)
	}
	opts, err := rangeOf(offset, length)
	if err != nil {
		return nil, fmt.Errorf("get object %s: %w", key, err)
	}
	// Core's GetObject sends the request now; Client's would send it on the
	// first Read, and a missing object would look like an empty one till then.
	body, _, header, err := b.core.GetObject(ctx, b.bucket, b.prefix+key, opts)
	if minio.ToErrorResponse(err).Code == minio.InvalidRange {
		return b.getNothing(ctx, key, offset)
	}
	if err != nil {
		return nil, fmt.Errorf("get object %s: %w", key, b.translate(ctx, err))
	}
	asked := opts.Header().Get("Range") != ""
	if asked && !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)) {
		body.Close()
		return nil, fmt.Errorf("get object %s: the server did not answer with the range asked for", key)
	}
	return body, nil
}

// getNothing is a range of no bytes of an object that must exist: at the end
// it is empty, beyond the end it is an error. It does not use HEAD, whose
// answer cannot tell a missing object from a missing bucket.
func (b *Bucket) getNothing(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	body, info, _, err := b.core.GetObject(ctx, b.bucket, b.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("get object %s: %w", key, b.translate(ctx, err))
	}
	body.Close()
	if offset > info.Size {
		return nil, fmt.Errorf("get object %s: offset %d is beyond its %d bytes", key, offset, info.Size)
	}
	return io.NopCloser(bytes.NewReader(nil)), nil
}

func rangeOf(offset, length int64) (opts minio.GetObjectOptions, err error) {
	switch {
	case length > 0:
		err = opts.SetRange(offset, offset+length-1)
	case offset > 0:
		err = opts.SetRange(offset, 0)
	}
	return opts, err
}

// List implements objectstore.Bucket.
func (b *Bucket) List(ctx context.Context, prefix string, fn func(objectstore.Object) error) error {
	// Ends the listing's own requests when fn ends it early.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts := minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}
	for info := range b.core.ListObjectsIter(ctx, b.bucket, opts) {
		if info.Err != nil {
			return fmt.Errorf("list objects %s*: %w", prefix, b.translate(ctx, info.Err))
		}
		// Some consoles create an empty object for a folder; nobody put it.
		if strings.HasSuffix(info.Key, "/") {
			continue
		}
		if err := fn(objectstore.Object{Key: strings.TrimPrefix(info.Key, b.prefix), Size: info.Size}); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list objects %s*: %w", prefix, err)
	}
	return nil
}

// Delete implements objectstore.Bucket.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	err := b.core.RemoveObject(ctx, b.bucket, b.prefix+key, minio.RemoveObjectOptions{})
	if err = b.translate(ctx, err); err != nil && !errors.Is(err, objectstore.ErrNotFound) {
		return fmt.Errorf("delete object %s: %w", key, err)
	}
	return nil
}

// translate gives minio-go's errors the meaning of the contract.
func (b *Bucket) translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	// minio-go hides a cancellation behind its own words in some places.
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return objectstore.ErrNotFound
	}
	return err
}
