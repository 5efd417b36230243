import React, { useCallback, useMemo } from 'react';

import { createHttpSource, Player } from '../player';
import { absoluteHrefOf, sessionPath } from '../shared/addresses';
import { grafanaFetch, resourceUrl } from '../shared/resources';
import { grafanaTelemetry } from '../telemetry/grafanaTelemetry';
import type { Replay as ReplayProps } from './readReplay';
import { useSharedCrosshair } from './useSharedCrosshair';

export function Replay({ replay, height }: { replay: ReplayProps; height: number }) {
  const { datasourceUid, sessionId, at } = replay;
  const source = useMemo(
    () => createHttpSource((path) => resourceUrl(datasourceUid, path), grafanaFetch),
    [datasourceUid]
  );
  const telemetry = useMemo(() => grafanaTelemetry(datasourceUid), [datasourceUid]);
  const linkTo = useCallback(
    (timestamp: number) => absoluteHrefOf(sessionPath(sessionId, datasourceUid, timestamp)),
    [sessionId, datasourceUid]
  );
  const crosshair = useSharedCrosshair();
  return (
    <Player
      source={source}
      sessionId={sessionId}
      at={at}
      height={height}
      telemetry={telemetry}
      linkTo={linkTo}
      onTimeChange={crosshair.moveTo}
      follow={crosshair.follow}
    />
  );
}
