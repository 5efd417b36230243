import { useCallback, useEffect, useMemo, useState } from 'react';

import { type Manifest, PlaybackError, type RecordingSource } from '../player';

export type ManifestState =
  | { status: 'loading' }
  | { status: 'ready'; manifest: Manifest }
  | { status: 'not-found' }
  | { status: 'error'; error: string };

const NOT_FOUND = 404;

interface Request {
  source: RecordingSource;
  sessionId: string;
  /** Counts up when the user asks again. */
  attempt: number;
}

/** Reads what is known of a session; reload asks again. */
export function useManifest(source: RecordingSource, sessionId: string) {
  const [attempt, setAttempt] = useState(0);
  const request: Request = useMemo(() => ({ source, sessionId, attempt }), [source, sessionId, attempt]);
  const [answer, setAnswer] = useState<{ request: Request; state: ManifestState }>();

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    void read(request, signal).then((state) => !signal.aborted && setAnswer({ request, state }));
    return () => controller.abort();
  }, [request]);

  const reload = useCallback(() => setAttempt((count) => count + 1), []);
  const state: ManifestState = answer?.request === request ? answer.state : { status: 'loading' };
  return { state, reload };
}

async function read({ source, sessionId }: Request, signal: AbortSignal): Promise<ManifestState> {
  try {
    return { status: 'ready', manifest: await source.manifest(sessionId, signal) };
  } catch (error) {
    return refused(error);
  }
}

function refused(error: unknown): ManifestState {
  if (error instanceof PlaybackError && error.status === NOT_FOUND) {
    return { status: 'not-found' };
  }
  return { status: 'error', error: error instanceof Error ? error.message : String(error) };
}
