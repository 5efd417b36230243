import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import type { DataSource } from './DataSource';
import { QueryEditor } from './QueryEditor';
import type { PlayheadQuery } from './types';

function edit(initial: Partial<PlayheadQuery>) {
  const latest = { query: { refId: 'A', ...initial } as PlayheadQuery };
  const onRunQuery = jest.fn();
  function Editor() {
    const [query, setQuery] = useState(latest.query);
    const onChange = (changed: PlayheadQuery) => {
      latest.query = changed;
      setQuery(changed);
    };
    return <QueryEditor datasource={{} as DataSource} query={query} onChange={onChange} onRunQuery={onRunQuery} />;
  }
  render(<Editor />);
  return { latest, onRunQuery, user: userEvent.setup() };
}

// The picker of kinds measures its options, which jsdom cannot.
beforeAll(() => {
  const measureText = (text: string) => ({ width: text.length * 8 });
  HTMLCanvasElement.prototype.getContext = (() => ({
    measureText,
  })) as unknown as typeof HTMLCanvasElement.prototype.getContext;
});

describe('QueryEditor', () => {
  it('asks for an id when the user chooses a replay', async () => {
    const { latest, onRunQuery, user } = edit({ queryType: 'sessions' });

    await user.click(screen.getByRole('radio', { name: 'Replay' }));
    await user.type(screen.getByLabelText('Session ID'), 'abc{Enter}');

    expect(latest.query).toMatchObject({ queryType: 'replay', sessionId: 'abc' });
    expect(screen.queryByLabelText('User')).not.toBeInTheDocument();
    expect(onRunQuery).toHaveBeenCalledTimes(2);
  });

  it('filters sessions', async () => {
    const { latest, user } = edit({ queryType: 'sessions' });

    await user.type(screen.getByLabelText('Search'), 'checkout');
    await user.type(screen.getByLabelText('User'), 'ada');
    await user.type(screen.getByLabelText('URL'), '/cart');
    await user.click(screen.getByRole('switch', { name: 'Errors only' }));
    await user.type(screen.getByLabelText('Limit'), '20');

    expect(latest.query).toMatchObject({
      query: 'checkout',
      filters: { user: 'ada', url: '/cart', errors: true },
      limit: 20,
    });
  });

  it('follows a running session unless it is told not to', async () => {
    const { latest, onRunQuery, user } = edit({ queryType: 'transcript', sessionId: 'abc' });
    const live = screen.getByRole('switch', { name: 'Live' });
    expect(live).toBeChecked();

    await user.click(live);

    expect(latest.query).toMatchObject({ sessionId: 'abc', live: false });
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  it('runs a text only when the user is done with it', async () => {
    const { onRunQuery, user } = edit({ queryType: 'sessions' });

    await user.type(screen.getByLabelText('Search'), 'checkout');
    expect(onRunQuery).not.toHaveBeenCalled();

    await user.tab();
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  it('does not leave behind what another type cannot show', async () => {
    const { latest, user } = edit({ queryType: 'sessions', query: 'text', filters: { user: 'ada' }, limit: 500 });

    await user.click(screen.getByRole('radio', { name: 'Moments' }));

    expect(JSON.parse(JSON.stringify(latest.query))).toEqual({ refId: 'A', queryType: 'moments', query: 'text' });
    expect(screen.getByLabelText('Text')).toHaveValue('text');
  });

  it('keeps the limit within what the backend gives', async () => {
    const { latest, user } = edit({ queryType: 'sessions' });

    await user.type(screen.getByLabelText('Limit'), '99999');
    expect(latest.query.limit).toBe(1000);

    await user.clear(screen.getByLabelText('Limit'));
    expect(latest.query.limit).toBeUndefined();
  });

  it('shows a query without a type as Auto and leaves it without one', async () => {
    const { latest, user } = edit({ query: 'some-id' });

    expect(screen.getByRole('radio', { name: 'Auto' })).toBeChecked();
    expect(screen.getByLabelText('Search')).toHaveValue('some-id');

    await user.type(screen.getByLabelText('Search'), '2');
    expect(latest.query).toEqual({ refId: 'A', query: 'some-id2' });
  });
});

describe('QueryEditor of what was found', () => {
  it('names a metric and how it is shown', async () => {
    const { latest, user } = edit({ queryType: 'sessions' });

    await user.click(screen.getByRole('radio', { name: 'Metrics' }));
    await user.type(screen.getByLabelText('Search'), 'url:/cart');
    await user.type(screen.getByLabelText('Name'), 'LCP');
    await user.click(screen.getByRole('radio', { name: 'Table' }));

    expect(latest.query).toMatchObject({ queryType: 'metrics', query: 'url:/cart', name: 'LCP', format: 'table' });
  });

  it('lists signals until a format is chosen', async () => {
    const { latest, user } = edit({ queryType: 'signals', query: 'signal:rage_click' });

    expect(screen.getByRole('radio', { name: 'List' })).toBeChecked();
    await user.click(screen.getByRole('radio', { name: 'Time series' }));
    expect(latest.query).toMatchObject({ query: 'signal:rage_click', format: 'time_series' });
  });

  it('asks a transcript for its session', async () => {
    const { latest, user } = edit({ queryType: 'replay', sessionId: 'abc' });

    await user.click(screen.getByRole('radio', { name: 'Transcript' }));
    expect(latest.query).toMatchObject({ queryType: 'transcript', sessionId: 'abc' });
  });
});
