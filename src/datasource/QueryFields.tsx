import React from 'react';

import {
  Combobox,
  type ComboboxOption,
  InlineField,
  InlineFieldRow,
  InlineSwitch,
  Input,
  MultiCombobox,
  RadioButtonGroup,
} from '@grafana/ui';

import type { Format, PlayheadQuery, QueryFilters, QueryType } from './types';
import { annotationKindOptions, kindOptions, labelOptions, metricOptions, signalOptions } from './words';

const LABEL_WIDTH = 14;
// Two of them fit beside each other in Explore with its outline open.
const WIDE = 34;
const NARROW = 12;
// Shows its own example.
const SEARCH = 72;
// What the backend takes at most and, in the placeholder, when there is no limit in the query (docs/format/playback.md).
const sessionsLimit = { max: 1000, placeholder: '50' };
const momentsLimit = { max: 100_000, placeholder: '1000' };
const valuesLimit = { max: 1000, placeholder: '20' };
const limitsOfTypes: Partial<Record<QueryType, { max: number; placeholder: string }>> = {
  moments: momentsLimit,
  transcript: momentsLimit,
  signals: momentsLimit,
  traces: momentsLimit,
  annotations: momentsLimit,
  metrics: valuesLimit,
};

function limitOf({ queryType = 'sessions', by, format }: PlayheadQuery) {
  return queryType === 'signals' && (by || format) ? valuesLimit : (limitsOfTypes[queryType] ?? sessionsLimit);
}

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
  /** @default WIDE */
  width?: number;
  onChange: (value: string) => void;
  onCommit: () => void;
}

function TextField({ id, label, tooltip, placeholder, value = '', width = WIDE, onChange, onCommit }: TextFieldProps) {
  return (
    <InlineField label={label} labelWidth={LABEL_WIDTH} tooltip={tooltip} htmlFor={id}>
      <Input
        id={id}
        width={width}
        placeholder={placeholder}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        onBlur={onCommit}
        onKeyDown={(event) => event.key === 'Enter' && onCommit()}
      />
    </InlineField>
  );
}

const searchHelp =
  'Words, and key:value pairs: user, url, signal, seen, duration, errors, release, env, browser, country, trace, session. A value with spaces stands in double quotes.';

export function SearchField({ query, onChange, onCommit }: QueryFieldsProps) {
  return (
    <InlineFieldRow>
      <TextField
        id={`${query.refId}-query`}
        label="Search"
        tooltip={searchHelp}
        placeholder={'user:ada url:/checkout signal:rage_click seen:"payment declined" duration:>2m'}
        width={SEARCH}
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
          options={query.queryType === 'annotations' ? annotationKindOptions : kindOptions}
          value={query.kinds ?? []}
          onChange={(chosen) => onChangeAndCommit({ kinds: chosen.map((option) => option.value) })}
          placeholder="All"
          width={WIDE}
        />
      </InlineField>
    </InlineFieldRow>
  );
}

export function LiveField({ query, onChangeAndCommit }: QueryFieldsProps) {
  return (
    <InlineFieldRow>
      <InlineField label="Live" labelWidth={LABEL_WIDTH} tooltip="Goes on by itself while the session runs">
        <InlineSwitch
          id={`${query.refId}-live`}
          value={query.live ?? true}
          onChange={(event) => onChangeAndCommit({ live: event.currentTarget.checked })}
        />
      </InlineField>
    </InlineFieldRow>
  );
}

interface PickerProps {
  id: string;
  label: string;
  tooltip?: string;
  options: ComboboxOption[];
  value?: string;
  placeholder: string;
  onPick: (value: string | undefined) => void;
}

