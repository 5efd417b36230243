import { type DataSourceApi, type StandardVariableQuery, StandardVariableSupport } from '@grafana/data';

import type { DataSourceOptions, PlayheadQuery } from './types';

/** A dashboard variable whose values are session ids: the newest sessions that match a search text. */
export class SessionVariableSupport extends StandardVariableSupport<DataSourceApi<PlayheadQuery, DataSourceOptions>> {
  toDataQuery(query: StandardVariableQuery): PlayheadQuery {
    return { refId: query.refId, queryType: 'sessions', query: query.query };
  }
}
