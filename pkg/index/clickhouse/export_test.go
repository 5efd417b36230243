package clickhouse

import (
	"context"
	"testing"
)

// Exec runs a statement that no method of Index would.
func Exec(t *testing.T, x *Index, statement string) {
	t.Helper()
	if err := x.conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// DropDatabase removes a test's database.
func DropDatabase(t *testing.T, cfg Config) {
	t.Helper()
	database := cfg.Database
	cfg.Database = ""
	conn, err := open(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+database+" SYNC"); err != nil {
		t.Error(err)
	}
}