function Picker({ id, label, tooltip, options, value, placeholder, onPick }: PickerProps) {
  return (
    <InlineField label={label} labelWidth={LABEL_WIDTH} tooltip={tooltip} htmlFor={id}>
      <Combobox
        id={id}
        options={options}
        value={value ?? null}
        placeholder={placeholder}
        isClearable
        // A dashboard's variable is as good as a word of the list.
        createCustomValue
        width={WIDE}
        // The Combobox tells of a choice in an effect. Where that runs the query at once, and the press was short,
        // tooltips of Grafana 12.2's Explore update without end (React error 185), and the page is gone.
        onChange={(option) => setTimeout(() => onPick(option?.value))}
      />
    </InlineField>
  );
}

export function SignalField({ query, onChangeAndCommit }: QueryFieldsProps) {
  return (
    <InlineFieldRow>
      <Picker
        id={`${query.refId}-signal`}
        label="Signal"
        options={signalOptions}
        value={query.filters?.signal}
        placeholder={query.queryType === 'sessions' ? 'With or without' : 'All'}
        onPick={(signal) => onChangeAndCommit({ filters: { ...query.filters, signal } })}
      />
    </InlineFieldRow>
  );
}

export function MetricField({ query, onChange, onCommit, onChangeAndCommit }: QueryFieldsProps) {
  const { metric } = query;
  return (
    <InlineFieldRow>
      <Picker
        id={`${query.refId}-metric`}
        label="Metric"
        options={metricOptions}
        value={metric}
        placeholder="Sessions"
        onPick={(value) => onChangeAndCommit({ metric: value })}
      />
      <TextField
        id={`${query.refId}-name`}
        label="Name"
        tooltip="Of a vital (LCP), signal or error; the method of a request"
        placeholder={metric === 'vital' ? 'LCP' : 'All'}
        value={query.name}
        onChange={(name) => onChange({ name })}
        onCommit={onCommit}
      />
      {(metric === 'vital' || metric === 'request_duration') && (
        <QuantileField query={query} onChange={onChange} onCommit={onCommit} onChangeAndCommit={onChangeAndCommit} />
      )}
    </InlineFieldRow>
  );
}

function QuantileField({ query, onChange, onCommit }: QueryFieldsProps) {
  const id = `${query.refId}-quantile`;
  return (
    <InlineField label="Quantile" tooltip="From 0 to 1" htmlFor={id}>
      <Input
        id={id}
        type="number"
        min={0}
        max={1}
        step={0.05}
        width={NARROW}
        placeholder="0.75"
        value={query.quantile ?? ''}
        onChange={(event) => onChange({ quantile: readQuantile(event.currentTarget.value) })}
        onBlur={onCommit}
      />
    </InlineField>
  );
}

/** A number between 0 and 1; undefined leaves the choice to the backend. */
function readQuantile(text: string): number | undefined {
  const quantile = Number.parseFloat(text);
  return quantile > 0 && quantile < 1 ? quantile : undefined;
}

const seriesFormats: Array<{ value: Format; label: string }> = [
  { value: 'time_series', label: 'Time series' },
  { value: 'table', label: 'Table' },
];

/** How signals and metrics are split and shown. */
export function GroupFields({ query, onChangeAndCommit }: QueryFieldsProps) {
  // Signals without a format and a label are a list.
  const formats =
    query.queryType === 'signals' ? [{ value: undefined, label: 'List' }, ...seriesFormats] : seriesFormats;
  const format = query.format ?? (query.queryType === 'metrics' ? 'time_series' : query.by ? 'table' : undefined);
  return (
    <InlineFieldRow>
      <Picker
        id={`${query.refId}-by`}
        label="Split by"
        options={labelOptions}
        value={query.by}
        placeholder="Nothing"
        onPick={(by) => onChangeAndCommit({ by })}
      />
      <InlineField label="Format">
        <RadioButtonGroup<Format | undefined>
          aria-label="Format"
          options={formats}
          value={format}
          onChange={(chosen) => onChangeAndCommit({ format: chosen })}
        />
      </InlineField>
    </InlineFieldRow>
  );
}

export function LimitField({ query, onChange, onCommit }: QueryFieldsProps) {
  const id = `${query.refId}-limit`;
  const { max, placeholder } = limitOf(query);
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
