import {
  createDataFrame,
  type DataFrame,
  type DataQueryError,
  FieldType,
  LoadingState,
  type PanelProps,
} from '@grafana/data';
import { render, screen } from '@testing-library/react';
import React from 'react';

import { ReplayPanel } from './ReplayPanel';

function show(series: DataFrame[], state = LoadingState.Done, errors: DataQueryError[] = []) {
  const props = { data: { series, state, errors }, width: 400, height: 300 } as unknown as PanelProps;
  render(<ReplayPanel {...props} />);
}

const frame = (names: string[], rows: number) =>
  createDataFrame({
    fields: names.map((name) => ({ name, type: FieldType.string, values: Array<string>(rows).fill('x') })),
  });

describe('ReplayPanel without a replay', () => {
  it('says how to choose a session when there is no data', () => {
    show([]);
    expect(screen.getByText('No session chosen')).toBeInTheDocument();
    expect(screen.getByText(/in a query of type Replay/)).toBeInTheDocument();
  });

  it('says that the data is of another kind', () => {
    show([frame(['session_id', 'duration_ms'], 3)]);
    expect(screen.getByText('This is not a replay')).toBeInTheDocument();
  });

  it('says that there is no recording', () => {
    show([frame(['session_id', 'datasource_uid'], 0)]);
    expect(screen.getByText('No recording found')).toBeInTheDocument();
  });

  it('does not call a query that is still running empty', () => {
    show([], LoadingState.Loading);
    expect(screen.getByText('Looking for the session…')).toBeInTheDocument();
    expect(screen.queryByText('No session chosen')).not.toBeInTheDocument();
  });

  it('shows the error of a query that did not succeed', () => {
    show([], LoadingState.Error, [{ message: 'there is no such recording in project shop' }]);
    expect(screen.getByRole('alert')).toHaveTextContent('there is no such recording in project shop');
  });
});
