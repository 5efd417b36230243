import type { DataSourceSettings } from '@grafana/data';
import { config, type DataSourceSrv, setDataSourceSrv } from '@grafana/runtime';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { ConfigEditor } from './ConfigEditor';
import type { DataSourceOptions, DataSourceSecrets } from './types';

type Options = DataSourceSettings<DataSourceOptions, DataSourceSecrets>;

function edit(initial: Partial<Options> = {}) {
  const latest = { options: { jsonData: {}, secureJsonFields: {}, ...initial } as Options };
  function Editor() {
    const [options, setOptions] = useState(latest.options);
    const onOptionsChange = (changed: Options) => {
      latest.options = changed;
      setOptions(changed);
    };
    return <ConfigEditor options={options} onOptionsChange={onOptionsChange} />;
  }
  render(<Editor />);
  return { latest, user: userEvent.setup() };
}

beforeEach(() => {
  setDataSourceSrv({ getList: () => [], getInstanceSettings: () => undefined } as unknown as DataSourceSrv);
});

describe('ConfigEditor', () => {
  it('writes the names that provisioning uses', async () => {
    const { latest, user } = edit();

    await user.type(screen.getByLabelText(/^Project/), 'shop');
    await user.type(screen.getByLabelText(/^Addresses/), 'one:9000, two:9000');
    await user.type(screen.getByLabelText(/^Endpoint/), 's3:9000');
    await user.type(screen.getByLabelText(/^Bucket/), 'recordings');
    await user.click(screen.getByLabelText(/^Path style/));
    await user.type(screen.getByLabelText('Password'), 'one secret');
    await user.type(screen.getByLabelText('Secret key'), 'another');

    expect(latest.options.jsonData).toEqual({
      project: 'shop',
      clickhouse: { addresses: ['one:9000', 'two:9000'] },
      objectStorage: { endpoint: 's3:9000', bucket: 'recordings', pathStyle: true },
    });
    expect(latest.options.secureJsonData).toEqual({
      clickhousePassword: 'one secret',
      objectStorageSecretKey: 'another',
    });
  });

  it('lets a stored secret be replaced but not read', async () => {
    const { latest, user } = edit({ secureJsonFields: { clickhousePassword: true } });

    expect(screen.getByLabelText('Password')).toHaveValue('configured');
    await user.click(screen.getByRole('button', { name: 'Reset' }));
    await user.type(screen.getByLabelText('Password'), 'new');

    expect(latest.options.secureJsonFields.clickhousePassword).toBe(false);
    expect(latest.options.secureJsonData?.clickhousePassword).toBe('new');
  });

  it('changes nothing that was provisioned', () => {
    edit({ readOnly: true, secureJsonFields: { clickhousePassword: true }, jsonData: { project: 'shop' } });

    for (const role of ['textbox', 'switch', 'radio']) {
      for (const field of screen.getAllByRole(role)) {
        expect(field).toBeDisabled();
      }
    }
    // A disabled picker has no combobox that could be opened.
    expect(screen.queryByRole('combobox')).not.toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Reset' })).not.toBeInTheDocument();
  });

  it('offers to skip the certificate check only where there is a certificate', async () => {
    const { user } = edit({ jsonData: { objectStorage: { tls: false } } });

    expect(screen.queryByLabelText(/^Skip certificate check/)).not.toBeInTheDocument();
    await user.click(screen.getAllByLabelText('TLS')[0]);
    expect(screen.getByLabelText(/^Skip certificate check/)).toBeInTheDocument();
  });

  it.each([true, false])('offers the socks proxy where Grafana has one: %s', (enabled) => {
    config.secureSocksDSProxyEnabled = enabled;
    edit();
    expect(screen.queryAllByLabelText(/^Secure socks proxy/)).toHaveLength(enabled ? 1 : 0);
  });
});
