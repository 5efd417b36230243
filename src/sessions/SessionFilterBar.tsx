import React, { useState } from 'react';

import { Field, InlineSwitch, Input, Stack, TimeRangeInput } from '@grafana/ui';

import { resolveRange, type SessionFilters, withRange } from './filters';

interface Props {
  filters: SessionFilters;
  onChange: (filters: SessionFilters) => void;
}

export function SessionFilterBar({ filters, onChange }: Props) {
  return (
    <div role="search" aria-label="Filter sessions">
      <Stack direction="row" gap={2} wrap="wrap" alignItems="flex-end">
        {/* First, because its picker opens to the right. */}
        <Field label="Time range" noMargin>
          <TimeRangeInput
            value={resolveRange(filters)}
            onChange={(range) => onChange(withRange(filters, range.raw))}
            showIcon
          />
        </Field>
        <Field label="Search" noMargin>
          <FilterInput
            id="sessions-search"
            placeholder={'ID, text, or signal:rage_click seen:declined'}
            width={46}
            value={filters.q}
            onCommit={(q) => onChange({ ...filters, q })}
          />
        </Field>
        <Field label="User" noMargin>
          <FilterInput
            id="sessions-user"
            placeholder="Exact user ID"
            width={22}
            value={filters.user}
            onCommit={(user) => onChange({ ...filters, user })}
          />
        </Field>
        <Field label="URL" noMargin>
          <FilterInput
            id="sessions-url"
            placeholder="Part of a URL"
            width={26}
            value={filters.url}
            onCommit={(url) => onChange({ ...filters, url })}
          />
        </Field>
        <Field label="Errors only" noMargin>
          <InlineSwitch
            id="sessions-errors"
            value={filters.errors}
            onChange={(event) => onChange({ ...filters, errors: event.currentTarget.checked })}
          />
        </Field>
      </Stack>
    </div>
  );
}

interface FilterInputProps {
  id: string;
  placeholder: string;
  width: number;
  value: string;
  onCommit: (value: string) => void;
}

/** Filters when the user is done typing: on Enter and on leaving the field. */
function FilterInput({ id, placeholder, width, value, onCommit }: FilterInputProps) {
  const [text, setText] = useState(value);
  const [committed, setCommitted] = useState(value);
  // Back, forward and "Clear filters" change the value from outside.
  if (committed !== value) {
    setCommitted(value);
    setText(value);
  }
  const commit = () => {
    const trimmed = text.trim();
    if (trimmed !== value) {
      onCommit(trimmed);
    }
  };
  return (
    <Input
      id={id}
      placeholder={placeholder}
      width={width}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  );
}
