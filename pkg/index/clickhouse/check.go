package clickhouse

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// maxClockDifference is how far the server's clock may be from ours. Sessions
// are found by time ranges that people choose by their clock, and packs are
// filed by ours.
const maxClockDifference = 5 * time.Second

// Check implements index.Index. It also returns an error when the server's
// clock differs from ours by more than 5 s. Its errors say what to fix.
func (x *Index) Check(ctx context.Context) error {
	if err := x.checkClock(ctx); err != nil {
		return err
	}
	if err := x.checkSchema(ctx); err != nil {
		return err
	}
	read := []struct{ name, columns string }{
		{"segments", columnsOf[segmentRow]()},
		{"sessions", columnsOf[sessionRow]()},
		{"sessions_by_start", candidateColumns},
		{"moments", columnsOf[momentRow]()},
		{"postings", columnsOf[postingRow]()},
		{"terms", columnsOf[termRow]()},
		{"signals", columnsOf[signalRow]()},
		{"texts", columnsOf[textRow]()},
		{"keyframes", columnsOf[keyframeRow]()},
	}
	for _, table := range read {
		// Names every column and reads no row.
		query := "SELECT " + table.columns + " FROM " + table.name + " LIMIT 0"
		if err := x.conn.Exec(ctx, query); err != nil {
			return x.explain("read table "+table.name, err)
		}
	}
	return nil
}

func (x *Index) checkSchema(ctx context.Context) error {
	known, err := migrations()
	if err != nil {
		return failed("read migrations", err)
	}
	found, err := x.schemaVersion(ctx)
	if hasCode(err, codeUnknownTable) {
		return older(0, known)
	}
	if err != nil {
		return x.explain("read schema version", err)
	}
	if err := newer(found.last, known); err != nil {
		return err
	}
	return older(found.last, known)
}

func (x *Index) checkClock(ctx context.Context) error {
	before := x.now()
	var ms int64
	if err := x.conn.QueryRow(ctx, "SELECT toUnixTimestamp64Milli(now64(3))").Scan(&ms); err != nil {
		return x.explain("read the server's clock", err)
	}
	server, after := time.UnixMilli(ms), x.now()
	if server.Before(before.Add(-maxClockDifference)) || server.After(after.Add(maxClockDifference)) {
		return fmt.Errorf("the clock of ClickHouse and the clock of this machine differ by %s: set one of them",
			server.Sub(after).Abs().Round(time.Second))
	}
	return nil
}

// explain adds to err what an operator can do about it.
func (x *Index) explain(doing string, err error) error {
	err = failed(doing, err)
	if hint := x.advice(err); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

func (x *Index) advice(err error) string {
	var (
		network net.Error
		cert    x509.UnknownAuthorityError
		host    x509.HostnameError
	)
	switch {
	case hasCode(err, codeAuthentication):
		return "correct the username or the password"
	case hasCode(err, codeAccessDenied):
		return fmt.Sprintf("GRANT SELECT ON %s.* TO %s", x.cfg.Database, x.cfg.Username)
	case hasCode(err, codeUnknownDatabase):
		return "correct the database, or start playhead ingest, which creates it"
	case hasCode(err, codeUnknownTable, codeUnknownIdentifer):
		return "run playhead migrate"
	case errors.As(err, &cert):
		return "set tls.ca_file to the authority that signed the server's certificate"
	case errors.As(err, &host):
		return "set tls.server_name to the name in the server's certificate"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the server speaks plain HTTP: switch tls.enabled off or correct the port"
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("correct addresses and tls (protocol %s), or start the server; a firewall may be in between", x.cfg.Protocol)
	}
	return ""
}
