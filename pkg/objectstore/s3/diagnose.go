package s3

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// Modified returns when the server, by its own clock, stored an object.
func (b *Bucket) Modified(ctx context.Context, key string) (time.Time, error) {
	info, err := b.core.StatObject(ctx, b.bucket, b.prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return time.Time{}, fmt.Errorf("stat object %s: %w", key, b.translate(ctx, err))
	}
	return info.LastModified, nil
}

// Expiry is a rule of the bucket that deletes objects.
type Expiry struct {
	Rule   string // its id
	Prefix string // of the keys it is for, without the bucket's own prefix
	Days   int    // after which they are deleted; 0: on a date
}

// Expiries returns the rules of the bucket that delete keys which begin with
// prefix, or some of them. A server that has no such rules, or keeps them to
// itself, answers with an error.
func (b *Bucket) Expiries(ctx context.Context, prefix string) ([]Expiry, error) {
	rules, err := b.core.GetBucketLifecycle(ctx, b.bucket)
	if minio.ToErrorResponse(err).Code == "NoSuchLifecycleConfiguration" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read lifecycle of bucket %s: %w", b.bucket, b.translate(ctx, err))
	}
	return expiries(rules, b.prefix, prefix), nil
}

func expiries(rules *lifecycle.Configuration, own, prefix string) (found []Expiry) {
	for _, rule := range rules.Rules {
		if rule.Status != "Enabled" || rule.Expiration.IsDaysNull() && rule.Expiration.IsDateNull() {
			continue
		}
		of := rule.RuleFilter.Prefix
		if of == "" {
			of = rule.RuleFilter.And.Prefix
		}
		if of == "" {
			of = rule.Prefix
		}
		if strings.HasPrefix(own+prefix, of) || strings.HasPrefix(of, own+prefix) {
			found = append(found, Expiry{Rule: rule.ID, Prefix: strings.TrimPrefix(of, own), Days: int(rule.Expiration.Days)})
		}
	}
	return found
}
