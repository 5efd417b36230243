import { narrowHeadLine, narrowManifest, narrowProblem } from './narrow';

const session = { session_id: 'session-00000001', start: 1000, end: 9000 };

describe('narrowManifest', () => {
  it('reads a manifest', () => {
    const manifest = narrowManifest({
      v: 1,
      session,
      windows: [
        {
          window_id: 'window-00000001',
          start: 1000,
          end: 9000,
          clock_offset_ms: -12,
          segments: [
            { seq: 0, page_id: 'page-00000001', start: 1000, end: 2000, events: 3, bytes: 400, full_snapshots: [1010] },
          ],
          keyframes: [{ after_seq: 0, page_id: 'p', ts: 2000, bytes: 90 }, { ts: 1 }],
          gaps: [{ after_seq: 0, before_seq: 2, start: 2000, end: 3000, cause: 'not_received' }],
        },
      ],
      moments: [{ ts: 1500, kind: 'click', name: 'button', text: 'Buy', attributes: { plan: 'pro' } }],
    });
    expect(manifest?.windows[0]).toEqual({
      windowId: 'window-00000001',
      start: 1000,
      end: 9000,
      clockOffsetMs: -12,
      segments: [
        { seq: 0, pageId: 'page-00000001', start: 1000, end: 2000, events: 3, bytes: 400, fullSnapshots: [1010] },
      ],
      gaps: [{ start: 2000, end: 3000, cause: 'not_received' }],
      keyframes: [{ afterSeq: 0, ts: 2000, bytes: 90 }],
    });
    expect(manifest?.moments[0]).toMatchObject({
      ts: 1500,
      kind: 'click',
      text: 'Buy',
      traceId: '',
      attributes: { plan: 'pro' },
    });
  });

  it('puts segments and moments in order', () => {
    const manifest = narrowManifest({
      session,
      windows: [{ window_id: 'window-00000001', segments: [{ seq: 2 }, { seq: 0 }, { seq: 1 }] }],
      moments: [
        { kind: 'click', ts: 3000 },
        { kind: 'click', ts: 2000 },
      ],
    });
    expect(manifest?.windows[0].segments.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    expect(manifest?.moments.map(({ ts }) => ts)).toEqual([2000, 3000]);
  });

  it('leaves out what it cannot read', () => {
    const manifest = narrowManifest({
      session,
      windows: [
        7,
        { start: 1 },
        { window_id: 'window-00000001', segments: [null, { seq: -1 }, { seq: 1.5 }, { seq: 1 }] },
      ],
      moments: ['click', { ts: 1 }],
    });
    expect(manifest?.windows).toHaveLength(1);
    expect(manifest?.windows[0].segments).toHaveLength(1);
    expect(manifest?.moments).toEqual([]);
  });

  it.each([undefined, null, [], 'manifest', {}, { session: {} }])('refuses %j', (value) => {
    expect(narrowManifest(value)).toBeUndefined();
  });
});

describe('narrowHeadLine', () => {
  it('reads the head of a segment', () => {
    const line = '{"segment":{"window_id":"w","page_id":"p","seq":3,"events":120,"clock_offset_ms":-12}}';
    expect(narrowHeadLine(line)).toEqual({
      head: { type: 'segment', windowId: 'w', pageId: 'p', seq: 3, clockOffsetMs: -12 },
      events: 120,
    });
  });

  it('reads a keyframe', () => {
    const line = '{"keyframe":{"window_id":"w","page_id":"p","after_seq":7,"events":2,"clock_offset_ms":-12}}';
    expect(narrowHeadLine(line)).toEqual({
      head: { type: 'keyframe', windowId: 'w', pageId: 'p', seq: 7, clockOffsetMs: -12 },
      events: 2,
    });
  });

  it.each([
    ['{"gap":{"window_id":"w","seq":3,"cause":"lost"}}', 'segment', 3],
    ['{"gap":{"window_id":"w","after_seq":7,"cause":"lost"}}', 'keyframe', 7],
  ])('reads the gap %s', (line, of, seq) => {
    expect(narrowHeadLine(line)).toEqual({ type: 'gap', of, windowId: 'w', seq, cause: 'lost' });
  });

  it.each([
    '',
    'no json',
    '{}',
    '{"segment":{"seq":1}}',
    '{"segment":{"seq":1,"events":-1}}',
    '{"gap":{"cause":"lost"}}',
    '{"type":3}',
  ])('refuses %j', (line) => {
    expect(narrowHeadLine(line)).toBeUndefined();
  });
});

test('narrowProblem reads problem+json and nothing else', () => {
  expect(narrowProblem({ title: 'Too large', detail: 'ask for less' })).toBe('Too large: ask for less');
  expect(narrowProblem({ title: 'Too large' })).toBe('Too large');
  expect(narrowProblem('<html>')).toBe('');
});
