import React, { lazy, Suspense } from 'react';

import { css } from '@emotion/css';
import { type GrafanaTheme2, LoadingState, type PanelData, type PanelProps } from '@grafana/data';
import { EmptyState, LoadingPlaceholder, useStyles2 } from '@grafana/ui';

import { testIds } from '../shared/testIds';
import { type ReplayData, readReplay } from './readReplay';

// The player is large and a dashboard may have other panels: load it when there is something to play.
const Replay = lazy(() => import('./Replay').then((module) => ({ default: module.Replay })));

export function ReplayPanel({ data, height, width }: PanelProps) {
  const styles = useStyles2(getStyles);
  const content = readReplay(data.series);
  return (
    <div data-testid={testIds.replayPanel} style={{ width, height, overflow: 'auto' }}>
      {content.kind === 'replay' ? (
        <Suspense fallback={<LoadingPlaceholder text="Loading the player…" />}>
          <Replay
            key={`${content.replay.datasourceUid}/${content.replay.sessionId}`}
            replay={content.replay}
            height={height}
          />
        </Suspense>
      ) : (
        <div className={styles.message}>
          <NoReplay kind={content.kind} data={data} />
        </div>
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  message: css({ display: 'grid', placeContent: 'center', height: '100%', padding: theme.spacing(0, 2) }),
});

interface NoReplayProps {
  kind: Exclude<ReplayData['kind'], 'replay'>;
  data: PanelData;
}

function NoReplay({ kind, data }: NoReplayProps) {
  if (data.state === LoadingState.Loading || data.state === LoadingState.NotStarted) {
    return <LoadingPlaceholder text="Looking for the session…" />;
  }
  if (data.state === LoadingState.Error) {
    return (
      <EmptyState variant="not-found" hideImage role="alert" message="No replay">
        {data.errors?.[0]?.message ?? 'The query did not succeed. Run it again.'}
      </EmptyState>
    );
  }
  return (
    <EmptyState variant="not-found" hideImage message={hints[kind].message}>
      {hints[kind].next}
    </EmptyState>
  );
}

const hints = {
  'no-data': {
    message: 'No session chosen',
    next: 'Choose a session, or enter the ID of a session or a trace in a query of type Replay.',
  },
  'not-found': {
    message: 'No recording found',
    next: 'Check the ID. The session may not have been recorded, or its recording has expired.',
  },
  'other-data': {
    message: 'This is not a replay',
    next: 'Choose query type Replay of a Playhead data source, or another visualization for this data.',
  },
};
