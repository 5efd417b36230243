import React from 'react';

import { config } from '@grafana/runtime';
import { FieldSet } from '@grafana/ui';

import { ClickHouseSection } from './ClickHouseSection';
import { SecretTextSetting, SwitchSetting, TextSetting } from './ConfigFields';
import { LinksSection } from './LinksSection';
import { ObjectStorageSection } from './ObjectStorageSection';
import { editSettings, type SectionProps, type SettingsProps } from './settings';

export function ConfigEditor(props: SettingsProps) {
  const settings = editSettings(props);
  return (
    <>
      <RecordingsSection settings={settings} />
      <ClickHouseSection settings={settings} />
      <ObjectStorageSection settings={settings} />
      <LinksSection settings={settings} />
      <NetworkSection settings={settings} />
    </>
  );
}

function RecordingsSection({ settings }: SectionProps) {
  return (
    <FieldSet label="Recordings">
      <TextSetting
        id="project"
        label="Project"
        description="The project of playhead.yaml whose recordings are read here."
        placeholder="shop"
        required
        value={settings.values.project}
        disabled={settings.readOnly}
        onChange={(project) => settings.change({ project })}
      />
    </FieldSet>
  );
}

function NetworkSection({ settings }: SectionProps) {
  return (
    <FieldSet label="Network">
      <SecretTextSetting
        id="tls-ca-cert"
        label="CA certificate"
        description="Of the authority that signed the certificates of both stores, when this machine does not know it."
        placeholder="-----BEGIN CERTIFICATE-----"
        {...settings.secret('tlsCACert')}
      />
      {config.secureSocksDSProxyEnabled && (
        <SwitchSetting
          id="secure-socks-proxy"
          label="Secure socks proxy"
          description="Reach both stores through Grafana's secure socks proxy."
          value={settings.values.enableSecureSocksProxy ?? false}
          disabled={settings.readOnly}
          onChange={(enableSecureSocksProxy) => settings.change({ enableSecureSocksProxy })}
        />
      )}
    </FieldSet>
  );
}
