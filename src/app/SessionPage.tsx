import React, { useMemo } from 'react';

import { PluginPage } from '@grafana/runtime';
import { EmptyState, LinkButton, LoadingPlaceholder } from '@grafana/ui';
import { useParams, useSearchParams } from 'react-router-dom';

import { createHttpSource } from '../player';
import { grafanaFetch, resourceUrl } from '../shared/resources';
import { RetryAlert } from '../sessions/RetryAlert';
import { hrefOf, sessionsPath } from '../shared/addresses';
import { NoDatasource } from './NoDatasource';
import { SessionReplay } from './SessionReplay';
import { useDatasource } from './useDatasource';
import { useManifest } from './useManifest';

export function SessionPage() {
  const { sessionId = '' } = useParams();
  const [params] = useSearchParams();
  const { current } = useDatasource(params.get('ds'));
  const at = readInstant(params.get('t'));

  if (!current) {
    return (
      <PluginPage>
        <NoDatasource />
      </PluginPage>
    );
  }
  return <DatasourceSession datasourceUid={current.uid} sessionId={sessionId} at={at} />;
}

/** ms since the epoch, or undefined when the address names no instant. */
function readInstant(text: string | null): number | undefined {
  const instant = Number(text);
  return Number.isFinite(instant) && instant > 0 ? instant : undefined;
}

interface DatasourceSessionProps {
  datasourceUid: string;
  sessionId: string;
  at?: number;
}

function DatasourceSession({ datasourceUid, sessionId, at }: DatasourceSessionProps) {
  const source = useMemo(
    () => createHttpSource((path) => resourceUrl(datasourceUid, path), grafanaFetch),
    [datasourceUid]
  );
  const { state, reload } = useManifest(source, sessionId);

  if (state.status === 'ready') {
    return <SessionReplay source={source} manifest={state.manifest} datasourceUid={datasourceUid} at={at} />;
  }
  return (
    <PluginPage pageNav={{ text: sessionId, parentItem: { text: 'Sessions', url: sessionsPath } }}>
      {state.status === 'loading' && <LoadingPlaceholder text="Reading the session…" />}
      {state.status === 'not-found' && <SessionNotFound />}
      {state.status === 'error' && (
        <RetryAlert title="The session could not be read" error={state.error} onRetry={reload} />
      )}
    </PluginPage>
  );
}

function SessionNotFound() {
  return (
    <EmptyState
      variant="not-found"
      hideImage
      message="No recording of this session"
      button={
        <LinkButton variant="secondary" href={hrefOf(sessionsPath)}>
          All sessions
        </LinkButton>
      }
    >
      It was not recorded, has expired, or belongs to another data source.
    </EmptyState>
  );
}
