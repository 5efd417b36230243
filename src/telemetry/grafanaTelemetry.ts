import type { DataSourceInstanceSettings } from '@grafana/data';
import { getDataSourceSrv } from '@grafana/runtime';

import type { Telemetry } from '../player';
import { hrefOf } from '../shared/addresses';
import { isRecord, readString, type UnknownRecord } from '../shared/narrowing';
import { exploreHref } from './explore';
import { logQuery } from './logQuery';
import { readLogFrames } from './readLogFrames';
import { readTraceFrames } from './readTraceFrames';
import { runQuery } from './runQuery';
import { traceQuery } from './traceQuery';

/** The work that a page started goes on after the page is gone, and clocks differ. */
const AROUND_MS = 5 * 60_000;

/** Reads traces and logs from the data sources that the settings of a Playhead data source name. */
export function grafanaTelemetry(datasourceUid: string): Telemetry {
  const options = optionsOf(settingsOf(datasourceUid));
  return {
    traces: tracesOf(settingsOf(uidAt(options, 'traces'))),
    logs: logsOf(settingsOf(uidAt(options, 'logs')), options),
    setUp: {
      text: 'Choose a trace data source and a log data source in the settings of the Playhead data source.',
      href: hrefOf(`/connections/datasources/edit/${encodeURIComponent(datasourceUid)}`),
    },
  };
}

function tracesOf(settings: DataSourceInstanceSettings | undefined): Telemetry['traces'] {
  if (!settings) {
    return undefined;
  }
  const around = (at: number) => ({ from: at - AROUND_MS, to: at + AROUND_MS });
  return {
    name: settings.name,
    async spans({ traceId, at }, signal) {
      const frames = await runQuery(settings, traceQuery(settings, traceId, at), around(at), signal);
      return readTraceFrames(frames);
    },
    exploreHref: ({ traceId, at }, spanId) =>
      exploreHref(settings, traceQuery(settings, traceId, at), around(at), spanId),
  };
}

function logsOf(settings: DataSourceInstanceSettings | undefined, options: UnknownRecord): Telemetry['logs'] {
  if (!settings) {
    return undefined;
  }
  const streams = {
    selector: (isRecord(options.logs) && readString(options.logs, 'selector')) || '{service_name=~".+"}',
    attribute: readString(options, 'sessionAttribute') || 'session.id',
  };
  return {
    name: settings.name,
    async lines(query, signal) {
      return readLogFrames(await runQuery(settings, logQuery(settings, streams, query), query, signal));
    },
    exploreHref: (query) => exploreHref(settings, logQuery(settings, streams, query), query),
  };
}

function settingsOf(uid: string): DataSourceInstanceSettings | undefined {
  // Grafana 12.2 has none of the functions that replace this one.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return uid === '' ? undefined : getDataSourceSrv().getInstanceSettings(uid);
}

function optionsOf(settings: DataSourceInstanceSettings | undefined): UnknownRecord {
  const options: unknown = settings?.jsonData;
  return isRecord(options) ? options : {};
}

function uidAt(options: UnknownRecord, key: string): string {
  const target = options[key];
  return isRecord(target) ? readString(target, 'uid') : '';
}
