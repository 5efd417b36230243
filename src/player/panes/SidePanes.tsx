import React, { useMemo, useState } from 'react';

import { MomentList } from '../moments/MomentList';
import type { Manifest, RecordingSource } from '../playback/api';
import type { Playhead } from '../playback/Playhead';
import type { Telemetry } from '../telemetry/api';
import { LogsPane } from '../telemetry/LogsPane';
import { tracesOf } from '../telemetry/sessionTraces';
import { type ChosenTrace, TracesPane } from '../telemetry/TracesPane';
import { Transcript } from '../transcript/Transcript';
import { Tabs } from './Tabs';

interface Props {
  source: RecordingSource;
  manifest: Manifest;
  telemetry: Telemetry;
  start: number;
  end: number;
  playhead: Playhead;
  onSeek: (ts: number) => void;
}

const PANES = [
  { id: 'moments', label: 'Moments' },
  { id: 'transcript', label: 'Transcript' },
  { id: 'traces', label: 'Traces' },
  { id: 'logs', label: 'Logs' },
] as const;

type PaneId = (typeof PANES)[number]['id'];

/** What is beside the picture: everything that is known of the session besides how it looked. */
export function SidePanes({ source, manifest, telemetry, start, end, playhead, onSeek }: Props) {
  const [shown, setShown] = useState<PaneId>('moments');
  const [chosen, setChosen] = useState<ChosenTrace>();
  const { moments, session } = manifest;
  const { sessionId } = session;
  const traces = useMemo(() => tracesOf(moments), [moments]);
  const openTrace = ({ traceId, spanId }: ChosenTrace) => {
    setChosen({ traceId, spanId });
    setShown('traces');
  };
  const common = { start, playhead, onSeek };

  return (
    <Tabs label="Panes" tabs={PANES} chosen={shown} onChoose={setShown}>
      {shown === 'moments' && <MomentList moments={moments} onOpenTrace={openTrace} {...common} />}
      {shown === 'transcript' && (
        <Transcript source={source} sessionId={sessionId} traces={traces} onOpenTrace={openTrace} {...common} />
      )}
      {shown === 'traces' && (
        <TracesPane
          sessionId={sessionId}
          traces={traces}
          telemetry={telemetry}
          chosen={chosen}
          onChoose={setChosen}
          {...common}
        />
      )}
      {shown === 'logs' && (
        <LogsPane sessionId={sessionId} telemetry={telemetry} end={end} onOpenTrace={openTrace} {...common} />
      )}
    </Tabs>
  );
}
