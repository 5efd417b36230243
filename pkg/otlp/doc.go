// Package otlp keeps the traces and logs of a project beside its recordings,
// for the page that plays them without Grafana: it takes them over OTLP/HTTP,
// stores them in ClickHouse in the schema of the OpenTelemetry Collector's
// ClickHouse exporter, and answers for a trace and for a session's log lines.
//
// It has no queue and no retries: a sender hears that a store does not answer
// and sends again. Where much arrives, let a Collector write the same tables,
// with the resource attribute ProjectAttribute, and use this package to read.
package otlp
