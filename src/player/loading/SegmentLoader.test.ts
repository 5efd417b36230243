/**
 * @jest-environment ./tests/player/jestEnvironment.cjs
 */
import type { GapLine, LoadedSegment, RecordedWindow, RecordingSource, SegmentRange } from '../playback/api';
import { SegmentLoader } from './SegmentLoader';

const WINDOW: RecordedWindow = {
  windowId: 'window-00000001',
  start: 0,
  end: 0,
  clockOffsetMs: 0,
  gaps: [],
  keyframes: [],
  // seq 2 never arrived, so position 2 is seq 3.
  segments: [0, 1, 3, 4, 5].map((seq) => ({
    seq,
    pageId: '',
    start: 0,
    end: 0,
    events: 1,
    bytes: 100,
    fullSnapshots: [],
  })),
};

function segment(seq: number): LoadedSegment {
  return { type: 'segment', windowId: WINDOW.windowId, pageId: '', seq, clockOffsetMs: 0, lines: [`{"seq":${seq}}`] };
}

function loaderOf(answers: (range: SegmentRange) => Array<LoadedSegment | GapLine>, limitBytes?: number) {
  const asked: string[] = [];
  const source: RecordingSource = {
    manifest: () => Promise.reject(new Error('not asked for')),
    transcript: () => Promise.reject(new Error('not asked for')),
    async *segments(_, range) {
      const { keyframe, fromSeq, toSeq } = range;
      asked.push(keyframe === undefined ? `${fromSeq}-${toSeq}` : `keyframe ${keyframe} to ${toSeq}`);
      yield* answers(range);
    },
  };
  return { loader: new SegmentLoader(source, 'session-00000001', limitBytes), asked };
}

const everything = ({ fromSeq, toSeq }: SegmentRange) =>
  WINDOW.segments.filter(({ seq }) => seq >= fromSeq && seq <= toSeq).map(({ seq }) => segment(seq));

async function load(loader: SegmentLoader, from: number, to: number, signal = new AbortController().signal) {
  const loaded: string[] = [];
  for await (const { position, answer } of loader.load(WINDOW, { from, to }, signal)) {
    loaded.push(`${position}:${answer.type === 'gap' ? answer.cause : answer.seq}`);
  }
  return loaded;
}

describe('SegmentLoader', () => {
  it('asks once for a range', async () => {
    const { loader, asked } = loaderOf(everything);
    expect(await load(loader, 0, 3)).toEqual(['0:0', '1:1', '2:3', '3:4']);
    expect(asked).toEqual(['0-4']);
  });

  it('asks only for what it does not have', async () => {
    const { loader, asked } = loaderOf(everything);
    await load(loader, 1, 2);
    expect(await load(loader, 0, 4)).toEqual(['0:0', '1:1', '2:3', '3:4', '4:5']);
    expect(asked).toEqual(['1-3', '0-0', '4-5']);
  });

  it('forgets the oldest beyond its limit', async () => {
    const { loader, asked } = loaderOf(everything, 250);
    await load(loader, 0, 4);
    await load(loader, 3, 4);
    expect(asked).toEqual(['0-5']);
    await load(loader, 0, 0);
    expect(asked).toEqual(['0-5', '0-0']);
  });

  it('takes what the answer leaves out for a gap', async () => {
    const { loader } = loaderOf(() => [segment(1), segment(4)]);
    expect(await load(loader, 0, 4)).toEqual([
      '0:not in the answer',
      '1:1',
      '2:not in the answer',
      '3:4',
      '4:not in the answer',
    ]);
  });

  it('ignores segments that nobody asked for', async () => {
    const { loader } = loaderOf(() => [segment(0), segment(0), segment(2), segment(9)]);
    expect(await load(loader, 0, 0)).toEqual(['0:0']);
  });

  it('stops when it is aborted', async () => {
    const controller = new AbortController();
    const { loader } = loaderOf(function* () {
      yield segment(0);
      controller.abort();
      yield segment(1);
    } as unknown as (range: SegmentRange) => LoadedSegment[]);
    await expect(load(loader, 0, 4, controller.signal)).rejects.toThrow();
  });

  describe('with a keyframe', () => {
    const KEYFRAME = { afterSeq: 1, ts: 0, bytes: 100 };
    const withKeyframe = (range: SegmentRange): Array<LoadedSegment | GapLine> =>
      range.keyframe === undefined
        ? everything(range)
        : [{ ...segment(range.keyframe), type: 'keyframe' }, ...everything(range)];

    async function loadFrom(loader: SegmentLoader, from: number, to: number) {
      const loaded: string[] = [];
      for await (const { position, answer } of loader.load(
        WINDOW,
        { from, to },
        new AbortController().signal,
        KEYFRAME
      )) {
        loaded.push(`${position}:${answer.type} ${answer.seq}`);
      }
      return loaded;
    }

    it('asks once for it and what follows', async () => {
      const { loader, asked } = loaderOf(withKeyframe);
      const expected = ['1:keyframe 1', '2:segment 3', '3:segment 4'];
      expect(await loadFrom(loader, 2, 3)).toEqual(expected);
      expect(await loadFrom(loader, 2, 3)).toEqual(expected);
      expect(asked).toEqual(['keyframe 1 to 4']);
    });

    it('asks for it alone when the rest is there', async () => {
      const { loader, asked } = loaderOf(withKeyframe);
      await load(loader, 2, 3);
      expect(await loadFrom(loader, 2, 4)).toEqual(['1:keyframe 1', '2:segment 3', '3:segment 4', '4:segment 5']);
      expect(await loadFrom(loader, 2, 1)).toEqual(['1:keyframe 1']);
      expect(asked).toEqual(['3-4', 'keyframe 1 to 1', '5-5']);
    });
  });
});
