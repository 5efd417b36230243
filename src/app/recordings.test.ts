import { Recordings } from './recordings';

interface Stores {
  [question: string]: string | number;
}

/** Data sources that hold a session where the table names one, and answer with a status where it names that. */
function reading(stores: Stores, now = () => 0) {
  const asked: string[] = [];
  const recordings = new Recordings(async (uid, path) => {
    asked.push(`${uid} ${path}`);
    const answer = stores[`${uid} ${path}`];
    const sessions = typeof answer === 'string' ? [{ session_id: answer }] : [];
    return { ok: typeof answer !== 'number', status: answer, json: async () => ({ sessions }) } as Response;
  }, now);
  return { recordings, asked };
}

const bySession = 'sessions?session_id=s-1&limit=1';
const byTrace = 'sessions?trace_id=t-1&limit=1';

describe('Recordings', () => {
  it('finds a session in the second data source, and asks once', async () => {
    const { recordings, asked } = reading({ [`two ${bySession}`]: 's-1' });
    const found = await recordings.find({ sessionId: 's-1' }, ['one', 'two']);
    await recordings.find({ sessionId: 's-1' }, ['one', 'two']);
    expect(found).toMatchObject({ datasourceUid: 'two', session: { sessionId: 's-1' } });
    expect(asked).toEqual([`one ${bySession}`, `two ${bySession}`]);
  });

  it('finds by the trace what the session does not find', async () => {
    const { recordings } = reading({ [`one ${byTrace}`]: 's-2' });
    expect(await recordings.find({ sessionId: 's-1', traceId: 't-1' }, ['one'])).toMatchObject({
      session: { sessionId: 's-2' },
    });
  });

  it('finds by a trace id without its first zeros', async () => {
    const { recordings, asked } = reading({});
    await recordings.find({ traceId: '4ed5457769d17e43a17e6ae9b4b0a1f' }, ['one']);
    expect(asked).toEqual(['one sessions?trace_id=04ed5457769d17e43a17e6ae9b4b0a1f&limit=1']);
  });

  it('knows that there is none, for half a minute', async () => {
    let now = 0;
    const { recordings, asked } = reading({}, () => now);
    expect(await recordings.find({ sessionId: 's-1' }, ['one'])).toBeUndefined();
    expect(recordings.isKnownAbsent({ sessionId: 's-1' })).toBe(true);
    now = 30_000;
    expect(recordings.isKnownAbsent({ sessionId: 's-1' })).toBe(false);
    await recordings.find({ sessionId: 's-1' }, ['one']);
    expect(asked).toHaveLength(2);
  });

  it('does not take a failure for an absence', async () => {
    const { recordings } = reading({ [`one ${bySession}`]: 502 });
    await expect(recordings.find({ sessionId: 's-1' }, ['one', 'two'])).rejects.toThrow('502');
    expect(recordings.isKnownAbsent({ sessionId: 's-1' })).toBe(false);
  });

  it('finds a session although another data source fails', async () => {
    const { recordings } = reading({ [`one ${bySession}`]: 502, [`two ${bySession}`]: 's-1' });
    expect(await recordings.find({ sessionId: 's-1' }, ['one', 'two'])).toMatchObject({ datasourceUid: 'two' });
  });
});
