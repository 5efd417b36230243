import React, { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';

import { cx } from '@emotion/css';
import { ClipboardButton, InlineSwitch, LinkButton, LoadingPlaceholder, useStyles2 } from '@grafana/ui';

import { formatMs } from '../moments/describe';
import { ErrorNotice, RetryButton } from '../panes/ErrorNotice';
import { followLine, moveBetweenLines } from '../panes/lineKeys';
import { Notice } from '../panes/Notice';
import { getPaneStyles } from '../panes/panes.styles';
import { SetUpNotice } from '../panes/SetUpNotice';
import { useCurrent } from '../panes/useCurrent';
import { useLoad } from '../panes/useLoad';
import type { Playhead } from '../playback/Playhead';
import { testIds } from '../testIds';
import { formatOffset } from '../time';
import type { Span, Telemetry, TraceSource } from './api';
import type { SessionTrace } from './sessionTraces';
import { getTelemetryStyles } from './telemetry.styles';
import { spanAt } from './waterfall';
import { WaterfallView } from './WaterfallView';

/** A trace that somebody chose, as opposed to the one at the playhead. */
export interface ChosenTrace {
  traceId: string;
  /** '' for none of its spans. */
  spanId: string;
}

interface Props {
  sessionId: string;
  traces: SessionTrace[];
  telemetry: Telemetry;
  start: number;
  playhead: Playhead;
  /** undefined follows the playhead. */
  chosen: ChosenTrace | undefined;
  onChoose: (chosen: ChosenTrace | undefined) => void;
  onSeek: (ts: number) => void;
}

/** The session's traces, and the spans of one of them: the one at the playhead, until another is chosen. */
export function TracesPane({ sessionId, traces, telemetry, start, playhead, chosen, onChoose, onSeek }: Props) {
  const pane = useStyles2(getPaneStyles);
  const styles = useStyles2(getTelemetryStyles);
  const current = Math.max(0, useCurrent(traces, playhead));
  const shown = traces.find(({ traceId }) => traceId === chosen?.traceId) ?? traces[current];
  const { traces: source, setUp } = telemetry;

  if (!shown) {
    return (
      <Notice title="This session has no traces">
        <p>
          No request of it had a trace ID. Let the recorder pass <code>traceparent</code> on to your services, or
          instrument the page with OpenTelemetry.
        </p>
      </Notice>
    );
  }
  return (
    <section className={pane.pane} aria-label="Traces">
      <div className={pane.bar}>
        <span className={pane.source}>
          {traces.length === 1 ? '1 trace' : `${traces.length} traces`}
          {source && ` · ${source.name}`}
        </span>
        <InlineSwitch
          transparent
          showLabel
          label="Follow playhead"
          value={chosen === undefined}
          onChange={(event) =>
            onChoose(event.currentTarget.checked ? undefined : { traceId: shown.traceId, spanId: '' })
          }
        />
      </div>
      <TraceList
        traces={traces}
        shown={shown}
        start={start}
        onChoose={(trace) => {
          onChoose({ traceId: trace.traceId, spanId: '' });
          onSeek(trace.ts);
        }}
      />
      <div className={styles.detail}>
        {source ? (
          <TraceDetail
            source={source}
            sessionId={sessionId}
            trace={shown}
            spanId={chosen?.spanId ?? ''}
            playhead={playhead}
            onSpan={(span) => {
              onChoose({ traceId: shown.traceId, spanId: span.spanId });
              onSeek(Math.floor(span.startMs));
            }}
          />
        ) : (
          <SetUpNotice title="Its spans cannot be read yet" setUp={setUp} />
        )}
      </div>
    </section>
  );
}

interface TraceListProps {
  traces: SessionTrace[];
  shown: SessionTrace;
  start: number;
  onChoose: (trace: SessionTrace) => void;
}

function TraceList({ traces, shown, start, onChoose }: TraceListProps) {
  const pane = useStyles2(getPaneStyles);
  const styles = useStyles2(getTelemetryStyles);
  const scroller = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const line = scroller.current?.querySelector<HTMLElement>('[aria-current]');
    if (scroller.current && line) {
      followLine(scroller.current, line);
    }
  }, [shown]);
  return (
    // The keys move between buttons that have the focus.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div ref={scroller} className={styles.traces} onKeyDown={moveBetweenLines}>
      <ul className={pane.list} aria-label="Traces of the session">
        {traces.map((trace) => (
          <li
            key={trace.traceId}
            className={cx(pane.line, trace === shown && pane.current)}
            aria-current={trace === shown || undefined}
          >
            <button type="button" className={pane.seek} data-seek onClick={() => onChoose(trace)} title={trace.title}>
              <span className={pane.time}>{formatOffset(trace.ts - start)}</span>
              <span className={styles.title}>{trace.title}</span>
              {trace.requests > 1 && <span className={styles.quiet}>{trace.requests} requests</span>}
              <span className={cx(styles.status, trace.failed && styles.failed)}>{trace.outcome}</span>
              <span className={styles.duration}>{formatMs(trace.durationMs)}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

const NO_SPANS: Span[] = [];

/** The id of the span at the playhead; '' where there is none. */
function useSpanAt(spans: Span[], playhead: Playhead): string {
  return useSyncExternalStore(playhead.subscribe, () => spanAt(spans, playhead.timestamp())?.spanId ?? '');
}

interface TraceDetailProps {
  source: TraceSource;
  sessionId: string;
  trace: SessionTrace;
  spanId: string;
  playhead: Playhead;
  onSpan: (span: Span) => void;
}

function TraceDetail({ source, sessionId, trace, spanId, playhead, onSpan }: TraceDetailProps) {
  const pane = useStyles2(getPaneStyles);
  const styles = useStyles2(getTelemetryStyles);
  const { traceId, ts: at } = trace;
  const query = useMemo(() => ({ sessionId, traceId, at }), [sessionId, traceId, at]);
  const load = useCallback((signal: AbortSignal) => source.spans(query, signal), [source, query]);
  const { state, retry } = useLoad(load);
  const spans = state.status === 'ready' ? state.value : NO_SPANS;
  const running = useSpanAt(spans, playhead);
  const href = source.exploreHref?.(query, spanId || running);
  return (
    <>
      <div className={styles.head}>
        <code className={styles.id} title={traceId}>
          {traceId}
        </code>
        <ClipboardButton
          icon="copy"
          size="sm"
          fill="text"
          variant="secondary"
          getText={() => traceId}
          aria-label="Copy trace ID"
          tooltip="Copy trace ID"
        />
        {href && (
          <LinkButton size="sm" fill="text" icon="compass" href={href} target="_blank">
            Explore
          </LinkButton>
        )}
      </div>
      <div className={styles.spans} data-testid={testIds.spans}>
        {state.status === 'loading' && <LoadingPlaceholder text="Reading the trace…" className={pane.loading} />}
        {state.status === 'error' && (
          <ErrorNotice title={`The trace could not be read from ${source.name}`} error={state.error} onRetry={retry} />
        )}
        {state.status === 'ready' && state.value.length === 0 && (
          <Notice title={`${source.name} does not know this trace`}>
            <p>It may not have arrived yet, was not sampled, or is no longer kept.</p>
            <RetryButton onRetry={retry} />
          </Notice>
        )}
        {state.status === 'ready' && state.value.length > 0 && (
          <WaterfallView spans={state.value} spanId={spanId} playhead={playhead} onSpan={onSpan} />
        )}
      </div>
    </>
  );
}
