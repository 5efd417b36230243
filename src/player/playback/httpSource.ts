import { readLines } from './lines';
import { narrowHeadLine, narrowManifest, narrowProblem, narrowTranscriptLine } from './narrow';
import {
  type GapLine,
  type LoadedSegment,
  PlaybackError,
  type RecordingSource,
  type SegmentRange,
  type TranscriptLine,
} from './api';

/**
 * Reads recordings over the playback API. `resolveUrl` turns a path of docs/format/playback.md, such as
 * `sessions/<id>/manifest`, into an address.
 */
export function createHttpSource(
  resolveUrl: (path: string) => string,
  fetchImpl: typeof fetch = (input, init) => fetch(input, init)
): RecordingSource {
  const get = async (path: string, signal: AbortSignal): Promise<Response> => {
    const response = await fetchImpl(resolveUrl(path), { signal, credentials: 'same-origin' });
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  };

  return {
    async manifest(sessionId, signal) {
      const response = await get(`sessions/${encodeURIComponent(sessionId)}/manifest`, signal);
      const manifest = narrowManifest(await response.json().catch(rethrowAbort(signal)));
      if (!manifest) {
        throw new PlaybackError('The manifest of the session cannot be read', response.status);
      }
      return manifest;
    },

    async *segments(sessionId, range, signal) {
      const path = `sessions/${encodeURIComponent(sessionId)}/segments?${queryOf(range)}`;
      const response = await get(path, signal);
      if (!response.body) {
        throw new PlaybackError('The answer with the segments is empty', response.status);
      }
      yield* readSegments(readLines(response.body));
    },

    async transcript(sessionId, signal) {
      const response = await get(`sessions/${encodeURIComponent(sessionId)}/transcript`, signal);
      const lines: TranscriptLine[] = [];
      for await (const line of response.body ? readLines(response.body) : []) {
        lines.push(...[narrowTranscriptLine(line) ?? []].flat());
      }
      return lines;
    },
  };
}

function queryOf({ windowId, fromSeq, toSeq, keyframe }: SegmentRange): URLSearchParams {
  return keyframe === undefined
    ? new URLSearchParams({ window: windowId, from_seq: String(fromSeq), to_seq: String(toSeq) })
    : new URLSearchParams({
        window: windowId,
        keyframe: String(keyframe),
        to_seq: String(Math.max(keyframe, toSeq)),
      });
}

/** Groups the lines of the segments' answer. Throws when a segment ends before it has all its events. */
export async function* readSegments(lines: AsyncIterable<string>): AsyncGenerator<LoadedSegment | GapLine> {
  let open: { segment: LoadedSegment; missing: number } | undefined;
  for await (const line of lines) {
    if (open) {
      open.segment.lines.push(line);
      open.missing--;
    } else {
      const head = narrowHeadLine(line);
      if (!head) {
        throw new PlaybackError('A segment of the recording cannot be read', 0);
      }
      if ('type' in head) {
        yield head;
        continue;
      }
      open = { segment: { ...head.head, lines: [] }, missing: head.events };
    }
    if (open.missing === 0) {
      yield open.segment;
      open = undefined;
    }
  }
  if (open) {
    throw new PlaybackError('The connection ended in the middle of a segment', 0);
  }
}

async function refusal(response: Response): Promise<PlaybackError> {
  const problem = narrowProblem(await response.json().catch(() => undefined));
  if (response.status === 404) {
    return new PlaybackError('There is no such session, or it is no longer kept', 404);
  }
  return new PlaybackError(problem || `The server answered ${response.status}`, response.status);
}

/** A body that is no JSON is for the narrowing to refuse; an abort must stay an abort. */
function rethrowAbort(signal: AbortSignal) {
  return (): undefined => {
    signal.throwIfAborted();
    return undefined;
  };
}
