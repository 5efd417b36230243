package otlp

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/playhead/playhead/pkg/recording"
)

// ProjectAttribute is the resource attribute that says whose a span or a line
// is. The receiver sets it; what another program writes into the tables is only
// read where it has it.
const ProjectAttribute = "playhead.project"

//go:embed schema.sql
var schema string

var databasePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// CheckDatabase refuses what cannot be the name of the database.
func CheckDatabase(name string) error {
	if !databasePattern.MatchString(name) {
		return fmt.Errorf("must match %s", databasePattern)
	}
	return nil
}

// Config says where the tables are and whose rows are read and written.
type Config struct {
	// Conn leads to the server that has the database; the Store closes it.
	Conn     driver.Conn
	Database string
	Project  recording.ProjectID
	Log      *slog.Logger
}

// Store is the traces and logs of one project. It is safe for concurrent use.
type Store struct {
	conn     driver.Conn
	database string
	project  recording.ProjectID
	log      *slog.Logger

	mu       sync.Mutex
	migrated bool
}

// New returns a Store. It does not connect.
func New(c Config) (*Store, error) {
	if err := CheckDatabase(c.Database); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return &Store{conn: c.Conn, database: c.Database, project: c.Project, log: c.Log}, nil
}

// Close gives the connections back. Calls that are running are cut off.
func (s *Store) Close() error { return s.conn.Close() }

// InsertTraces stores spans. It is not idempotent: the schema has no place for
// it, as the exporter's.
func (s *Store) InsertTraces(ctx context.Context, traces ptrace.Traces) error {
	return insert(ctx, s, "otel_traces", spanRows(traces, s.project))
}

// InsertLogs stores log records; as InsertTraces.
func (s *Store) InsertLogs(ctx context.Context, logs plog.Logs) error {
	return insert(ctx, s, "otel_logs", logRows(logs, s.project))
}

func insert[Row any](ctx context.Context, s *Store, table string, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	names, types := columnsOf[Row]()
	// Over HTTP the driver would ask for the columns' types before each insert.
	ctx = clickhouse.Context(ctx, clickhouse.WithColumnNamesAndTypes(types), clickhouse.WithSettings(clickhouse.Settings{"wait_end_of_query": 1}))
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+s.database+"."+table+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return fmt.Errorf("insert into %s: %w", table, err)
	}
	defer batch.Close()
	for i := range rows {
		if err := batch.AppendStruct(&rows[i]); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert into %s: %w", table, err)
	}
	return nil
}

// columnsOf lists the columns of a row type and the types as which they are
// sent; the server makes its own of them.
func columnsOf[Row any]() ([]string, []clickhouse.ColumnNameAndType) {
	t := reflect.TypeFor[Row]()
	var names []string
	var types []clickhouse.ColumnNameAndType
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		names = append(names, tag.Get("ch"))
		types = append(types, clickhouse.ColumnNameAndType{Name: tag.Get("ch"), Type: tag.Get("type")})
	}
	return names, types
}

// migrate makes the tables where they are absent, once.
func (s *Store) migrate(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.migrated {
		return nil
	}
	for statement := range strings.SplitSeq(strings.ReplaceAll(schema, "{database}", s.database), ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := s.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make tables for traces and logs: %w", err)
		}
	}
	s.migrated = true
	return nil
}

// Codes of ClickHouse's exceptions.
const (
	codeUnknownTable    = 60
	codeUnknownDatabase = 81
)

// isEmpty says that there are no tables yet: nothing was stored.
func isEmpty(err error) bool {
	var exception *clickhouse.Exception
	return errors.As(err, &exception) && (exception.Code == codeUnknownTable || exception.Code == codeUnknownDatabase)
}
