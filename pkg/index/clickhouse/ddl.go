package clickhouse

import "strings"

// ddl fills in what stands in braces in a statement of a migration: the names
// and the engines that differ between one server and a cluster.
//
//	{on_cluster}    nothing | ON CLUSTER c
//	{local}         nothing | _local: a table of one shard of a cluster
//	{replacing}(    the table's engine, which collapses rows of the same key
//	{aggregating}   as {replacing}, of a table that collapses them by column
//	{everywhere}(   as {replacing}, with the same rows on all servers
//	{distributed}(  the table's engine, which reaches the tables of all shards
//
// {shard}, {database}, {table} and {replica} are macros that the servers of a
// cluster fill in.
func (x *Index) ddl(statement string) string {
	c := x.cfg.Cluster
	if c == "" {
		return singleServer.Replace(statement)
	}
	return strings.NewReplacer(
		"{on_cluster}", "ON CLUSTER "+c,
		"{local}", "_local",
		"{replacing}(", "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', ",
		"{aggregating}", "ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')",
		"{everywhere}(", "ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/{table}', '{shard}-{replica}', ",
		"{distributed}(", "Distributed('"+c+"', currentDatabase(), ",
	).Replace(statement)
}

var singleServer = strings.NewReplacer(
	" {on_cluster}", "",
	"{local}", "",
	"{replacing}(", "ReplacingMergeTree(",
	"{aggregating}", "AggregatingMergeTree",
	"{everywhere}(", "ReplacingMergeTree(",
)
