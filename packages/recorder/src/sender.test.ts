import { Faults } from './faults';
import { Sender, type SenderConfig } from './sender';
import { utf8 } from './text';
import { type Segment } from './wire';

interface Attempt {
  url: string;
  init: RequestInit;
  seq: number;
  events: unknown[];
  answer: (status: number, options?: { headers?: Record<string, string>; body?: unknown }) => Promise<void>;
  fail: () => Promise<void>;
}

beforeEach(() => jest.useFakeTimers({ now: 1_763_791_872_123 }));
afterEach(() => jest.useRealTimers());

/** Lets promises that are already settled run on. */
async function settle() {
  for (let round = 0; round < 20; round++) {
    await Promise.resolve();
  }
}

function setUp(overrides: Partial<SenderConfig> = {}) {
  const attempts: Attempt[] = [];
  const log: string[] = [];
  let next = 0;
  const fetchStub = (url: string, init: RequestInit) =>
    new Promise<Response>((resolve, reject) => {
      const [header, ...events] = new TextDecoder()
        .decode(init.body as Uint8Array)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      attempts.push({
        url,
        init,
        seq: header.seq,
        events,
        answer: (status, { headers = {}, body = {} } = {}) => {
          const get = (name: string) => headers[name] ?? null;
          resolve({ status, headers: { get }, text: async () => JSON.stringify(body) } as unknown as Response);
          return settle();
        },
        fail: () => {
          reject(new TypeError('Failed to fetch'));
          return settle();
        },
      });
    });
  const faults = new Faults();
  const sender = new Sender(
    {
      url: 'https://ingest.example/v1/segments',
      key: 'pk_1&2',
      fetch: fetchStub as typeof fetch,
      compress: undefined,
      now: Date.now,
      random: () => 0.5,
      tokenOf: () => undefined,
      takeSeq: (_, skip) => {
        next += 1 + skip;
        return next - 1;
      },
      onStored: (segment, reply, caughtUp) => log.push(`stored ${segment.seq}${caughtUp ? ' caught up' : ''}`),
      onDropped: (_, events, reason) => log.push(`dropped ${events} ${reason}`),
      onSessionRefused: (id) => {
        log.push(`refused ${id}`);
        return true;
      },
      onStop: () => log.push('stop'),
      ...overrides,
    },
    faults
  );
  const last = () => attempts[attempts.length - 1] as Attempt;
  return { sender, attempts, last, log, faults };
}

function segment(events: unknown[], options: Partial<Segment> = {}): Segment {
  return {
    context: {
      session: { id: 'session-1', previousId: null },
      windowId: 'window-1',
      pageId: 'page-1',
      page: { url: '', referrer: '', viewport: [1, 1] },
    },
    lines: events.map((event) => utf8(JSON.stringify(event))),
    snapshot: false,
    final: false,
    skipped: 0,
    ...options,
  };
}

