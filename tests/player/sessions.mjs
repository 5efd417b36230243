// The sessions that the tests play, made from the recordings in testdata.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeSession } from './recordings.mjs';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'testdata');

export const FIRST = readRecording('first');
export const SECOND = readRecording('second');

function readRecording(name) {
  return JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8'));
}

/** A session of one window. */
export function one(id, recording, more = {}) {
  return makeSession(id, [{ windowId: 'window-00000001', events: recording.events, ...more }]);
}

/** How much later each repetition begins. */
export const roundMs = ({ events }) => events.at(-1).timestamp - events[0].timestamp + 1000;

/** The recording over and over, each time from a new full snapshot, in more than one segment each. */
export function repeated(recording, times) {
  const { events } = recording;
  const lengthMs = roundMs(recording);
  return Array.from({ length: times }, (_, round) =>
    events.map((event) => ({ ...event, timestamp: event.timestamp + round * lengthMs }))
  ).flat();
}
