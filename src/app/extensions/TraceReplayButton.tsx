import React, { type RefObject, useEffect, useRef, useState } from 'react';

import { LinkButton } from '@grafana/ui';

import { hrefOf, sessionPath } from '../../shared/addresses';
import { recordings } from '../lookUp';
import type { Recording } from '../recordings';
import { useDatasourceUids } from '../useDatasource';
import { shownTraces } from './shown';
import { sessionOfTrace, startOfTrace, type Trace } from './traces';

// In half of Explore, a title, its badges and Grafana's own buttons leave no room for words.
const NARROW_PX = 560;

/** In the header of a trace: opens its replay, once it is known that there is one. */
export function TraceReplayButton(trace: Trace) {
  useEffect(() => shownTraces.remember(trace));
  const recording = useRecordingOf(trace);
  return recording ? <ReplayButton trace={trace} recording={recording} /> : null;
}

function ReplayButton({ trace, recording }: { trace: Trace; recording: Recording }) {
  const place = useRef<HTMLSpanElement>(null);
  const isNarrow = useIsHeaderNarrow(place);
  const { session, datasourceUid } = recording;
  return (
    <span ref={place}>
      <LinkButton
        size="sm"
        variant="primary"
        fill="outline"
        icon="play"
        aria-label="Session replay"
        tooltip="Replay of the browser session at the time of this trace"
        href={hrefOf(sessionPath(session.sessionId, datasourceUid, startOfTrace(trace)))}
        target="_blank"
      >
        {isNarrow ? undefined : 'Session replay'}
      </LinkButton>
    </span>
  );
}

/** Whether the header around an element is narrow. Grafana lets a button grow over what is beside it. */
function useIsHeaderNarrow(place: RefObject<HTMLElement>): boolean {
  const [isNarrow, setIsNarrow] = useState(false);
  useEffect(() => {
    const header = place.current?.closest('header');
    if (!header) {
      return undefined;
    }
    const observer = new ResizeObserver(([{ contentRect }]) => setIsNarrow(contentRect.width < NARROW_PX));
    observer.observe(header);
    return () => observer.disconnect();
  }, [place]);
  return isNarrow;
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
