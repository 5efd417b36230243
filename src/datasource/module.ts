import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './ConfigEditor';
import { DataSource } from './DataSource';
import { QueryEditor } from './QueryEditor';
import type { DataSourceOptions, DataSourceSecrets, PlayheadQuery } from './types';

export const plugin = new DataSourcePlugin<DataSource, PlayheadQuery, DataSourceOptions, DataSourceSecrets>(DataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
