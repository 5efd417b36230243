import React from 'react';

import { DataSourcePicker } from '@grafana/runtime';
import { Field, FieldSet } from '@grafana/ui';

import { TextSetting } from './ConfigFields';
import type { SectionProps } from './settings';
import type { LinkTarget } from './types';

export function LinksSection({ settings }: SectionProps) {
  const { traces, logs, sessionAttribute } = settings.values;
  return (
    <FieldSet label="Links to traces and logs">
      <LinkTargetSetting
        label="Trace data source"
        description="The traces of a replay are read and opened here."
        id="link-traces"
        types={['tempo', 'jaeger', 'zipkin', 'grafana-clickhouse-datasource']}
        target={traces}
        readOnly={settings.readOnly}
        onChange={(target) => settings.change({ traces: { ...traces, ...target } })}
      />
      <LinkTargetSetting
        label="Log data source"
        description="The logs of a session are read and opened here."
        id="link-logs"
        types={['loki', 'grafana-clickhouse-datasource']}
        target={logs}
        readOnly={settings.readOnly}
        onChange={(target) => settings.change({ logs: { ...logs, ...target } })}
      />
      <TextSetting
        id="log-selector"
        label="Log streams"
        description="LogQL selector of the streams that may hold lines of a session."
        placeholder='{service_name=~".+"}'
        value={logs?.selector}
        disabled={settings.readOnly}
        onChange={(selector) => settings.change({ logs: { ...logs, selector } })}
      />
      <TextSetting
        id="session-attribute"
        label="Session attribute"
        description="The span attribute that holds the session ID."
        placeholder="session.id"
        value={sessionAttribute}
        disabled={settings.readOnly}
        onChange={(attribute) => settings.change({ sessionAttribute: attribute })}
      />
    </FieldSet>
  );
}

interface LinkTargetSettingProps {
  label: string;
  description: string;
  id: string;
  types: string[];
  target?: LinkTarget;
  readOnly: boolean;
  onChange: (target: LinkTarget) => void;
}

function LinkTargetSetting({ label, description, id, types, target, readOnly, onChange }: LinkTargetSettingProps) {
  return (
    <Field label={label} description={description} htmlFor={id}>
      <DataSourcePicker
        inputId={id}
        type={types}
        width={50}
        noDefault
        placeholder="None"
        current={target?.uid || null}
        disabled={readOnly}
        onChange={({ uid, name, type }) => onChange({ uid, name, type })}
        onClear={() => onChange({ uid: undefined, name: undefined, type: undefined })}
      />
    </Field>
  );
}
