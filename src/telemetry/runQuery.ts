import {
  CoreApp,
  type DataFrame,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
  dateTime,
  toDataFrame,
} from '@grafana/data';
import { getDataSourceSrv } from '@grafana/runtime';
import type { DataQuery } from '@grafana/schema';
import { from, type Observable } from 'rxjs';

import { isRecord, readString } from '../shared/narrowing';

/** A stretch of time, ms since the epoch. */
export interface Stretch {
  from: number;
  to: number;
}

/** How backends say that there is no such trace. */
const NOT_THERE = /\b404\b|not found/i;

/** Asks a data source through its own API, as Explore does. What it does not know is no frame, not an error. */
export async function runQuery(
  { uid, type }: DataSourceInstanceSettings,
  target: Record<string, unknown>,
  stretch: Stretch,
  signal: AbortSignal
): Promise<DataFrame[]> {
  // Grafana 12.2 has none of the functions that replace this one.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const datasource = await getDataSourceSrv().get(uid);
  signal.throwIfAborted();
  const query: DataQuery = { ...target, refId: 'A', datasource: { uid, type } };
  const answer = await lastOf(from(datasource.query(requestOf(query, stretch))), signal);
  const refusal = answer?.errors?.[0]?.message;
  if (refusal && !NOT_THERE.test(refusal)) {
    throw new Error(refusal);
  }
  return (answer?.data ?? []).map((data: unknown) => toDataFrame(data));
}

function requestOf(query: DataQuery, stretch: Stretch): DataQueryRequest {
  const range = { from: dateTime(stretch.from), to: dateTime(stretch.to) };
  return {
    requestId: `playhead-${query.datasource?.uid}-${Math.random()}`,
    app: CoreApp.Unknown,
    targets: [query],
    range: { ...range, raw: range },
    interval: '1s',
    intervalMs: 1000,
    maxDataPoints: 1000,
    scopedVars: {},
    timezone: 'browser',
    startTime: Date.now(),
  };
}

/** A data source may answer in parts; the last one holds everything. */
function lastOf(answers: Observable<DataQueryResponse>, signal: AbortSignal): Promise<DataQueryResponse | undefined> {
  return new Promise((resolve, reject) => {
    let last: DataQueryResponse | undefined;
    const subscription = answers.subscribe({
      next: (answer) => (last = answer),
      complete: () => resolve(last),
      error: (error: unknown) => {
        const message = messageOf(error);
        return NOT_THERE.test(message) ? resolve(undefined) : reject(new Error(message));
      },
    });
    signal.addEventListener('abort', () => {
      subscription.unsubscribe();
      reject(signal.reason as Error);
    });
  });
}

/** Grafana's own client rejects with the answer, whose words say more than its status. */
function messageOf(error: unknown): string {
  const data = isRecord(error) && isRecord(error.data) ? readString(error.data, 'message') : '';
  if (data) {
    return data;
  }
  if (error instanceof Error || isRecord(error)) {
    const { message, statusText } = error as { message?: unknown; statusText?: unknown };
    return [message, statusText].find((text): text is string => typeof text === 'string' && text !== '') ?? 'No answer';
  }
  return String(error);
}
