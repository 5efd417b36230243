import type { DataSourceInstanceSettings } from '@grafana/data';
import { config, type DataSourceSrv, type PluginPageProps, setDataSourceSrv } from '@grafana/runtime';
import { configure, render, screen, waitFor } from '@testing-library/react';
import React from 'react';
import { MemoryRouter, Route, Routes } from 'react-router-dom';

import { App } from './App';

// The first page of all loads its code.
configure({ asyncUtilTimeout: 4000 });

// Grafana provides the frame of a page when it runs.
jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  PluginPage: ({ children, actions, pageNav }: PluginPageProps) => (
    <main>
      <h1>{pageNav?.text}</h1>
      {actions}
      {children}
    </main>
  ),
}));

// The player draws into a real frame, which is for a browser: here it only says what it was given.
jest.mock('../player', () => ({
  ...jest.requireActual('../player/playback/httpSource'),
  ...jest.requireActual('../player/playback/api'),
  Player: ({ sessionId, at, linkTo }: { sessionId: string; at?: number; linkTo: (timestamp: number) => string }) => (
    <div>{`player: ${sessionId} at ${at}, ${linkTo(1763791872123.4)}`}</div>
  ),
}));

const meta = { info: { logos: { small: 'logo.svg' } } };
const datasource = (uid: string) => ({ uid, name: uid, type: 'playhead-replay-datasource', meta });

interface Answer {
  status: number;
  body: unknown;
}

/** Opens a page of the app in a Grafana with these data sources, whose resources all give the same answer. */
function open(path: string, { uids = ['one'], answer }: { uids?: string[]; answer: Answer }) {
  const all = uids.map(datasource) as unknown as DataSourceInstanceSettings[];
  const getInstanceSettings = (uid: string) => all.find((settings) => settings.uid === uid);
  setDataSourceSrv({ getList: () => all, getInstanceSettings } as unknown as DataSourceSrv);
  config.bootData = { user: { orgId: 1 } } as typeof config.bootData;
  const asked: string[] = [];
  global.fetch = (async (address: string) => {
    asked.push(address);
    return { ok: answer.status < 400, status: answer.status, statusText: '', json: async () => answer.body };
  }) as unknown as typeof fetch;
  render(
    <MemoryRouter initialEntries={[`/a/playhead-replay-app${path}`]}>
      <Routes>
        <Route path="/a/playhead-replay-app/*" element={<App />} />
      </Routes>
    </MemoryRouter>
  );
  return { asked };
}

// Loading them takes longer than a test waits for its first element.
beforeAll(() => Promise.all([import('./SessionsPage'), import('./SessionPage')]));

const session = { session_id: 'abc', user_id: 'ada', start: 1763791872123, user_agent: 'Browser/1', release: '1.4.2' };
const sessions = { status: 200, body: { sessions: [session], next: '' } };
const manifest = { status: 200, body: { v: 1, session, windows: [], moments: [] } };

describe('list of sessions', () => {
  it('is where the app starts, and its rows open the session of the same data source', async () => {
    const { asked } = open('/', { uids: ['one', 'two'], answer: sessions });
    expect(await screen.findByRole('link', { name: /ada/ })).toHaveAttribute(
      'href',
      '/a/playhead-replay-app/sessions/abc?ds=one'
    );
    expect(asked[0]).toMatch(/\/api\/datasources\/uid\/one\/resources\/sessions\?from=\d+&to=\d+&limit=50$/);
    expect(screen.getByRole('combobox', { name: /data source/i })).toBeInTheDocument();
  });

  it('reads from the data source and with the filters that are in the address', async () => {
    const { asked } = open('/sessions?ds=two&user=ada&errors=true&from=1000&to=2000', {
      uids: ['one', 'two'],
      answer: sessions,
    });
    await waitFor(() =>
      expect(asked).toEqual([
        '/api/datasources/uid/two/resources/sessions?from=1000&to=2000&limit=50&user=ada&errors=true',
      ])
    );
  });

  it('says what to do where there is no data source', async () => {
    const { asked } = open('/sessions', { uids: [], answer: sessions });
    expect(await screen.findByText('No Playhead data source yet')).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Add a data source' })).toBeInTheDocument();
    expect(asked).toEqual([]);
  });
});

describe('page of a session', () => {
  it('plays from the instant in the address and links to instants', async () => {
    open('/sessions/abc?ds=one&t=1763791880000', { answer: manifest });
    expect(
      await screen.findByText(
        'player: abc at 1763791880000, http://localhost/a/playhead-replay-app/sessions/abc?ds=one&t=1763791872123'
      )
    ).toBeInTheDocument();
    expect(screen.getByRole('heading', { name: 'Session of ada' })).toBeInTheDocument();
    expect(screen.getByText('Browser/1')).toBeInTheDocument();
    expect(screen.getByText('1.4.2')).toBeInTheDocument();
  });

  it('starts at the beginning when the instant is nonsense', async () => {
    open('/sessions/abc?t=soon', { answer: manifest });
    expect(await screen.findByText(/^player: abc at undefined/)).toBeInTheDocument();
  });

  it('says that there is no recording', async () => {
    open('/sessions/abc', { answer: { status: 404, body: {} } });
    expect(await screen.findByText('No recording of this session')).toBeInTheDocument();
  });

  it('tells why the session could not be read', async () => {
    open('/sessions/abc', { answer: { status: 502, body: { detail: 'the bucket does not answer' } } });
    expect(await screen.findByText(/the bucket does not answer/)).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Try again' })).toBeInTheDocument();
  });
});

describe('page that links lead to', () => {
  beforeAll(() => import('./ReplayPage'));

  it('finds the recording and plays it at the instant', async () => {
    open('/replay?session=abcdefgh&t=1763791880000', {
      uids: ['one', 'two'],
      answer: { status: 200, body: { ...sessions.body, ...manifest.body } },
    });
    expect(await screen.findByText(/^player: abc at 1763791880000/)).toBeInTheDocument();
  });

  it('begins at the trace when there is no instant', async () => {
    const moments = [{ ts: 1763791875000, kind: 'request', trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' }];
    open('/replay?trace=4bf92f3577b34da6a3ce929d0e0e4736', {
      answer: { status: 200, body: { ...sessions.body, ...manifest.body, moments } },
    });
    expect(await screen.findByText(/^player: abc at 1763791875000/)).toBeInTheDocument();
  });

  it('says why there is none', async () => {
    open('/replay?trace=00000000000000000000000000000001', { answer: { status: 200, body: { sessions: [] } } });
    expect(await screen.findByText(/No recorded session made a request with this trace ID/)).toBeInTheDocument();
  });
});