describe('Sender', () => {
  it('sends one segment at a time as a simple request', async () => {
    const { sender, attempts, log } = setUp();
    sender.enqueue(segment([1]));
    sender.enqueue(segment([2]));
    await settle();
    expect(attempts).toHaveLength(1);
    expect(attempts[0]?.url).toBe('https://ingest.example/v1/segments?key=pk_1%262');
    expect(attempts[0]?.init).toMatchObject({
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      credentials: 'omit',
      keepalive: true,
    });
    await attempts[0]?.answer(202);
    expect(attempts.map(({ seq, events }) => [seq, events])).toEqual([
      [0, [1]],
      [1, [2]],
    ]);
    await attempts[1]?.answer(202);
    expect(log).toEqual(['stored 0', 'stored 1 caught up']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('says so when the body is compressed, and sends it plainly when compression fails', async () => {
    const compress = jest
      .fn()
      .mockImplementationOnce(async (body: Uint8Array) => body)
      .mockRejectedValue(new Error('broken'));
    const { sender, attempts } = setUp({ compress });
    sender.enqueue(segment([1]));
    await settle();
    expect(attempts[0]?.url).toMatch(/&enc=gzip$/);
    await attempts[0]?.answer(202);
    sender.enqueue(segment([2]));
    await settle();
    expect(attempts[1]?.url).not.toMatch(/enc=/);
  });

  it.each([500, 502, 503, 408, 425, 429])('tries again after %d, later each time', async (status) => {
    const { sender, attempts, last, log } = setUp();
    sender.enqueue(segment([1]));
    await settle();
    // Half of 1, 2, 4, … seconds and never more than half of five minutes, as random() is 0.5.
    for (const wait of [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 150_000, 150_000]) {
      const before = attempts.length;
      await last().answer(status);
      await jest.advanceTimersByTimeAsync(wait - 1);
      expect(attempts).toHaveLength(before);
      await jest.advanceTimersByTimeAsync(1);
      expect(attempts).toHaveLength(before + 1);
      expect(last().seq).toBe(0);
    }
    await last().answer(202);
    expect(log).toEqual(['stored 0 caught up']);
  });

  it.each([
    ['7', 7_000],
    ['Sat, 22 Nov 2025 06:11:22 GMT', 9_877],
    ['soon', 0],
    ['-5', 0],
    ['999999', 3_600_000],
  ])('waits as Retry-After: %s says', async (value, least) => {
    const { sender, attempts, last } = setUp();
    sender.enqueue(segment([1]));
    await settle();
    await last().answer(503, { headers: { 'Retry-After': value } });
    await jest.advanceTimersByTimeAsync(Math.max(0, least - 1));
    sender.retryNow();
    await settle();
    expect(attempts).toHaveLength(least > 0 ? 1 : 2);
    await jest.advanceTimersByTimeAsync(1_001);
    expect(attempts).toHaveLength(2);
  });

  it('tries again when the network is back', async () => {
    const { sender, attempts, last } = setUp();
    sender.enqueue(segment([1]));
    await settle();
    await last().fail();
    sender.retryNow();
    await settle();
    expect(attempts).toHaveLength(2);
    // The failure may have been the limit of keepalive requests.
    expect(last().init.keepalive).toBe(false);
  });

  it.each([401, 403, 404, 410, 415])('stops after %d', async (status) => {
    const { sender, attempts, last, log } = setUp();
    sender.enqueue(segment([1]));
    sender.enqueue(segment([2]));
    await settle();
    await last().answer(status);
    sender.enqueue(segment([3]));
    sender.flushOnHide();
    await jest.advanceTimersByTimeAsync(600_000);
    expect(attempts).toHaveLength(1);
    expect(log).toEqual(['stop']);
  });

  it('drops what is left of a session that the server refuses, and goes on with the next one', async () => {
    const { sender, attempts, last, log } = setUp({
      onSessionRefused: (id) => {
        log.push(`refused ${id}`);
        sender.enqueue(segment([3]));
        sender.enqueue(segment([4], { context: next }));
        return true;
      },
    });
    const next = { ...segment([]).context, session: { id: 'session-2', previousId: 'session-1' } };
    sender.enqueue(segment([1]));
    sender.enqueue(segment([2, 2]));
    await settle();
    await last().answer(403, { body: { field: 'token' } });
    expect(log).toEqual(['refused session-1', 'dropped 1 refused', 'dropped 2 refused', 'dropped 1 refused']);
    await attempts.find(({ events }) => events[0] === 3)?.answer(403, { body: { field: 'token' } });
    expect(last().events).toEqual([4]);
    await last().answer(202);
    expect(log.slice(4)).toEqual([`stored ${last().seq} caught up`]);
  });

  it('sends again with the token that another tab has got', async () => {
    const { sender, attempts, last, log } = setUp({ tokenOf: () => (attempts.length > 0 ? 'token' : undefined) });
    sender.enqueue(segment([1]));
    await settle();
    await last().answer(403, { body: { field: 'token' } });
    expect(attempts.map(({ events }) => events)).toEqual([[1], [1]]);
    await last().answer(403, { body: { field: 'token' } });
    expect(log).toEqual(['refused session-1', 'dropped 1 refused']);
  });

  it('stops when no session may follow', async () => {
    const { sender, last, log } = setUp({ onSessionRefused: () => false });
    sender.enqueue(segment([1]));
    await settle();
    await last().answer(403, { body: { field: 'token' } });
    expect(log).toEqual(['dropped 1 refused', 'stop']);
  });

  it('stops when a reply says so', async () => {
    const { sender, attempts, last, log } = setUp();
    sender.enqueue(segment([1]));
    sender.enqueue(segment([2]));
    await settle();
    await last().answer(202, { body: { stop: true } });
    expect(attempts).toHaveLength(1);
    expect(log).toEqual(['stored 0', 'stop']);
  });

  it('drops a malformed segment and goes on', async () => {
    const { sender, attempts, last, log } = setUp();
    sender.enqueue(segment([1, 2]));
    sender.enqueue(segment([3]));
    await settle();
    await last().answer(400);
    expect(log).toEqual(['dropped 2 refused']);
    expect(attempts.map(({ seq }) => seq)).toEqual([0, 1]);
  });

  it('drops the event that cannot be stored and sends the others', async () => {
    const { sender, last, log } = setUp();
    sender.enqueue(segment([1, 2, 3]));
    await settle();
    await last().answer(422, { body: { line: 3 } });
    expect([last().seq, last().events]).toEqual([0, [1, 3]]);
    await last().answer(422, { body: {} });
    expect(log).toEqual(['dropped 1 refused', 'dropped 2 refused']);
  });

  it('splits a segment that is too large once', async () => {
    const { sender, attempts, last, log } = setUp();
    sender.enqueue(segment([1, 2, 3]));
    sender.enqueue(segment([4]));
    await settle();
    await last().answer(413);
    expect([last().seq, last().events]).toEqual([0, [1, 2]]);
    await last().answer(202);
    expect([last().seq, last().events]).toEqual([1, [3]]);
    await last().answer(413);
    expect([last().seq, last().events]).toEqual([2, [4]]);
    await last().answer(413);
    expect(log).toEqual(['stored 0', 'dropped 1 too_large', 'dropped 1 too_large']);
    expect(attempts).toHaveLength(4);
  });

  describe('when the page is hidden', () => {
    it('sends everything at once within 64 KiB', async () => {
      const { sender, attempts } = setUp();
      const event = 'x'.repeat(25_000);
      for (let index = 0; index < 4; index++) {
        sender.enqueue(segment([event]));
      }
      await settle();
      expect(attempts).toHaveLength(1);
      sender.flushOnHide();
      await settle();
      const bytes = attempts.map(({ init }) => (init.body as Uint8Array).length);
      expect(attempts.every(({ init }) => init.keepalive)).toBe(true);
      expect(bytes.reduce((sum, length) => sum + length)).toBeLessThanOrEqual(64 * 1024);
      expect(attempts).toHaveLength(2);
      // The page lives on: the others go in turn.
      await attempts[0]?.answer(202);
      expect(attempts).toHaveLength(2);
      await attempts[1]?.answer(202);
      expect(attempts.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    });

    it('does not wait for compression, and does not send what is compressed late', async () => {
      let finish: (body: Uint8Array<ArrayBuffer>) => void = () => undefined;
      const { sender, attempts } = setUp({ compress: () => new Promise((resolve) => (finish = resolve)) });
      sender.enqueue(segment([1]));
      await settle();
      expect(attempts).toHaveLength(0);
      sender.flushOnHide();
      await settle();
      expect(attempts[0]?.url).not.toMatch(/enc=/);
      finish(utf8('{"seq":0}'));
      await settle();
      expect(attempts).toHaveLength(1);
    });

    it('tries without waiting for the end of a pause, unless the server asked for it', async () => {
      const { sender, attempts, last } = setUp();
      sender.enqueue(segment([1]));
      await settle();
      await last().fail();
      sender.flushOnHide();
      await settle();
      expect(attempts).toHaveLength(2);
      await last().answer(503, { headers: { 'Retry-After': '60' } });
      sender.flushOnHide();
      await settle();
      expect(attempts).toHaveLength(2);
    });
  });

  it('sends large bodies without keepalive', async () => {
    const { sender, last } = setUp();
    sender.enqueue(segment(['x'.repeat(70_000)]));
    await settle();
    expect(last().init.keepalive).toBe(false);
  });

  it('keeps 8 MiB while nothing can be sent; snapshots longest, and leaves a visible gap', async () => {
    const { sender, last, log, attempts } = setUp();
    const mebibyte = 'x'.repeat(1024 * 1024 - 3);
    sender.enqueue(segment([0]));
    await settle();
    await last().fail();
    sender.enqueue(segment([mebibyte], { snapshot: true }));
    for (let index = 0; index < 9; index++) {
      sender.enqueue(segment([mebibyte, index]));
    }
    // The first one has its number already and is dropped like any other.
    expect(log).toEqual(['dropped 1 memory', 'dropped 2 memory', 'dropped 2 memory', 'dropped 2 memory']);
    sender.retryNow();
    await settle();
    expect(last().seq).toBe(1);
    await last().answer(202);
    expect(last().events[1]).toBe(3);
    expect(last().seq).toBe(5);
    expect(attempts).toHaveLength(3);
  });

  it('keeps its own errors away from the page', async () => {
    const { sender, faults } = setUp({
      takeSeq: () => {
        throw new Error('broken');
      },
    });
    sender.enqueue(segment([1]));
    await settle();
    expect(faults.take()).toBe(1);
  });
});
