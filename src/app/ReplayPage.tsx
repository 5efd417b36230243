import React, { useEffect, useState } from 'react';

import { PluginPage } from '@grafana/runtime';
import { Navigate, useSearchParams } from 'react-router-dom';

import { Loading } from '../sessions/Loading';
import { RetryAlert } from '../sessions/RetryAlert';
import { readInstant, sessionPath, sessionsPath } from '../shared/addresses';
import { recordings } from './lookUp';
import { NoDatasource } from './NoDatasource';
import { NoRecording } from './NoRecording';
import type { Recording, Wanted } from './recordings';
import { useDatasourceUids } from './useDatasource';

/** Where links arrive that know a session or a trace, but not who has its recording. */
export function ReplayPage() {
  const [params] = useSearchParams();
  const datasourceUids = useDatasourceUids(params.get('ds'));
  const sessionId = params.get('session') ?? undefined;
  const traceId = params.get('trace') ?? undefined;
  const { state, retry } = useRecording(sessionId, traceId, datasourceUids);

  if (state.status === 'found') {
    const { session, datasourceUid } = state.recording;
    const at = readInstant(params.get('t'));
    return <Navigate to={sessionPath(session.sessionId, datasourceUid, at, traceId)} replace />;
  }
  return (
    <PluginPage pageNav={{ text: 'Session replay', parentItem: { text: 'Sessions', url: sessionsPath } }}>
      {datasourceUids.length === 0 && <NoDatasource />}
      {datasourceUids.length > 0 && state.status === 'asking' && <Loading text="Looking for the recording…" />}
      {datasourceUids.length > 0 && state.status === 'absent' && (
        <NoRecording wanted={{ sessionId, traceId }} datasourceUids={datasourceUids} />
      )}
      {state.status === 'failed' && (
        <RetryAlert title="The recording could not be looked for" error={state.error} onRetry={retry} />
      )}
    </PluginPage>
  );
}

type State =
  | { status: 'asking' }
  | { status: 'found'; recording: Recording }
  | { status: 'absent' }
  | { status: 'failed'; error: string };

function useRecording(sessionId: string | undefined, traceId: string | undefined, datasourceUids: string[]) {
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState<State>({ status: 'asking' });

  useEffect(() => {
    let wanted = true;
    void lookUp({ sessionId, traceId }, datasourceUids).then((found) => wanted && setState(found));
    return () => {
      wanted = false;
    };
  }, [sessionId, traceId, datasourceUids, attempt]);

  return { state, retry: () => setAttempt((count) => count + 1) };
}

async function lookUp(wanted: Wanted, datasourceUids: string[]): Promise<State> {
  try {
    const recording = await recordings.find(wanted, datasourceUids);
    return recording ? { status: 'found', recording } : { status: 'absent' };
  } catch (error) {
    return { status: 'failed', error: error instanceof Error ? error.message : String(error) };
  }
}
