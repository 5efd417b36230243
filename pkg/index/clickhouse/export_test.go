package clickhouse

import (
	"context"
	"testing"
)

// SplitStatements cuts an SQL file as a migration is cut.
var SplitStatements = statements

// Exec runs a statement that no method of Index would.
func Exec(t *testing.T, x *Index, statement string) {
	t.Helper()
	if err := x.conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// Read returns what a query answers, one column, as text.
func Read(t *testing.T, x *Index, query string) []string {
	t.Helper()
	rows, err := x.conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Statements are those that make a new database, in order, and those that
// clear a project.
func (x *Index) Statements(t *testing.T) []string {
	t.Helper()
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	made := []string{x.ddl(createDatabase(x.cfg.Database)), x.ddl(createSchemaMigrations)}
	for _, m := range all {
		for _, statement := range x.pending(m, schema{}) {
			made = append(made, x.ddl(statement))
		}
	}
	for _, table := range tables {
		made = append(made, x.ddl(clearing(table)))
	}
	return made
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
