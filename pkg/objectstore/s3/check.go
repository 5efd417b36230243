package s3

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/minio/minio-go/v7"
)

// checkKey is what CheckWrite stores for a moment.
const checkKey = "check"

// Check returns nil when objects under the prefix can be listed. Its error
// says what to fix.
func (b *Bucket) Check(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts := minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true, MaxKeys: 1}
	for info := range b.core.ListObjectsIter(ctx, b.bucket, opts) {
		if info.Err != nil {
			return b.explain("list", "s3:ListBucket", b.translate(ctx, info.Err))
		}
		break
	}
	return ctx.Err()
}

// CheckWrite is Check, and an object can be put and deleted under the prefix.
func (b *Bucket) CheckWrite(ctx context.Context) error {
	if err := b.Check(ctx); err != nil {
		return err
	}
	if err := b.Put(ctx, checkKey, strings.NewReader("ok"), 2); err != nil {
		return b.explain("write to", "s3:PutObject", err)
	}
	if err := b.Delete(ctx, checkKey); err != nil {
		return b.explain("delete from", "s3:DeleteObject", err)
	}
	return nil
}

// explain adds to err what an operator can do about it.
func (b *Bucket) explain(verb, action string, err error) error {
	return fmt.Errorf("%s bucket %s at %s: %w: %s", verb, b.bucket, b.core.EndpointURL().Host, err, advice(action, err))
}

func advice(action string, err error) string {
	var answer minio.ErrorResponse
	errors.As(err, &answer)
	switch answer.Code {
	case minio.NoSuchBucket:
		return "create the bucket or correct its name"
	case minio.AccessDenied, "Forbidden", "AllAccessDisabled":
		return "allow " + action + " under the prefix for this access key"
	case minio.InvalidAccessKeyID:
		return "correct the access key"
	case minio.SignatureDoesNotMatch:
		return "correct the secret key"
	case minio.RequestTimeTooSkewed:
		return "set the clock of this machine or of the server"
	case minio.AuthorizationHeaderMalformed, minio.InvalidRegion, "PermanentRedirect":
		return "correct the region or the endpoint"
	}
	return adviceOnConnection(err)
}

func adviceOnConnection(err error) string {
	var (
		dns  *net.DNSError
		dial *net.OpError
		cert x509.UnknownAuthorityError
		host x509.HostnameError
	)
	switch {
	case errors.As(err, &cert):
		return "set tls.ca_file to the authority that signed the server's certificate"
	case errors.As(err, &host):
		return "the certificate is for another name: correct the endpoint"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the server speaks plain HTTP: switch tls.enabled off or correct the port"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "correct the host name of the endpoint, or switch path_style on"
	case errors.As(err, &dial), errors.Is(err, context.DeadlineExceeded):
		return "correct the endpoint or start the server; a firewall may be in between"
	}
	return "see the server's log"
}
