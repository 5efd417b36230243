import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from './text';
import { encodeSegment, parseProblemLine, parseReply, type Segment } from './wire';

const segment: Segment = {
  context: {
    session: { id: '0199aaaa-0000-7000-8000-000000000001', previousId: null },
    windowId: '0199aaaa-0000-7000-8000-000000000002',
    pageId: '0199aaaa-0000-7000-8000-000000000003',
    page: { url: 'https://shop.example/?q=*', referrer: '', viewport: [1280, 720] },
    user: { id: 'u-1', attributes: { plan: 'pro' } },
    release: '1.2.3',
  },
  lines: [utf8('{"type":4,"timestamp":1,"data":{}}'), utf8('{"type":3,"timestamp":2,"data":{"text":"ü"}}')],
  snapshot: false,
  final: true,
  skipped: 0,
  seq: 7,
};

it('is a header line, then one line per event', () => {
  const text = new TextDecoder().decode(encodeSegment(segment, 1_763_791_872_123, 'token'));
  const [header, ...events] = text.split('\n');
  expect(JSON.parse(header ?? '')).toEqual({
    v: 1,
    token: 'token',
    session_id: '0199aaaa-0000-7000-8000-000000000001',
    previous_id: null,
    window_id: '0199aaaa-0000-7000-8000-000000000002',
    page_id: '0199aaaa-0000-7000-8000-000000000003',
    seq: 7,
    sent_at: 1_763_791_872_123,
    reason: 'sampled',
    final: true,
    recorder: { name: 'playhead', version: expect.any(String), rrweb: expect.any(String) },
    page: { url: 'https://shop.example/?q=*', referrer: '', viewport: [1280, 720] },
    user: { id: 'u-1', attributes: { plan: 'pro' } },
    release: '1.2.3',
  });
  // One final newline, no empty line.
  expect(events).toEqual(['{"type":4,"timestamp":1,"data":{}}', '{"type":3,"timestamp":2,"data":{"text":"ü"}}', '']);
});

describe('replies', () => {
  it.each(['', 'OK', 'null', '[]', '"x"', '<html>', '{"snapshot":"yes","stop":1,"token":5}'])(
    '%j asks for nothing',
    (text) => {
      expect(parseReply(text)).toEqual({ snapshot: false, stop: false, token: undefined });
      expect(parseProblemLine(text)).toBeUndefined();
    }
  );

  it('are understood', () => {
    expect(parseReply('{"accepted":2,"snapshot":true,"stop":true,"token":"t","new":{}}')).toEqual({
      snapshot: true,
      stop: true,
      token: 't',
    });
    expect(parseProblemLine('{"status":422,"line":3}')).toBe(3);
  });
});

describe('golden requests, which the server reads too', () => {
  const folder = join(__dirname, '../../../testdata/wire');
  const golden = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

  it.each(['accepted-browser.json', 'accepted-browser-gzip.json'])('%s is what the recorder writes', (name) => {
    const lines: string[] = golden(name).lines;
    const header = JSON.parse(lines[0] ?? '');
    const written = encodeSegment(
      {
        context: {
          session: { id: header.session_id, previousId: header.previous_id },
          windowId: header.window_id,
          pageId: header.page_id,
          page: header.page,
          user: header.user,
          release: header.release,
          environment: header.environment,
        },
        lines: lines.slice(1).map(utf8),
        snapshot: false,
        final: header.final,
        skipped: 0,
        seq: header.seq,
      },
      header.sent_at,
      header.token
    );
    const [ours = '', ...events] = new TextDecoder().decode(written).split('\n');
    // Only the recorder's own version is another one.
    expect({ ...JSON.parse(ours), recorder: header.recorder }).toEqual(header);
    expect(Object.keys(JSON.parse(ours).recorder)).toEqual(Object.keys(header.recorder));
    expect(events).toEqual([...lines.slice(1), '']);
  });

  const refusals = readdirSync(folder).filter((name) => name.startsWith('refused-'));
  it.each(refusals)('the answer of %s is understood', (name) => {
    const { body } = golden(name).answer;
    expect(parseProblemLine(JSON.stringify(body))).toBe(body?.line);
  });
});
