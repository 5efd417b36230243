import React, { useMemo } from 'react';

import { PluginPage } from '@grafana/runtime';
import { useParams, useSearchParams } from 'react-router-dom';

import { createHttpSource, type Manifest } from '../player';
import { grafanaFetch, resourceUrl } from '../shared/resources';
import { Loading } from '../sessions/Loading';
import { RetryAlert } from '../sessions/RetryAlert';
import { readInstant, sessionsPath } from '../shared/addresses';
import { NoDatasource } from './NoDatasource';
import { NoRecording } from './NoRecording';
import { SessionReplay } from './SessionReplay';
import { useDatasource } from './useDatasource';
import { useManifest } from './useManifest';

export function SessionPage() {
  const { sessionId = '' } = useParams();
  const [params] = useSearchParams();
  const { current } = useDatasource(params.get('ds'));

  if (!current) {
    return (
      <PluginPage>
        <NoDatasource />
      </PluginPage>
    );
  }
  return (
    <DatasourceSession
      datasourceUid={current.uid}
      sessionId={sessionId}
      at={readInstant(params.get('t'))}
      traceId={params.get('trace')}
    />
  );
}

/** The first moment of a trace, ms since the epoch. */
function startOfTrace(manifest: Manifest, traceId: string | null): number | undefined {
  return traceId === null ? undefined : manifest.moments.find((moment) => moment.traceId === traceId.toLowerCase())?.ts;
}

interface DatasourceSessionProps {
  datasourceUid: string;
  sessionId: string;
  /** Where to begin, ms since the epoch. */
  at?: number;
  /** Where to begin when no instant is given. */
  traceId: string | null;
}

function DatasourceSession({ datasourceUid, sessionId, at, traceId }: DatasourceSessionProps) {
  const source = useMemo(
    () => createHttpSource((path) => resourceUrl(datasourceUid, path), grafanaFetch),
    [datasourceUid]
  );
  const datasourceUids = useMemo(() => [datasourceUid], [datasourceUid]);
  const { state, reload } = useManifest(source, sessionId);

  if (state.status === 'ready') {
    return (
      <SessionReplay
        source={source}
        manifest={state.manifest}
        datasourceUid={datasourceUid}
        at={at ?? startOfTrace(state.manifest, traceId)}
      />
    );
  }
  // An ID as a title for a moment, before whose session it is, only flickers.
  const title = state.status === 'loading' ? 'Session' : sessionId;
  return (
    <PluginPage pageNav={{ text: title, parentItem: { text: 'Sessions', url: sessionsPath } }}>
      {state.status === 'loading' && <Loading text="Reading the session…" />}
      {state.status === 'not-found' && (
        <NoRecording wanted={{ sessionId, traceId: traceId ?? undefined }} datasourceUids={datasourceUids} />
      )}
      {state.status === 'error' && (
        <RetryAlert title="The session could not be read" error={state.error} onRetry={reload} />
      )}
    </PluginPage>
  );
}
