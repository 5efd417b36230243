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
