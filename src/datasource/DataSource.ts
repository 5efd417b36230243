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

  filterQuery(query: PlayheadQuery): boolean {
    return isRunnable(query);
  }

  applyTemplateVariables(query: PlayheadQuery, scopedVars: ScopedVars): PlayheadQuery {
    return interpolate(query, (text) => getTemplateSrv().replace(text, scopedVars));
  }

  getQueryDisplayText(query: PlayheadQuery): string {
    return describeQuery(query);
  }
}
