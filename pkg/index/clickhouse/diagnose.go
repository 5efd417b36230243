package clickhouse

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// The oldest version of ClickHouse that has all that the migrations use.
const minMajor, minMinor = 26, 3

// Diagnosis is what is worth knowing of a server besides Check.
type Diagnosis struct {
	Version   string
	Supported bool // at least 26.3

	// Unsafe are the tables whose acknowledged inserts a power cut can lose.
	Unsafe []string

	// MissingRights are what the user may not do, as GRANT spells it: SELECT
	// and INSERT, without which nothing works, and what only migrations and
	// Clear need.
	MissingRights []string

	// MissingMacros are what the server's configuration lacks for tables on a
	// cluster; ClusterHosts is how many hosts the cluster has. Both are empty
	// without a cluster.
	MissingMacros []string
	ClusterHosts  uint64
}

// rights that some command of Playhead needs on its database.
var rights = []string{"SELECT", "INSERT", "CREATE TABLE", "DROP TABLE", "ALTER"}

// Diagnose asks the server about itself. Check comes first: it says why a
// server cannot be asked.
func (x *Index) Diagnose(ctx context.Context) (Diagnosis, error) {
	var d Diagnosis
	if err := x.conn.QueryRow(ctx, "SELECT version()").Scan(&d.Version); err != nil {
		return d, x.explain("read the server's version", err)
	}
	d.Supported = supported(d.Version)
	steps := []func(context.Context, *Diagnosis) error{x.diagnoseTables, x.diagnoseRights}
	if x.cfg.Cluster != "" {
		steps = append(steps, x.diagnoseCluster)
	}
	for _, step := range steps {
		if err := step(ctx, &d); err != nil {
			return d, err
		}
	}
	return d, nil
}

func supported(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, majorErr := strconv.Atoi(parts[0])
	minor, minorErr := strconv.Atoi(parts[1])
	return majorErr == nil && minorErr == nil && (major > minMajor || major == minMajor && minor >= minMinor)
}

func (x *Index) diagnoseTables(ctx context.Context, d *Diagnosis) error {
	rows, err := x.conn.Query(ctx, `
SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
    AND NOT (create_table_query LIKE '%fsync_after_insert = 1%' AND create_table_query LIKE '%fsync_part_directory = 1%')
ORDER BY name`)
	if err != nil {
		return x.explain("read the settings of tables", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return failed("read the settings of tables", err)
		}
		d.Unsafe = append(d.Unsafe, name)
	}
	return rows.Err()
}

func (x *Index) diagnoseRights(ctx context.Context, d *Diagnosis) error {
	for _, right := range rights {
		var granted uint8
		query := fmt.Sprintf("CHECK GRANT %s ON %s.*", right, x.cfg.Database)
		if err := x.conn.QueryRow(ctx, query).Scan(&granted); err != nil {
			return x.explain("read the user's rights", err)
		}
		if granted == 0 {
			d.MissingRights = append(d.MissingRights, right)
		}
	}
	return nil
}

func (x *Index) diagnoseCluster(ctx context.Context, d *Diagnosis) error {
	for _, macro := range []string{"shard", "replica"} {
		var n uint64
		if err := x.conn.QueryRow(ctx, "SELECT count() FROM system.macros WHERE macro = '"+macro+"'").Scan(&n); err != nil {
			return x.explain("read the server's macros", err)
		}
		if n == 0 {
			d.MissingMacros = append(d.MissingMacros, macro)
		}
	}
	query := "SELECT count() FROM system.clusters WHERE cluster = '" + x.cfg.Cluster + "'"
	if err := x.conn.QueryRow(ctx, query).Scan(&d.ClusterHosts); err != nil {
		return x.explain("read the server's clusters", err)
	}
	return nil
}
