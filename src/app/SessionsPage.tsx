import React, { useMemo } from 'react';

import { DataSourcePicker, PluginPage } from '@grafana/runtime';
import { useSearchParams } from 'react-router-dom';

import { createSessionsApi } from '../sessions/api';
import { readFilters, writeFilters } from '../sessions/filters';
import { Sessions } from '../sessions/Sessions';
import { DATASOURCE_ID } from '../shared/pluginIds';
import { grafanaFetch, resourceUrl } from '../shared/resources';
import { hrefOf, sessionPath } from '../shared/addresses';
import { NoDatasource } from './NoDatasource';
import { useDatasource } from './useDatasource';

export function SessionsPage() {
  const [params, setParams] = useSearchParams();
  const { all, current } = useDatasource(params.get('ds'));
  const changeDatasource = (uid: string) => {
    const changed = new URLSearchParams(params);
    changed.set('ds', uid);
    setParams(changed);
  };
  const picker = current && all.length > 1 && (
    <DataSourcePicker
      pluginId={DATASOURCE_ID}
      noDefault
      current={current.uid}
      onChange={({ uid }) => changeDatasource(uid)}
    />
  );

  return (
    <PluginPage actions={picker}>
      {current ? (
        <DatasourceSessions
          datasourceUid={current.uid}
          params={params}
          onParamsChange={(changed) => setParams(changed)}
        />
      ) : (
        <NoDatasource />
      )}
    </PluginPage>
  );
}

interface DatasourceSessionsProps {
  datasourceUid: string;
  params: URLSearchParams;
  onParamsChange: (params: URLSearchParams) => void;
}

function DatasourceSessions({ datasourceUid, params, onParamsChange }: DatasourceSessionsProps) {
  const list = useMemo(
    () => createSessionsApi((path) => resourceUrl(datasourceUid, path), grafanaFetch),
    [datasourceUid]
  );
  return (
    <Sessions
      list={list}
      filters={readFilters(params)}
      onFiltersChange={(filters) => onParamsChange(writeFilters(params, filters))}
      hrefOf={(session) => hrefOf(sessionPath(session.sessionId, datasourceUid))}
    />
  );
}
