// Command gpx_playhead is the backend of the Grafana data source, started by
// Grafana. It is wiring only: which stores there are.
package main

import (
	"crypto/x509"
	"errors"
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"

	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/links"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/plugin"
)

func main() {
	if err := datasource.Manage(links.DataSourceID, plugin.NewFactory(openStores, plugin.SystemClock), datasource.ManageOpts{}); err != nil {
		backend.Logger.Error("Plugin ended", "error", err)
		os.Exit(1)
	}
}

func openStores(s plugin.Settings, dial plugin.Dial) (plugin.Stores, error) {
	found, err := openIndex(s.ClickHouse, s.Authorities, dial)
	if err != nil {
		return plugin.Stores{}, err
	}
	bucket, err := openBucket(s.ObjectStorage, s.Authorities, dial)
	if err != nil {
		return plugin.Stores{}, errors.Join(err, found.Close())
	}
	return plugin.Stores{Index: found, Bucket: bucket, CheckBucket: bucket.Check, Close: found.Close}, nil
}

func openIndex(s plugin.ClickHouseSettings, authorities *x509.CertPool, dial plugin.Dial) (*clickhouse.Index, error) {
	if !s.TLS {
		authorities = nil // they may be meant for the object storage alone
	}
	return clickhouse.New(clickhouse.Config{
		Protocol:  s.Protocol,
		Addresses: s.Addresses,
		Database:  s.Database,
		Username:  s.Username,
		Password:  s.Password.Reveal(),
		TLS:       clickhouse.TLS{Enabled: s.TLS, InsecureSkipVerify: s.TLSSkipVerify, Authorities: authorities},
	}, clickhouse.Options{DialContext: clickhouse.Dial(dial)})
}

func openBucket(s plugin.ObjectStorageSettings, authorities *x509.CertPool, dial plugin.Dial) (*s3.Bucket, error) {
	return s3.New(s3.Config{
		Endpoint:  s.Endpoint,
		Region:    s.Region,
		Bucket:    s.Bucket,
		Prefix:    s.Prefix,
		PathStyle: s.PathStyle,
		TLS:       s3.TLS{Enabled: s.TLS, InsecureSkipVerify: s.TLSSkipVerify, Authorities: authorities},
		AccessKey: s.AccessKey,
		SecretKey: s.SecretKey.Reveal(),
	}, s3.Options{DialContext: s3.Dial(dial)})
}
