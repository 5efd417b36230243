import type {
  AdHocVariableFilter,
  CoreApp,
  DataSourceGetTagValuesOptions,
  DataSourceInstanceSettings,
  MetricFindValue,
  ScopedVars,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, StreamingFrameAction } from '@grafana/runtime';

import { isRecord, readStrings } from '../shared/narrowing';
import { momentAnnotations } from './annotations';
import { defaultQuery, describeQuery, interpolate, isRunnable } from './query';
import type { DataSourceOptions, PlayheadQuery } from './types';
import { QueryVariableSupport } from './variables';

// The keys of the search language that an ad-hoc variable can hold, and those whose values can be looked up.
const filterKeys = ['user', 'url', 'signal', 'seen', 'release', 'env', 'browser', 'country', 'errors', 'duration'];
// The most rows that a message of a running session holds (pkg/plugin).
const MAX_FOLLOWED = 1000;
const suggestedKeys = new Set(['user', 'url', 'signal', 'release', 'env', 'browser', 'country']);

export class DataSource extends DataSourceWithBackend<PlayheadQuery, DataSourceOptions> {
  constructor(instanceSettings: DataSourceInstanceSettings<DataSourceOptions>) {
    super(instanceSettings);
    this.annotations = momentAnnotations;
    this.variables = new QueryVariableSupport();
    // Each message about a running session holds all that its query answers with, whatever the time range.
    this.streamOptionsProvider = () => ({ maxLength: MAX_FOLLOWED, action: StreamingFrameAction.Replace });
  }

  getDefaultQuery(_app: CoreApp): Partial<PlayheadQuery> {
    return defaultQuery;
  }

  // Asked before variables are replaced: a dashboard's empty $session is no session, not an error.
  filterQuery(query: PlayheadQuery): boolean {
    return isRunnable(interpolate(query, (text) => getTemplateSrv().replace(text)));
  }

  applyTemplateVariables(
    query: PlayheadQuery,
    scopedVars: ScopedVars,
    filters: AdHocVariableFilter[] = []
  ): PlayheadQuery {
    const adhocFilters = filters.map(({ key, operator, value }) => ({ key, operator, value }));
    return { ...interpolate(query, (text) => getTemplateSrv().replace(text, scopedVars)), adhocFilters };
  }

  /** What an ad-hoc variable can filter by: keys of the search language. */
  async getTagKeys(): Promise<MetricFindValue[]> {
    return filterKeys.map((text) => ({ text }));
  }

  /** Values that occur, of the keys that have some. */
  async getTagValues({ key, timeRange }: DataSourceGetTagValuesOptions<PlayheadQuery>): Promise<MetricFindValue[]> {
    if (!suggestedKeys.has(key)) {
      return [];
    }
    const field = key === 'env' ? 'environment' : key;
    const range = timeRange && { from: timeRange.from.valueOf(), to: timeRange.to.valueOf() };
    const answer: unknown = await this.getResource('suggestions', { field, ...range, limit: 100 });
    return isRecord(answer) ? readStrings(answer, 'values').map((text) => ({ text })) : [];
  }

  getQueryDisplayText(query: PlayheadQuery): string {
    return describeQuery(query);
  }
}
