import { type DataSourceApi, DataSourceVariableSupport } from '@grafana/data';

import { defaultQuery } from './query';
import type { DataSourceOptions, PlayheadQuery } from './types';

/** A dashboard variable is a query like any other. Its values are the first text of each row: of sessions, their ids. */
export class QueryVariableSupport extends DataSourceVariableSupport<DataSourceApi<PlayheadQuery, DataSourceOptions>> {
  getDefaultQuery(): Partial<PlayheadQuery> {
    return defaultQuery;
  }
}
