//go:build unix

// Package s3gateway runs VersityGW's S3 gateway over a local folder in the
// current process. It has one account and creates one bucket. What it is built
// from is several times as large as Playhead's own programs, so that it is in
// programs that pass Serve to embedded.RunChild, and in no others.
package s3gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"

	"github.com/playhead/playhead/pkg/embedded"
)

const (
	// maxConnections and maxRequests are far above what one machine's clients
	// open; beyond them the gateway answers SlowDown, which clients retry.
	maxConnections = 1024
	maxRequests    = 512

	// maxParts is S3's own limit of parts in one upload.
	maxParts = 10000

	// bindAttempts bounds how often another port is tried when somebody took
	// the free one first.
	bindAttempts = 10
)

// Serve is an embedded.Gateway: it runs on a free port of the loopback until ctx
// ends, and calls ready with host:port once requests are answered. The folder is
// its own.
func Serve(ctx context.Context, dir string, o embedded.S3, ready func(address string)) error {
	store, err := openStore(dir, o)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		address, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		listening := false
		err = embedgw.RunVersityGW(ctx, store, &embedgw.Config{
			RootUserAccess:    o.AccessKey,
			RootUserSecret:    o.SecretKey,
			Region:            o.Region,
			Ports:             []string{address},
			MaxConnections:    maxConnections,
			MaxRequests:       maxRequests,
			MultipartMaxParts: maxParts,
			KeepAlive:         true,
			Quiet:             true,
			S3Options: []s3api.Option{
				s3api.WithMiddleware("/", readWholeBody),
				s3api.WithOnListen(func() {
					listening = true
					ready(address)
				}),
			},
		})
		if err == nil || errors.Is(err, context.Canceled) || listening || attempt == bindAttempts {
			return err
		}
	}
}

// readWholeBody reads what a handler left of the request. An empty object that
// comes with a chunked signature has a body that the gateway does not read, and
// what is left over spoils the connection for the next request.
func readWholeBody(c fiber.Ctx) error {
	err := c.Next()
	if body := c.Request().BodyStream(); body != nil {
		_, _ = io.Copy(io.Discard, body) // a broken connection shows itself at the next request
	}
	return err
}

// freeAddress finds a free port. The gateway binds by address only, so it may
// be taken in between; Serve then tries another one.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// openStore opens the folder and creates the bucket. Object metadata lies in
// extended attributes, or in files beside where the file system has none.
func openStore(dir string, o embedded.S3) (*durableStore, error) {
	root, sidecar := filepath.Join(dir, "objects"), filepath.Join(dir, "metadata")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("create object folder: %w", err)
	}
	options := posix.PosixOpts{NewDirPerm: 0o700, NewFilePerm: 0o600}
	options.SetNewDirPerm(0o700)
	options.SetNewFilePerm(0o600)
	storer, err := metadata(root, sidecar)
	if err != nil {
		return nil, err
	}
	if _, ok := storer.(meta.SideCar); ok {
		options.SideCarDir = sidecar
	}
	backend, err := posix.New(root, storer, options)
	if err != nil {
		return nil, fmt.Errorf("open object folder: %w", err)
	}
	store := &durableStore{Posix: backend, root: root}
	return store, createBucket(store, o)
}

// metadata prefers extended attributes; a folder that began with sidecar
// files keeps them.
func metadata(root, sidecar string) (meta.MetadataStorer, error) {
	_, err := os.Stat(sidecar)
	if errors.Is(err, os.ErrNotExist) && (meta.XattrMeta{}).Test(root) == nil {
		return meta.XattrMeta{}, nil
	}
	if err := os.MkdirAll(sidecar, 0o700); err != nil {
		return nil, fmt.Errorf("create metadata folder: %w", err)
	}
	storer, err := meta.NewSideCar(sidecar)
	if err != nil {
		return nil, fmt.Errorf("open metadata folder: %w", err)
	}
	return storer, nil
}

// createBucket creates the bucket when it is not there, or only half there
// because a start was cut short.
func createBucket(store *durableStore, o embedded.S3) error {
	ctx := context.Background()
	if acl, err := store.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &o.Bucket}); err == nil && len(acl) > 0 {
		return nil
	}
	if err := os.Remove(filepath.Join(store.root, o.Bucket)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove incomplete bucket %s: %w", o.Bucket, err)
	}
	acl, err := json.Marshal(auth.ACL{
		Owner:    o.AccessKey,
		Grantees: []auth.Grantee{{Permission: auth.PermissionFullControl, Access: o.AccessKey, Type: types.TypeCanonicalUser}},
	})
	if err != nil {
		return fmt.Errorf("write bucket rights: %w", err)
	}
	input := &s3.CreateBucketInput{
		Bucket:                    &o.Bucket,
		ObjectOwnership:           types.ObjectOwnershipBucketOwnerEnforced,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{},
	}
	if err := store.CreateBucket(ctx, input, acl); err != nil {
		return fmt.Errorf("create bucket %s: %w", o.Bucket, err)
	}
	return nil
}
