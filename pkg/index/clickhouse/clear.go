package clickhouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/recording"
)

// tables are all that hold rows of projects. Sessions come first: what is
// listed while they are removed still has its segments and moments.
var tables = []string{"sessions_by_start", "sessions", "postings", "terms", "texts", "keyframes", "signals", "moments", "segments"}

// Clear implements index.Index.
func (x *Index) Clear(ctx context.Context, project recording.ProjectID) error {
	if err := needProject(project); err != nil {
		return err
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"lightweight_deletes_sync": 2}))
	for _, table := range tables {
		err := x.conn.Exec(ctx, x.ddl(clearing(table)), clickhouse.Named("project", string(project)))
		if err != nil {
			return failed("clear "+table+" in index", err)
		}
	}
	return nil
}

func clearing(table string) string {
	return "DELETE FROM " + table + "{local} {on_cluster} WHERE project_id = {project:String}"
}
