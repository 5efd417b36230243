import React, { useEffect, useState } from 'react';

import { LinkButton } from '@grafana/ui';

import { hrefOf, sessionPath } from '../../shared/addresses';
import { recordings } from '../lookUp';
import type { Recording } from '../recordings';
import { useDatasourceUids } from '../useDatasource';
import { shownTraces } from './shown';
import { sessionOfTrace, startOfTrace, type Trace } from './traces';

/** In the header of a trace: opens its replay, once it is known that there is one. */
export function TraceReplayButton(trace: Trace) {
  useEffect(() => shownTraces.remember(trace));
  const recording = useRecordingOf(trace);
  if (!recording) {
    return null;
  }
  const { session, datasourceUid } = recording;
  return (
    <LinkButton
      size="sm"
      variant="primary"
      fill="outline"
      icon="play"
      tooltip="Replay of the browser session at the time of this trace"
      href={hrefOf(sessionPath(session.sessionId, datasourceUid, startOfTrace(trace)))}
      target="_blank"
    >
      Session replay
    </LinkButton>
  );
}

function useRecordingOf(trace: Trace): Recording | undefined {
  const datasourceUids = useDatasourceUids(null);
  const sessionId = sessionOfTrace(trace);
  const traceId = trace.traceID;
  const [recording, setRecording] = useState<Recording>();

  useEffect(() => {
    let wanted = true;
    recordings
      .find({ sessionId, traceId }, datasourceUids)
      .then((found) => wanted && setRecording(found))
      // No button is the answer here; the sessions page says what is wrong with the data source.
      .catch(() => wanted && setRecording(undefined));
    return () => {
      wanted = false;
    };
  }, [sessionId, traceId, datasourceUids]);
  return recording;
}
