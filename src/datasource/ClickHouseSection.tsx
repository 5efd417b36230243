import React from 'react';

import { Field, FieldSet, RadioButtonGroup } from '@grafana/ui';

import { SecretSetting, SwitchSetting, TextSetting } from './ConfigFields';
import type { SectionProps } from './settings';
import type { ClickHouseOptions } from './types';

const protocols = [
  { value: 'native' as const, label: 'Native' },
  { value: 'http' as const, label: 'HTTP' },
];

export function ClickHouseSection({ settings }: SectionProps) {
  const clickhouse = settings.values.clickhouse ?? {};
  const disabled = settings.readOnly;
  const change = (changes: ClickHouseOptions) => settings.change({ clickhouse: { ...clickhouse, ...changes } });
  return (
    <FieldSet label="ClickHouse">
      <Field label="Protocol" disabled={disabled}>
        <RadioButtonGroup
          aria-label="ClickHouse protocol"
          options={protocols}
          value={clickhouse.protocol ?? 'native'}
          onChange={(protocol) => change({ protocol })}
        />
      </Field>
      <TextSetting
        id="clickhouse-addresses"
        label="Addresses"
        description="Host and port, several separated by commas. They are tried in this order."
        placeholder={clickhouse.protocol === 'http' ? 'clickhouse:8123' : 'clickhouse:9000'}
        required
        value={clickhouse.addresses?.join(',')}
        disabled={disabled}
        onChange={(text) => change({ addresses: readAddresses(text) })}
      />
      <TextSetting
        id="clickhouse-database"
        label="Database"
        placeholder="playhead"
        value={clickhouse.database}
        disabled={disabled}
        onChange={(database) => change({ database })}
      />
      <TextSetting
        id="clickhouse-username"
        label="Username"
        description="Needs SELECT on the database, nothing else."
        placeholder="default"
        value={clickhouse.username}
        disabled={disabled}
        onChange={(username) => change({ username })}
      />
      <SecretSetting id="clickhouse-password" label="Password" {...settings.secret('clickhousePassword')} />
      <SwitchSetting
        id="clickhouse-tls"
        label="TLS"
        value={clickhouse.tls ?? false}
        disabled={disabled}
        onChange={(tls) => change({ tls })}
      />
      {clickhouse.tls && (
        <SwitchSetting
          id="clickhouse-tls-skip-verify"
          label="Skip certificate check"
          description="Accepts any certificate. Only for tests."
          value={clickhouse.tlsSkipVerify ?? false}
          disabled={disabled}
          onChange={(tlsSkipVerify) => change({ tlsSkipVerify })}
        />
      )}
    </FieldSet>
  );
}

/** Keeps what the user types as it is, a trailing comma included, but for spaces. */
function readAddresses(text: string): string[] | undefined {
  const bare = text.replace(/\s+/g, '');
  return bare === '' ? undefined : bare.split(',');
}
