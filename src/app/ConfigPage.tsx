import React, { useState } from 'react';
import { lastValueFrom } from 'rxjs';

import type { AppPluginMeta, PluginConfigPageProps } from '@grafana/data';
import { DataSourcePicker, getBackendSrv, isFetchError } from '@grafana/runtime';
import { Alert, Button, Field, FieldSet } from '@grafana/ui';

import { DATASOURCE_ID } from '../shared/pluginIds';
import { ScriptTag } from './ScriptTag';
import type { AppSettings } from './settings';

export function ConfigPage({ plugin }: PluginConfigPageProps<AppPluginMeta<AppSettings>>) {
  return (
    <>
      <DefaultDatasource meta={plugin.meta} />
      <ScriptTag />
    </>
  );
}

function DefaultDatasource({ meta }: { meta: AppPluginMeta<AppSettings> }) {
  const [uid, setUid] = useState(meta.jsonData?.defaultDatasourceUid);
  const [error, setError] = useState('');
  const save = async () => {
    setError('');
    try {
      await saveSettings(meta, { ...meta.jsonData, defaultDatasourceUid: uid });
      // Grafana hands the settings to the app's pages when it boots.
      window.location.reload();
    } catch (refusal) {
      setError(messageOf(refusal));
    }
  };

  return (
    <FieldSet label="Sessions">
      <Field
        label="Default data source"
        description="Whose sessions are listed first. Without one, the first Playhead data source."
        htmlFor="default-datasource"
      >
        <DataSourcePicker
          inputId="default-datasource"
          pluginId={DATASOURCE_ID}
          width={50}
          noDefault
          current={uid ?? null}
          onChange={(datasource) => setUid(datasource.uid)}
          onClear={() => setUid(undefined)}
        />
      </Field>
      {error && (
        <Alert severity="error" title="The settings were not saved">
          {error}
        </Alert>
      )}
      <Button onClick={save} disabled={uid === meta.jsonData?.defaultDatasourceUid}>
        Save
      </Button>
    </FieldSet>
  );
}

async function saveSettings({ id, enabled, pinned }: AppPluginMeta<AppSettings>, jsonData: AppSettings) {
  const request = { url: `/api/plugins/${id}/settings`, method: 'POST', data: { enabled, pinned, jsonData } };
  await lastValueFrom(getBackendSrv().fetch(request));
}

function messageOf(refusal: unknown): string {
  if (refusal instanceof Error) {
    return refusal.message;
  }
  return isFetchError(refusal) ? (refusal.data?.message ?? 'Grafana refused the change.') : String(refusal);
}
