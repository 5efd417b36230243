import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { narrowSession, type Session } from '../shared/session';
import type { ListSessions, SessionsPage, SessionsRequest } from './api';
import { defaultFilters, type SessionFilters } from './filters';
import { Sessions } from './Sessions';

function session(rest: Record<string, unknown>): Session {
  const narrowed = narrowSession(rest);
  if (!narrowed) {
    throw new Error('a session needs an id');
  }
  return narrowed;
}

const ada = session({
  session_id: 'one',
  start: Date.UTC(2026, 10, 22, 10, 30, 5),
  duration_ms: 125_000,
  user_id: 'ada',
  first_url: 'https://shop.example/cart',
  pages: 3,
  clicks: 14,
  requests: 15,
  failed_requests: 2,
  errors: 1,
  signals: { rage_click: 1, dead_click: 3 },
});
const unknown = session({ session_id: 'two', start: 0, first_url: 'https://shop.example/' });

/** Shows the list over an answer for each request: a page, or the reason why there is none. */
function show(answers: Array<SessionsPage | Error>, initial: Partial<SessionFilters> = {}) {
  const requests: SessionsRequest[] = [];
  const list: ListSessions = async (request) => {
    requests.push(request);
    const answer = answers.shift();
    if (answer === undefined || answer instanceof Error) {
      throw answer ?? new Error('asked once too often');
    }
    return answer;
  };
  function Page() {
    const [filters, setFilters] = useState({ ...defaultFilters, ...initial });
    return (
      <Sessions list={list} filters={filters} onFiltersChange={setFilters} hrefOf={(s) => `/play/${s.sessionId}`} />
    );
  }
  render(<Page />);
  return { requests, user: userEvent.setup() };
}

const page = (sessions: Session[], next = ''): SessionsPage => ({ sessions, next });

describe('Sessions', () => {
  it('lists what is known of each session and opens its replay', async () => {
    show([page([ada, unknown])]);

    const link = await screen.findByRole('link', { name: /ada, 2026-11-22 10:30:05/ });
    expect(link).toHaveAttribute('href', '/play/one');
    const cells = within(screen.getAllByRole('row')[1]).getAllByRole('cell');
    expect(cells.map((cell) => cell.textContent)).toEqual([
      '2026-11-22 10:30:05',
      '2:05',
      'ada',
      'https://shop.example/cart',
      '3',
      '14',
      '15',
      '2',
      '1',
      '4',
    ]);
    expect(link).toHaveAttribute('title', 'https://shop.example/cart · rage click · dead click');
    expect(screen.getByRole('link', { name: /an unknown user/ })).toHaveAttribute('href', '/play/two');
  });

  it('has a column for countries when one is known', async () => {
    show([page([{ ...ada, country: 'DE' }, unknown])]);

    await screen.findByRole('columnheader', { name: 'Country' });
    expect(screen.getByRole('cell', { name: 'DE' })).toBeInTheDocument();
  });

  it('asks again when a filter changes', async () => {
    const { requests, user } = show([page([ada]), page([ada]), page([])]);
    await screen.findByRole('table');

    await user.type(screen.getByLabelText('User'), ' ada {Enter}');
    await waitFor(() => expect(requests).toHaveLength(2));
    await user.click(screen.getByRole('switch', { name: 'Errors only' }));
    await waitFor(() => expect(requests).toHaveLength(3));

    expect(requests[1]).toMatchObject({ user: 'ada', errors: false });
    expect(requests[2]).toMatchObject({ user: 'ada', errors: true });
  });

  it('loads more over the same time range', async () => {
    const { requests, user } = show([page([ada], 'cursor'), page([unknown])]);

    await user.click(await screen.findByRole('button', { name: 'Load more' }));
    await screen.findByRole('link', { name: /an unknown user/ });

    expect(screen.getAllByRole('link')).toHaveLength(2);
    expect(screen.queryByRole('button', { name: 'Load more' })).not.toBeInTheDocument();
    expect(requests[1]).toEqual({ ...requests[0], before: 'cursor' });
  });

  it('says what to do when nothing was recorded', async () => {
    show([page([])]);
    expect(await screen.findByText('No sessions in this time range')).toBeInTheDocument();
    expect(screen.getByText(/script tag/)).toBeInTheDocument();
  });

  it('clears the filters that match nothing and keeps the time range', async () => {
    const { requests, user } = show([page([]), page([ada])], { q: 'nobody', from: 'now-7d' });

    await user.click(await screen.findByRole('button', { name: 'Clear filters' }));
    await screen.findByRole('table');

    expect(screen.getByLabelText('Search')).toHaveValue('');
    expect(requests[1].q).toBe('');
    expect(requests[1].to - requests[1].from).toBe(requests[0].to - requests[0].from);
  });

  it('tells why the list could not be read and tries again', async () => {
    const { user } = show([new Error('ClickHouse does not answer'), page([ada])]);

    expect(await screen.findByText('ClickHouse does not answer')).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Try again' }));

    expect(await screen.findByRole('table')).toBeInTheDocument();
    expect(screen.queryByText('ClickHouse does not answer')).not.toBeInTheDocument();
  });

  it('keeps what is listed when the next page could not be read', async () => {
    const { user } = show([page([ada], 'cursor'), new Error('timeout'), page([unknown])]);

    await user.click(await screen.findByRole('button', { name: 'Load more' }));
    expect(await screen.findByText('timeout')).toBeInTheDocument();
    expect(screen.getByRole('link', { name: /ada/ })).toBeInTheDocument();

    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('link', { name: /an unknown user/ })).toBeInTheDocument();
  });
});
