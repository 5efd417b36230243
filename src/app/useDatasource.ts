import { useMemo } from 'react';

import { type DataSourceInstanceSettings, usePluginContext } from '@grafana/data';
import { getDataSourceSrv } from '@grafana/runtime';

import { DATASOURCE_ID } from '../shared/pluginIds';
import type { AppSettings } from './settings';

export interface DatasourceChoice {
  /** All data sources of our type. */
  all: DataSourceInstanceSettings[];
  /** The one in use: the one asked for, else the app's default, else the first; undefined when there is none. */
  current?: DataSourceInstanceSettings;
}

export function useDatasource(askedForUid: string | null): DatasourceChoice {
  const settings: AppSettings | undefined = usePluginContext()?.meta.jsonData;
  const defaultUid = settings?.defaultDatasourceUid;
  return useMemo(() => {
    // Grafana 12.2 has none of the functions that replace this one.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const all = getDataSourceSrv().getList({ pluginId: DATASOURCE_ID });
    const withUid = (uid?: string | null) => all.find((datasource) => datasource.uid === uid);
    return { all, current: withUid(askedForUid) ?? withUid(defaultUid) ?? all[0] };
  }, [askedForUid, defaultUid]);
}

/** The uids of all our data sources, the one in use first: the order in which a recording is looked for. */
export function useDatasourceUids(askedForUid: string | null): string[] {
  const { all, current } = useDatasource(askedForUid);
  return useMemo(() => {
    const uids = all.map(({ uid }) => uid);
    return current ? [current.uid, ...uids.filter((uid) => uid !== current.uid)] : uids;
  }, [all, current]);
}
