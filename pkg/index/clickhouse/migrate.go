package clickhouse

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/index"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one file of migrations: NNNN_name.sql, in the order of NNNN.
// Every statement ends in ";" at the end of a line and can be run twice; a
// comment has lines of its own. ddl says what stands in braces.
//
// What ends in .upgrade.sql is for databases that an older version made, what
// ends in .cluster.sql for clusters. Numbers that are missing here made tables
// that are no more.
type migration struct {
	version    uint32
	name       string
	scope      scope
	statements []string
}

// scope says which databases a migration is for.
type scope string

const (
	everywhere scope = ""
	upgrade    scope = "upgrade"
	cluster    scope = "cluster"
)

func migrations() ([]migration, error) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(files))
	for _, file := range files {
		number, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql"), "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("number of %s: %w", file, err)
		}
		sql, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name, suffix, _ := strings.Cut(name, ".")
		all = append(all, migration{version: uint32(version), name: name, scope: scope(suffix), statements: statements(string(sql))})
	}
	return all, nil
}

// schema is what a database says of the migrations that it has seen; zero when
// it is empty.
type schema struct {
	first, last uint32
}

// oldTables is the version whose tables the migrations for upgrades carry over.
const oldTables = 1

// pending are the statements that bring a database from what was found to m. A
// database that did not begin with the old tables, empty or half made by this
// program, has none to carry over, and a cluster never had any.
func (x *Index) pending(m migration, found schema) []string {
	switch {
	case m.version <= found.last,
		m.scope == upgrade && (found.first != oldTables || x.cfg.Cluster != ""),
		m.scope == cluster && x.cfg.Cluster == "":
		return nil
	}
	return m.statements
}

func statements(sql string) []string {
	var code strings.Builder
	for line := range strings.Lines(sql) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			code.WriteString(line)
		}
	}
	var all []string
	for statement := range strings.SplitSeq(code.String(), ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			all = append(all, statement)
		}
	}
	return all
}

const createSchemaMigrations = `
CREATE TABLE IF NOT EXISTS schema_migrations {on_cluster}
(
    version    UInt32,
    name       String,
    applied_ts DateTime64(3, 'UTC')
)
ENGINE = {everywhere}(applied_ts)
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`

// Migrate implements index.Index. It creates the database when it is absent.
func (x *Index) Migrate(ctx context.Context) error {
	all, err := migrations()
	if err != nil {
		return failed("read migrations", err)
	}
	if err := x.createDatabase(ctx); err != nil {
		return failed("create database "+x.cfg.Database, err)
	}
	if err := x.create(ctx, createSchemaMigrations); err != nil {
		return failed("create table schema_migrations", err)
	}
	found, err := x.schemaVersion(ctx)
	if err != nil {
		return failed("read schema version", err)
	}
	if err := newer(found.last, all); err != nil {
		return err
	}
	for _, m := range all {
		if m.version <= found.last {
			continue
		}
		if err := x.apply(ctx, m, found); err != nil {
			return failed(fmt.Sprintf("migrate to schema version %d", m.version), err)
		}
	}
	return nil
}

// createDatabase makes the database if the server says that it is absent; a
// user who may not create one is not asked to when it is there.
func (x *Index) createDatabase(ctx context.Context) error {
	err := x.conn.Ping(ctx)
	if !hasCode(err, codeUnknownDatabase) {
		return err
	}
	cfg := x.cfg
	cfg.Database = ""
	conn, err := open(cfg, x.dial)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Exec(ctx, x.ddl(createDatabase(x.cfg.Database)))
}

func createDatabase(name string) string {
	return "CREATE DATABASE IF NOT EXISTS " + name + " {on_cluster}"
}

func (x *Index) apply(ctx context.Context, m migration, found schema) error {
	for _, statement := range x.pending(m, found) {
		if err := x.create(ctx, statement); err != nil {
			return err
		}
	}
	return x.conn.Exec(x.writing(ctx),
		"INSERT INTO schema_migrations (version, name, applied_ts) SELECT {version:UInt32}, {name:String}, now64(3)",
		clickhouse.Named("version", m.version), clickhouse.Named("name", m.name))
}

// create runs a statement of a migration. Two servers that do the same at the
// same time can both pass IF NOT EXISTS; the later one is told that the table
// exists, or that the one to rename is gone, which is what it wanted.
func (x *Index) create(ctx context.Context, statement string) error {
	err := x.conn.Exec(x.writing(ctx), x.ddl(statement))
	moves := strings.HasPrefix(statement, "RENAME ")
	if hasCode(err, codeTableExists) || moves && hasCode(err, codeUnknownTable) {
		return nil
	}
	return err
}

func (x *Index) schemaVersion(ctx context.Context) (found schema, err error) {
	err = x.conn.QueryRow(ctx, "SELECT min(version), max(version) FROM schema_migrations").Scan(&found.first, &found.last)
	return found, err
}

// newer reports a schema that this program does not know yet.
func newer(found uint32, known []migration) error {
	if last := known[len(known)-1].version; found > last {
		return fmt.Errorf("%w: the database has version %d, this program knows %d: upgrade this program",
			index.ErrSchema, found, last)
	}
	return nil
}

// older reports a schema that Migrate would bring forward.
func older(found uint32, known []migration) error {
	if last := known[len(known)-1].version; found < last {
		return fmt.Errorf("%w: the database has version %d, this program needs %d: start the new playhead ingest, or run playhead migrate",
			index.ErrSchema, found, last)
	}
	return nil
}
