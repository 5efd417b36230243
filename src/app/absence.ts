import { isRecord } from '../shared/narrowing';
import { grafanaFetch, resourceUrl } from '../shared/resources';
import type { Wanted } from './recordings';

/** Why a recording is not there. */
export interface Absence {
  reason: string;
  /** When the session began, ms since the epoch, where its id tells. */
  began?: number;
}

// From the page to the index: 5 s in the recorder, up to 10 s in ingest, and a slow network.
const ON_ITS_WAY_MS = 60_000;

/**
 * Nothing is kept of a session that is not kept, on purpose: whether it was sampled out or erased cannot be told apart
 * afterwards. Its id, a UUIDv7, says when it began; and whether anything as old is still there says whether it expired.
 */
export async function explainAbsence(wanted: Wanted, datasourceUids: string[], now = Date.now()): Promise<Absence> {
  if (!wanted.sessionId) {
    return {
      reason:
        'No recorded session made a request with this trace ID: the trace did not begin in a browser, its page has no recorder, or the session was not sampled, was erased or has expired.',
    };
  }
  const began = beganAt(wanted.sessionId, now);
  if (began === undefined) {
    return { reason: 'It was not recorded or not sampled, was erased, or has expired.' };
  }
  if (now - began < ON_ITS_WAY_MS) {
    return { began, reason: 'The session began less than a minute ago: its recording may still be on its way.' };
  }
  if (await nothingAsOld(began, datasourceUids)) {
    return {
      began,
      reason: 'It has expired or is older than the first recording: nothing as old as this session is kept.',
    };
  }
  return {
    began,
    reason:
      'Sessions of that time are kept, this one is not: it was not sampled, its user did not consent, it was erased, or sessions of its kind are kept for a shorter time.',
  };
}

// 48 bits of milliseconds, then the version.
const uuidV7 = /^([0-9a-f]{8})-?([0-9a-f]{4})-?7[0-9a-f]{3}-?/i;

function beganAt(sessionId: string, now: number): number | undefined {
  const match = uuidV7.exec(sessionId);
  const began = match ? parseInt(match[1] + match[2], 16) : NaN;
  // A browser's clock may be ahead, but not by more than this.
  return began <= now + ON_ITS_WAY_MS ? began : undefined;
}

async function nothingAsOld(began: number, datasourceUids: string[]): Promise<boolean> {
  const answers = await Promise.all(datasourceUids.map((uid) => hasUntil(uid, began)));
  return answers.every((has) => has === false);
}

/** Whether a data source has a session from before an instant; undefined when it does not say. */
async function hasUntil(datasourceUid: string, to: number): Promise<boolean | undefined> {
  try {
    const response = await grafanaFetch(resourceUrl(datasourceUid, `sessions?from=0&to=${to}&limit=1`));
    const body: unknown = response.ok ? await response.json() : undefined;
    return isRecord(body) && Array.isArray(body.sessions) ? body.sessions.length > 0 : undefined;
  } catch {
    return undefined;
  }
}
