import type { DataSourceJsonData } from '@grafana/data';
import type { DataQuery } from '@grafana/schema';

export type QueryType =
  'sessions' | 'replay' | 'moments' | 'transcript' | 'signals' | 'metrics' | 'traces' | 'annotations';

/** Of signals and metrics; a list of signals has none. */
export type Format = 'time_series' | 'table';

export interface QueryFilters {
  /** Exact user id. */
  user?: string;
  /** Part of a URL. */
  url?: string;
  /** Only sessions with at least one error. */
  errors?: boolean;
  /** Name of a signal, or `any`. */
  signal?: string;
}

/** A filter of a dashboard's ad-hoc variable; keys are those of the search language. */
export interface AdHocFilter {
  key: string;
  operator: string;
  value: string;
}

/** The query model of docs/format/playback.md. Only `query` set is what a Loki derived field sends. */
export interface PlayheadQuery extends DataQuery {
  queryType?: QueryType;
  query?: string;
  sessionId?: string;
  traceId?: string;
  /** Where a replay begins, ms since the epoch. */
  at?: number;
  filters?: QueryFilters;
  /** Kinds of moments, all when empty (docs/format/events.md). */
  kinds?: string[];
  /** What is counted or measured. @default 'sessions' */
  metric?: string;
  /** The label that metrics and signals are split by; none when empty. */
  by?: string;
  /** Of a vital, signal or error, or the method of a request. */
  name?: string;
  /** Of durations and vitals. @default 0.75 */
  quantile?: number;
  format?: Format;
  /** Moments and transcripts of a session that runs go on by themselves. @default true */
  live?: boolean;
  /** Filled in from the dashboard, never kept. */
  adhocFilters?: AdHocFilter[];
  limit?: number;
}

export interface ClickHouseOptions {
  /** @default 'native' */
  protocol?: 'native' | 'http';
  /** `host:port` each, tried in this order. */
  addresses?: string[];
  /** @default 'playhead' */
  database?: string;
  /** @default 'default' */
  username?: string;
  /** @default false */
  tls?: boolean;
  /** @default false */
  tlsSkipVerify?: boolean;
}

export interface ObjectStorageOptions {
  /** `host:port`, no scheme. */
  endpoint?: string;
  /** @default 'us-east-1' */
  region?: string;
  bucket?: string;
  prefix?: string;
  /** @default false */
  pathStyle?: boolean;
  /** @default true */
  tls?: boolean;
  /** @default false */
  tlsSkipVerify?: boolean;
  /** Empty: the role of the machine that Grafana runs on. */
  accessKey?: string;
}

/** Which data source links point to; none when empty. */
export interface LinkTarget {
  uid?: string;
  name?: string;
  /** Plugin ID. @default 'tempo' for traces, 'loki' for logs */
  type?: string;
}

export interface LogLinkTarget extends LinkTarget {
  /** LogQL stream selector. @default '{service_name=~".+"}' */
  selector?: string;
}

/** Settings of the data source (docs/provision.md). */
export interface DataSourceOptions extends DataSourceJsonData {
  project?: string;
  clickhouse?: ClickHouseOptions;
  objectStorage?: ObjectStorageOptions;
  traces?: LinkTarget;
  logs?: LogLinkTarget;
  /** @default 'session.id' */
  sessionAttribute?: string;
  /** @default false */
  enableSecureSocksProxy?: boolean;
}

/** Written by the browser, never read back. */
export interface DataSourceSecrets {
  clickhousePassword?: string;
  objectStorageSecretKey?: string;
  tlsCACert?: string;
}
