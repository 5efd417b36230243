import type { DataFrame, DataQueryRequest, DataSourceInstanceSettings } from '@grafana/data';
import { StreamingFrameAction } from '@grafana/runtime';

import { DataSource } from './DataSource';
import type { DataSourceOptions, PlayheadQuery } from './types';

describe('DataSource', () => {
  it('shows each message of a running session instead of the one before, whatever the time range', () => {
    const source = new DataSource({ uid: 'playhead', jsonData: {} } as DataSourceInstanceSettings<DataSourceOptions>);

    const options = source.streamOptionsProvider(
      { maxDataPoints: 3, rangeRaw: { from: 'now-5m', to: 'now' } } as DataQueryRequest<PlayheadQuery>,
      {} as DataFrame
    );

    expect(options).toEqual({ action: StreamingFrameAction.Replace, maxLength: 1000 });
  });
});
