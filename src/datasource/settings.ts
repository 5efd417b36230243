import type { DataSourcePluginOptionsEditorProps } from '@grafana/data';

import type { SecretProps } from './ConfigFields';
import type { DataSourceOptions, DataSourceSecrets } from './types';

export type SettingsProps = DataSourcePluginOptionsEditorProps<DataSourceOptions, DataSourceSecrets>;

/** The options of the data source being edited, and how to change one of them. */
export interface Settings {
  values: DataSourceOptions;
  /** Provisioned from a file: shown, never changed. */
  readOnly: boolean;
  change: (changes: Partial<DataSourceOptions>) => void;
  secret: (name: keyof DataSourceSecrets) => SecretProps;
}

export function editSettings({ options, onOptionsChange }: SettingsProps): Settings {
  const readOnly = options.readOnly ?? false;
  return {
    values: options.jsonData,
    readOnly,
    change: (changes) => onOptionsChange({ ...options, jsonData: { ...options.jsonData, ...changes } }),
    secret: (name) => ({
      value: options.secureJsonData?.[name] ?? '',
      isConfigured: options.secureJsonFields?.[name] ?? false,
      disabled: readOnly,
      onChange: (value) =>
        onOptionsChange({ ...options, secureJsonData: { ...options.secureJsonData, [name]: value } }),
      onReset: () =>
        onOptionsChange({
          ...options,
          secureJsonFields: { ...options.secureJsonFields, [name]: false },
          secureJsonData: { ...options.secureJsonData, [name]: '' },
        }),
    }),
  };
}

export interface SectionProps {
  settings: Settings;
}
