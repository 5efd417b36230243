/**
 * @jest-environment ./tests/player/jestEnvironment.cjs
 */
import { EventPreparer, isActivity, parseEvent, type RecordedEvent } from './events';

const META = { type: 4, timestamp: 1000, data: { href: 'https://shop.example/', width: 800, height: 600 } };
const snapshot = (timestamp: number, node: unknown = { type: 0, id: 1, childNodes: [] }) => ({
  type: 2,
  timestamp,
  data: { node, initialOffset: { top: 0, left: 0 } },
});
const incremental = (timestamp: number, data: unknown) => ({ type: 3, timestamp, data });

function prepare(...events: RecordedEvent[]): RecordedEvent[] {
  const preparer = new EventPreparer();
  return events.flatMap((event) => preparer.prepare(event));
}

describe('parseEvent', () => {
  it('corrects the clock', () => {
    expect(parseEvent('{"type":3,"timestamp":1000,"data":{}}', -250)).toEqual({ type: 3, timestamp: 750, data: {} });
  });

  it.each(['', '{', '7', '[]', '{}', '{"type":"3","timestamp":1}', '{"type":3}'])('refuses %j', (line) => {
    expect(parseEvent(line, 0)).toBeUndefined();
  });
});

describe('EventPreparer', () => {
  it('moves a Meta to its full snapshot', () => {
    expect(prepare(META, snapshot(1040))).toEqual([{ ...META, timestamp: 1040 }, snapshot(1040)]);
  });

  it('leaves out a Meta that has no full snapshot', () => {
    const change = incremental(2000, { source: 0, adds: [] });
    expect(prepare(META, change)).toEqual([change]);
  });

  it('gives a full snapshot without Meta the last known size', () => {
    const [first] = prepare(META, incremental(1500, { source: 4, width: 400, height: 300 }), snapshot(1600)).slice(1);
    expect(first).toMatchObject({ type: 4, timestamp: 1600, data: META.data });
    const [, , , second] = prepare(
      META,
      snapshot(1100),
      incremental(1500, { source: 4, width: 400, height: 300 }),
      snapshot(1600)
    );
    expect(second).toMatchObject({ type: 4, timestamp: 1600, data: { width: 400, height: 300 } });
  });

  it('leaves out a full snapshot without a document', () => {
    expect(prepare(META, { type: 2, timestamp: 1040, data: {} })).toEqual([]);
  });

  it.each([1, 6, 12])('gives every position of a move (source %i) its own time', (source) => {
    const positions = [
      { x: 1, y: 1, id: 5, timeOffset: -400 },
      { x: 2, y: 2, id: 5, timeOffset: 0 },
    ];
    expect(prepare(incremental(2000, { source, positions }))).toEqual([
      incremental(1600, { source, positions: [{ x: 1, y: 1, id: 5, timeOffset: 0 }] }),
      incremental(2000, { source, positions: [{ x: 2, y: 2, id: 5, timeOffset: 0 }] }),
    ]);
  });

  it('leaves out what changes nothing on the screen', () => {
    expect(
      prepare(
        { type: 0, timestamp: 1, data: {} },
        { type: 5, timestamp: 1, data: { tag: 'x' } },
        { type: 6, timestamp: 1, data: {} }
      )
    ).toEqual([]);
  });

  it('lets a font in by its bytes but not by its address', () => {
    const byBytes = incremental(1, { source: 10, buffer: true, fontSource: '[1,2]' });
    expect(
      prepare(byBytes, incremental(2, { source: 10, buffer: false, fontSource: 'url(https://evil.example)' }))
    ).toEqual([byBytes]);
  });

  const element = (id: number, tagName: string, attributes: object) => ({
    type: 2,
    id,
    tagName,
    attributes,
    childNodes: [],
  });

  it.each([
    [
      'connection hints',
      element(2, 'link', { rel: 'DNS-Prefetch preconnect', href: 'https://evil.example' }),
      { href: 'https://evil.example' },
    ],
    ['addresses of frames', element(2, 'IFRAME', { src: 'https://evil.example', title: 'Map' }), { title: 'Map' }],
    [
      'media that start by themselves',
      element(2, 'video', { autoplay: true, rr_mediaState: 'played', width: 10 }),
      { width: 10 },
    ],
    [
      'nothing of a style sheet',
      element(2, 'link', { rel: 'stylesheet', _cssText: 'p {}' }),
      { rel: 'stylesheet', _cssText: 'p {}' },
    ],
    ['nothing of an image', element(2, 'img', { src: 'data:image/png;base64,' }), { src: 'data:image/png;base64,' }],
  ])('takes out %s', (_, node, attributes) => {
    const inSnapshot = structuredClone(node);
    const added = structuredClone(node);
    prepare(snapshot(1, { type: 0, id: 1, childNodes: [inSnapshot] }));
    prepare(incremental(2, { source: 0, adds: [{ parentId: 1, nextId: null, node: added }] }));
    expect(inSnapshot.attributes).toEqual(attributes);
    expect(added.attributes).toEqual(attributes);
  });

  it('takes out the address that a frame gets later', () => {
    const change = { id: 2, attributes: { src: 'https://evil.example' } };
    const other = { id: 3, attributes: { src: 'data:,' } };
    prepare(
      snapshot(1, { type: 0, id: 1, childNodes: [element(2, 'iframe', {}), element(3, 'img', {})] }),
      incremental(2, { source: 0, attributes: [change, other] })
    );
    expect(change.attributes).toEqual({});
    expect(other.attributes).toEqual({ src: 'data:,' });
  });

  it('survives events of any shape', () => {
    const shapes = [
      null,
      7,
      [],
      {},
      { source: 'mouse' },
      { source: 0, adds: 7, attributes: [null] },
      { source: 1 },
      { source: 1, positions: [null, {}] },
    ];
    expect(() =>
      shapes.forEach((data) => [2, 3, 4].forEach((type) => prepare({ type, timestamp: 1, data })))
    ).not.toThrow();
  });
});

test('isActivity tells a person from a page', () => {
  expect(isActivity(incremental(1, { source: 2, type: 2 }))).toBe(true);
  expect(isActivity(incremental(1, { source: 5 }))).toBe(true);
  expect(isActivity(incremental(1, { source: 0 }))).toBe(false);
  expect(isActivity(META)).toBe(false);
});
