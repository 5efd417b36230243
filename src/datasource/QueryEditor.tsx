import React from 'react';

import { css } from '@emotion/css';
import type { QueryEditorProps, SelectableValue } from '@grafana/data';
import { InlineField, InlineFieldRow, RadioButtonGroup, Stack } from '@grafana/ui';

import type { DataSource } from './DataSource';
import {
  FilterFields,
  GroupFields,
  IdFields,
  KindsField,
  LimitField,
  LiveField,
  MetricField,
  MomentTextField,
  type QueryFieldsProps,
  SearchField,
  SignalField,
} from './QueryFields';
import type { DataSourceOptions, PlayheadQuery, QueryType } from './types';

type Props = QueryEditorProps<DataSource, PlayheadQuery, DataSourceOptions>;
// A query without a type is what a Loki derived field sends; the backend finds out what its text is.
type EditorType = QueryType | 'auto';

const types: Array<SelectableValue<EditorType>> = [
  { value: 'sessions', label: 'Sessions', description: 'A table of sessions' },
  { value: 'replay', label: 'Replay', description: 'One session in the player' },
  { value: 'moments', label: 'Moments', description: 'Clicks, requests, errors and what else happened' },
  { value: 'transcript', label: 'Transcript', description: 'One session in words, as log lines' },
  { value: 'signals', label: 'Signals', description: 'What means trouble: rage clicks, vanished messages, …' },
  { value: 'metrics', label: 'Metrics', description: 'Counts and quantiles, over time or by page, release, …' },
  { value: 'traces', label: 'Traces', description: 'The traces that browsers took part in' },
  { value: 'annotations', label: 'Annotations', description: 'Signals, errors and new releases' },
  { value: 'auto', label: 'Auto', description: 'Session ID, else trace ID, else text' },
];

// Nine buttons of the usual size are wider than half a screen; small ones are lower than their label.
const inTheMiddle = css({ alignItems: 'center' });

interface Fields {
  components: Array<React.ComponentType<QueryFieldsProps>>;
  /** What these components edit. */
  keys: Array<keyof PlayheadQuery>;
}

const fieldsOf: Record<EditorType, Fields> = {
  sessions: { components: [SearchField, FilterFields, SignalField, LimitField], keys: ['query', 'filters'] },
  replay: { components: [IdFields], keys: ['sessionId', 'traceId', 'at'] },
  moments: {
    components: [IdFields, MomentTextField, KindsField, LimitField, LiveField],
    keys: ['sessionId', 'traceId', 'query', 'kinds', 'live'],
  },
  transcript: { components: [IdFields, LimitField, LiveField], keys: ['sessionId', 'traceId', 'live'] },
  signals: {
    components: [SearchField, SignalField, GroupFields, LimitField],
    keys: ['query', 'filters', 'sessionId', 'by'],
  },
  metrics: {
    components: [SearchField, MetricField, GroupFields, LimitField],
    keys: ['query', 'metric', 'name', 'quantile', 'by', 'format'],
  },
  traces: { components: [SearchField, IdFields, LimitField], keys: ['query', 'sessionId', 'traceId'] },
  annotations: {
    components: [SearchField, IdFields, KindsField, LimitField],
    keys: ['query', 'sessionId', 'traceId', 'kinds'],
  },
  auto: { components: [SearchField], keys: ['query'] },
};

/** The query as another type. What that type's editor does not show must not take part in the answer either. */
function asType(query: PlayheadQuery, type: EditorType): PlayheadQuery {
  const { keys } = fieldsOf[type];
  const kept: Partial<PlayheadQuery> = Object.fromEntries(keys.map((key) => [key, query[key]]));
  const { refId, hide, key, datasource } = query;
  return { refId, hide, key, datasource, ...kept, queryType: type === 'auto' ? undefined : type };
}

export function QueryEditor({ query, onChange, onRunQuery }: Props) {
  const type = query.queryType ?? 'auto';
  const change = (changes: Partial<PlayheadQuery>) => onChange({ ...query, ...changes });
  const changeAndRun = (changes: Partial<PlayheadQuery>) => {
    change(changes);
    onRunQuery();
  };

  const changeType = (chosen: EditorType) => {
    onChange(asType(query, chosen));
    onRunQuery();
  };

  return (
    <Stack direction="column" gap={0}>
      <InlineFieldRow>
        <InlineField label="Query type" labelWidth={14} className={inTheMiddle}>
          <RadioButtonGroup<EditorType>
            size="sm"
            aria-label="Query type"
            options={types}
            value={type}
            onChange={changeType}
          />
        </InlineField>
      </InlineFieldRow>
      {fieldsOf[type].components.map((Component) => (
        <Component
          key={Component.name}
          query={query}
          onChange={change}
          onCommit={onRunQuery}
          onChangeAndCommit={changeAndRun}
        />
      ))}
    </Stack>
  );
}
