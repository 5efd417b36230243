package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/segment"
	"github.com/playhead/playhead/tests/bench/rig"
)

// split says what the bytes at rest are: of the objects and of each table.
type split map[string]int64

// splitOf measures what stores hold.
func splitOf(ctx context.Context, stores *rig.Stores) (split, error) {
	s := split{}
	bucket, err := bucketOf(stores, "")
	if err != nil {
		return nil, err
	}
	err = bucket.List(ctx, "", func(o objectstore.Object) error { return s.object(ctx, bucket, o) })
	if err != nil {
		return nil, fmt.Errorf("measure objects: %w", err)
	}
	return s, s.tables(ctx, stores)
}

func (s split) object(ctx context.Context, bucket objectstore.Bucket, o objectstore.Object) error {
	if _, _, _, err := segment.ParsePackKey(o.Key); err != nil {
		s["dictionaries"] += o.Size
		return nil //nolint:nilerr // what is no pack is of a dictionary
	}
	footer, err := segment.ReadFooter(reader{ctx, bucket, o.Key}, o.Size)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Key, err)
	}
	warmUp := func(e segment.Entry) bool { return e.Origin.UserID == warmUpUser }
	if slices.ContainsFunc(footer.Entries, warmUp) {
		return nil
	}
	s["footers"] += o.Size
	for _, e := range footer.Entries {
		s["segments"] += e.Length
		s["footers"] -= e.Length
	}
	for _, k := range footer.Keyframes {
		s["keyframes"] += k.Length
		s["footers"] -= k.Length
	}
	return nil
}

func (s split) tables(ctx context.Context, stores *rig.Stores) error {
	answer, err := stores.Query(ctx, "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table FORMAT TSV")
	if err != nil {
		return err
	}
	for line := range strings.Lines(answer) {
		table, bytes, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.ParseInt(bytes, 10, 64)
		if err != nil {
			return fmt.Errorf("size of table %s: %w", table, err)
		}
		s["table_"+table] = n
	}
	return nil
}

// sum is of the parts whose name begins so.
func (s split) sum(prefix string) (bytes int64) {
	for name, n := range s {
		if strings.HasPrefix(name, prefix) {
			bytes += n
		}
	}
	return bytes
}

// results are a line for each part.
func (s split) results(name string) (results []rig.Result) {
	total := s.sum("")
	for _, part := range slices.Sorted(maps.Keys(s)) {
		results = append(results, rig.Result{
			Name: name + "_" + part, Value: float64(s[part]), Unit: "B", Method: fmt.Sprintf("%.1f %% of %s", 100*float64(s[part])/float64(total), name),
		})
	}
	return results
}

// reader reads an object in ranges.
type reader struct {
	ctx    context.Context //nolint:containedctx // io.ReaderAt has none
	bucket objectstore.Bucket
	key    string
}

// ReadAt reads a range.
func (r reader) ReadAt(p []byte, offset int64) (int, error) {
	body, err := r.bucket.Get(r.ctx, r.key, offset, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
