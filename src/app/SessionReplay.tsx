import React, { useCallback, useMemo } from 'react';

import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { PluginPage } from '@grafana/runtime';
import { useStyles2 } from '@grafana/ui';

import { type Manifest, Player, type RecordingSource } from '../player';
import { absoluteHrefOf, sessionPath, sessionsPath } from '../shared/addresses';
import { grafanaTelemetry } from '../telemetry/grafanaTelemetry';
import { SessionDetails } from './SessionDetails';

interface Props {
  source: RecordingSource;
  manifest: Manifest;
  datasourceUid: string;
  at?: number;
}

export function SessionReplay({ source, manifest, datasourceUid, at }: Props) {
  const styles = useStyles2(getStyles);
  const { session } = manifest;
  const { sessionId } = session;
  // The page has read the manifest already; the player need not ask for it again.
  const readSource = useMemo(() => ({ ...source, manifest: () => Promise.resolve(manifest) }), [source, manifest]);
  const telemetry = useMemo(() => grafanaTelemetry(datasourceUid), [datasourceUid]);
  const linkTo = useCallback(
    (timestamp: number) => absoluteHrefOf(sessionPath(sessionId, datasourceUid, timestamp)),
    [sessionId, datasourceUid]
  );

  return (
    <PluginPage
      pageNav={{
        text: session.userId ? `Session of ${session.userId}` : 'Session of an unknown user',
        subTitle: dateTimeFormat(session.start),
        parentItem: { text: 'Sessions', url: sessionsPath },
      }}
    >
      <div className={styles.page}>
        <div className={styles.player}>
          <Player source={readSource} sessionId={sessionId} at={at} telemetry={telemetry} linkTo={linkTo} />
        </div>
        <SessionDetails session={session} datasourceUid={datasourceUid} />
      </div>
    </PluginPage>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(3) }),
  // Leaves room for Grafana's header and the page's title, so that the controls are on the screen without scrolling.
  player: css({ height: 'calc(100vh - 200px)', minHeight: 480 }),
});
