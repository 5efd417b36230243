import React from 'react';

import { FieldSet } from '@grafana/ui';

import { SecretSetting, SwitchSetting, TextSetting } from './ConfigFields';
import type { SectionProps } from './settings';
import type { ObjectStorageOptions } from './types';

export function ObjectStorageSection({ settings }: SectionProps) {
  const storage = settings.values.objectStorage ?? {};
  const disabled = settings.readOnly;
  const change = (changes: ObjectStorageOptions) => settings.change({ objectStorage: { ...storage, ...changes } });
  return (
    <FieldSet label="Object storage">
      <TextSetting
        id="storage-endpoint"
        label="Endpoint"
        description="Host and port of the S3 API, without http://."
        placeholder="s3.eu-central-1.amazonaws.com"
        required
        value={storage.endpoint}
        disabled={disabled}
        onChange={(endpoint) => change({ endpoint })}
      />
      <TextSetting
        id="storage-region"
        label="Region"
        placeholder="us-east-1"
        value={storage.region}
        disabled={disabled}
        onChange={(region) => change({ region })}
      />
      <TextSetting
        id="storage-bucket"
        label="Bucket"
        placeholder="playhead"
        required
        value={storage.bucket}
        disabled={disabled}
        onChange={(bucket) => change({ bucket })}
      />
      <TextSetting
        id="storage-prefix"
        label="Prefix"
        description="What playhead ingest puts before its keys. Usually empty."
        value={storage.prefix}
        disabled={disabled}
        onChange={(prefix) => change({ prefix })}
      />
      <SwitchSetting
        id="storage-path-style"
        label="Path style"
        description="endpoint/bucket/key instead of bucket.endpoint/key. Most S3 servers other than Amazon's need it."
        value={storage.pathStyle ?? false}
        disabled={disabled}
        onChange={(pathStyle) => change({ pathStyle })}
      />
      <TextSetting
        id="storage-access-key"
        label="Access key"
        description="Leave empty to use the role of the machine that Grafana runs on."
        value={storage.accessKey}
        disabled={disabled}
        onChange={(accessKey) => change({ accessKey })}
      />
      <SecretSetting id="storage-secret-key" label="Secret key" {...settings.secret('objectStorageSecretKey')} />
      <SwitchSetting
        id="storage-tls"
        label="TLS"
        value={storage.tls ?? true}
        disabled={disabled}
        onChange={(tls) => change({ tls })}
      />
      {(storage.tls ?? true) && (
        <SwitchSetting
          id="storage-tls-skip-verify"
          label="Skip certificate check"
          description="Accepts any certificate. Only for tests."
          value={storage.tlsSkipVerify ?? false}
          disabled={disabled}
          onChange={(tlsSkipVerify) => change({ tlsSkipVerify })}
        />
      )}
    </FieldSet>
  );
}
