import React from 'react';

import type { QueryEditorProps, SelectableValue } from '@grafana/data';
import { InlineField, InlineFieldRow, RadioButtonGroup, Stack } from '@grafana/ui';

import type { DataSource } from './DataSource';
import { FilterFields, IdFields, KindsField, LimitField, type QueryFieldsProps, SearchField } from './QueryFields';
import type { DataSourceOptions, PlayheadQuery, QueryType } from './types';

type Props = QueryEditorProps<DataSource, PlayheadQuery, DataSourceOptions>;
// A query without a type is what a Loki derived field sends; the backend finds out what its text is.
type EditorType = QueryType | 'auto';

const types: Array<SelectableValue<EditorType>> = [
  { value: 'sessions', label: 'Sessions', description: 'A table of sessions' },
  { value: 'replay', label: 'Replay', description: 'One session in the player' },
  { value: 'moments', label: 'Moments', description: 'Clicks, requests, errors and what else happened' },
  { value: 'auto', label: 'Auto', description: 'Session ID, else trace ID, else text' },
];

const fieldsOf: Record<EditorType, Array<React.ComponentType<QueryFieldsProps>>> = {
  sessions: [SearchField, FilterFields, LimitField],
  replay: [IdFields],
  moments: [IdFields, FilterFields, KindsField, LimitField],
  auto: [SearchField],
};

export function QueryEditor({ query, onChange, onRunQuery }: Props) {
  const type = query.queryType ?? 'auto';
  const change = (changes: Partial<PlayheadQuery>) => onChange({ ...query, ...changes });
  const changeAndRun = (changes: Partial<PlayheadQuery>) => {
    change(changes);
    onRunQuery();
  };

  return (
    <Stack direction="column" gap={0}>
      <InlineFieldRow>
        <InlineField label="Query type" labelWidth={14}>
          <RadioButtonGroup<EditorType>
            aria-label="Query type"
            options={types}
            value={type}
            onChange={(chosen) => changeAndRun({ queryType: chosen === 'auto' ? undefined : chosen })}
          />
        </InlineField>
      </InlineFieldRow>
      {fieldsOf[type].map((Fields) => (
        <Fields
          key={Fields.name}
          query={query}
          onChange={change}
          onCommit={onRunQuery}
          onChangeAndCommit={changeAndRun}
        />
      ))}
    </Stack>
  );
}
