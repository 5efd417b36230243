import React from 'react';

import { InlineField, InlineFieldRow, InlineSwitch, Input, MultiCombobox } from '@grafana/ui';

import type { PlayheadQuery, QueryFilters } from './types';

const LABEL_WIDTH = 14;
// Two of them fit beside each other in Explore with its outline open.
const WIDE = 34;
const NARROW = 12;
// What the backend takes at most and, in the placeholder, when there is no limit in the query (docs/format/playback.md).
const limits = {
  sessions: { max: 1000, placeholder: '50' },
  moments: { max: 100_000, placeholder: '1000' },
};

const kinds = [
  'page_load',
  'navigation',
  'click',
  'request',
  'console',
  'error',
  'visibility',
  'long_frame',
  'identify',
  'custom',
  'state',
].map((kind) => ({ value: kind, label: kind.replace('_', ' ') }));

export interface QueryFieldsProps {
  query: PlayheadQuery;
  /** The query changed; it is not run yet. */
  onChange: (change: Partial<PlayheadQuery>) => void;
  /** The user left a field: run the query as it is. */
  onCommit: () => void;
  onChangeAndCommit: (change: Partial<PlayheadQuery>) => void;
}

interface TextFieldProps {
  id: string;
  label: string;
  tooltip?: string;
  placeholder?: string;
  value?: string;
  onChange: (value: string) => void;
  onCommit: () => void;
}

function TextField({ id, label, tooltip, placeholder, value = '', onChange, onCommit }: TextFieldProps) {
  return (
    <InlineField label={label} labelWidth={LABEL_WIDTH} tooltip={tooltip} htmlFor={id}>
      <Input
        id={id}
        width={WIDE}
        placeholder={placeholder}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        onBlur={onCommit}
        onKeyDown={(event) => event.key === 'Enter' && onCommit()}
      />
    </InlineField>
  );
}

export function SearchField({ query, onChange, onCommit }: QueryFieldsProps) {
  return (
    <InlineFieldRow>
      <TextField
        id={`${query.refId}-query`}
        label="Search"
        tooltip="Session ID, else trace ID, else text in the user ID or URL"
        placeholder="Session ID, trace ID or text"
        value={query.query}
        onChange={(value) => onChange({ query: value })}
        onCommit={onCommit}
      />
    </InlineFieldRow>
  );
}

export function MomentTextField({ query, onChange, onCommit }: QueryFieldsProps) {
  return (
    <InlineFieldRow>
      <TextField
        id={`${query.refId}-query`}
        label="Text"
        tooltip="Part of the name, text or URL of a moment, in any case"
        placeholder="What was clicked, logged or requested"
        value={query.query}
        onChange={(value) => onChange({ query: value })}
        onCommit={onCommit}
      />
    </InlineFieldRow>
  );
}

export function IdFields({ query, onChange, onCommit }: QueryFieldsProps) {
  return (
    <InlineFieldRow>
      <TextField
        id={`${query.refId}-session-id`}
        label="Session ID"
        placeholder="Paste an ID or use a variable, $session"
        value={query.sessionId}
        onChange={(sessionId) => onChange({ sessionId })}
        onCommit={onCommit}
      />
      <TextField
        id={`${query.refId}-trace-id`}
        label="Trace ID"
        tooltip="Finds the session that made the request with this trace ID"
        placeholder="Or the ID of a trace"
        value={query.traceId}
        onChange={(traceId) => onChange({ traceId })}
        onCommit={onCommit}
      />
    </InlineFieldRow>
  );
}

export function FilterFields({ query, onChange, onCommit, onChangeAndCommit }: QueryFieldsProps) {
  const filtersWith = (change: QueryFilters) => ({ filters: { ...query.filters, ...change } });
  return (
    <InlineFieldRow>
      <TextField
        id={`${query.refId}-user`}
        label="User"
        placeholder="Exact user ID"
        value={query.filters?.user}
        onChange={(user) => onChange(filtersWith({ user }))}
        onCommit={onCommit}
      />
      <TextField
        id={`${query.refId}-url`}
        label="URL"
        placeholder="Part of a URL"
        value={query.filters?.url}
        onChange={(url) => onChange(filtersWith({ url }))}
        onCommit={onCommit}
      />
      <InlineField label="Errors only" tooltip="Only sessions in which an error was recorded">
        <InlineSwitch
          id={`${query.refId}-errors`}
          value={query.filters?.errors ?? false}
          onChange={(event) => onChangeAndCommit(filtersWith({ errors: event.currentTarget.checked }))}
        />
      </InlineField>
    </InlineFieldRow>
  );
}

export function KindsField({ query, onChangeAndCommit }: QueryFieldsProps) {
  const labelId = `${query.refId}-kinds-label`;
  return (
    <InlineFieldRow>
      <InlineField label="Kinds" labelWidth={LABEL_WIDTH} tooltip="All kinds when empty" id={labelId}>
        <MultiCombobox
          aria-labelledby={labelId}
          options={kinds}
          value={query.kinds ?? []}
          onChange={(chosen) => onChangeAndCommit({ kinds: chosen.map((option) => option.value) })}
          placeholder="All"
          width={WIDE}
        />
      </InlineField>
    </InlineFieldRow>
  );
}

export function LimitField({ query, onChange, onCommit }: QueryFieldsProps) {
  const id = `${query.refId}-limit`;
  const { max, placeholder } = query.queryType === 'moments' ? limits.moments : limits.sessions;
  return (
    <InlineFieldRow>
      <InlineField label="Limit" labelWidth={LABEL_WIDTH} tooltip={`Rows at most, up to ${max}`} htmlFor={id}>
        <Input
          id={id}
          type="number"
          min={1}
          max={max}
          width={NARROW}
          placeholder={placeholder}
          value={query.limit ?? ''}
          onChange={(event) => onChange({ limit: readLimit(event.currentTarget.value, max) })}
          onBlur={onCommit}
        />
      </InlineField>
    </InlineFieldRow>
  );
}

/** A whole number from 1 to max; undefined leaves the choice to the backend. */
function readLimit(text: string, max: number): number | undefined {
  const limit = Number.parseInt(text, 10);
  return limit > 0 ? Math.min(limit, max) : undefined;
}
