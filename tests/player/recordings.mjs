// Turns lists of rrweb events into what the playback API serves: segments and a manifest (docs/format/playback.md).

const SEGMENT_EVENTS = 200;
const SEGMENT_BYTES = 256 * 1024;

const FULL_SNAPSHOT = 2;
const INCREMENTAL = 3;
const META = 4;
const CLICK = { source: 2, type: 2 };

/**
 * A session of windows: `[{ windowId, events, clockOffsetMs, unreadable: [seq], missing: [seq], keyframed: false }]`.
 * Missing segments are a gap in the manifest; unreadable ones are a gap line in the segments' answer. In a keyframed
 * window all full snapshots but the first are not in their segments but keyframes before them.
 */
export function makeSession(sessionId, windows, moments = []) {
  const made = windows.map(makeWindow);
  const starts = made.map(({ info }) => info.start);
  const ends = made.map(({ info }) => info.end);
  const start = Math.min(...starts);
  const end = Math.max(...ends);
  const derived = made.flatMap(({ info, segments }) => momentsOf(info, segments));
  const all = [...derived, ...moments].sort((a, b) => a.ts - b.ts);
  return {
    sessionId,
    windows: made,
    manifest: {
      v: 1,
      session: {
        session_id: sessionId,
        previous_id: '',
        start,
        end,
        duration_ms: end - start,
        user_id: 'visitor-1',
        user_attributes: {},
        urls: [],
        first_url: all.find(({ url }) => url)?.url ?? '',
        pages: 1,
        windows: made.length,
        events: made.reduce(
          (sum, { info }) => sum + info.segments.reduce((count, segment) => count + segment.events, 0),
          0
        ),
        clicks: all.filter(({ kind }) => kind === 'click').length,
        requests: all.filter(({ kind }) => kind === 'request').length,
        failed_requests: all.filter(({ kind, status }) => kind === 'request' && status >= 400).length,
        errors: all.filter(({ kind }) => kind === 'error').length,
        bytes: 0,
        release: '',
        environment: 'test',
        user_agent: '',
        class: 'normal',
      },
      windows: made.map(({ info }) => info),
      moments: all,
    },
  };
}

function makeWindow({ windowId, events, clockOffsetMs = 0, unreadable = [], missing = [], keyframed = false }) {
  const segments = splitEvents(events).map((lines, seq) => ({ seq, lines, unreadable: unreadable.includes(seq) }));
  const keyframes = keyframed ? segments.slice(1).flatMap((segment) => takeKeyframe(segments, segment)) : [];
  const kept = segments.filter(({ seq }) => !missing.includes(seq));
  const infos = kept.map((segment) => describeSegment(segment, clockOffsetMs));
  return {
    windowId,
    clockOffsetMs,
    segments: kept,
    keyframes,
    info: {
      window_id: windowId,
      start: Math.min(...infos.map(({ start }) => start)),
      end: Math.max(...infos.map(({ end }) => end)),
      clock_offset_ms: clockOffsetMs,
      segments: infos,
      gaps: missing.map((seq) => gapAround(infos, seq)),
      keyframes: keyframes.map(({ afterSeq, ts, lines }) => ({
        after_seq: afterSeq,
        page_id: 'page-00000001',
        ts: ts + clockOffsetMs,
        bytes: bytesOf(lines),
      })),
    },
  };
}

/** Takes a Meta and a full snapshot at the start of a segment out of it, and makes them a keyframe. */
function takeKeyframe(segments, segment) {
  const [meta, snapshot] = segment.lines.slice(0, 2).map((line) => JSON.parse(line));
  if (meta.type !== META || snapshot.type !== FULL_SNAPSHOT) {
    return [];
  }
  segment.lines.splice(0, 2);
  const before = segments[segment.seq - 1];
  const ts = Math.max(...before.lines.map((line) => JSON.parse(line).timestamp));
  const lines = [meta, snapshot].map((event) => JSON.stringify({ ...event, timestamp: ts }));
  return [{ afterSeq: before.seq, ts, lines }];
}

const bytesOf = (lines) => lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);

function splitEvents(events) {
  const segments = [];
  let lines = [];
  let bytes = 0;
  for (const event of events) {
    const line = JSON.stringify(event);
    if (
      lines.length > 0 &&
      (lines.length >= SEGMENT_EVENTS || bytes + line.length > SEGMENT_BYTES || event.type === META)
    ) {
      segments.push(lines);
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += Buffer.byteLength(line) + 1;
  }
  return lines.length > 0 ? [...segments, lines] : segments;
}

function describeSegment({ seq, lines }, clockOffsetMs) {
  const events = lines.map((line) => JSON.parse(line));
  const times = events.map(({ timestamp }) => timestamp + clockOffsetMs);
  return {
    seq,
    page_id: 'page-00000001',
    start: Math.floor(Math.min(...times)),
    end: Math.ceil(Math.max(...times)),
    events: lines.length,
    bytes: bytesOf(lines),
    full_snapshots: events
      .filter(({ type }) => type === FULL_SNAPSHOT)
      .map(({ timestamp }) => timestamp + clockOffsetMs),
  };
}

function gapAround(infos, seq) {
  const before = infos.filter((info) => info.seq < seq).at(-1);
  const after = infos.find((info) => info.seq > seq);
  return { after_seq: before.seq, before_seq: after.seq, start: before.end, end: after.start, cause: 'not_received' };
}

function momentsOf({ window_id, clock_offset_ms }, segments) {
  return segments
    .flatMap(({ lines }) => lines.map((line) => JSON.parse(line)))
    .flatMap(({ type, timestamp, data }) => {
      const moment = { ts: timestamp + clock_offset_ms, window_id, page_id: 'page-00000001', ...EMPTY_MOMENT };
      if (type === META) {
        return [{ ...moment, kind: 'page_load', url: data.href }];
      }
      const isClick = type === INCREMENTAL && data.source === CLICK.source && data.type === CLICK.type;
      return isClick ? [{ ...moment, kind: 'click', name: 'element' }] : [];
    });
}

const EMPTY_MOMENT = {
  name: '',
  text: '',
  selector: '',
  url: '',
  trace_id: '',
  span_id: '',
  duration_ms: 0,
  status: 0,
  attributes: {},
};

export function moment(fields) {
  return { page_id: 'page-00000001', ...EMPTY_MOMENT, ...fields };
}
