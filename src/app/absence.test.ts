import { config } from '@grafana/runtime';

import { explainAbsence } from './absence';

// Began at 1763791872123.
const sessionId = '019aaa40-a87b-7abc-8def-0123456789ab';
const began = parseInt('019aaa40a87b', 16);

function kept(sessions: unknown[]) {
  config.bootData = { user: { orgId: 1 } } as typeof config.bootData;
  global.fetch = (async () => ({ ok: true, json: async () => ({ sessions }) })) as unknown as typeof fetch;
}

describe('explainAbsence', () => {
  it('asks for patience when the session has just begun', async () => {
    kept([]);
    const { reason } = await explainAbsence({ sessionId }, ['one'], began + 5000);
    expect(reason).toContain('on its way');
  });

  it('says expired when nothing as old is kept', async () => {
    kept([]);
    expect(await explainAbsence({ sessionId }, ['one'], began + 3_600_000)).toEqual({
      began,
      reason: expect.stringContaining('expired'),
    });
  });

  it('says not sampled or erased when others of that time are kept', async () => {
    kept([{}]);
    const { reason } = await explainAbsence({ sessionId }, ['one'], began + 3_600_000);
    expect(reason).toContain('not sampled');
  });

  it('knows no time of an id that is not a UUIDv7, or of a trace', async () => {
    kept([]);
    expect((await explainAbsence({ sessionId: 'abcdefgh' }, ['one'])).began).toBeUndefined();
    expect((await explainAbsence({ traceId: 'x' }, ['one'])).reason).toContain('trace ID');
  });
});
