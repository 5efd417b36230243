import { createSessionsApi, type SessionsRequest } from './api';

const everything: SessionsRequest = {
  from: 1,
  to: 2,
  user: '',
  url: '',
  errors: false,
  q: '',
  before: '',
  limit: 50,
};

function api(status: number, body: unknown) {
  const asked: string[] = [];
  const fetchImpl = (async (address: string) => {
    asked.push(address);
    const json = async () => (typeof body === 'string' ? JSON.parse(body) : body);
    return { ok: status < 400, status, statusText: 'Some Status', json };
  }) as unknown as typeof fetch;
  const list = createSessionsApi((path) => `/base/${path}`, fetchImpl);
  return { asked, list: (request: SessionsRequest) => list(request, new AbortController().signal) };
}

describe('createSessionsApi', () => {
  it('sends only the filters that are set', async () => {
    const { asked, list } = api(200, { sessions: [], next: '' });
    await list(everything);
    await list({
      ...everything,
      user: 'a b',
      url: '/x?y',
      errors: true,
      q: 'errors:yes https://shop.example/a?b=1 x',
      before: 'cursor',
    });
    expect(asked).toEqual([
      '/base/sessions?from=1&to=2&limit=50',
      '/base/sessions?from=1&to=2&limit=50&user=a+b&url=%2Fx%3Fy&before=cursor&query=errors%3Ayes+%22https%3A%2F%2Fshop.example%2Fa%3Fb%3D1%22+x&errors=true',
    ]);
  });

  it('reads sessions and leaves out what is none', async () => {
    const { list } = api(200, {
      sessions: [
        { session_id: 's', start: 5, duration_ms: 'soon', user_attributes: { plan: 'pro', age: 7 } },
        null,
        {},
      ],
      next: 'cursor',
    });
    const page = await list(everything);
    expect(page.next).toBe('cursor');
    expect(page.sessions).toHaveLength(1);
    expect(page.sessions[0]).toMatchObject({
      sessionId: 's',
      start: 5,
      durationMs: 0,
      userAttributes: { plan: 'pro' },
      urls: [],
    });
  });

  it.each<[string, number, unknown, string]>([
    [
      'the detail of a problem',
      500,
      { title: 'Index', detail: 'ClickHouse does not answer' },
      'ClickHouse does not answer',
    ],
    ['the message of Grafana', 403, { message: 'Permission denied' }, 'Permission denied'],
    ['the title where there is no detail', 500, { title: 'Index is down' }, 'Index is down'],
    ['the status where the body is a page of a proxy', 502, '<html>', '502 Some Status'],
    ['that an answer is not a list', 200, { hello: 1 }, 'the answer holds no list of sessions'],
  ])('reports %s', async (_, status, body, message) => {
    await expect(api(status, body).list(everything)).rejects.toThrow(message);
  });
});
