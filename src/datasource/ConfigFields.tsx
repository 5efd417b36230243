import React from 'react';

import { Field, Input, SecretInput, SecretTextArea, Switch } from '@grafana/ui';

const WIDTH = 50;

interface SettingProps {
  id: string;
  label: string;
  description?: string;
  placeholder?: string;
  disabled?: boolean;
}

interface TextSettingProps extends SettingProps {
  value?: string;
  required?: boolean;
  onChange: (value: string) => void;
}

export function TextSetting(props: TextSettingProps) {
  const { id, label, description, placeholder, required, value = '', disabled, onChange } = props;
  return (
    <Field label={label} description={description} required={required} disabled={disabled} htmlFor={id}>
      <Input
        id={id}
        width={WIDTH}
        placeholder={placeholder}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </Field>
  );
}

interface SwitchSettingProps extends SettingProps {
  value: boolean;
  onChange: (value: boolean) => void;
}

export function SwitchSetting({ id, label, description, value, disabled, onChange }: SwitchSettingProps) {
  return (
    <Field label={label} description={description} disabled={disabled} htmlFor={id}>
      <Switch id={id} value={value} onChange={(event) => onChange(event.currentTarget.checked)} />
    </Field>
  );
}

export interface SecretProps {
  value: string;
  /** A value is stored; Grafana does not tell which. */
  isConfigured: boolean;
  disabled: boolean;
  onChange: (value: string) => void;
  onReset: () => void;
}

export function SecretSetting({ id, label, description, disabled, ...secret }: SettingProps & SecretProps) {
  return (
    <Field label={label} description={description} disabled={disabled} htmlFor={id}>
      {disabled ? (
        <ProvisionedSecret id={id} isConfigured={secret.isConfigured} />
      ) : (
        <SecretInput
          id={id}
          width={WIDTH}
          autoComplete="new-password"
          value={secret.value}
          isConfigured={secret.isConfigured}
          onReset={secret.onReset}
          onChange={(event) => secret.onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** A secret of several lines, such as a certificate. */
export function SecretTextSetting(props: SettingProps & SecretProps) {
  const { id, label, description, placeholder, disabled, ...secret } = props;
  return (
    <Field label={label} description={description} disabled={disabled} htmlFor={id}>
      {disabled ? (
        <ProvisionedSecret id={id} isConfigured={secret.isConfigured} />
      ) : (
        <SecretTextArea
          id={id}
          cols={WIDTH}
          rows={4}
          placeholder={placeholder}
          value={secret.value}
          isConfigured={secret.isConfigured}
          onReset={secret.onReset}
          onChange={(event) => secret.onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

// The reset button of Grafana's secret fields cannot be disabled.
function ProvisionedSecret({ id, isConfigured }: { id: string; isConfigured: boolean }) {
  return (
    <Input id={id} width={WIDTH} value={isConfigured ? 'configured' : ''} placeholder="not set" disabled readOnly />
  );
}
