/**
 * @jest-environment ./tests/player/jestEnvironment.cjs
 */
import { type GapLine, type LoadedSegment, PlaybackError } from './api';
import { createHttpSource } from './httpSource';

const RANGE = { windowId: 'window-00000001', fromSeq: 0, toSeq: 9 };

/** A source whose server gives this answer, and the addresses that were asked for. */
function sourceWith(answer: () => Response | Promise<Response>) {
  const asked: string[] = [];
  const source = createHttpSource(
    (path) => `/api/${path}`,
    async (input) => {
      asked.push(String(input));
      return answer();
    }
  );
  return { source, asked };
}

/** A body in pieces of so many bytes; it breaks off with an error when `cut` is set. */
function body(text: string, pieceBytes: number, cut = false): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let position = 0;
  return new ReadableStream({
    pull(controller) {
      if (position < bytes.length) {
        controller.enqueue(bytes.slice(position, position + pieceBytes));
        position += pieceBytes;
      } else if (cut) {
        controller.error(new TypeError('network error'));
      } else {
        controller.close();
      }
    },
  });
}

const head = (seq: number, events: number) =>
  JSON.stringify({ segment: { window_id: 'window-00000001', page_id: 'p', seq, events, clock_offset_ms: 5 } });

async function load(response: Response, signal = new AbortController().signal) {
  const { source } = sourceWith(() => response);
  const loaded: Array<LoadedSegment | GapLine> = [];
  for await (const answer of source.segments('session-00000001', RANGE, signal)) {
    loaded.push(answer);
  }
  return loaded;
}

describe('segments', () => {
  it('asks for the range of the window', async () => {
    const { source, asked } = sourceWith(() => new Response(''));
    for await (const answer of source.segments('a/b', RANGE, new AbortController().signal)) {
      throw new Error(`nothing expected, not ${answer.type}`);
    }
    expect(asked).toEqual(['/api/sessions/a%2Fb/segments?window=window-00000001&from_seq=0&to_seq=9']);
  });

  it.each([1, 2, 3, 7, 1000])('reads segments and gaps that arrive %i bytes at a time', async (pieceBytes) => {
    const lines = [
      head(0, 2),
      '{"text":"żółć 😀"}',
      '{"n":2}',
      '{"gap":{"window_id":"w","seq":1,"cause":"lost"}}',
      head(2, 0),
      head(3, 1),
      '{"n":3}',
    ];
    const loaded = await load(new Response(body(lines.join('\n') + '\n', pieceBytes)));
    expect(loaded).toEqual([
      expect.objectContaining({ seq: 0, clockOffsetMs: 5, lines: ['{"text":"żółć 😀"}', '{"n":2}'] }),
      { type: 'gap', of: 'segment', windowId: 'w', seq: 1, cause: 'lost' },
      expect.objectContaining({ seq: 2, lines: [] }),
      expect.objectContaining({ seq: 3, lines: ['{"n":3}'] }),
    ]);
  });

  it('keeps an event that is no JSON for the reader to judge', async () => {
    const loaded = await load(new Response([head(0, 2), '{"broken', '{}', ''].join('\n')));
    expect(loaded[0]).toMatchObject({ lines: ['{"broken', '{}'] });
  });

  it('hands out what came before the network broke, then rejects', async () => {
    const { source } = sourceWith(
      () => new Response(body([head(0, 1), '{}', head(1, 2), '{}', ''].join('\n'), 16, true))
    );
    const segments = source.segments('s', RANGE, new AbortController().signal)[Symbol.asyncIterator]();
    expect((await segments.next()).value).toMatchObject({ seq: 0 });
    await expect(segments.next()).rejects.toThrow('network error');
  });

  it('rejects when the answer ends in the middle of a segment', async () => {
    await expect(load(new Response([head(0, 2), '{}', ''].join('\n')))).rejects.toThrow('in the middle of a segment');
  });

  it('rejects when a line should begin a segment and does not', async () => {
    await expect(load(new Response('{"type":3}\n'))).rejects.toThrow(PlaybackError);
  });

  it('lets go of the connection when the reader has enough', async () => {
    const cancelled = jest.fn();
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(head(0, 0) + '\n')),
      cancel: cancelled,
    });
    const { source } = sourceWith(() => new Response(endless));
    for await (const answer of source.segments('s', RANGE, new AbortController().signal)) {
      expect(answer.seq).toBe(0);
      break;
    }
    expect(cancelled).toHaveBeenCalled();
  });
});

describe('manifest', () => {
  const manifestOf = (response: Response) =>
    sourceWith(() => response).source.manifest('s', new AbortController().signal);

  it('says that there is no such session', async () => {
    const refused = manifestOf(new Response('{"title":"Not found"}', { status: 404 }));
    await expect(refused).rejects.toMatchObject({ status: 404, message: expect.stringContaining('no such session') });
  });

  it('repeats what the server says about its refusal', async () => {
    const refused = manifestOf(new Response('{"title":"Busy","detail":"try later"}', { status: 503 }));
    await expect(refused).rejects.toMatchObject({ status: 503, message: 'Busy: try later' });
  });

  it('names the status when the refusal is no problem+json', async () => {
    await expect(manifestOf(new Response('<html>', { status: 502 }))).rejects.toThrow('The server answered 502');
  });

  it.each(['', 'null', '{}', '<html>'])('rejects %j', async (text) => {
    await expect(manifestOf(new Response(text))).rejects.toThrow('cannot be read');
  });
});
