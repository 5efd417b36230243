import React, { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';

import { cx } from '@emotion/css';
import { IconButton, LinkButton, LoadingPlaceholder, useStyles2 } from '@grafana/ui';

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
import type { LogLine, LogSource, Telemetry } from './api';
import { LogReader, queryOf, windowAround } from './logWindow';
import { getTelemetryStyles } from './telemetry.styles';

interface Props {
  sessionId: string;
  telemetry: Telemetry;
  start: number;
  end: number;
  playhead: Playhead;
  onSeek: (ts: number) => void;
  onOpenTrace: (line: LogLine) => void;
}

/** The session's log lines around the playhead. */
export function LogsPane({ telemetry, ...props }: Props) {
  const { logs, setUp } = telemetry;
  return logs ? (
    <SourceLogs source={logs} {...props} />
  ) : (
    <SetUpNotice title="The session's logs cannot be read yet" setUp={setUp} />
  );
}

interface SourceLogsProps extends Omit<Props, 'telemetry'> {
  source: LogSource;
}

function SourceLogs({ source, sessionId, start, end, playhead, onSeek, onOpenTrace }: SourceLogsProps) {
  const pane = useStyles2(getPaneStyles);
  const reader = useMemo(() => new LogReader(source, sessionId), [source, sessionId]);
  const from = useSyncExternalStore(playhead.subscribe, () => windowAround(playhead.timestamp(), start, end).from);
  const to = useSyncExternalStore(playhead.subscribe, () => windowAround(playhead.timestamp(), start, end).to);
  const load = useCallback((signal: AbortSignal) => reader.read({ from, to }, signal), [reader, from, to]);
  const { state, retry } = useLoad(load);
  const href = source.exploreHref?.(queryOf(sessionId, start, end));

  return (
    <section className={pane.pane} aria-label="Logs">
      <div className={pane.bar}>
        <span className={pane.source}>
          {source.name} · {formatOffset(Math.max(0, from - start))} – {formatOffset(Math.min(to, end) - start)}
        </span>
        {href && (
          <LinkButton size="sm" fill="text" icon="compass" href={href} target="_blank">
            Explore
          </LinkButton>
        )}
      </div>
      {state.status === 'loading' && <LoadingPlaceholder text="Reading the logs…" className={pane.loading} />}
      {state.status === 'error' && (
        <ErrorNotice title={`The logs could not be read from ${source.name}`} error={state.error} onRetry={retry} />
      )}
      {state.status === 'ready' && state.value.lines.length === 0 && (
        <Notice title="No log lines of this session here">
          <p>
            Lines belong to a session by its ID: let your services log it. Seek to another minute, or try again when
            lines are late.
          </p>
          <RetryButton onRetry={retry} />
        </Notice>
      )}
      {state.status === 'ready' && state.value.lines.length > 0 && (
        <Lines {...state.value} start={start} playhead={playhead} onSeek={onSeek} onOpenTrace={onOpenTrace} />
      )}
    </section>
  );
}

interface LinesProps extends Pick<Props, 'start' | 'playhead' | 'onSeek' | 'onOpenTrace'> {
  lines: LogLine[];
  cut: boolean;
}

function Lines({ lines, cut, start, playhead, onSeek, onOpenTrace }: LinesProps) {
  const pane = useStyles2(getPaneStyles);
  const scroller = useRef<HTMLDivElement>(null);
  const current = useCurrent(lines, playhead);
  useEffect(() => {
    const line = scroller.current?.querySelectorAll('li')[Math.max(0, current)];
    if (scroller.current && line) {
      followLine(scroller.current, line);
    }
  }, [current]);
  return (
    // The keys move between buttons that have the focus.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div ref={scroller} className={pane.scroller} onKeyDown={moveBetweenLines} data-testid={testIds.logs}>
      {cut && <p className={pane.note}>There are more lines than are shown here.</p>}
      <ol className={pane.list}>
        {lines.map((line, index) => (
          <Line
            key={index}
            line={line}
            offset={formatOffset(line.ts - start)}
            isCurrent={index === current}
            onSeek={onSeek}
            onOpenTrace={onOpenTrace}
          />
        ))}
      </ol>
    </div>
  );
}

interface LineProps extends Pick<Props, 'onSeek' | 'onOpenTrace'> {
  line: LogLine;
  offset: string;
  isCurrent: boolean;
}

function Line({ line, offset, isCurrent, onSeek, onOpenTrace }: LineProps) {
  const pane = useStyles2(getPaneStyles);
  const styles = useStyles2(getTelemetryStyles);
  return (
    <li className={cx(pane.line, isCurrent && pane.current)} aria-current={isCurrent || undefined}>
      <button type="button" className={pane.seek} data-seek onClick={() => onSeek(Math.ceil(line.ts))}>
        <span className={cx(styles.level, styles[line.level])} title={line.level} />
        <span className={pane.time}>{offset}</span>
        <span className={styles.logText}>
          {line.service && <span className={styles.quiet}>{line.service} </span>}
          {line.text}
        </span>
      </button>
      {line.traceId && (
        <IconButton
          name="sitemap"
          size="sm"
          className={pane.action}
          tooltip="Show the trace"
          onClick={() => onOpenTrace(line)}
        />
      )}
    </li>
  );
}
