import type { CoreApp, DataSourceInstanceSettings, ScopedVars } from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv } from '@grafana/runtime';

import { momentAnnotations } from './annotations';
import { defaultQuery, describeQuery, interpolate, isRunnable } from './query';
import type { DataSourceOptions, PlayheadQuery } from './types';
import { QueryVariableSupport } from './variables';

export class DataSource extends DataSourceWithBackend<PlayheadQuery, DataSourceOptions> {
  constructor(instanceSettings: DataSourceInstanceSettings<DataSourceOptions>) {
    super(instanceSettings);
    this.annotations = momentAnnotations;
    this.variables = new QueryVariableSupport();
  }

  getDefaultQuery(_app: CoreApp): Partial<PlayheadQuery> {
    return defaultQuery;
  }

  // Asked before variables are replaced: a dashboard's empty $session is no session, not an error.
  filterQuery(query: PlayheadQuery): boolean {
    return isRunnable(interpolate(query, (text) => getTemplateSrv().replace(text)));
  }

  applyTemplateVariables(query: PlayheadQuery, scopedVars: ScopedVars): PlayheadQuery {
    return interpolate(query, (text) => getTemplateSrv().replace(text, scopedVars));
  }

  getQueryDisplayText(query: PlayheadQuery): string {
    return describeQuery(query);
  }
}
