package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// patient is a set-up with real stores, one recording and no faults.
type patient struct {
	dir    string
	stores *stores
	cfg    config
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{dir: t.TempDir(), cfg: defaultConfig()}
	p.cfg.DataDir = filepath.Join(p.dir, "data")
	p.cfg.Ingest.Projects = []ingest.Project{{ID: "shop"}}
	p.cfg.completePaths()
	log := slog.New(slog.DiscardHandler)
	var err error
	if p.stores, err = openStores(t.Context(), p.cfg, false, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stores.close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.stores.index.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.record(t)
	return p
}

func (p *patient) record(t *testing.T) {
	t.Helper()
	i, err := newImporter(t.Context(), p.cfg, p.stores, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	result := i.file(t.Context(), "shop", filepath.Join("..", "..", "..", "examples", "shop", "recordings", "double-order.json"), recording.Origin{})
	if err := i.close(t.Context()); err != nil || result.Refused != "" {
		t.Fatal(err, result)
	}
}

// settings are what a test changes of the file.
type settings struct{ listen, clickhousePassword, s3Secret, bucket, cluster string }

const doctorKey = "pk_doctor_0123456789"

func (p *patient) write(t *testing.T, s settings) (file string) {
	t.Helper()
	ch, objects := p.stores.addresses.ClickHouse, p.stores.addresses.S3
	value := func(changed, usual string) string {
		if changed != "" {
			return changed
		}
		return usual
	}
	file = filepath.Join(t.TempDir(), "playhead.yaml")
	content := fmt.Sprintf(`
listen: %q
data_dir: %q
clickhouse: {protocol: http, addresses: [%q], database: playhead, username: %q, password: %q, cluster: %q}
object_storage: {endpoint: %q, region: %q, bucket: %q, path_style: true, access_key: %q, secret_key: %q}
projects:
  - id: shop
    keys: [{name: web, key: %s, origins: ['https://shop.example.com'], quota: {bytes_per_second: 1MiB}}]
`, value(s.listen, "127.0.0.1:0"), p.cfg.DataDir,
		ch.Address, ch.User, value(s.clickhousePassword, ch.Password), s.cluster,
		objects.Endpoint, objects.Region, value(s.bucket, objects.Bucket), objects.AccessKey, value(s.s3Secret, objects.SecretKey),
		doctorKey)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// examine runs the doctor and returns what it found and its exit code.
func (p *patient) examine(t *testing.T, s settings) (findings []finding, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = program([]string{"doctor", "--json", "--config", p.write(t, s)}, &stdout, &stderr)
	if stderr.Len() > 0 {
		t.Errorf("it also says %s", stderr.String())
	}
	for _, secret := range []string{doctorKey, p.stores.addresses.ClickHouse.Password, p.stores.addresses.S3.SecretKey, "wrong-password"} {
		if strings.Contains(stdout.String(), secret) {
			t.Errorf("a secret is in %s", stdout.String())
		}
	}
	for line := range strings.Lines(stdout.String()) {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if (f.Next == "") != (f.Level == levelOK) {
			t.Errorf("%+v: what is wrong has a next step, and only that", f)
		}
		findings = append(findings, f)
	}
	return findings, code
}

func find(findings []finding, l level, check, says string) bool {
	for _, f := range findings {
		if f.Level == l && f.Check == check && strings.Contains(f.Says+" "+f.Next, says) {
			return true
		}
	}
	return false
}

// Each fault of the stores is found, named, and told apart from the others.
func TestDoctorFindsWhatIsWrongWithTheStores(t *testing.T) {
	p := newPatient(t)
	t.Run("nothing", func(t *testing.T) {
		if found, code := p.examine(t, settings{}); code != 0 {
			t.Errorf("exit code %d: %+v", code, found)
		}
	})
	wrong := []struct {
		name     string
		settings settings
		level    level
		check    string
		says     string
	}{
		{"password", settings{clickhousePassword: "wrong-password"}, levelFail, "clickhouse", "password"},
		{"cluster", settings{cluster: "nowhere"}, levelFail, "clickhouse", "no cluster nowhere"},
		{"secret key", settings{s3Secret: "wrong-password"}, levelFail, "object storage", "correct the secret key"},
		{"bucket", settings{bucket: "absent"}, levelFail, "object storage", "create the bucket"},
	}
	for _, tt := range wrong {
		t.Run(tt.name, func(t *testing.T) {
			if found, code := p.examine(t, tt.settings); code != 2 || !find(found, tt.level, tt.check, tt.says) {
				t.Errorf("exit code %d: %+v; want %s of %s that says %q", code, found, tt.level, tt.check, tt.says)
			}
		})
	}

	t.Run("a pack that is not indexed", func(t *testing.T) {
		if err := p.stores.index.Clear(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		p.age(t)
		found, code := p.examine(t, settings{})
		if code != 1 || !find(found, levelWarn, "recordings of shop", "1 of 1 segments of v1/shop/normal/") || !find(found, levelWarn, "recordings of shop", "playhead reindex --project shop") {
			t.Errorf("exit code %d: %+v", code, found)
		}
	})
	t.Run("a damaged pack", func(t *testing.T) {
		key := p.packs(t)[0]
		content, err := readObject(t.Context(), p.stores.bucket, key, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		content[20] ^= 0xff
		p.put(t, key, content)
		found, code := p.examine(t, settings{})
		if code != 2 || !find(found, levelFail, "recordings of shop", key+": corrupt") {
			t.Errorf("exit code %d: %+v", code, found)
		}
	})
}

func (p *patient) packs(t *testing.T) (keys []string) {
	t.Helper()
	err := p.stores.bucket.List(t.Context(), "v1/shop/normal/", func(o objectstore.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	return keys
}

func (p *patient) put(t *testing.T, key string, content []byte) {
	t.Helper()
	if err := p.stores.bucket.Put(t.Context(), key, bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

// age stores the packs again as if they were made an hour ago: rows of new ones
// may still be on their way.
func (p *patient) age(t *testing.T) {
	t.Helper()
	for _, key := range p.packs(t) {
		content, err := readObject(t.Context(), p.stores.bucket, key, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		footer, err := segment.ReadFooter(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		id := ulid.MustNew(ulid.Timestamp(time.Now().Add(-time.Hour)), rand.Reader)
		old := segment.NewPack(footer.Project, footer.Class, id)
		for _, e := range footer.Entries {
			if err := old.Add(e.Segment, content[e.Offset:e.Offset+e.Length], e.Dictionary, e.Base); err != nil {
				t.Fatal(err)
			}
		}
		content, _, err = old.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		p.put(t, segment.PackKey(footer.Project, footer.Class, id), content)
		if err := p.stores.bucket.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
}

// The address is ours, somebody else's or free.
func TestDoctorLooksAtTheAddress(t *testing.T) {
	p := newPatient(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	other := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.NotFoundHandler()}} //nolint:gosec // a test
	other.Start()
	found, code := p.examine(t, settings{listen: address})
	if code != 2 || !find(found, levelFail, "address", "not playhead") {
		t.Errorf("exit code %d: %+v", code, found)
	}
	other.Close()

	cfg := p.cfg
	cfg.Listen = address
	v, err := newService(t.Context(), cfg, p.stores, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.run(ctx) }()
	found, code = p.examine(t, settings{listen: address})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if code != 0 || !find(found, levelOK, "server", "it is ready; 0 segments wait") || !find(found, levelOK, "metrics", "no upload was refused") {
		t.Errorf("exit code %d: %+v", code, found)
	}
}
